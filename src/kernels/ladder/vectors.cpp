// Two rungs on vectors, compiled for each instruction set like the kernels in kernels/isa/.
#include "kernels/isa/loops.h"
#include "kernels/isa/register_tile.h"
#include "kernels/ladder/rungs.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

using ladder::Product;
using ladder::RegisterTile;

constexpr int W = width<float>;

int64_t min(int64_t x, int64_t y) { return x < y ? x : y; }

// ---- vectorised --------------------------------------------------------------------------------

// A tile of C stays in registers while l runs: rows + vectors loads for rows x vectors
// multiply-adds. The last vector has `lanes` numbers. If `add`, C is added to.
// [tile]
template <int rows, int vectors>
void multiply_tile(const Product& p, int64_t lanes, bool add) {
  Vec<float> c[rows][vectors] = {};
#pragma GCC unroll 1
  for (int64_t l = 0; l < p.k; ++l) {
    Vec<float> b[vectors];
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j)
      b[j] = j < vectors - 1 ? load(p.b + l * p.b_row + j * W)
                             : load_next(p.b + l * p.b_row + j * W, lanes);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      const Vec<float> a = broadcast(p.a[i * p.a_row + l]);
#pragma GCC unroll 8
      for (int j = 0; j < vectors; ++j) multiply_accumulate(c[i][j], a, b[j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j) {
      const int64_t n = j < vectors - 1 ? W : lanes;
      float* to = p.c + i * p.c_row + j * W;
      store_next(to, add ? load_next(to, n) + c[i][j] : c[i][j], n);
    }
}
// [tile]

// The tile made for so many rows and vectors: the loops over them must be unrolled, or c would not
// be registers.
template <int rows = tile_rows, int vectors = tile_vectors>
void multiply_tile_of(int64_t r, int64_t v, const Product& p, int64_t lanes, bool add) {
  if constexpr (rows > 1)
    if (r < rows) return multiply_tile_of<rows - 1, vectors>(r, v, p, lanes, add);
  if constexpr (vectors > 1)
    if (v < vectors) return multiply_tile_of<rows, vectors - 1>(r, v, p, lanes, add);
  multiply_tile<rows, vectors>(p, lanes, add);
}

// Some columns of C, from the same columns of B, tile under tile.
void multiply_columns(Product p, RegisterTile tile, bool add = false) {
  const int64_t m = p.m, vectors = (p.n + W - 1) / W;
  for (int64_t i = 0; i < m; i += tile.rows) {
    p.m = min(tile.rows, m - i);
    multiply_tile_of(p.m, vectors, p, p.n - (vectors - 1) * W, add);
    p.a += p.m * p.a_row;
    p.c += p.m * p.c_row;
  }
}

// [vectorised]
void vectorised(const Product& p, RegisterTile tile) {
  const int64_t step = tile.vectors * W;
  for (int64_t j = 0; j < p.n; j += step) {
    Product columns = p;
    columns.n = min(step, p.n - j);
    columns.b += j;
    columns.c += j;
    multiply_columns(columns, tile);
  }
}
// [vectorised]

// ---- packed ------------------------------------------------------------------------------------

// The same tile, but its columns of B are first copied one row right after the other, `depth` rows
// at a time. All tiles of these columns then read a small piece of adjacent memory: few pages, no
// two lines that fight for the same place in the cache.
// [packed]
void packed(const Product& p, RegisterTile tile, int64_t depth, float* panel) {
  const int64_t step = tile.vectors * W;
  for (int64_t l = 0; l < p.k || l == 0; l += depth)
    for (int64_t j = 0; j < p.n; j += step) {
      Product part = p;
      part.k = min(depth, p.k - l);
      part.n = min(step, p.n - j);
      for (int64_t r = 0; r < part.k; ++r)
        for (int64_t s = 0; s < part.n; s += W)
          store(panel + r * step + s, load_next(p.b + (l + r) * p.b_row + j + s, part.n - s));
      part.a += l;
      part.b = panel;
      part.b_row = step;
      part.c += j;
      multiply_columns(part, tile, l > 0);
    }
}
// [packed]

}  // namespace

constinit const ladder::VectorRungs ladder_table = {
    .lanes = W, .largest = {tile_rows, tile_vectors}, .vectorised = vectorised, .packed = packed};

}  // namespace gradus::kernels::GRADUS_ISA
