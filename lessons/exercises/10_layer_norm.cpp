// Exercise 10: layer_norm. Three ways from x to y, two of them row-wide.
//
//     m = mean(x),   r = 1 / sqrt(mean((x - m)^2) + eps),   h = (x - m) r,   y = h w + b
//
// for each row of C elements: x (..., C), w and b (C); m and r are one number a row, (..., 1).
// Given dy, wanted: dx, dw and db. It is exercise 9 with a mean taken away first: go back through
// the norm to d = x - m, and then through the subtraction.
//
//     mean(a)     here: the mean of each row, (..., 1)
#include "exercises/exercise.h"

namespace gradus::exercises {

Array mean(const Array& a) { return sum(a, {-1}, true) / static_cast<double>(a.size(-1)); }

Tensor layer_norm(const Tensor& x, const Tensor& w, const Tensor& b, double eps) {
  const Array d = x.value() - mean(x.value());
  const Array r = 1 / sqrt(mean(d * d) + eps);
  const Array h = d * r;
  const Array y = h * w.value() + b.value();

  // [hint]
  // With g = dy w, exercise 9 gives dd = r (g - h mean(g h)). Now d_i = x_i - mean(x): the slope of
  // d_i toward x_j is [i = j] - 1/C, so dx is dd minus its mean. And what is the mean of h?
  // [hint]

  // [solution]
  // y_i = h_i w_i + b_i: db_i = dy_i and dw_i = dy_i h_i, summed over the rows (in.add does that),
  // and g_i = dy_i w_i arrives at h_i. As in exercise 9, with d in the place of x,
  //   dd = r (g - h mean(g h))
  // From d_i = x_i - mean(x), dd_i/dx_j = [i = j] - 1/C, so dx_j = dd_j - mean(dd). As mean(h) = 0,
  // mean(dd) = r mean(g):
  //   dx = r (g - mean(g) - h mean(g h))
  const Backward backward = [r = saved(r), h = saved(h), w = saved(w)](const Array& dy, Inputs in) {
    const Array g = dy * *w;
    if (in.wants(0)) in.add(0, *r * (g - mean(g) - *h * mean(g * *h)));
    if (in.wants(1)) in.add(1, dy * *h);
    if (in.wants(2)) in.add(2, dy);
  };
  // [solution]

  return record("layer_norm", y, {x, w, b}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto call = [](auto op) {
    return [=](const Tensors& in) { return op(in[0], in[1], in[2], 1e-5); };
  };
  const auto add = [&](const char* name, const Array& x) {
    const Array w = e.numbers({x.size(-1)}), b = e.numbers({x.size(-1)});
    e.cases.push_back({name,
                       {{"x", x}, {"w", w}, {"b", b}},
                       call(exercises::layer_norm),
                       call(gradus::layer_norm)});
  };
  add("a row", e.numbers({7}));
  add("rows", e.numbers({3, 5}));
  add("a batch of rows", e.numbers({2, 3, 5}));
  add("far from 0", e.numbers({3, 5}) + 3);
  add("small numbers", e.numbers({3, 5}) * 0.1);
  return e;
}

}  // namespace gradus::exercises
