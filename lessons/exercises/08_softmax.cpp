// Exercise 8: softmax. A row whose elements all move each other.
//
//     y_i = exp(x_i) / sum_k exp(x_k)   along the last axis
//
// The forward subtracts the row's maximum from x first, which changes nothing in y and keeps exp
// from overflowing. Given dy, wanted: dx. If one x_j grows, y_j grows and every other y_i of its
// row shrinks: find the slope of y_i toward x_j, for i = j and for i != j, and sum over all i. Both
// can be written with y alone.
//
//     sum(a, {-1}, true)     the sum of each row, (..., 1)
#include "exercises/exercise.h"

namespace gradus::exercises {

Tensor softmax(const Tensor& x) {
  const Array e = exp(x.value() - gradus::amax(Tensor(x.value()), {-1}, true).value());
  const Array y = e / sum(e, {-1}, true);

  // [hint]
  // The slope of y_i toward x_j is y_i (1 - y_j) where i = j and -y_i y_j elsewhere: y_i [i = j] -
  // y_i y_j. Put it into dx_j = sum_i dy_i slope_ij and look for what does not depend on j.
  // [hint]

  // [solution]
  // With s = sum_k exp(x_k), y_i = exp(x_i) / s, and the quotient rule gives
  //   dy_i/dx_j = ([i = j] exp(x_i) s - exp(x_i) exp(x_j)) / s^2 = y_i ([i = j] - y_j)
  // The chain rule sums over all i of the row:
  //   dx_j = sum_i dy_i y_i ([i = j] - y_j) = y_j (dy_j - sum_i dy_i y_i)
  const Backward backward = [y = saved(y)](const Array& dy, Inputs in) {
    in.add(0, *y * (dy - sum(dy * *y, {-1}, true)));
  };
  // [solution]

  return record("softmax", y, {x}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto add = [&](const char* name, const Array& x) {
    const Function yours = [](const Tensors& in) { return exercises::softmax(in[0]); };
    const Function library = [](const Tensors& in) { return gradus::softmax(in[0]); };
    e.cases.push_back({name, {{"x", x}}, yours, library});
  };
  add("a row", e.numbers({7}));
  add("rows", e.numbers({3, 5}));
  add("a batch of rows", e.numbers({2, 3, 5}));
  add("far from 0", e.numbers({3, 5}) + 10);
  add("two elements a row", e.numbers({5, 2}));
  return e;
}

}  // namespace gradus::exercises
