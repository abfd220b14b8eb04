// Exercise 9: rms_norm. A row divided by its own length, and a weight.
//
//     r = 1 / sqrt(mean(x^2) + eps),   h = x r,   y = h w     for each row of C elements
//
// The norm of LLaMA: x (..., C), w (C); r is one number a row, (..., 1). Given dy, wanted: dx and
// dw. x reaches y twice: by itself, and through r, which every element of the row has a part in.
// Begin with g, the gradient that arrives at h.
//
//     mean(a)     here: the mean of each row, (..., 1)
#include "exercises/exercise.h"

namespace gradus::exercises {

Array mean(const Array& a) { return sum(a, {-1}, true) / static_cast<double>(a.size(-1)); }

Tensor rms_norm(const Tensor& x, const Tensor& w, double eps) {
  const Array r = 1 / sqrt(mean(x.value() * x.value()) + eps);
  const Array h = x.value() * r;
  const Array y = h * w.value();

  // [hint]
  // g = dy w arrives at h. The slope of r toward x_j is -r^3 x_j / C, so that of h_i = x_i r toward
  // x_j is [i = j] r - x_i r^3 x_j / C. Write x r as h, sum over i, and a mean appears.
  // [hint]

  // [solution]
  // y_i = h_i w_i: dw_i = dy_i h_i, summed over the rows (in.add does that), and g_i = dy_i w_i
  // arrives at h_i. With m = mean(x^2) + eps and r = m^(-1/2),
  //   dr/dx_j = -1/2 m^(-3/2) 2 x_j / C = -r^3 x_j / C = -r^2 h_j / C
  //   dh_i/dx_j = [i = j] r + x_i dr/dx_j = r ([i = j] - h_i h_j / C)
  //   dx_j = sum_i g_i dh_i/dx_j = r (g_j - h_j mean(g h))
  const Backward backward = [r = saved(r), h = saved(h), w = saved(w)](const Array& dy, Inputs in) {
    const Array g = dy * *w;
    if (in.wants(0)) in.add(0, *r * (g - *h * mean(g * *h)));
    if (in.wants(1)) in.add(1, dy * *h);
  };
  // [solution]

  return record("rms_norm", y, {x, w}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto call = [](auto op) {
    return [=](const Tensors& in) { return op(in[0], in[1], 1e-5); };
  };
  const auto add = [&](const char* name, const Array& x) {
    e.cases.push_back({name,
                       {{"x", x}, {"w", e.numbers({x.size(-1)})}},
                       call(exercises::rms_norm),
                       call(gradus::rms_norm)});
  };
  add("a row", e.numbers({7}));
  add("rows", e.numbers({3, 5}));
  add("a batch of rows", e.numbers({2, 3, 5}));
  add("small numbers", e.numbers({3, 5}) * 0.1);
  add("rows of 2", e.numbers({5, 2}));
  return e;
}

}  // namespace gradus::exercises
