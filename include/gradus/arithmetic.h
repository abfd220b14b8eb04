/// \file
/// Arithmetic on values. These functions know nothing of gradients: ops (gradus/ops) are made of
/// them, and a backward closure is written with them.
#pragma once

#include <vector>

#include "gradus/array.h"

namespace gradus {

// ---- of each pair of elements, with broadcasting; both operands have one floating dtype ----

/// a + b, element by element. \throws Error "add: shapes [2, 3] and [4] do not broadcast", "add:
/// dtypes differ: ..."
Array operator+(const Array& a, const Array& b);
/// a - b. \throws Error as operator+.
Array operator-(const Array& a, const Array& b);
/// a b, element by element; the matrix product is gemm. \throws Error as operator+.
Array operator*(const Array& a, const Array& b);
/// a / b. \throws Error as operator+.
Array operator/(const Array& a, const Array& b);
/// Each element plus a number, which takes the array's dtype.
Array operator+(const Array& a, double b);
/// Each element minus a number.
Array operator-(const Array& a, double b);
/// Each element times a number.
Array operator*(const Array& a, double b);
/// Each element divided by a number.
Array operator/(const Array& a, double b);
/// A number plus each element.
Array operator+(double a, const Array& b);
/// A number minus each element.
Array operator-(double a, const Array& b);
/// A number times each element.
Array operator*(double a, const Array& b);
/// A number divided by each element.
Array operator/(double a, const Array& b);
/// Each element with the other sign.
Array operator-(const Array& a);
/// The larger of each pair, NaN if either is NaN. \throws Error as operator+.
Array maximum(const Array& a, const Array& b);
/// The smaller of each pair, NaN if either is NaN. \throws Error as operator+.
Array minimum(const Array& a, const Array& b);
/// a to the power of b, by the rules of C's pow. \throws Error as operator+.
Array pow(const Array& a, const Array& b);
/// Each element to the power of a number.
Array pow(const Array& a, double b);

// ---- comparisons and choices, with broadcasting; both operands have one dtype, whichever ----

/// a == b, element by element, as a mask (bool). \throws Error if the shapes do not broadcast or
/// the dtypes differ.
Array eq(const Array& a, const Array& b);
/// a != b; true where either is NaN. \throws Error as eq.
Array ne(const Array& a, const Array& b);
/// a < b. \throws Error as eq.
Array lt(const Array& a, const Array& b);
/// a <= b. \throws Error as eq.
Array le(const Array& a, const Array& b);
/// a > b. \throws Error as eq.
Array gt(const Array& a, const Array& b);
/// a >= b. \throws Error as eq.
Array ge(const Array& a, const Array& b);
/// True where the mask is false. \throws Error unless it is bool.
Array logical_not(const Array& mask);
/// True where both masks are. \throws Error unless they are bool and broadcast.
Array logical_and(const Array& a, const Array& b);
/// True where one of the masks is, or both. \throws Error unless they are bool and broadcast.
Array logical_or(const Array& a, const Array& b);
/// mask ? a : b; all three broadcast, a and b have one dtype, whichever. \throws Error if the mask
/// is not bool, the shapes do not broadcast or the dtypes differ.
Array where(const Array& mask, const Array& a, const Array& b);

// ---- in place ----

/// a += b in a's own storage; b broadcasts to a's shape, and may overlap with a. \throws Error if a
/// repeats elements (it was expanded): one place would be added to several times, or once.
void add_in_place(Array& a, const Array& b);
/// a *= b in a's own storage. \throws Error if a repeats elements.
void scale_in_place(Array& a, double b);
/// mask ? value : a, in new memory. \throws Error unless the mask is bool and broadcasts to a's
/// shape.
Array masked_fill(const Array& a, const Array& mask, double value);

// ---- sums ----

/// The sum over the given axes (all of them if the list is empty); summed axes disappear, or stay
/// with size 1 if keepdim. \throws Error for an axis that does not exist or is named twice, or a
/// dtype other than float32 and float64.
Array sum(const Array& a, const Axes& axes = {}, bool keepdim = false);
/// Undoes broadcasting: sums a over every axis along which `shape` was repeated to make a's shape.
/// \throws Error unless `shape` broadcasts to a's shape.
Array sum_to(const Array& a, const Shape& shape);
/// The sum of all squares, added up in double. \throws Error for a dtype other than float32 and
/// float64.
double sum_squares(const Array& a);

// ---- matrix products ----

/// The matrix product over the last two axes: (..., M, K) @ (..., K, N) -> (..., M, N); leading
/// (batch) axes broadcast. Transposed and sliced operands are read where they lie. \throws Error
/// "matmul: inner sizes differ: [2, 3] @ [4, 5]", or if batch axes or dtypes do not fit.
Array gemm(const Array& a, const Array& b);
/// c += a @ b, in c's own storage. \throws Error unless c is contiguous and has exactly the
/// product's shape and dtype.
void gemm_accumulate(Array& c, const Array& a, const Array& b);
/// a @ b + bias, the bias (N) added to every row as the product is made; the bias may be an empty
/// handle. \throws Error as gemm, and for a bias of another shape.
Array gemm_bias(const Array& a, const Array& b, const Array& bias);
/// The last two axes exchanged: a view. \throws Error for fewer than two axes.
Array transposed(const Array& a);

}  // namespace gradus
