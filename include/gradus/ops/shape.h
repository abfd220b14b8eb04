/// \file
/// Ops that move elements or look at them differently. They take tensors of any dtype; gradients
/// flow through float32 and float64.
///
/// The gradients are derived in \ref derive_shape "docs/derivations.md".
#pragma once

#include <vector>

#include "gradus/tensor.h"

namespace gradus {

// ---- views: no element is copied ----

/// The same elements in the same order under another shape; one size may be -1. A copy only where
/// strides cannot express it. \throws Error if the number of elements differs.
Tensor reshape(const Tensor& x, const Shape& shape);
/// Axes first to last, both included, as one; a number (rank 0) becomes [1]. \throws Error if there
/// are no such axes, or the first comes after the last.
Tensor flatten(const Tensor& x, int first = 0, int last = -1);
/// A new axis of size 1 before `axis`; -1 makes it the last one. \throws Error if `axis` is out of
/// range.
Tensor unsqueeze(const Tensor& x, int axis);
/// Without an axis of size 1; of another size it stays, as in PyTorch. \throws Error if there is no
/// such axis.
Tensor squeeze(const Tensor& x, int axis);
/// Without all axes of size 1.
Tensor squeeze(const Tensor& x);
/// Two axes exchanged; by default the last two. \throws Error if there is no such axis.
Tensor transpose(const Tensor& x, int axis_a = -2, int axis_b = -1);
/// Axis i of the result is axis order[i] of x. \throws Error unless `order` names every axis once.
Tensor permute(const Tensor& x, const Axes& order);
/// Elements start, start + step, ... before stop along an axis, as in Python: negative ones count
/// from the end, and both are clamped to the axis. \throws Error if there is no such axis or step <
/// 1.
Tensor slice(const Tensor& x, int axis, int64_t start, int64_t stop, int64_t step = 1);
/// Element `index` along an axis, which disappears; a negative one counts from the end. \throws
/// Error if there is no such element.
Tensor select(const Tensor& x, int axis, int64_t index);
/// Pieces of `size` along an axis, one after another; the last may be smaller. \throws Error unless
/// size >= 1, and for more than 2^20 pieces, which an axis can ask for that has no memory of its
/// own.
std::vector<Tensor> split(const Tensor& x, int64_t size, int axis = 0);
/// Pieces of these sizes. \throws Error unless they add up to the axis.
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int axis = 0);
/// At most `count` pieces of one size, the last perhaps smaller (torch.chunk: 5 elements in 4
/// chunks are 2, 2 and 1). \throws Error unless count >= 1, and for more than 2^20 pieces.
std::vector<Tensor> chunk(const Tensor& x, int64_t count, int axis = 0);
/// Axes of size 1, and new leading axes, repeated to `shape`. \throws Error if x does not broadcast
/// to it.
Tensor expand(const Tensor& x, const Shape& shape);

// ---- copies ----

/// Tensors of one dtype, equal in all axes but `axis`, one after another along it. \throws Error if
/// they differ elsewhere, or there are none.
Tensor concat(const std::vector<Tensor>& parts, int axis = 0);
/// Tensors of one shape and dtype, one after another along a new axis. \throws Error if they
/// differ, or there are none.
Tensor stack(const std::vector<Tensor>& parts, int axis = 0);
/// The whole of x, times[i] times along axis i; more numbers than axes are for new leading axes, as
/// in torch.repeat. \throws Error for fewer, or for a negative one.
Tensor repeat(const Tensor& x, const std::vector<int64_t>& times);
/// The order along the given axes reversed; along all of them if none is given (as numpy.flip).
/// \throws Error for an axis that does not exist or is named twice.
Tensor flip(const Tensor& x, const Axes& axes = {});

/// How many elements pad adds at both ends of an axis.
struct Padding {
  int64_t before = 0,  ///< in front of the first element
      after = 0;       ///< behind the last one
};
/// x with `value` around it: one Padding for each axis, the first axis first (the order of
/// numpy.pad; torch.nn.functional.pad begins with the last axis). \throws Error unless there is one
/// for each axis, none negative.
Tensor pad(const Tensor& x, const std::vector<Padding>& paddings, double value = 0);

/// The lower triangle of each matrix, (..., M, N) of float32 or float64: x_ij where
/// j <= i + diagonal, 0 elsewhere, whatever stood there. \throws Error if x is no matrix.
Tensor tril(const Tensor& x, int diagonal = 0);
/// The upper triangle: x_ij where j >= i + diagonal, 0 elsewhere. \throws Error as tril.
Tensor triu(const Tensor& x, int diagonal = 0);

/// x in another dtype (x itself if it is of that one). Between float32 and float64 the gradient is
/// converted back; int64 and bool have none: the result is a constant, fractions cut off. \throws
/// Error where NaN or a number beyond 64 bits should become int64.
Tensor to(const Tensor& x, DType dtype);

}  // namespace gradus
