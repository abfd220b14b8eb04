/// \file
/// Tensor: a value and its place in the graph; and record, with which every op is made.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "gradus/array.h"
#include "gradus/autograd.h"

namespace gradus {

/// A value together with the step that made it.
///
/// Ops on tensors are free functions and operators (gradus/ops.h); each computes its value at once
/// and, if an input needs a gradient, adds a Node to the graph. Copying a Tensor copies two
/// handles.
class Tensor {
 public:
  /// No tensor at all, to be assigned later.
  Tensor() = default;
  /// Another handle on the same value and the same place in the graph.
  Tensor(const Tensor& other);
  /// The same, and `other` becomes an empty handle.
  Tensor(Tensor&& other) noexcept;
  /// Holds what `other` holds.
  Tensor& operator=(const Tensor& other);
  /// The same, and `other` becomes an empty handle.
  Tensor& operator=(Tensor&& other) noexcept;
  /// The last holder of a node lets the graph behind it go.
  ~Tensor();
  /// A constant: no gradient is computed for it.
  explicit Tensor(Array value) : value_(std::move(value)) {}
  /// A number as a constant of rank 0 and the given dtype.
  explicit Tensor(double value, DType dtype = DType::float32)
      : value_(Array::scalar(value, dtype)) {}

  /// The numbers.
  const Array& value() const { return value_; }
  /// The step that made it; null for a constant.
  const NodePtr& node() const { return node_; }
  /// True if there is no tensor here at all, as for an absent bias.
  bool is_empty_handle() const { return value_.is_empty_handle(); }

  /// The size of each axis.
  const Shape& shape() const { return value_.shape(); }
  /// The size of one axis. \throws Error if there is no such axis.
  int64_t size(int axis) const { return value_.size(axis); }
  /// The number of axes.
  int rank() const { return value_.rank(); }
  /// The number of elements.
  int64_t numel() const { return value_.numel(); }
  /// The type of the elements.
  DType dtype() const { return value_.dtype(); }
  /// The one element. \throws Error if there is not exactly one.
  double item() const { return value_.item(); }
  /// The numbers as text, rounded: see Array::to_string.
  std::string to_string(int precision = 4) const { return value_.to_string(precision); }

  /// True for a parameter, and for whatever was computed from one: backward can start here.
  bool requires_grad() const { return node_ != nullptr; }
  /// True if backward has left a gradient here.
  bool has_grad() const { return node_ != nullptr && !node_->grad.is_empty_handle(); }
  /// The gradient that backward left here; only leaves (parameters) keep theirs.
  /// \throws Error if there is none.
  const Array& grad() const;
  /// Forgets the gradient; the next backward starts from zero.
  void zero_grad() const;

  /// Computes the gradient of this scalar with respect to every leaf it depends on, adding to the
  /// gradients they already have. The graph is released on the way. \throws Error if this is not a
  /// single element, depends on no parameter, or leads to a part of the graph that an earlier
  /// backward has released.
  void backward() const;
  /// The same for a tensor of any shape, given `seed`, the gradient of some scalar with respect to
  /// it. \throws Error as above, and if the seed's shape is not this tensor's.
  void backward(const Array& seed) const;

  /// The same value as a constant, cut off from the graph.
  Tensor detach() const { return Tensor(value_); }

  /// The value for writing in place, which only initialisers and optimisers do. \throws Error
  /// unless a NoGrad is alive.
  Array& mutable_value();

 private:
  friend Tensor parameter(Array value);
  friend Tensor record(const char*, Array, std::span<const Tensor>, Backward);
  Array value_;
  NodePtr node_;
};

/// A leaf that wants a gradient: a weight, or an input whose gradient is to be studied. The value
/// is taken as it is (no copy). \throws Error unless it is an array of float32 or float64.
Tensor parameter(Array value);

/// Makes the result of an op: `value`, and, if gradients are on and an input needs one, a node that
/// knows how to go back. This is all the machinery there is to an op:
///
///     Tensor mul(const Tensor& a, const Tensor& b) {
///       return record("mul", a.value() * b.value(), {a, b},
///           [a = saved(a), b = saved(b)](const Array& dy, Inputs in) {
///             if (in.wants(0)) in.add(0, dy * *b);  // da = dy b
///             if (in.wants(1)) in.add(1, dy * *a);  // db = dy a
///           });
///     }
Tensor record(const char* op, Array value, std::span<const Tensor> inputs, Backward backward);
/// The same for inputs in braces: `{a, b}`.
inline Tensor record(const char* op, Array value, std::initializer_list<Tensor> inputs,
                     Backward backward) {
  return record(op, std::move(value), std::span(inputs.begin(), inputs.size()),
                std::move(backward));
}

}  // namespace gradus
