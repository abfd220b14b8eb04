// Maxima, minima and where they are.
#include "gradus/ops/reduce.h"
#include "ops/reduced_axes.h"

namespace gradus {
namespace {

enum class Extreme { largest, smallest };

// The place in each row, (rows, n) -> (rows), of its extreme: the first of equals. NaN beats all.
Array places(const char* op, const Array& folded, Extreme which) {
  const int64_t rows = folded.size(0), n = folded.size(1);
  Array result({rows}, DType::int64);
  int64_t* place = result.mutable_data<int64_t>();
  dispatch_float(op, folded.dtype(), [&]<class T> {
    const T sign = which == Extreme::largest ? T(1) : T(-1);
    for_each_row(rows, n, [&, x = folded.data<T>()](int64_t row, int64_t at) {
      T best = sign * x[at];
      place[row] = 0;
      for (int64_t i = 1; i < n && best == best; ++i)
        if (const T candidate = sign * x[at + i]; !(candidate <= best)) {
          best = candidate;
          place[row] = i;
        }
    });
  });
  return result;
}

// The elements that stand at these places, (rows).
Array values_at(const Array& folded, const Array& places) {
  Array result(places.shape(), folded.dtype());
  dispatch_float("max", folded.dtype(), [&]<class T> {
    T* value = result.mutable_data<T>();
    const T* x = folded.data<T>();
    const int64_t *place = places.data<int64_t>(), n = folded.size(1);
    for (int64_t row = 0; row < places.numel(); ++row) value[row] = x[row * n + place[row]];
  });
  return result;
}

// A small step of x moves y only where x is the extreme. Where k elements tie for it, each has one
// k-th of the influence: dx_i = [x_i == y] dy / k.
template <class T>
void share_among_ties(T* dx, T dy, const T* x, T y, int64_t n) {
  const auto ties = [=](T value) { return value == y || (value != value && y != y); };
  const auto k = static_cast<T>(std::count_if(x, x + n, ties));
  for (int64_t i = 0; i < n; ++i) dx[i] = ties(x[i]) ? dy / k : 0;
}

ReducedAxes non_empty(const char* op, const Shape& shape, const Axes& axes) {
  const ReducedAxes r(op, shape, axes);
  check(r.n > 0, "{}: of no elements there is none, shape {}", op, shape);
  return r;
}

Tensor extreme_value(const char* op, const Tensor& x, const Axes& axes, bool keepdim,
                     Extreme which) {
  const ReducedAxes r = non_empty(op, x.shape(), axes);
  const Array folded = r.fold(x.value());
  const Array y = values_at(folded, places(op, folded, which));
  return record(op, y.reshape(r.result(keepdim)), {x},
                [r, x = saved(folded), y = saved(y)](const Array& dy_any, Inputs in) {
                  const Array dy = dy_any.reshape({r.rows}).contiguous();
                  Array dx({r.rows, r.n}, dy.dtype());
                  dispatch_float("max", dy.dtype(), [&]<class T> {
                    T* gradient = dx.mutable_data<T>();
                    const T *g = dy.data<T>(), *first = x->data<T>(), *value = y->data<T>();
                    for_each_row(r.rows, r.n, [&](int64_t row, int64_t at) {
                      share_among_ties(gradient + at, g[row], first + at, value[row], r.n);
                    });
                  });
                  in.add(0, r.unfold(dx));
                });
}

// Here y is x at one place, and that place gets dy.
ValuesAndIndices extreme_and_index(const char* op, const Tensor& x, int axis, bool keepdim,
                                   Extreme which) {
  const ReducedAxes r = non_empty(op, x.shape(), {axis});
  const Array folded = r.fold(x.value()), place = places(op, folded, which);
  const Tensor values = record(op, values_at(folded, place).reshape(r.result(keepdim)), {x},
                               [r, place = saved(place)](const Array& dy_any, Inputs in) {
                                 const Array dy = dy_any.reshape({r.rows}).contiguous();
                                 Array dx = Array::zeros({r.rows, r.n}, dy.dtype());
                                 dispatch_float("max", dy.dtype(), [&]<class T> {
                                   T* gradient = dx.mutable_data<T>();
                                   for (int64_t row = 0; row < r.rows; ++row)
                                     gradient[row * r.n + place->data<int64_t>()[row]] =
                                         dy.data<T>()[row];
                                 });
                                 in.add(0, r.unfold(dx));
                               });
  return {values, place.reshape(r.result(keepdim))};
}

Array extreme_index(const char* op, const Tensor& x, int axis, bool keepdim, Extreme which) {
  const ReducedAxes r = non_empty(op, x.shape(), {axis});
  return places(op, r.fold(x.value()), which).reshape(r.result(keepdim));
}

}  // namespace

Tensor amax(const Tensor& x, const Axes& axes, bool keepdim) {
  return extreme_value("amax", x, axes, keepdim, Extreme::largest);
}
Tensor amin(const Tensor& x, const Axes& axes, bool keepdim) {
  return extreme_value("amin", x, axes, keepdim, Extreme::smallest);
}
Tensor max(const Tensor& x) { return extreme_value("max", x, {}, false, Extreme::largest); }
Tensor min(const Tensor& x) { return extreme_value("min", x, {}, false, Extreme::smallest); }

ValuesAndIndices max(const Tensor& x, int axis, bool keepdim) {
  return extreme_and_index("max", x, axis, keepdim, Extreme::largest);
}
ValuesAndIndices min(const Tensor& x, int axis, bool keepdim) {
  return extreme_and_index("min", x, axis, keepdim, Extreme::smallest);
}
Array argmax(const Tensor& x, int axis, bool keepdim) {
  return extreme_index("argmax", x, axis, keepdim, Extreme::largest);
}
Array argmin(const Tensor& x, int axis, bool keepdim) {
  return extreme_index("argmin", x, axis, keepdim, Extreme::smallest);
}

}  // namespace gradus
