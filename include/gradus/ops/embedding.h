/// \file
/// Looking rows up in a table.
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// Row indices[...] of the table for each index: weight (V, C), indices (...) of int64 -> (..., C).
/// \throws Error if an index is not in [0, V).
Tensor embedding(const Tensor& weight, const Array& indices);

}  // namespace gradus
