/// \file
/// The affine map of a layer.
///
/// The gradients are derived in \ref derive_product "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// y = x W^T + b: x (..., K), weight (N, K), bias (N) or no tensor at all -> y (..., N). PyTorch's
/// layout.
///
/// All rows of x go through one matrix product, the bias is added inside it, and the weight's
/// gradient is accumulated straight into the weight's own buffer. \throws Error if the sizes or the
/// dtypes do not fit.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace gradus
