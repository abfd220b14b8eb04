/// \file
/// Ops that reduce axes.
///
/// Unless said otherwise an op takes the axes that it reduces, in any order, all of them if none is
/// given; a negative axis counts from the end. Reduced axes disappear, or stay with size 1 if
/// keepdim. \throws Error for an axis that does not exist or is named twice.
///
/// The gradients are derived in \ref derive_reduce "docs/derivations.md".
#pragma once

#include <vector>

#include "gradus/tensor.h"

namespace gradus {

// ---- sums and what is made of them ----

/// The sum over the given axes.
Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

/// The mean over the given axes. Of no elements it is NaN, as in PyTorch.
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

/// sum (x - mean)^2 / (n - correction) over the n elements along the given axes; correction 1 is
/// the unbiased estimate from a sample, as in torch.var, correction 0 the variance of these very
/// numbers. It is computed from the deviations themselves, never as E[x^2] - mean^2. Where
/// n <= correction there is nothing to divide by: NaN of a single element, as in PyTorch.
Tensor variance(const Tensor& x, const Axes& axes = {}, bool keepdim = false, int correction = 1);

/// The square root of the variance (torch.std). Where it is 0 its gradient is 0, as in PyTorch.
Tensor standard_deviation(const Tensor& x, const Axes& axes = {}, bool keepdim = false,
                          int correction = 1);

/// The vector norm (sum |x|^p)^(1/p), or max |x| for p = infinity (torch.linalg.vector_norm).
/// Gradients at kinks are PyTorch's: 0 where x is 0, and of max |x| divided evenly among ties.
/// \throws Error unless p >= 1, and for the maximum of no elements.
Tensor norm(const Tensor& x, const Axes& axes = {}, bool keepdim = false, double p = 2);

/// \cond
// A number in keepdim's place would be taken for true: refused.
template <class T>
Tensor norm(const Tensor&, const Axes&, T, double = 2) = delete;
template <class T>
Tensor variance(const Tensor&, const Axes&, T, int = 1) = delete;
template <class T>
Tensor standard_deviation(const Tensor&, const Axes&, T, int = 1) = delete;
/// \endcond

/// log sum exp(x), computed from x - max x so that nothing overflows. Where all x are -inf it is
/// -inf, and the gradient 0 (PyTorch: NaN).
Tensor logsumexp(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

/// y_i = x_0 + ... + x_i along an axis; the shape stays. The running sum is kept in double.
Tensor cumsum(const Tensor& x, int axis);

// ---- maxima and minima. NaN counts as the largest, and as the smallest: it is not hidden. ----

/// The largest element along the given axes. Elements that tie for it share its gradient evenly; so
/// do several NaN (PyTorch sends NaN to the whole row). \throws Error for the maximum of no
/// elements.
Tensor amax(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// The smallest element along the given axes; all else as in amax.
Tensor amin(const Tensor& x, const Axes& axes = {}, bool keepdim = false);

/// The largest of all elements: amax over all axes, a scalar.
Tensor max(const Tensor& x);
/// The smallest of all elements: amin over all axes, a scalar.
Tensor min(const Tensor& x);

/// What max and min along an axis find: the values, and where along the axis they stand.
struct ValuesAndIndices {
  Tensor values;  ///< of x's shape without the axis (or with size 1 there)
  Array indices;  ///< int64, of the same shape
};

/// The largest element along an axis and its index, the first of equals. The whole gradient goes to
/// that element, as in PyTorch. \throws Error if the axis has no elements.
ValuesAndIndices max(const Tensor& x, int axis, bool keepdim = false);
/// The smallest element along an axis and its index; all else as in max.
ValuesAndIndices min(const Tensor& x, int axis, bool keepdim = false);

/// The index (int64) of the largest element along an axis, the first of equals. \throws Error if
/// the axis has no elements.
Array argmax(const Tensor& x, int axis, bool keepdim = false);
/// The index (int64) of the smallest element along an axis, the first of equals. \throws Error if
/// the axis has no elements.
Array argmin(const Tensor& x, int axis, bool keepdim = false);

}  // namespace gradus
