#include "gradus/shape.h"

#include <fmt/ranges.h>

#include <utility>

namespace gradus {

Shape Shape::filled(int rank, int64_t size) {
  check(rank >= 0 && rank <= max_rank, "shape: at most {} axes, got {}", max_rank, rank);
  Shape shape;
  shape.rank_ = rank;
  std::fill_n(shape.sizes_.begin(), rank, size);
  return shape;
}

int64_t Shape::numel() const {
  int64_t product = 1;  // of the sizes that are not 0, since the strides multiply those
  bool empty = false;
  for (const int64_t size : *this) {
    check(size >= 0, "shape: negative size in {}", *this);
    empty |= size == 0;
    check(!__builtin_mul_overflow(product, std::max<int64_t>(size, 1), &product),
          "shape: the sizes of {} multiply to more than 64 bits hold", *this);
  }
  return empty ? 0 : product;
}

Shape Shape::inserted(int axis, int64_t size) const {
  check(rank_ < max_rank, "shape: at most {} axes, got {}", max_rank, rank_ + 1);
  Shape result = filled(rank_ + 1, size);
  for (int i = 0; i < rank_; ++i) result[i < axis ? i : i + 1] = (*this)[i];
  return result;
}

Shape Shape::erased(int axis) const {
  Shape result = filled(rank_ - 1, 0);
  for (int i = 0; i < rank_ - 1; ++i) result[i] = (*this)[i < axis ? i : i + 1];
  return result;
}

std::string Shape::to_string() const {
  return fmt::format("[{}]", fmt::join(begin(), end(), ", "));
}

Strides contiguous_strides(const Shape& shape) {
  Strides strides = Shape::filled(shape.rank(), 1);
  for (int axis = shape.rank() - 2; axis >= 0; --axis)
    strides[axis] = strides[axis + 1] * std::max<int64_t>(shape[axis + 1], 1);
  return strides;
}

int normalize_axis(std::string_view op, int axis, int rank) {
  check(axis >= -rank && axis < rank, "{}: axis {} of a tensor of rank {}", op, axis, rank);
  return axis < 0 ? axis + rank : axis;
}

int normalize_new_axis(std::string_view op, int axis, int rank) {
  check(axis >= -rank - 1 && axis <= rank,
        "{}: a new axis of a tensor of rank {} is one of {} to {}, got {}", op, rank, -rank - 1,
        rank, axis);
  return axis < 0 ? axis + rank + 1 : axis;
}

Axes normalize_axes(std::string_view op, const Axes& axes, int rank) {
  std::array<bool, max_rank> named{};
  if (axes.empty()) named.fill(true);
  for (const int axis : axes) {
    bool& seen = named[static_cast<size_t>(normalize_axis(op, axis, rank))];
    check(!std::exchange(seen, true), "{}: axis {} is named twice", op, axis);
  }
  Axes result;
  for (int axis = 0; axis < rank; ++axis)
    if (named[static_cast<size_t>(axis)]) result.push_back(axis);
  return result;
}

std::optional<Shape> broadcast(const Shape& a, const Shape& b) {
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape result = longer;
  for (int axis = -1; axis >= -shorter.rank(); --axis) {
    const int64_t x = longer[axis], y = shorter[axis];
    if (x != y && x != 1 && y != 1) return {};
    result[axis] = x == 1 ? y : x;
  }
  return result;
}

Shape broadcast(std::string_view op, const Shape& a, const Shape& b) {
  const std::optional<Shape> shape = broadcast(a, b);
  check(shape.has_value(), "{}: shapes {} and {} do not broadcast", op, a, b);
  return *shape;
}

}  // namespace gradus

auto fmt::formatter<gradus::Shape>::format(const gradus::Shape& shape,
                                           format_context& context) const
    -> format_context::iterator {
  return fmt::format_to(context.out(), "{}", shape.to_string());
}
