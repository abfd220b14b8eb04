// Packing: a block of a matrix is copied into the order in which the tiles will read it, so that
// they read memory strictly forwards and need to know nothing of strides.
#pragma once

#include "kernels/gemm_kernel.h"
#include "kernels/isa/loops.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

constexpr int64_t min(int64_t x, int64_t y) { return x < y ? x : y; }
constexpr int64_t max(int64_t x, int64_t y) { return x < y ? y : x; }
constexpr int64_t divide_up(int64_t x, int64_t y) { return (x + y - 1) / y; }

// The step that divides n into as few pieces of at most `most` as possible, all nearly equal: a
// last tile of one row would keep the FMA units waiting.
int64_t even_step(int64_t n, int64_t most) { return divide_up(n, divide_up(n, most)); }

// ---- B -----------------------------------------------------------------------------------------
// A panel of B, (k, n), is stored row after row, each padded with zeros to whole vectors.

// The rows of B are adjacent numbers: copied.
template <class T>
void pack_rows(T* to, const T* b, int64_t b_row, int64_t k, int64_t n) {
  constexpr int W = width<T>;
  for (int64_t r = 0; r < k; ++r, b += b_row)
    for (int64_t j = 0; j < n; j += W, to += W) {
      __builtin_prefetch(b + 16 * b_row + j);
      store(to, load_next(b + j, n - j));
    }
}

// Where the columns of B are adjacent numbers, as in the transpose of a matrix: blocks of W x W are
// turned round in registers. Takes k rows of n columns, both at most W; the rest reads as 0. If
// `fetch`, the same rows of the next W columns are on their way then.
template <bool fetch, class T>
[[gnu::always_inline]] inline void load_transposed(Vec<T> (&block)[width<T>], const T* b,
                                                   int64_t b_col, int64_t k, int64_t n) {
#pragma GCC unroll 16
  for (int i = 0; i < width<T>; ++i) {
    block[i] = i < n ? load_next(b + i * b_col, k) : Vec<T>{};
    if (fetch) __builtin_prefetch(b + (i + width<T>)*b_col);
  }
  transpose(block);
}

template <class T>
void pack_columns(T* to, const T* b, int64_t b_col, int64_t k, int64_t n) {
  constexpr int W = width<T>;
  const int64_t to_row = divide_up(n, W) * W;
  for (int64_t j = 0; j < n; j += W)
    for (int64_t r = 0; r < k; r += W) {
      Vec<T> block[W];
      load_transposed<true>(block, b + j * b_col + r, b_col, k - r, n - j);
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i)
        if (i < k - r) store(to + (r + i) * to_row + j, block[i]);
    }
}

template <class T>
void pack_panel(T* to, const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n) {
  if (b_col == 1) return pack_rows(to, b, b_row, k, n);
  if (b_row == 1) return pack_columns(to, b, b_col, k, n);
  const int64_t to_row = divide_up(n, width<T>) * width<T>;
  for (int64_t r = 0; r < k; ++r)
    for (int64_t j = 0; j < to_row; ++j)
      to[r * to_row + j] = j < n ? b[r * b_row + j * b_col] : T(0);
}

// ---- A -----------------------------------------------------------------------------------------

// Rows of A, in tiles of tile_rows; each tile is stored column after column. Needed where the
// elements of a row are not adjacent. Where those of a column are, all tiles together use whole
// cache lines: those of 16 columns stay in L1 while one tile after another takes its part of them.
// (One column for all tiles would write to as many pages at a time as there are tiles.)
template <class T>
void pack_a(T* to, const T* a, int64_t a_row, int64_t a_col, int64_t m, int64_t tile_rows,
            int64_t k) {
  constexpr int64_t columns = 16;
  for (int64_t l0 = 0; l0 < k; l0 += columns)
    for (int64_t i = 0; i < m; i += tile_rows) {
      const int64_t rows = min(tile_rows, m - i);
      for (int64_t l = l0; l < min(l0 + columns, k); ++l) {
        const T* from = a + i * a_row + l * a_col;
        T* column = to + i * k + l * rows;
        __builtin_prefetch(from + columns * a_col);
        if (a_row == 1) {
          // Whole vectors, for masked stores are slow on some CPUs: what reaches beyond a column is
          // written over by those that follow.
          for (int64_t r = 0; r < rows; r += width<T>)
            store_next(column + r, load_next(from + r, rows - r), (k - l) * rows - r);
        } else {
          for (int64_t r = 0; r < rows; ++r) column[r] = from[r * a_row];
        }
      }
    }
}

}  // namespace
}  // namespace gradus::kernels::GRADUS_ISA
