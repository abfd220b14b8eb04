/// \file
/// Softmax and its logarithm.
///
/// The gradients are derived in \ref derive_softmax "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// exp(x_i) / sum_j exp(x_j) along an axis, computed from x - max x so that nothing overflows.
/// Where all x are -inf (everything is masked) the result and the gradient are 0; PyTorch gives NaN
/// there. \throws Error if there is no such axis, or x is neither float32 nor float64.
Tensor softmax(const Tensor& x, int axis = -1);

/// log softmax(x) = x - log sum_j exp(x_j) along an axis, exact where softmax itself would round to
/// 0 or 1. Where all x are -inf the result is -inf, the logarithm of 0, and the gradient that
/// arrives passes through; PyTorch gives NaN there. \throws Error as softmax.
Tensor log_softmax(const Tensor& x, int axis = -1);

}  // namespace gradus
