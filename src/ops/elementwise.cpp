#include "gradus/ops/elementwise.h"

#include "elementwise.h"
#include "gradus/arithmetic.h"

namespace gradus {

// ---- two inputs; Inputs::add sums a gradient back to the shape of an input that was broadcast --

Tensor add(const Tensor& a, const Tensor& b) {
  return record("add", a.value() + b.value(), {a, b}, [](const Array& dy, Inputs in) {
    in.add(0, dy);
    in.add(1, dy);
  });
}

Tensor sub(const Tensor& a, const Tensor& b) {
  return record("sub", a.value() - b.value(), {a, b}, [](const Array& dy, Inputs in) {
    in.add(0, dy);
    if (in.wants(1)) in.add(1, -dy);
  });
}

Tensor mul(const Tensor& a, const Tensor& b) {
  return record("mul", a.value() * b.value(), {a, b},
                [a = saved(a), b = saved(b)](const Array& dy, Inputs in) {
                  if (in.wants(0)) in.add(0, dy * *b);  // da = dy b
                  if (in.wants(1)) in.add(1, dy * *a);  // db = dy a
                });
}

Tensor div(const Tensor& a, const Tensor& b) {
  return record("div", a.value() / b.value(), {a, b},
                [a = saved(a), b = saved(b)](const Array& dy, Inputs in) {
                  if (in.wants(0)) in.add(0, dy / *b);                 // da = dy / b
                  if (in.wants(1)) in.add(1, -(dy * *a / (*b * *b)));  // db = -dy a / b^2
                });
}

// For z = x^p,
//   dx = dz p x^(p - 1), but 0 where p = 0, and
//   dp = dz z log x, but 0, its limit, where x = 0 and p >= 0.

Tensor pow(const Tensor& x, double exponent) {
  return record("pow", pow(x.value(), exponent), {x},
                [exponent, x = saved(x)](const Array& dz, Inputs in) {
                  if (exponent == 0) return in.add(0, Array::zeros(dz.shape(), dz.dtype()));
                  in.add(0, dz * (exponent * pow(*x, exponent - 1)));
                });
}

Tensor pow(const Tensor& x, const Tensor& exponent) {
  const Array z = pow(x.value(), exponent.value());
  return record("pow", z, {x, exponent},
                [x = saved(x), p = saved(exponent), z = saved(z)](const Array& dz, Inputs in) {
                  const Array zero = Array::scalar(0, dz.dtype());
                  if (in.wants(0))
                    in.add(0, masked_fill(dz * (*p * pow(*x, *p - 1)), eq(*p, zero), 0));
                  if (in.wants(1)) {
                    const Array is_limit = logical_and(eq(*x, zero), ge(*p, zero));
                    in.add(1, dz * masked_fill(*z * unary("log", *x), is_limit, 0));
                  }
                });
}

// ---- one input: dx = dy f'(x), with f and f' on one line each in kernels/isa/elementwise.cpp ----

Tensor elementwise(const char* op, const Tensor& x) {
  Array y = unary(op, x.value());
  return record(op, std::move(y), {x}, [op, x = saved(x)](const Array& dy, Inputs in) {
    in.add(0, unary_backward(op, dy, *x));
  });
}

// ---- masks ----

Tensor masked_fill(const Tensor& x, const Array& mask, double value) {
  return record("masked_fill", masked_fill(x.value(), mask, value), {x},
                [mask = saved(mask)](const Array& dy, Inputs in) {
                  in.add(0, masked_fill(dy, *mask, 0));  // what was overwritten has no influence
                });
}

Tensor dropout(const Tensor& x, double p, Generator& generator) {
  check(p >= 0 && p <= 1, "dropout: the probability must lie in [0, 1], got {}", p);
  if (p == 0) return x;
  Array mask(x.shape(), x.dtype());  // 0 or 1 / (1 - p)
  dispatch_float("dropout", x.dtype(), [&]<class T> {
    const T kept = p < 1 ? static_cast<T>(1 / (1 - p)) : T{};
    std::generate_n(mask.mutable_data<T>(), mask.numel(),
                    [&] { return generator.uniform() < p ? T{} : kept; });
  });
  return record("dropout", x.value() * mask, {x},
                [mask = saved(mask)](const Array& dy, Inputs in) { in.add(0, dy * *mask); });
}

}  // namespace gradus
