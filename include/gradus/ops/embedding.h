/// \file
/// Looking rows up in a table.
///
/// The gradients are derived in \ref derive_index "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// Row indices[...] of the table for each index: weight (V, C), indices (...) of int64 -> (..., C).
/// The gradient of a row is the sum over all places where it was looked up. \throws Error if an
/// index is not in [0, V), the indices are not int64 or the table is not a matrix.
Tensor embedding(const Tensor& weight, const Array& indices);

}  // namespace gradus
