/// \file
/// The sizes of an Array's axes, and NumPy's broadcasting rule.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/error.h"

namespace gradus {

/// The most axes that an Array can have.
inline constexpr int max_rank = 8;

/// A short list of sizes or strides, one for each axis, stored in place: no allocation.
/// Axes count from 0, or from the end with -1 the last.
class Shape {
 public:
  /// Rank 0: the shape of a single number.
  Shape() = default;
  /// These sizes, the first axis first: `Shape{2, 3}`. \throws Error for more than max_rank.
  Shape(std::initializer_list<int64_t> sizes) : Shape(std::span(sizes.begin(), sizes.size())) {}
  /// The same from any stretch of memory. \throws Error for more than max_rank.
  explicit Shape(std::span<const int64_t> sizes) : rank_(static_cast<int>(sizes.size())) {
    check(sizes.size() <= max_rank, "shape: at most {} axes, got {}", max_rank, sizes.size());
    std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  }
  /// `rank` axes, each of size `size`. \throws Error unless 0 <= rank <= max_rank.
  static Shape filled(int rank, int64_t size);

  /// The number of axes.
  int rank() const { return rank_; }
  /// The size of an axis; negative axes count from the end. \throws Error if there is no such axis.
  int64_t operator[](int axis) const { return sizes_[static_cast<size_t>(index(axis))]; }
  /// The same for writing.
  int64_t& operator[](int axis) { return sizes_[static_cast<size_t>(index(axis))]; }
  /// The number of elements, the product of the sizes: 1 for rank 0. \throws Error if a size is
  /// negative or the product needs more than 64 bits.
  int64_t numel() const;

  /// The sizes as a range: `for (int64_t size : shape)`.
  const int64_t* begin() const { return sizes_.data(); }
  /// Behind the last size.
  const int64_t* end() const { return sizes_.data() + rank_; }
  /// Equal rank and equal sizes.
  bool operator==(const Shape& other) const {
    return std::equal(begin(), end(), other.begin(), other.end());
  }

  /// A copy with one more axis of size `size` before `axis`, which counts from 0. \throws Error for
  /// more than max_rank.
  Shape inserted(int axis, int64_t size) const;
  /// A copy without `axis`, which counts from 0. \throws Error if there is no axis.
  Shape erased(int axis) const;

  /// "[2, 3]"; "[]" for rank 0.
  std::string to_string() const;

 private:
  int index(int axis) const {
    check(axis >= -rank_ && axis < rank_, "shape: axis {} of a shape of rank {}", axis, rank_);
    return axis < 0 ? axis + rank_ : axis;
  }
  std::array<int64_t, max_rank> sizes_{};
  int rank_ = 0;
};

/// A short list of axes, `{0, 2}` or `{-1}`, stored in place like a Shape. What no axes mean
/// depends on the op: a reduction then takes all.
class Axes {
 public:
  /// No axes.
  Axes() = default;
  /// These axes: `sum(x, {0, 2})`. \throws Error for more than max_rank.
  Axes(std::initializer_list<int> axes) : Axes(std::span(axes.begin(), axes.size())) {}
  /// The same from a vector. \throws Error for more than max_rank.
  Axes(const std::vector<int>& axes) : Axes(std::span<const int>(axes)) {}
  /// The same from any stretch of memory. \throws Error for more than max_rank.
  explicit Axes(std::span<const int> axes) {
    for (const int axis : axes) push_back(axis);
  }

  /// How many there are.
  size_t size() const { return count_; }
  /// True if there are none.
  bool empty() const { return count_ == 0; }
  /// Number i, which must be less than size().
  int operator[](size_t i) const { return axes_[i]; }
  /// The same for writing.
  int& operator[](size_t i) { return axes_[i]; }
  /// One more. \throws Error for more than max_rank.
  void push_back(int axis) {
    check(count_ < axes_.size(), "axes: there are at most {}", max_rank);
    axes_[count_++] = axis;
  }

  /// The axes as a range.
  const int* begin() const { return axes_.data(); }
  /// Behind the last one.
  const int* end() const { return axes_.data() + count_; }

 private:
  std::array<int, max_rank> axes_{};
  size_t count_ = 0;
};

/// The strides of a shape, in elements: how far apart neighbours along each axis lie.
using Strides = Shape;

/// Row-major strides: the last axis is adjacent in memory. [2, 3, 5] has [15, 5, 1].
Strides contiguous_strides(const Shape& shape);

/// `axis` as a number from 0 to rank - 1. \throws Error "softmax: axis 3 of a tensor of rank 2".
int normalize_axis(std::string_view op, int axis, int rank);

/// The place of a new axis among `rank` old ones as a number from 0 to rank; -1 is behind them all.
/// \throws Error "stack: a new axis of a tensor of rank 2 is one of -3 to 2, got 3".
int normalize_new_axis(std::string_view op, int axis, int rank);

/// Several axes, in ascending order; all of them if the list is empty. \throws Error for an axis
/// that does not exist, and "sum: axis -1 is named twice".
Axes normalize_axes(std::string_view op, const Axes& axes, int rank);

/// The shape that two shapes broadcast to: aligned at their last axes, sizes equal or one of them 1
/// (NumPy's rule). \throws Error "add: shapes [2, 3] and [4] do not broadcast".
Shape broadcast(std::string_view op, const Shape& a, const Shape& b);
/// The same, or nothing if the two do not broadcast: `broadcast(mask, shape) == shape` asks whether
/// a mask can be expanded to a shape.
std::optional<Shape> broadcast(const Shape& a, const Shape& b);

}  // namespace gradus

/// \cond
// Lets an error message print a Shape, as "{}" alone. Compiled once: with fmt's own formatter of
// strings in this header, every source that includes it would take a second longer.
template <>
struct fmt::formatter<gradus::Shape> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }
  auto format(const gradus::Shape& shape, format_context& context) const
      -> format_context::iterator;
};
/// \endcond
