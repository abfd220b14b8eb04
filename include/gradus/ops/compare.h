/// \file
/// Comparisons, and ops that choose: the larger of two, what a mask says, what lies within bounds.
///
/// The gradients are derived in \ref derive_compare "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// a == b, element by element, with broadcasting, as a mask: an Array of bool. What is compared
/// with NaN is not equal, and neither less nor greater. \throws Error if the shapes do not
/// broadcast or the dtypes differ.
Array eq(const Tensor& a, const Tensor& b);
/// a != b. \throws Error as eq.
Array ne(const Tensor& a, const Tensor& b);
/// a < b. \throws Error as eq.
Array lt(const Tensor& a, const Tensor& b);
/// a <= b. \throws Error as eq.
Array le(const Tensor& a, const Tensor& b);
/// a > b. \throws Error as eq.
Array gt(const Tensor& a, const Tensor& b);
/// a >= b. \throws Error as eq.
Array ge(const Tensor& a, const Tensor& b);
/// See lt.
inline Array operator<(const Tensor& a, const Tensor& b) { return lt(a, b); }
/// See le.
inline Array operator<=(const Tensor& a, const Tensor& b) { return le(a, b); }
/// See gt.
inline Array operator>(const Tensor& a, const Tensor& b) { return gt(a, b); }
/// See ge.
inline Array operator>=(const Tensor& a, const Tensor& b) { return ge(a, b); }

// The same with a number, which takes the tensor's dtype.

/// a == b for each element of a.
inline Array eq(const Tensor& a, double b) { return eq(a, Tensor(b, a.dtype())); }
/// a != b for each element of a.
inline Array ne(const Tensor& a, double b) { return ne(a, Tensor(b, a.dtype())); }
/// a < b for each element of a.
inline Array lt(const Tensor& a, double b) { return lt(a, Tensor(b, a.dtype())); }
/// a <= b for each element of a.
inline Array le(const Tensor& a, double b) { return le(a, Tensor(b, a.dtype())); }
/// a > b for each element of a.
inline Array gt(const Tensor& a, double b) { return gt(a, Tensor(b, a.dtype())); }
/// a >= b for each element of a.
inline Array ge(const Tensor& a, double b) { return ge(a, Tensor(b, a.dtype())); }
/// See lt.
inline Array operator<(const Tensor& a, double b) { return lt(a, b); }
/// See le.
inline Array operator<=(const Tensor& a, double b) { return le(a, b); }
/// See gt.
inline Array operator>(const Tensor& a, double b) { return gt(a, b); }
/// See ge.
inline Array operator>=(const Tensor& a, double b) { return ge(a, b); }

/// a where the mask (bool) is true, b elsewhere; all three broadcast. Of what is not chosen nothing
/// gets through, not even NaN: neither to the value nor, as a gradient, back.
/// \throws Error if the mask is not bool, the shapes do not broadcast or the dtypes differ.
Tensor where(const Array& mask, const Tensor& a, const Tensor& b);

/// The larger of each pair, with broadcasting; NaN if either is NaN. Where the two are equal each
/// gets half of the gradient, and where one is NaN both get all of it, as in PyTorch. \throws Error
/// if the shapes do not broadcast or the dtypes differ.
Tensor maximum(const Tensor& a, const Tensor& b);
/// The smaller of each pair; all else as in maximum.
Tensor minimum(const Tensor& a, const Tensor& b);

/// x, or the bound that it is beyond; either bound may be infinite. The gradient is 1 from bound to
/// bound, both included, and 0 outside. \throws Error unless low <= high (PyTorch gives high then),
/// or if x is neither float32 nor float64.
Tensor clamp(const Tensor& x, double low, double high);

}  // namespace gradus
