// The matrix products inside attention: of small factors that are packed, and of those parts alone
// that are seen.
#pragma once

#include "kernels/attention.h"
#include "kernels/isa/gemm_pack.h"
#include "kernels/isa/gemm_tile.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

int64_t clamp(int64_t x, int64_t low, int64_t high) { return max(low, min(x, high)); }
int64_t round_up(int64_t x, int64_t y) { return divide_up(x, y) * y; }

// A factor B (k, n), packed: panels of as many columns as the register tile has, one after another,
// each padded to whole vectors and read row after row. A single panel may also be read where it
// lies, if `row` says how far apart its rows are.
template <class T>
struct Panels {
  static constexpr int64_t columns = tile_vectors * width<T>;
  const T* data;
  int64_t k, n;
  int64_t row = 0;

  static int64_t room(int64_t k, int64_t n) { return k * round_up(n, width<T>); }
};

template <class T>
Panels<T> pack(T* to, const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n) {
  for (int64_t j = 0; j < n; j += Panels<T>::columns)
    pack_panel(to + j * k, b + j * b_col, b_row, b_col, k, min(n - j, Panels<T>::columns));
  return {to, k, n};
}

// B with adjacent columns: packed, unless it looks packed already, or is for so few rows of A that
// a copy would cost as much as the product.
template <class T>
Panels<T> pack(T* to, RowMajor<const T> b, int64_t k, int64_t n, int64_t rows_of_a) {
  const bool whole_panel = n <= Panels<T>::columns && n % width<T> == 0;
  // A row that stands for all of them, as in an expanded array, has a stride of 0: packed as well.
  if (whole_panel && b.stride >= n && (b.stride == n || rows_of_a <= tile_rows))
    return {b.data, k, n, b.stride};
  return pack(to, b.data, b.stride, 1, k, n);
}

// Which part of a product is wanted for some rows of C: so many columns, and the sum over a range
// of k.
struct Extent {
  int64_t columns, k_begin, k_end;
};

// C = A B, or C += A B, where extent(i, rows) says how much of it for the rows i, i + 1, ....
// The rest of C is not touched, except that columns are completed to whole vectors.
template <OrderOfA order = OrderOfA::rows, class T, class F>
void multiply(RowMajor<T> c, RowMajor<const T> a, int64_t rows, const Panels<T>& b, bool accumulate,
              F extent) {
  constexpr int W = width<T>;
  const int64_t row_step = even_step(rows, tile_rows);
  for (int64_t j = 0; j < b.n; j += b.columns)  // a panel stays in L1 while the rows pass by
    for (int64_t i = 0; i < rows; i += row_step) {
      const int64_t m = min(row_step, rows - i), panel = min(b.columns, b.n - j);
      const Extent part = extent(i, m);
      const int64_t n = min(panel, round_up(part.columns - j, W)), vectors = divide_up(n, W);
      if (n <= 0) continue;
      const int64_t b_row = b.row ? b.row : round_up(panel, W);
      multiply_tile_of<order>(
          m, vectors,
          Tile<T>{.k = max(0, part.k_end - part.k_begin),
                  .a = order == OrderOfA::rows ? a.row(i) + part.k_begin : a.row(part.k_begin) + i,
                  .a_step = a.stride,
                  .b = b.data + j * b.k + part.k_begin * b_row,
                  .b_row = b_row,
                  .c = c.row(i) + j,
                  .c_row = c.stride,
                  .last_lanes = n - (vectors - 1) * W,
                  .accumulate = accumulate,
                  .bias = nullptr});
    }
}

// The same with A^T, for an A (k, rows), which is read in place.
template <class T, class F>
void multiply_transposed(RowMajor<T> c, RowMajor<const T> a, int64_t rows, const Panels<T>& b,
                         bool accumulate, F extent) {
  multiply<OrderOfA::columns>(c, a, rows, b, accumulate, extent);
}

// What the queries of a tile see of its keys: query r the first r + shift of them, at least none
// and at most all `keys`.
struct Staircase {
  int64_t shift, queries, keys;
  int64_t seen_by(int64_t r) const { return clamp(r + shift, 0, keys); }
  int64_t first_who_sees(int64_t j) const { return clamp(j + 1 - shift, 0, queries); }

  // C (queries, keys) = A B (k): the columns that the last of the queries sees.
  auto scores(int64_t k) const {
    return [=, *this](int64_t r, int64_t m) { return Extent{seen_by(r + m - 1), 0, k}; };
  }
  // C (queries, n) = A (queries, keys) B: the sum over the keys that they see.
  auto over_keys(int64_t n) const {
    return [=, *this](int64_t r, int64_t m) { return Extent{n, 0, seen_by(r + m - 1)}; };
  }
  // C (keys, n) = A^T (keys, queries) B: the sum over the queries that see the first of the keys.
  auto over_queries(int64_t n) const {
    return [=, *this](int64_t j, int64_t) { return Extent{n, first_who_sees(j), queries}; };
  }
};

}  // namespace
}  // namespace gradus::kernels::GRADUS_ISA
