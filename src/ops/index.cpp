#include "gradus/ops/index.h"

#include <cstring>

#include "gradus/arithmetic.h"
#include "gradus/autograd.h"
#include "kernels/kernels.h"
#include "ops/reduced_axes.h"

namespace gradus {
namespace {

void check_indices(const char* op, const Array& indices) {
  check(indices.dtype() == DType::int64, "{}: indices must be int64, got {}", op,
        dtype_name(indices));
}

// The indices, row-major, all of them in [0, size).
Array checked(const char* op, const Array& indices, int64_t size) {
  const Array result = indices.contiguous();
  const int64_t* index = result.data<int64_t>();
  for (int64_t i = 0; i < result.numel(); ++i)
    check(index[i] >= 0 && index[i] < size, "{}: index {} (at position {}) is not in [0, {})", op,
          index[i], i, size);
  return result;
}

// How much of x indices along an axis can reach: all of that axis, and of the others what they
// have.
Shape reached(const char* op, const Shape& x, int axis, const Array& indices) {
  check_indices(op, indices);
  check(indices.rank() == x.rank(), "{}: indices {} for a tensor {}: the ranks differ", op,
        indices.shape(), x);
  for (int i = 0; i < x.rank(); ++i)
    check(i == axis || indices.size(i) <= x[i], "{}: indices {} are larger than {} at axis {}", op,
          indices.shape(), x, i);
  Shape shape = indices.shape();
  shape[axis] = x[axis];
  return shape;
}

// Indices along one axis of a tensor, both folded so that this axis is the last: row r of x,
// x[r, 0 .. n), belongs to the indices index[r, 0 .. m). Taking and putting are each other's
// gradients.
class Along {
 public:
  Along(const char* op, const Shape& x, int axis, const Array& indices)
      : op_(op),
        axis_(normalize_axis(op, axis, x.rank())),
        cut_(reached(op, x, axis_, indices)),
        outside_(op, cut_, {axis_}),
        inside_(op, indices.shape(), {axis_}),
        index_(inside_.fold(checked(op, indices, x[axis_]))) {}

  // The part of x, a view, that the indices can reach.
  Array reachable(Array x) const {
    for (int i = 0; i < x.rank(); ++i) x = x.slice(i, 0, cut_[i]);
    return x;
  }

  // y[r, j] = x[r, index[r, j]], in the shape of the indices.
  Array take(const Array& from) const {
    const Array x = outside_.fold(reachable(from));
    Array y({inside_.rows, inside_.n}, x.dtype());
    dispatch(x.dtype(), [&]<class T> {
      T* out = y.mutable_data<T>();
      for_each_row(inside_.rows, inside_.n,
                   [&, in = x.data<T>(), index = index_->data<int64_t>()](int64_t row, int64_t at) {
                     for (int64_t j = 0; j < inside_.n; ++j)
                       out[at + j] = in[row * outside_.n + index[at + j]];
                   });
    });
    return inside_.unfold(y);
  }

  // x[r, index[r, j]] += y[r, j], in the reachable part of x.
  void put(Array x, const Array& from) const {
    const Array y = inside_.fold(from);
    Array sums = Array::zeros({outside_.rows, outside_.n}, y.dtype());
    dispatch_float(op_, y.dtype(), [&]<class T> {
      T* out = sums.mutable_data<T>();
      for_each_row(inside_.rows, inside_.n,
                   [&, in = y.data<T>(), index = index_->data<int64_t>()](int64_t row, int64_t at) {
                     for (int64_t j = 0; j < inside_.n; ++j)
                       out[row * outside_.n + index[at + j]] += in[at + j];
                   });
    });
    Array part = reachable(std::move(x));
    add_in_place(part, outside_.unfold(sums));
  }

 private:
  const char* op_;
  int axis_;
  Shape cut_;                     // of what the indices can reach
  ReducedAxes outside_, inside_;  // how x is folded, and the indices
  Saved index_;                   // (rows, m)
};

}  // namespace

Tensor gather(const Tensor& x, int axis, const Array& indices) {
  const Along along("gather", x.shape(), axis, indices);
  return record("gather", along.take(x.value()), {x},
                [along](const Array& dy, Inputs in) { along.put(in.buffer(0), dy); });
}

Tensor scatter_add(const Tensor& x, int axis, const Array& indices, const Tensor& source) {
  const Along along("scatter_add", x.shape(), axis, indices);
  check(source.shape() == indices.shape(), "scatter_add: a source {} for indices {}",
        source.shape(), indices.shape());
  check(source.dtype() == x.dtype(), "scatter_add: dtypes differ: {} and {}", name(x.dtype()),
        name(source.dtype()));
  const Array y = x.value().clone();
  along.put(y, source.value());
  return record("scatter_add", y, {x, source}, [along](const Array& dy, Inputs in) {
    if (in.wants(0)) in.add(0, dy);
    if (in.wants(1)) in.add(1, along.take(dy));
  });
}

// With x and y as (outer, size of the axis, inner), y[o, i] is the row x[o, index_i] of `inner`
// elements. So dx[o, index_i] += dy[o, i], one i after the other.
Tensor index_select(const Tensor& x_any, int axis, const Array& indices) {
  axis = normalize_axis("index_select", axis, x_any.rank());
  check_indices("index_select", indices);
  check(indices.rank() == 1, "index_select: the indices must be [n], got {}", indices.shape());
  const Array index = checked("index_select", indices, x_any.size(axis));
  const Array x = x_any.value().contiguous();
  const int64_t n = x.size(axis), count = index.numel();
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < x.rank(); ++i)
    if (i != axis) (i < axis ? outer : inner) *= x.size(i);
  Shape shape = x.shape();
  shape[axis] = count;
  Array y(shape, x.dtype());
  dispatch(x.dtype(), [&]<class T> {
    T* out = y.mutable_data<T>();
    for_each_row(outer, count * inner,
                 [&, in = x.data<T>(), from = index.data<int64_t>()](int64_t o, int64_t at) {
                   for (int64_t i = 0; i < count; ++i)
                     std::memcpy(out + at + i * inner, in + (o * n + from[i]) * inner,
                                 static_cast<size_t>(inner) * sizeof(T));
                 });
  });
  return record("index_select", y, {x_any},
                [index = saved(index), n, count, outer, inner](const Array& dy_any, Inputs in) {
                  const Array dy = dy_any.contiguous();
                  Array& buffer = in.buffer(0);
                  dispatch_float("index_select", dy.dtype(), [&]<class T> {
                    T* dx = buffer.mutable_data<T>();
                    for_each_row(
                        outer, count * inner,
                        [&, g = dy.data<T>(), to = index->data<int64_t>()](int64_t o, int64_t at) {
                          for (int64_t i = 0; i < count; ++i)
                            kernels::elementwise<T>().accumulate(dx + (o * n + to[i]) * inner,
                                                                 g + at + i * inner, inner);
                        });
                  });
                });
}

Array one_hot(const Array& indices_any, int64_t classes, DType dtype) {
  check(classes >= 0, "one_hot: {} classes", classes);
  check_indices("one_hot", indices_any);
  const Array indices = checked("one_hot", indices_any, classes);
  Array y = Array::zeros(indices.shape().inserted(indices.rank(), classes), dtype);
  dispatch(dtype, [&]<class T> {
    T* out = y.mutable_data<T>();
    const int64_t* index = indices.data<int64_t>();
    for (int64_t i = 0; i < indices.numel(); ++i) out[i * classes + index[i]] = T(1);
  });
  return y;
}

}  // namespace gradus
