// Exercise 1: mul. Two inputs, and what to keep for the way back.
//
//     y = a b,   element by element; a and b broadcast
//
// Somewhere behind y a loss L is computed, a single number. The closure is handed dy = dL/dy, an
// array of y's shape: how fast the loss grows with each element of y. It owes each input the same:
// da = dL/da and db = dL/db, by the chain rule dy times the slope of y.
//
//     [a = saved(a)]   in the brackets of the closure: keeps a for the way back, where *a is the
//     array in.add(0, g)     adds g to the gradient of input 0, here a; in.add(1, g) to that of b.
//     Where an
//                      input was broadcast, add sums g back to the input's shape: nothing to do.
//     in.wants(0)      whether a wants a gradient at all: if not, spare the work
//
// Arrays have + - * / with each other and with numbers, element by element.
#include "exercises/exercise.h"

namespace gradus::exercises {

Tensor mul(const Tensor& a, const Tensor& b) {
  const Array y = a.value() * b.value();

  // [hint]
  // If a grows by a little, by how much does y = a b grow?
  // [hint]

  // [solution]
  // If a grows by a little e, y grows by e b: the slope toward a is b, and that toward b is a.
  //   da = dy b,   db = dy a
  const Backward backward = [a = saved(a), b = saved(b)](const Array& dy, Inputs in) {
    if (in.wants(0)) in.add(0, dy * *b);
    if (in.wants(1)) in.add(1, dy * *a);
  };
  // [solution]

  return record("mul", y, {a, b}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto call = [](auto op) { return [=](const Tensors& in) { return op(in[0], in[1]); }; };
  const auto add = [&](const char* name, const Shape& a, const Shape& b) {
    e.cases.push_back(
        {name, {{"a", e.numbers(a)}, {"b", e.numbers(b)}}, call(mul), call(gradus::mul)});
  };
  add("two matrices", {3, 5}, {3, 5});
  add("b a row", {3, 5}, {5});
  add("a a column", {3, 1}, {3, 5});
  add("column, row", {3, 1}, {1, 5});
  add("b a number", {2, 3, 5}, {});
  add("one element", {1}, {1});
  return e;
}

}  // namespace gradus::exercises
