#include "gradus/ops/loss.h"

#include <cmath>

#include "gradus/ops/reduce.h"
#include "kernels/parallel.h"
#include "ops/loss_reduction.h"

namespace gradus {
namespace {

// ---- losses of single elements: that of x beside the target z, and its slopes in both -----------

template <class T>
struct SquaredError {
  static T loss(T x, T z) { return (x - z) * (x - z); }
  static T dx(T x, T z) { return 2 * (x - z); }
  static T dz(T x, T z) { return 2 * (z - x); }
};

template <class T>
struct AbsoluteError {
  static T loss(T x, T z) { return std::abs(x - z); }
  static T dx(T x, T z) { return static_cast<T>((x > z) - (x < z)); }
  static T dz(T x, T z) { return dx(z, x); }
};

// With log sigmoid(x) = -log(1 + e^-x), and 1 - sigmoid(x) = e^-x sigmoid(x):
//   -z log sigmoid(x) - (1 - z) (log sigmoid(x) - x) = (1 - z) x + log(1 + e^-x),
// the logarithm being max(-x, 0) + log(1 + e^-|x|), where nothing overflows. The slope in x is
// sigmoid(x) - z = (1 - z) - sigmoid(-x); of the two forms, the one whose sigmoid is below 1/2
// keeps its digits.
template <class T>
struct BinaryCrossEntropy {
  static T loss(T x, T z) {
    return ((1 - z) * x + std::max<T>(-x, 0)) + std::log1p(std::exp(-std::abs(x)));
  }
  static T dx(T x, T z) {
    return x > 0 ? (1 - z) - 1 / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)) - z;
  }
  static T dz(T x, T) { return -x; }
};

// z (log z - x), for x = log q; its limit at z = 0 is 0.
template <class T>
struct Divergence {
  static T loss(T x, T z) { return z == 0 ? 0 : z * (std::log(z) - x); }
  static T dx(T, T z) { return -z; }
  static T dz(T x, T z) { return std::log(z) - x + 1; }
};

// out[i] = f(i), in parallel.
template <class T, class F>
Array generate(const Shape& shape, F f) {
  Array out(shape, dtype_of<T>);
  T* first = out.mutable_data<T>();
  kernels::parallel_for(out.numel(), kernels::grain_for(1 << 11), [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) first[i] = f(i);
  });
  return out;
}

template <template <class T> class Loss>
Tensor elementwise_loss(const char* op, const Tensor& x_any, const Tensor& z_any,
                        Reduction reduction) {
  check(x_any.shape() == z_any.shape(), "{}: input and target must have one shape, got {} and {}",
        op, x_any.shape(), z_any.shape());
  check(x_any.dtype() == z_any.dtype(), "{}: dtypes differ: {} and {}", op, name(x_any.dtype()),
        name(z_any.dtype()));
  const Array x = x_any.value().contiguous(), z = z_any.value().contiguous();
  const Array losses = dispatch_float(op, x.dtype(), [&]<class T> {
    return generate<T>(x.shape(), [x = x.data<T>(), z = z.data<T>()](int64_t i) {
      return Loss<T>::loss(x[i], z[i]);
    });
  });
  const Reducer reducer(op, reduction, x.shape(), x.numel());
  return record(op, reducer(losses), {x_any, z_any},
                [op, x = saved(x), z = saved(z), reducer](const Array& dy, Inputs in) {
                  const Array dlosses = reducer.spread(dy).contiguous();
                  dispatch_float(op, x->dtype(), [&]<class T> {
                    const T *g = dlosses.data<T>(), *from = x->data<T>(), *to = z->data<T>();
                    const auto dx = [=](int64_t i) { return g[i] * Loss<T>::dx(from[i], to[i]); };
                    const auto dz = [=](int64_t i) { return g[i] * Loss<T>::dz(from[i], to[i]); };
                    if (in.wants(0)) in.add(0, generate<T>(x->shape(), dx));
                    if (in.wants(1)) in.add(1, generate<T>(x->shape(), dz));
                  });
                });
}

}  // namespace

Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  return elementwise_loss<SquaredError>("mse_loss", x, target, reduction);
}
Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  return elementwise_loss<AbsoluteError>("l1_loss", x, target, reduction);
}
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& targets,
                                        Reduction reduction) {
  return elementwise_loss<BinaryCrossEntropy>("binary_cross_entropy_with_logits", logits, targets,
                                              reduction);
}
Tensor kl_div(const Tensor& log_q, const Tensor& target, Reduction reduction) {
  return elementwise_loss<Divergence>("kl_div", log_q, target, reduction);
}

// ---- the angle between vectors -----------------------------------------------------------------

namespace {

// max(x, least), and NaN where x is.
Array at_least(double least, const Array& x_any) {
  const Array x = x_any.contiguous();
  return dispatch_float("cosine_similarity", x.dtype(), [&]<class T> {
    return generate<T>(x.shape(), [p = x.data<T>(), low = static_cast<T>(least)](int64_t i) {
      return p[i] < low ? low : p[i];
    });
  });
}

Array length_along(const Array& v, int axis) { return norm(Tensor(v), {axis}, true).value(); }

// d cos / da, given b / max(|b|, eps).
Array cosine_slope(const Array& a, const Array& length, const Array& other, const Array& cosine,
                   double eps) {
  const double smallest = a.dtype() == DType::float32 ? 0x1p-126 : 0x1p-1022;  // instead of 0 / 0
  return (other - cosine * (a / at_least(smallest, length))) / at_least(eps, length);
}

}  // namespace

// With n = max(|a|, eps), m = max(|b|, eps): cos = sum(a/n b/m). Because d|a| / da = a / |a|,
//   d cos / da = (b/m - cos a/|a|) / n   and   d cos / db = (a/n - cos b/|b|) / m.
Tensor cosine_similarity(const Tensor& a_any, const Tensor& b_any, int axis, double eps) {
  constexpr const char* op = "cosine_similarity";
  const Shape shape = broadcast(op, a_any.shape(), b_any.shape());
  check(is_floating(a_any.dtype()) && a_any.dtype() == b_any.dtype(),
        "{}: needs float32 or float64, the same for both, got {} and {}", op, name(a_any.dtype()),
        name(b_any.dtype()));
  axis = normalize_axis(op, axis, shape.rank());
  const Array a = a_any.value().expand(shape), b = b_any.value().expand(shape);
  const Array a_length = length_along(a, axis), b_length = length_along(b, axis);
  const Array cosine =
      sum(a / at_least(eps, a_length) * (b / at_least(eps, b_length)), {axis}, true);
  return record(op, cosine.reshape(shape.erased(axis)), {a_any, b_any},
                [a = saved(a), b = saved(b), a_length = saved(a_length), b_length = saved(b_length),
                 cosine = saved(cosine), axis, eps](const Array& dy_any, Inputs in) {
                  const Array dy = dy_any.unsqueeze(axis);
                  const Array u = *a / at_least(eps, *a_length), v = *b / at_least(eps, *b_length);
                  if (in.wants(0)) in.add(0, dy * cosine_slope(*a, *a_length, v, *cosine, eps));
                  if (in.wants(1)) in.add(1, dy * cosine_slope(*b, *b_length, u, *cosine, eps));
                });
}

}  // namespace gradus
