/// \file
/// Products of two activations. (A weight times activations is `linear`.)
///
/// The gradients are derived in \ref derive_product "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// (..., M, K) @ (..., K, N) -> (..., M, N); batch axes broadcast. A vector (K) is a row on the
/// left and a column on the right, and that axis is missing from the result, as in PyTorch. \throws
/// Error "matmul: inner sizes differ: [2, 3] @ [4, 5]", if batch axes do not broadcast, dtypes
/// differ or an operand has no axis.
Tensor matmul(const Tensor& a, const Tensor& b);

/// y_ij = a_i b_j: vectors (M) and (N) -> (M, N). \throws Error unless both are vectors of one
/// dtype, float32 or float64.
Tensor outer(const Tensor& a, const Tensor& b);

}  // namespace gradus
