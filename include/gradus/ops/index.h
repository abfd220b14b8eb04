/// \file
/// Ops that look elements up by index. Indices are int64 and count from 0; one that does not exist
/// is an error that names it and its row-major position among the indices.
///
/// The gradients are derived in \ref derive_index "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// y[i, j, k] = x[i, indices[i, j, k], k], here along axis 1 of three (torch.gather). The indices
/// have x's rank and are, on the other axes, no larger than x; the result has their shape. \throws
/// Error if they do not fit, are not int64, or one does not exist.
Tensor gather(const Tensor& x, int axis, const Array& indices);

/// The slices of x that stand at these indices, (n), along an axis: they may repeat. The axis then
/// has size n. \throws Error if the indices are not (n) of int64, or one does not exist.
Tensor index_select(const Tensor& x, int axis, const Array& indices);

/// A copy of x to which each element of the source is added where its index says (gather turned
/// around): y[i, indices[i, j, k], k] += source[i, j, k] along axis 1 of three. Where indices
/// repeat, the sum runs in their order, whatever the number of threads. \throws Error unless the
/// source has the indices' shape and x's dtype, and they fit x as in gather.
Tensor scatter_add(const Tensor& x, int axis, const Array& indices, const Tensor& source);

/// 1 at each index, 0 elsewhere: indices (...) -> (..., classes), in float32 unless asked otherwise
/// (PyTorch: int64). It has no gradient. \throws Error if an index is not in [0, classes).
Array one_hot(const Array& indices, int64_t classes, DType dtype = DType::float32);

}  // namespace gradus
