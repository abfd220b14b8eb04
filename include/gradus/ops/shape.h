/// \file
/// Ops that move elements or look at them differently. All but concat give views: no element is
/// copied.
#pragma once

#include <vector>

#include "gradus/tensor.h"

namespace gradus {

/// The same elements in the same order under another shape; one size may be -1. A copy only where
/// strides cannot express it. \throws Error if the number of elements differs.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Two axes exchanged; by default the last two.
Tensor transpose(const Tensor& x, int axis_a = -2, int axis_b = -1);
/// Axis i of the result is axis order[i] of x.
Tensor permute(const Tensor& x, const std::vector<int>& order);
/// Elements start, start + step, ... before stop along an axis, as in Python: negative ones count
/// from the end, and both are clamped to the axis.
Tensor slice(const Tensor& x, int axis, int64_t start, int64_t stop, int64_t step = 1);
/// Axes of size 1, and new leading axes, repeated to `shape`.
Tensor expand(const Tensor& x, const Shape& shape);
/// Tensors of one dtype, equal in all axes but `axis`, one after another along it. At least one.
Tensor concat(const std::vector<Tensor>& parts, int axis = 0);

}  // namespace gradus
