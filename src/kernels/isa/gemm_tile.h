// The tile: a piece of C that stays in registers while k runs. It is where all multiply-adds of a
// product are done; gemm.cpp holds the loops around it.
#pragma once

#include "kernels/isa/loops.h"
#include "kernels/isa/register_tile.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// How the tile's part of A lies in memory.
enum class OrderOfA {
  rows,     // the elements of a row are adjacent
  columns,  // those of a column are, and columns are a_step apart: a transposed matrix, in place
  packed,   // one column of the tile after another
};

template <class T>
struct Tile {
  int64_t k;
  const T* a;
  int64_t a_step;  // from row to row, or from column to column; not used if A is packed
  const T* b;      // of each row, whole vectors may be read
  int64_t b_row;
  T* c;
  int64_t c_row;
  int64_t last_lanes;  // the columns of C in the tile's last vector: 1 to width
  bool accumulate;
  const T* bias;  // of the tile's columns, or null
};

// One step along k: an outer product of a column of A and a row of B is added to the tile. All
// loops are unrolled: only then can c be registers. 10 loads serve 24 multiply-adds.
template <int rows, int vectors, class T>
[[gnu::always_inline]] inline void add_outer_product(Vec<T> (&c)[rows][vectors],
                                                     const T* const (&a)[rows], int64_t k,
                                                     const T* b) {
  Vec<T> b_vectors[vectors];
#pragma GCC unroll 8
  for (int j = 0; j < vectors; ++j) b_vectors[j] = load(b + j * width<T>);
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) {
    const Vec<T> a_i = broadcast(a[i][k]);
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j) multiply_accumulate(c[i][j], a_i, b_vectors[j]);
  }
}

// Never inlined: GCC 12 then moves tile sums to memory in some callers, which costs a quarter.
template <int rows, int vectors, OrderOfA order, class T>
[[gnu::noinline]] void multiply_tile(const Tile<T>& t) {
  constexpr int W = width<T>;
  // Copied, because the compiler must assume that a store to C may change t.
  T* const c_begin = t.c;
  const int64_t c_step = t.c_row, last_lanes = t.last_lanes;
  const bool accumulate = t.accumulate;
  const auto lanes = [&](int j) { return j == vectors - 1 ? last_lanes : W; };

  Vec<T> c[rows][vectors];
#pragma GCC unroll 8
  for (int j = 0; j < vectors; ++j) {
    const Vec<T> start = t.bias ? load_next(t.bias + j * W, lanes(j)) : Vec<T>{};
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) c[i][j] = start;
  }

  const int64_t a_col = order == OrderOfA::packed ? rows : order == OrderOfA::rows ? 1 : t.a_step;
  const T* a[rows];
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i) a[i] = t.a + i * (order == OrderOfA::rows ? t.a_step : 1);
  const T *b = t.b, *c_row = c_begin;
  const int64_t b_row = t.b_row;
  int64_t k = 0;
  // Four steps share the instructions of a loop.
  const auto four_steps = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 4
    for (int s = 0; s < 4; ++s, b += b_row) {
      // Each column is in another cache line, far away.
      if (order == OrderOfA::columns) __builtin_prefetch(a[0] + (k + s + 16) * a_col);
      add_outer_product(c, a, (k + s) * a_col, b);
    }
    k += 4;
  };
  // First C is fetched, a row with every four steps, so that it is there in the end. (In a loop of
  // its own: a condition in the other would be predicted wrongly once in each tile.)
  const int64_t fetching = t.k < 4 * rows ? t.k : 4 * rows;
#pragma GCC unroll 1
  while (k + 4 <= fetching) {
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j) __builtin_prefetch(c_row + j * W, 1);
    c_row += c_step;
    four_steps();
  }
#pragma GCC unroll 1
  while (k + 4 <= t.k) four_steps();
#pragma GCC unroll 1
  for (; k < t.k; ++k, b += b_row) add_outer_product(c, a, k * a_col, b);

  const auto place = [&](int i, int j) { return c_begin + i * c_step + j * W; };
  if (accumulate)
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
      for (int j = 0; j < vectors; ++j) c[i][j] += load_next(place(i, j), lanes(j));
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j) store_next(place(i, j), c[i][j], lanes(j));
}

// Calls the multiply_tile made for this many rows and vectors: the edges of C have smaller tiles.
template <OrderOfA order, int rows = tile_rows, int vectors = tile_vectors, class T>
void multiply_tile_of(int64_t r, int64_t v, const Tile<T>& t) {
  if constexpr (rows > 1)
    if (r < rows) return multiply_tile_of<order, rows - 1, vectors>(r, v, t);
  if constexpr (vectors > 1)
    if (v < vectors) return multiply_tile_of<order, rows, vectors - 1>(r, v, t);
  multiply_tile<rows, vectors, order>(t);
}

}  // namespace
}  // namespace gradus::kernels::GRADUS_ISA
