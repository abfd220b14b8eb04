// Exercise 3: sigmoid. The slope from the value: keep y, not x.
//
//     y = 1 / (1 + exp(-x)),   each element by itself
//
// Given dy, wanted: dx. Differentiate, and then look for y in what you have: the slope can be
// written with y alone, so that exp need not be computed a second time.
#include "exercises/exercise.h"

namespace gradus::exercises {

Tensor sigmoid(const Tensor& x) {
  const Array y = 1 / (1 + exp(-x.value()));

  // [hint]
  // dy/dx is y^2 exp(-x), and exp(-x) = 1 / y - 1.
  // [hint]

  // [solution]
  // With u = 1 + exp(-x), y = 1 / u, so dy/dx = -1 / u^2 (-exp(-x)) = y^2 exp(-x). Here exp(-x) is
  // u - 1 = 1 / y - 1, and y^2 (1 / y - 1) = y (1 - y):
  //   dx = dy y (1 - y)
  const Backward backward = [y = saved(y)](const Array& dy, Inputs in) {
    in.add(0, dy * *y * (1 - *y));
  };
  // [solution]

  return record("sigmoid", y, {x}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto call = [](auto op) { return [=](const Tensors& in) { return op(in[0]); }; };
  const auto add = [&](const char* name, const Shape& x) {
    e.cases.push_back({name, {{"x", e.numbers(x)}}, call(sigmoid), call(gradus::sigmoid)});
  };
  add("a matrix", {3, 5});
  add("three axes", {2, 3, 5});
  add("a vector", {7});
  add("a number", {});
  return e;
}

}  // namespace gradus::exercises
