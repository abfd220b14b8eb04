// Matrices where they lie, and their products by the GEMM kernel.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace gradus {

// A matrix in somebody's memory: its first element, its size, and how far apart rows and columns
// lie. P is T to write to it, const T to read.
template <class P>
struct Matrix {
  P* data;
  int64_t rows, cols, row_stride, col_stride;

  Matrix(P* first, int64_t r, int64_t c) : Matrix(first, r, c, c, 1) {}
  Matrix(P* first, int64_t r, int64_t c, int64_t r_stride, int64_t c_stride)
      : data(first), rows(r), cols(c), row_stride(r_stride), col_stride(c_stride) {}

  Matrix transposed() const { return {data, cols, rows, col_stride, row_stride}; }
  operator Matrix<const P>() const { return {data, rows, cols, row_stride, col_stride}; }
};

// What the kernel needs to know for C = A B, or C += A B; the columns of C are adjacent.
template <class T>
kernels::GemmArgs<T> product(Matrix<T> c, Matrix<const T> a, Matrix<const T> b,
                             bool accumulate = false) {
  return {.m = c.rows,
          .n = c.cols,
          .k = a.cols,
          .a = a.data,
          .a_row = a.row_stride,
          .a_col = a.col_stride,
          .b = b.data,
          .b_row = b.row_stride,
          .b_col = b.col_stride,
          .c = c.data,
          .c_row = c.row_stride,
          .accumulate = accumulate};
}

}  // namespace gradus
