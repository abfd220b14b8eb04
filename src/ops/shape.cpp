#include "gradus/ops/shape.h"

#include <fmt/ranges.h>

#include "gradus/arithmetic.h"
#include "out_of_memory.h"

namespace gradus {

namespace {

// The same elements in the same order; so are those of the gradient.
Tensor reshaped(const char* op, const Tensor& x, const Shape& shape) {
  return record(
      op, x.value().reshape(shape), {x},
      [before = x.shape()](const Array& dy, Inputs in) { in.add(0, dy.reshape(before)); });
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) { return reshaped("reshape", x, shape); }

Tensor flatten(const Tensor& x, int first, int last) {
  if (x.rank() == 0) return reshaped("flatten", x, {1});
  first = normalize_axis("flatten", first, x.rank());
  last = normalize_axis("flatten", last, x.rank());
  check(first <= last, "flatten: axis {} does not come before axis {}", first, last);
  Shape shape = x.shape();
  for (; last > first; --last) {
    shape[last - 1] *= shape[last];
    shape = shape.erased(last);
  }
  return reshaped("flatten", x, shape);
}

Tensor unsqueeze(const Tensor& x, int axis) {
  axis = normalize_new_axis("unsqueeze", axis, x.rank());
  return reshaped("unsqueeze", x, x.shape().inserted(axis, 1));
}

Tensor squeeze(const Tensor& x, int axis) {
  axis = normalize_axis("squeeze", axis, x.rank());
  return reshaped("squeeze", x, x.size(axis) == 1 ? x.shape().erased(axis) : x.shape());
}

Tensor squeeze(const Tensor& x) {
  Shape shape = x.shape();
  for (int axis = x.rank() - 1; axis >= 0; --axis)
    if (shape[axis] == 1) shape = shape.erased(axis);
  return reshaped("squeeze", x, shape);
}

Tensor transpose(const Tensor& x, int axis_a, int axis_b) {
  return record("transpose", x.value().transpose(axis_a, axis_b), {x},
                [axis_a, axis_b](const Array& dy, Inputs in) {
                  in.add(0, dy.transpose(axis_a, axis_b));  // an exchange undoes itself
                });
}

Tensor permute(const Tensor& x, const Axes& order) {
  Array value = x.value().permute(order);
  Axes inverse = order;  // axis i of y came from axis order[i] of x
  for (size_t i = 0; i < order.size(); ++i)
    inverse[static_cast<size_t>(normalize_axis("permute", order[i], x.rank()))] =
        static_cast<int>(i);
  return record("permute", std::move(value), {x},
                [inverse = std::move(inverse)](const Array& dy, Inputs in) {
                  in.add(0, dy.permute(inverse));
                });
}

Tensor slice(const Tensor& x, int axis, int64_t start, int64_t stop, int64_t step) {
  return record("slice", x.value().slice(axis, start, stop, step), {x},
                [axis, start, stop, step](const Array& dy, Inputs in) {
                  // dx is zero but for the slice: add dy there, in x's own gradient.
                  Array part = in.buffer(0).slice(axis, start, stop, step);
                  add_in_place(part, dy);
                });
}

Tensor select(const Tensor& x, int axis, int64_t index) {
  return record("select", x.value().select(axis, index), {x},
                [axis, index](const Array& dy, Inputs in) {
                  Array part = in.buffer(0).select(axis, index);  // as in slice
                  add_in_place(part, dy);
                });
}

Tensor expand(const Tensor& x, const Shape& shape) {
  return record("expand", x.value().expand(shape), {x}, [](const Array& dy, Inputs in) {
    in.add(0, dy);
  });  // Inputs sums it back to x's shape
}

std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& sizes, int axis) try {
  axis = normalize_axis("split", axis, x.rank());
  const auto rule = [&](bool holds) {
    check(holds, "split: the sizes [{}] do not add up to axis {} of {}", fmt::join(sizes, ", "),
          axis, x.shape());
  };
  std::vector<Tensor> pieces;
  int64_t start = 0;
  for (const int64_t size : sizes) {
    rule(size >= 0 && size <= x.size(axis) - start);
    pieces.push_back(slice(x, axis, start, start + size));
    start += size;
  }
  rule(start == x.size(axis));
  return pieces;
} catch (const std::bad_alloc&) {
  fail_out_of_memory("split");
}

// An axis may be endless where another is empty or all elements are one; its pieces are tensors.
constexpr int64_t max_pieces = int64_t{1} << 20;

std::vector<Tensor> split(const Tensor& x, int64_t size, int axis) try {
  axis = normalize_axis("split", axis, x.rank());
  check(size >= 1, "split: pieces must have at least 1 element, got {}", size);
  int64_t left = x.size(axis);
  check(left / size < max_pieces, "split: {} elements in pieces of {} are more than {} pieces",
        left, size, max_pieces);
  std::vector<int64_t> sizes;
  for (; left > size; left -= size) sizes.push_back(size);
  sizes.push_back(left);
  return split(x, sizes, axis);
} catch (const std::bad_alloc&) {
  fail_out_of_memory("split");
}

std::vector<Tensor> chunk(const Tensor& x, int64_t count, int axis) {
  axis = normalize_axis("chunk", axis, x.rank());
  check(count >= 1, "chunk: needs at least 1 chunk, got {}", count);
  const int64_t size = x.size(axis) / count + (x.size(axis) % count != 0);
  return split(x, std::max<int64_t>(1, size), axis);
}

}  // namespace gradus
