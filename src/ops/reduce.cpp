#include "gradus/ops/reduce.h"

#include <cmath>

#include "elementwise.h"
#include "gradus/arithmetic.h"
#include "ops/reduced_axes.h"

namespace gradus {
namespace {

ReducedAxes floating(const char* op, const Tensor& x, const Axes& axes) {
  check_floating(op, x.dtype());
  return {op, x.shape(), axes};
}

// `scale` times the sum. Every element of x had the same influence, so dx is scale dy, repeated
// along the axes that were summed.
Tensor scaled_sum(const char* op, const Tensor& x, const ReducedAxes& r, bool keepdim,
                  double scale) {
  Array value = sum(x.value(), r.axes, keepdim);
  if (scale != 1) value = value * scale;
  return record(op, std::move(value), {x},
                [shape = x.shape(), kept = r.kept, scale](const Array& dy, Inputs in) {
                  const Array g = scale == 1 ? dy : dy * scale;
                  in.add(0, g.reshape(kept).expand(shape));
                });
}

// a / b, and 0 where b is 0.
Array quotient_or_zero(const Array& a_any, const Array& b_any) {
  const Array a = a_any.contiguous(), b = b_any.contiguous();
  Array quotient(a.shape(), a.dtype());
  dispatch_float("div", a.dtype(), [&]<class T> {
    T* q = quotient.mutable_data<T>();
    const T *x = a.data<T>(), *y = b.data<T>();
    for (int64_t i = 0; i < a.numel(); ++i) q[i] = y[i] == 0 ? 0 : x[i] / y[i];
  });
  return quotient;
}

// x - mean. The mean of numbers around 10,000 is itself rounded; the second pass takes away what
// that left.
Array deviations(Array x, const ReducedAxes& r) {
  for (int pass = 0; pass < 2; ++pass) x = x - sum(x, r.axes, true) / static_cast<double>(r.n);
  return x;
}

// The maximum, and 0 where it is infinite (inf - inf is NaN) or there is none.
Array finite_maximum(const Tensor& x, const ReducedAxes& r) {
  if (r.n == 0) return Array::zeros(r.kept, x.dtype());
  Array result = amax(x.detach(), r.axes, true).value();
  dispatch_float("logsumexp", x.dtype(), [&]<class T> {
    T* m = result.mutable_data<T>();
    for (int64_t i = 0; i < result.numel(); ++i) m[i] = std::isinf(m[i]) ? 0 : m[i];
  });
  return result;
}

double variance_scale(const ReducedAxes& r, int correction) {
  return 1 / static_cast<double>(std::max<int64_t>(0, r.n - correction));
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) {
  return scaled_sum("sum", x, floating("sum", x, axes), keepdim, 1);
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) {
  const ReducedAxes r = floating("mean", x, axes);
  return scaled_sum("mean", x, r, keepdim, 1 / static_cast<double>(r.n));
}

// With d_i = x_i - m and s = 1 / (n - correction), var = s sum_i d_i^2. Moving x_i moves the mean m
// too, but sum_i d_i is 0, so that m's share vanishes: dx_i = 2 s dy d_i.
Tensor variance(const Tensor& x, const Axes& axes, bool keepdim, int correction) {
  const ReducedAxes r = floating("variance", x, axes);
  const Array d = deviations(x.value(), r);
  const double s = variance_scale(r, correction);
  return record("variance", sum(d * d, r.axes, keepdim) * s, {x},
                [d = saved(d), kept = r.kept, s](const Array& dy, Inputs in) {
                  in.add(0, dy.reshape(kept) * (2 * s) * *d);
                });
}

// y = sqrt(var), so dy = dvar / (2 y), and from above dx_i = (s dy / y) d_i.
Tensor standard_deviation(const Tensor& x, const Axes& axes, bool keepdim, int correction) {
  const ReducedAxes r = floating("standard_deviation", x, axes);
  const Array d = deviations(x.value(), r);
  const double s = variance_scale(r, correction);
  const Array y = unary("sqrt", sum(d * d, r.axes, keepdim) * s);
  return record("standard_deviation", y, {x},
                [d = saved(d), y = saved(y), kept = r.kept, s](const Array& dy, Inputs in) {
                  in.add(0, quotient_or_zero(dy * s, *y).reshape(kept) * *d);
                });
}

// With m = max x, e_i = exp(x_i - m) and t = sum_i e_i, y = m + log t and dx_i = dy e_i / t: the
// softmax of x. Where all x are -inf, t is 0 and none of them has an influence.
Tensor logsumexp(const Tensor& x, const Axes& axes, bool keepdim) {
  const ReducedAxes r = floating("logsumexp", x, axes);
  const Array m = finite_maximum(x, r);
  const Array e = unary("exp", x.value() - m);
  const Array t = sum(e, r.axes, true);
  const Array y = unary("log", t) + m;
  return record("logsumexp", y.reshape(r.result(keepdim)), {x},
                [e = saved(e), t = saved(t)](const Array& dy, Inputs in) {
                  in.add(0, quotient_or_zero(dy.reshape(t->shape()), *t) * *e);
                });
}

namespace {

double power(double x, double p) { return p == 1 ? x : p == 2 ? x * x : std::pow(x, p); }
double root(double x, double p) { return p == 1 ? x : p == 2 ? std::sqrt(x) : std::pow(x, 1 / p); }

template <class T>
double norm_of(const T* x, int64_t n, double p) {
  double total = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto size = std::abs(static_cast<double>(x[i]));
    if (!std::isinf(p))
      total += power(size, p);
    else if (!(size <= total) && total == total)  // NaN stays
      total = size;
  }
  return std::isinf(p) ? total : root(total, p);
}

// y^p = sum |x_i|^p, so p y^(p-1) dy = p |x_i|^(p-1) sign(x_i) dx_i for each i, and
//   dx_i = sign(x_i) |x_i|^(p-1) dy / y^(p-1).
// As p grows, only the largest |x_i| keep a share: dx_i = sign(x_i) [|x_i| == y] dy / their number.
template <class T>
void norm_backward(T* dx, double dy, const T* x, double y, int64_t n, double p) {
  int64_t ties = 0;
  for (int64_t i = 0; i < n; ++i) ties += std::abs(x[i]) == y;
  double scale = p == 1 ? dy : dy / power(y, p - 1);
  if (std::isinf(p)) scale = dy / static_cast<double>(ties);
  if (y == 0 || (std::isinf(p) && ties == 0)) scale = 0;  // PyTorch's choice at 0, and for NaN
  for (int64_t i = 0; i < n; ++i) {
    const double size = std::abs(static_cast<double>(x[i])), sign = (x[i] > 0) - (x[i] < 0);
    const double share = std::isinf(p) ? size == y : p == 1 ? 1 : power(size, p - 1);
    dx[i] = static_cast<T>(sign * share * scale);
  }
}

}  // namespace

Tensor norm(const Tensor& x, const Axes& axes, bool keepdim, double p) {
  check(p >= 1, "norm: needs p >= 1, got {}", p);
  const ReducedAxes r = floating("norm", x, axes);
  check(r.n > 0 || !std::isinf(p), "norm: the maximum of no elements, shape {}", x.shape());
  const Array folded = r.fold(x.value());
  // Rows without elements have the norm 0; the others are written below.
  Array y = r.n == 0 ? Array::zeros({r.rows}, x.dtype()) : Array({r.rows}, x.dtype());
  dispatch_float("norm", x.dtype(), [&]<class T> {
    T* value = y.mutable_data<T>();
    for_each_row(r.rows, r.n, [&, first = folded.data<T>()](int64_t row, int64_t at) {
      value[row] = static_cast<T>(norm_of(first + at, r.n, p));
    });
  });
  return record("norm", y.reshape(r.result(keepdim)), {x},
                [r, x = saved(folded), y = saved(y), p](const Array& dy_any, Inputs in) {
                  const Array dy = dy_any.reshape({r.rows}).contiguous();
                  Array dx({r.rows, r.n}, dy.dtype());
                  dispatch_float("norm", dy.dtype(), [&]<class T> {
                    T* gradient = dx.mutable_data<T>();
                    const T *g = dy.data<T>(), *first = x->data<T>(), *value = y->data<T>();
                    for_each_row(r.rows, r.n, [&](int64_t row, int64_t at) {
                      norm_backward(gradient + at, g[row], first + at, value[row], r.n, p);
                    });
                  });
                  in.add(0, r.unfold(dx));
                });
}

namespace {

// The running sums of each row, from its first element on or from its last one back, in double.
Array running_sums(const ReducedAxes& r, const Array& x_any, bool from_the_end) {
  const Array x = r.fold(x_any);
  Array sums(x.shape(), x.dtype());
  dispatch_float("cumsum", x.dtype(), [&]<class T> {
    T* y = sums.mutable_data<T>();
    for_each_row(r.rows, r.n, [&, first = x.data<T>()](int64_t, int64_t at) {
      double total = 0;
      for (int64_t i = 0; i < r.n; ++i) {
        const int64_t place = at + (from_the_end ? r.n - 1 - i : i);
        total += static_cast<double>(first[place]);
        y[place] = static_cast<T>(total);
      }
    });
  });
  return r.unfold(sums);
}

}  // namespace

// y_i = sum of x_j over j <= i, so that x_j is in all y_i with i >= j: dx_j is the sum of those
// dy_i, running from the end.
Tensor cumsum(const Tensor& x, int axis) {
  const ReducedAxes r = floating("cumsum", x, {axis});
  return record("cumsum", running_sums(r, x.value(), false), {x},
                [r](const Array& dy, Inputs in) { in.add(0, running_sums(r, dy, true)); });
}

}  // namespace gradus
