// Exercise 2: div. A sign, and a slope that needs the other input.
//
//     y = a / b,   element by element; a and b broadcast
//
// Given dy, wanted: da and db. What must be kept depends on how the slopes are written: b and y do,
// and so do a and b.
#include "exercises/exercise.h"

namespace gradus::exercises {

Tensor div(const Tensor& a, const Tensor& b) {
  const Array y = a.value() / b.value();

  // [hint]
  // The slope of 1 / b is -1 / b^2. Of which input is that the gradient?
  // [hint]

  // [solution]
  // The slope of a / b toward a is 1 / b. Toward b it is -a / b^2, which is -y / b:
  //   da = dy / b,   db = -dy y / b
  const Backward backward = [y = saved(y), b = saved(b)](const Array& dy, Inputs in) {
    if (in.wants(0)) in.add(0, dy / *b);
    if (in.wants(1)) in.add(1, -dy * *y / *b);
  };
  // [solution]

  return record("div", y, {a, b}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto call = [](auto op) { return [=](const Tensors& in) { return op(in[0], in[1]); }; };
  const auto add = [&](const char* name, const Shape& a, const Shape& b) {
    // Away from 0, where a quotient has its pole.
    const Array x = e.numbers(b);
    const Array divisor = x + where(gt(x, Array::scalar(0, x.dtype())), Array::scalar(1, x.dtype()),
                                    Array::scalar(-1, x.dtype()));
    e.cases.push_back({name, {{"a", e.numbers(a)}, {"b", divisor}}, call(div), call(gradus::div)});
  };
  add("two matrices", {3, 5}, {3, 5});
  add("b a column", {3, 5}, {3, 1});
  add("a a row", {5}, {3, 5});
  add("a a number", {}, {2, 3, 5});
  add("one element", {1, 1}, {1});
  return e;
}

}  // namespace gradus::exercises
