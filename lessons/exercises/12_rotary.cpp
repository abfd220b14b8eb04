// Exercise 12: rotary. Pairs turned by an angle, and turned back.
//
//     p' = p cos - q sin,   q' = p sin + q cos
//
// Rotary positions (RoPE): in each vector of x (..., T, D) number i of the first half, p, and
// number i of the second half, q, are a point in the plane, turned by an angle that grows with the
// vector's position. The angles are given, (T, D / 2), by their cosines and sines. Given dy, of y's
// shape, wanted: dx. Turn one pair by hand first.
//
//     half(a, 0), half(a, 1)   the two halves of the vectors of a, (..., T, D / 2)
//     joined(p, q)             the vectors that have these halves
#include <cmath>

#include "exercises/exercise.h"

namespace gradus::exercises {

Array half(const Array& a, int64_t which) {
  const int64_t n = a.size(-1) / 2;
  return a.slice(-1, which * n, (which + 1) * n);
}
Array joined(const Array& p, const Array& q) { return concat({Tensor(p), Tensor(q)}, -1).value(); }

// f of the angles t 10000^(-2i/D) for all positions t and pairs i, (T, D / 2).
Array of_angles(double (*f)(double), const Tensor& x) {
  const int64_t T = x.size(-2), D = x.size(-1);
  std::vector<double> all;
  for (int64_t t = 0; t < T; ++t)
    for (int64_t i = 0; i < D / 2; ++i) {
      const double exponent = -2 * static_cast<double>(i) / static_cast<double>(D);
      all.push_back(f(static_cast<double>(t) * std::pow(10000, exponent)));
    }
  return Array::of(all, {T, D / 2}, x.dtype());
}

Tensor rotary(const Tensor& x) {
  const Array cosine = of_angles(std::cos, x), sine = of_angles(std::sin, x);
  const Array p = half(x.value(), 0), q = half(x.value(), 1);
  const Array y = joined(p * cosine - q * sine, p * sine + q * cosine);

  // [hint]
  // p reaches both numbers of its pair, p' with slope cos and q' with slope sin; so dp = dp' cos +
  // dq' sin. Which angle would the forward need to compute just that?
  // [hint]

  // [solution]
  // p reaches p' with slope cos and q' with slope sin, q reaches them with -sin and cos:
  //   dp = dp' cos + dq' sin,   dq = -dp' sin + dq' cos
  // That is the rotation by the opposite angle: a rotation's transpose is its inverse.
  const Backward backward = [cosine = saved(cosine), sine = saved(sine)](const Array& dy,
                                                                         Inputs in) {
    const Array dp = half(dy, 0), dq = half(dy, 1);
    in.add(0, joined(dp * *cosine + dq * *sine, dq * *cosine - dp * *sine));
  };
  // [solution]

  return record("rotary", y, {x}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto add = [&](const char* name, const Shape& x) {
    const Function yours = [](const Tensors& in) { return exercises::rotary(in[0]); };
    const Function library = [](const Tensors& in) {
      return rotary_embedding(in[0], {.pairs = RotaryPairs::halves});
    };
    e.cases.push_back({name, {{"x", e.numbers(x)}}, yours, library});
  };
  add("one head", {3, 6});
  add("batch, heads", {2, 1, 5, 4});
  add("one pair", {7, 2});
  add("position 0 only", {1, 6});
  return e;
}

}  // namespace gradus::exercises
