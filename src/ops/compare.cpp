#include "gradus/ops/compare.h"

#include "gradus/arithmetic.h"

namespace gradus {

Array eq(const Tensor& a, const Tensor& b) { return eq(a.value(), b.value()); }
Array ne(const Tensor& a, const Tensor& b) { return ne(a.value(), b.value()); }
Array lt(const Tensor& a, const Tensor& b) { return lt(a.value(), b.value()); }
Array le(const Tensor& a, const Tensor& b) { return le(a.value(), b.value()); }
Array gt(const Tensor& a, const Tensor& b) { return gt(a.value(), b.value()); }
Array ge(const Tensor& a, const Tensor& b) { return ge(a.value(), b.value()); }

// ---- the gradient goes to the one that was chosen ----

Tensor where(const Array& mask, const Tensor& a, const Tensor& b) {
  return record("where", where(mask, a.value(), b.value()), {a, b},
                [mask = saved(mask)](const Array& dy, Inputs in) {
                  if (in.wants(0)) in.add(0, masked_fill(dy, logical_not(*mask), 0));
                  if (in.wants(1)) in.add(1, masked_fill(dy, *mask, 0));
                });
}

namespace {

// A maximum or minimum: none of the gradient goes where the input loses, half of it where the two
// are equal.
template <class Loses>
Tensor better_of(const char* op, Array better, const Tensor& a, const Tensor& b, Loses loses) {
  return record(op, std::move(better), {a, b},
                [loses, a = saved(a), b = saved(b)](const Array& dy, Inputs in) {
                  const Array share = where(eq(*a, *b), dy * 0.5, dy);
                  if (in.wants(0)) in.add(0, masked_fill(share, loses(*a, *b), 0));
                  if (in.wants(1)) in.add(1, masked_fill(share, loses(*b, *a), 0));
                });
}

using Comparison = Array (*)(const Array&, const Array&);

}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) {
  return better_of("maximum", maximum(a.value(), b.value()), a, b, Comparison(lt));
}

Tensor minimum(const Tensor& a, const Tensor& b) {
  return better_of("minimum", minimum(a.value(), b.value()), a, b, Comparison(gt));
}

Tensor clamp(const Tensor& x, double low, double high) {
  check_floating("clamp", x.dtype());
  check(low <= high, "clamp: the lower bound {} is not below the upper bound {}", low, high);
  const Array least = Array::scalar(low, x.dtype()), most = Array::scalar(high, x.dtype());
  return record("clamp", minimum(maximum(x.value(), least), most), {x},
                [least, most, x = saved(x)](const Array& dy, Inputs in) {
                  const Array inside = logical_and(ge(*x, least), le(*x, most));
                  in.add(0, masked_fill(dy, logical_not(inside), 0));
                });
}

}  // namespace gradus
