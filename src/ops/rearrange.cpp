// The ops of shape.h that copy.
#include "gradus/arithmetic.h"
#include "gradus/ops/create.h"
#include "gradus/ops/shape.h"
#include "out_of_memory.h"
#include "strided_loop.h"

namespace gradus {

Tensor concat(const std::vector<Tensor>& parts, int axis) try {
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
} catch (const std::bad_alloc&) {
  fail_out_of_memory("concat");
}

Tensor stack(const std::vector<Tensor>& parts, int axis) try {
  check(!parts.empty(), "stack: needs at least one tensor");
  axis = normalize_new_axis("stack", axis, parts.front().rank());
  std::vector<Tensor> layers;
  for (const Tensor& part : parts) {
    check(part.shape() == parts.front().shape(), "stack: shapes differ: {} and {}",
          parts.front().shape(), part.shape());
    check(part.dtype() == parts.front().dtype(), "stack: dtypes differ: {} and {}",
          name(parts.front().dtype()), name(part.dtype()));
    layers.push_back(unsqueeze(part, axis));
  }
  return concat(layers, axis);
} catch (const std::bad_alloc&) {
  fail_out_of_memory("stack");
}

Tensor repeat(const Tensor& x, const std::vector<int64_t>& times) {
  const int rank = static_cast<int>(times.size()), extra = rank - x.rank();
  check(extra >= 0, "repeat: {} numbers for a tensor of rank {}", rank, x.rank());
  check(rank <= max_rank, "repeat: {} axes, at most {} are possible", rank, max_rank);
  Shape shape = x.shape();
  for (int i = 0; i < extra; ++i) shape = shape.inserted(0, 1);
  Tensor y = reshape(x, shape);
  for (int axis = rank - 1; axis >= 0; --axis) {
    const int64_t count = times[static_cast<size_t>(axis)];
    check(count >= 0, "repeat: {} times along axis {}", count, axis);
    // This axis and those after it become a row, and each row is repeated.
    int64_t outer = 1, inner = 1;
    for (int i = 0; i < rank; ++i) (i < axis ? outer : inner) *= shape[i];
    y = expand(reshape(y, {outer, 1, inner}), {outer, count, inner});
    check(!__builtin_mul_overflow(shape[axis], count, &shape[axis]),
          "repeat: {} times along axis {} of {} is more than 64 bits can count", count, axis,
          x.shape());
    y = reshape(y, shape);
  }
  return y;
}

namespace {

// Reads x from the far end of these axes, with negated strides.
Array flipped(const Array& x, const Axes& axes) {
  Array y(x.shape(), x.dtype());
  if (x.numel() == 0) return y;
  Strides backwards = x.strides();
  int64_t far_end = 0;
  for (const int axis : axes) {
    far_end += (x.size(axis) - 1) * x.strides()[axis];
    backwards[axis] = -x.strides()[axis];
  }
  dispatch(x.dtype(), [&]<class T> {
    T* out = y.mutable_data<T>();
    const T* in = x.data<T>() + far_end;
    const StridedLoop<2> loop(x.shape(), {y.strides(), backwards});
    const auto step = loop.row_stride();
    loop.for_each_run([=](const auto& at, int64_t n) {
      for (int64_t i = 0; i < n; ++i) out[at[0] + i * step[0]] = in[at[1] + i * step[1]];
    });
  });
  return y;
}

}  // namespace

Tensor flip(const Tensor& x, const Axes& named) {
  const Axes axes = normalize_axes("flip", named, x.rank());
  return record("flip", flipped(x.value(), axes), {x}, [axes](const Array& dy, Inputs in) {
    in.add(0, flipped(dy, axes));  // turned twice, all is as it was
  });
}

Tensor pad(const Tensor& x, const std::vector<Padding>& paddings, double value) {
  check(static_cast<int>(paddings.size()) == x.rank(), "pad: {} paddings for a tensor of rank {}",
        paddings.size(), x.rank());
  Shape shape = x.shape(), start = x.shape();
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto& [before, after] = paddings[static_cast<size_t>(axis)];
    constexpr int64_t most = int64_t{1} << 61;  // so that no size overflows
    check(before >= 0 && after >= 0 && before < most && after < most,
          "pad: {} and {} elements around axis {} (slice takes away)", before, after, axis);
    start[axis] = before;
    shape[axis] += before + after;
  }
  // Where x lies in the middle of it all.
  const auto inside = [start, size = x.shape()](Array a) {
    for (int axis = 0; axis < a.rank(); ++axis)
      a = a.slice(axis, start[axis], start[axis] + size[axis]);
    return a;
  };
  const Array y = Array::full(shape, value, x.dtype());
  inside(y).copy_from(x.value());
  return record("pad", y, {x}, [inside](const Array& dy, Inputs in) { in.add(0, inside(dy)); });
}

namespace {

// Zero where hidden (rows, cols, diagonal) says so; the gradient too.
Tensor without(const char* op, const Tensor& x, int64_t diagonal,
               Array (*hidden)(int64_t rows, int64_t cols, int64_t diagonal)) {
  check(x.rank() >= 2, "{}: needs matrices, got {}", op, x.shape());
  check_floating(op, x.dtype());
  const Array mask = hidden(x.size(-2), x.size(-1), diagonal);
  return record(
      op, masked_fill(x.value(), mask, 0), {x},
      [mask = saved(mask)](const Array& dy, Inputs in) { in.add(0, masked_fill(dy, *mask, 0)); });
}

}  // namespace

Tensor tril(const Tensor& x, int diagonal) {
  return without("tril", x, int64_t{diagonal} + 1, upper_triangle);
}
Tensor triu(const Tensor& x, int diagonal) {
  return without("triu", x, int64_t{diagonal} - 1, lower_triangle);
}

Tensor to(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  if (!is_floating(dtype)) return Tensor(x.value().to(dtype));
  return record("to", x.value().to(dtype), {x},
                [before = x.dtype()](const Array& dy, Inputs in) { in.add(0, dy.to(before)); });
}

}  // namespace gradus
