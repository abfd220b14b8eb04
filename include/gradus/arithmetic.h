/// \file
/// Arithmetic on values. These functions know nothing of gradients: ops (gradus/ops) are made of
/// them, and a backward closure is written with them.
#pragma once

#include <vector>

#include "gradus/array.h"

namespace gradus {

/// Elementwise with broadcasting; both operands have one floating dtype.
/// \throws Error "add: shapes [2, 3] and [4] do not broadcast", "add: dtypes differ: ..."
Array operator+(const Array& a, const Array& b);
Array operator-(const Array& a, const Array& b);
Array operator*(const Array& a, const Array& b);
Array operator/(const Array& a, const Array& b);
/// The same with a number, which takes the array's dtype.
Array operator+(const Array& a, double b);
Array operator-(const Array& a, double b);
Array operator*(const Array& a, double b);
Array operator/(const Array& a, double b);
Array operator+(double a, const Array& b);
Array operator-(double a, const Array& b);
Array operator*(double a, const Array& b);
Array operator/(double a, const Array& b);
Array operator-(const Array& a);
/// The larger and the smaller of each pair, NaN if either is NaN; a to the power of b.
Array maximum(const Array& a, const Array& b);
Array minimum(const Array& a, const Array& b);
Array pow(const Array& a, const Array& b);
Array pow(const Array& a, double b);

/// Comparisons with broadcasting, as bool; both operands have one dtype, whichever.
Array eq(const Array& a, const Array& b);
Array ne(const Array& a, const Array& b);
Array lt(const Array& a, const Array& b);
Array le(const Array& a, const Array& b);
Array gt(const Array& a, const Array& b);
Array ge(const Array& a, const Array& b);
/// What one mask (bool) says, or two, with broadcasting.
Array logical_not(const Array& mask);
Array logical_and(const Array& a, const Array& b);
Array logical_or(const Array& a, const Array& b);
/// mask ? a : b; all three broadcast, a and b have one dtype, whichever.
Array where(const Array& mask, const Array& a, const Array& b);

/// a += b in a's own storage; b broadcasts to a's shape, and may overlap with a. \throws Error if a
/// repeats elements (it was expanded): one place would be added to several times, or once.
void add_in_place(Array& a, const Array& b);
/// a *= b in a's own storage, under the same rule.
void scale_in_place(Array& a, double b);
/// mask ? value : a; the mask (bool) broadcasts to a's shape.
Array masked_fill(const Array& a, const Array& mask, double value);

/// The sum over the given axes (all of them if the list is empty); summed axes disappear, or stay
/// with size 1 if keepdim.
Array sum(const Array& a, const std::vector<int>& axes = {}, bool keepdim = false);
/// Undoes broadcasting: sums a over every axis along which `shape` was repeated to make a's shape.
/// \throws Error unless `shape` broadcasts to a's shape.
Array sum_to(const Array& a, const Shape& shape);
/// The sum of all squares, in double.
double sum_squares(const Array& a);

/// The matrix product over the last two axes, (..., M, K) @ (..., K, N) -> (..., M, N); leading
/// (batch) axes broadcast. Transposed and sliced operands are read where they lie.
Array gemm(const Array& a, const Array& b);
/// c += a @ b, in c's own storage; c is contiguous and has exactly the product's shape.
void gemm_accumulate(Array& c, const Array& a, const Array& b);
/// a @ b + bias, the bias (N) added to every row as the product is made; the bias may be an empty
/// handle.
Array gemm_bias(const Array& a, const Array& b, const Array& bias);
/// The last two axes exchanged: a view.
Array transposed(const Array& a);

}  // namespace gradus
