// The ladder: one matrix product, written six times, each time with one more idea. Lesson 4 climbs
// it and measures every rung; the library's own product, gemm (kernels.h), is the rung above.
//
//   loops.cpp     naive, reordered, tiled        one number at a time
//   vectors.cpp   vectorised, packed             a register full of them; compiled for each ISA
//   ladder.cpp    threaded, and what all check   one core, then all
//
// Everything is float32 and row-major, and nothing is handled but what the idea needs: no
// transposes, no bias, no small products. What gemm does about those is in kernels/isa/gemm.cpp.
#pragma once

#include <cstdint>

namespace gradus::kernels::ladder {

// C(m, n) = A(m, k) B(k, n). Neighbours in a row are adjacent; A(i, l) = a[i * a_row + l], and so
// on: a_row is k, or more if there is a gap after each row. C is overwritten.
struct Product {
  int64_t m, n, k;
  const float* a;
  int64_t a_row;
  const float* b;
  int64_t b_row;
  float* c;
  int64_t c_row;
};

// The part of C that stays in registers: so many rows, each of so many vectors.
struct RegisterTile {
  int64_t rows, vectors;
};
// The largest that fits into the registers of the active ISA, which are 32 or 16.
RegisterTile largest_register_tile();
// The numbers in a vector of the active ISA.
int64_t lanes();

// Each rung throws gradus::Error for a size below 0, a row stride below the row's length, or block
// sizes that it has no loop for. They differ in the order of their additions at most: any two
// results are equal but for rounding.

void naive(const Product& p);
void reordered(const Product& p);
// `tile`: B is visited in squares of tile x tile numbers.
void tiled(const Product& p, int64_t tile);
void vectorised(const Product& p, RegisterTile tile);
// `depth`: so many rows of B are packed at a time.
void packed(const Product& p, RegisterTile tile, int64_t depth);
// Divided among num_threads() threads.
void threaded(const Product& p, RegisterTile tile, int64_t depth);

}  // namespace gradus::kernels::ladder
