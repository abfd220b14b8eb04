#include "gradus/ops/shape.h"

#include "gradus/arithmetic.h"

namespace gradus {

Tensor reshape(const Tensor& x, const Shape& shape) {
  return record(
      "reshape", x.value().reshape(shape), {x},
      [before = x.shape()](const Array& dy, Inputs in) { in.add(0, dy.reshape(before)); });
}

Tensor transpose(const Tensor& x, int axis_a, int axis_b) {
  return record("transpose", x.value().transpose(axis_a, axis_b), {x},
                [axis_a, axis_b](const Array& dy, Inputs in) {
                  in.add(0, dy.transpose(axis_a, axis_b));  // an exchange undoes itself
                });
}

Tensor permute(const Tensor& x, const std::vector<int>& order) {
  Array value = x.value().permute(order);
  std::vector<int> inverse(order.size());  // axis i of y came from axis order[i] of x
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

Tensor expand(const Tensor& x, const Shape& shape) {
  return record("expand", x.value().expand(shape), {x}, [](const Array& dy, Inputs in) {
    in.add(0, dy);
  });  // Inputs sums it back to x's shape
}

Tensor concat(const std::vector<Tensor>& parts, int axis) {
  check(!parts.empty(), "concat: needs at least one tensor");
  const Tensor& first = parts.front();
  const int along = normalize_axis("concat", axis, first.rank());
  Shape shape = first.shape();
  shape[along] = 0;
  for (const Tensor& part : parts) {
    check(part.rank() == first.rank() && part.shape().erased(along) == first.shape().erased(along),
          "concat: {} and {} differ in an axis other than {}", first.shape(), part.shape(), along);
    check(part.dtype() == first.dtype(), "concat: dtypes differ: {} and {}", name(first.dtype()),
          name(part.dtype()));
    shape[along] += part.size(along);
  }
  Array value(shape, first.dtype());
  int64_t start = 0;
  for (const Tensor& part : parts) {
    value.slice(along, start, start + part.size(along)).copy_from(part.value());
    start += part.size(along);
  }
  std::vector<int64_t> sizes;
  for (const Tensor& part : parts) sizes.push_back(part.size(along));
  return record("concat", std::move(value), parts,
                [sizes = std::move(sizes), along](const Array& dy, Inputs in) {
                  int64_t begin = 0;
                  for (size_t i = 0; i < sizes.size(); begin += sizes[i++])
                    if (in.wants(i)) in.add(i, dy.slice(along, begin, begin + sizes[i]));
                });
}

}  // namespace gradus
