#include "gradus/ops/elementwise.h"

#include "elementwise.h"
#include "gradus/arithmetic.h"

namespace gradus {

// ---- two inputs; Inputs::add sums a gradient back to the shape of an input that was broadcast
// ----

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

// ---- one input: dx = dy f'(x), with f and f' on one line each in kernels/isa/elementwise.cpp ----

Tensor elementwise(const char* op, const Tensor& x) {
  return record(op, unary(op, x.value()), {x}, [op, x = saved(x)](const Array& dy, Inputs in) {
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
