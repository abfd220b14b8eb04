// Exercise 7: amax. The largest of each row, and what happens at a tie.
//
//     y_r = max_i x_ri   along one axis, which disappears
//
// Given dy, wanted: dx. Only the largest element of a row has an influence on y. Where k elements
// tie for it, the maximum has a kink and no derivative; agreed is that each gets 1/k of dy, as in
// PyTorch. (With small numbers from a table, or after a ReLU, ties are common.)
//
//     eq(a, b)              a mask: where a == b; they broadcast
//     where(mask, u, v)     u where the mask is true, v elsewhere
//     Array::scalar(1, dy.dtype())   a single number, which broadcasts
#include "exercises/exercise.h"

namespace gradus::exercises {

Tensor amax(const Tensor& x, int axis) {
  const Array kept = gradus::amax(Tensor(x.value()), {axis}, true).value();  // axis has size 1
  const Array y = kept.reshape(x.shape().erased(normalize_axis("amax", axis, x.rank())));

  // [hint]
  // Make an array of x's shape that is 1 where x is the maximum of its row and 0 elsewhere. What is
  // its sum along the axis?
  // [hint]

  // [solution]
  // A small step of x_i moves y only where x_i = y: the slope is [x_i = y], or, shared among k
  // ties, [x_i = y] / k, with k = sum_i [x_i = y]:
  //   dx = dy [x = y] / k
  const Backward backward = [x = saved(x), kept = saved(kept), axis](const Array& dy, Inputs in) {
    const Array one = Array::scalar(1, dy.dtype()), zero = Array::scalar(0, dy.dtype());
    const Array is_largest = where(eq(*x, *kept), one, zero);
    const Array k = sum(is_largest, {axis}, true);
    in.add(0, dy.reshape(kept->shape()) * is_largest / k);
  };
  // [solution]

  return record("amax", y, {x}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto add = [&](const char* name, const Array& x, int axis, bool ties = false) {
    const Function yours = [=](const Tensors& in) { return exercises::amax(in[0], axis); };
    const Function library = [=](const Tensors& in) { return gradus::amax(in[0], {axis}); };
    e.cases.push_back({name, {{"x", x}}, yours, library, ties});
  };
  const auto of = [](const std::vector<double>& values, const Shape& shape) {
    return Array::of(values, shape, DType::float64);
  };
  add("of each row", e.numbers({3, 5}), 1);
  add("of each column", e.numbers({3, 5}), 0);
  add("the middle axis", e.numbers({2, 3, 5}), 1);
  add("one element each", e.numbers({3, 1}), -1);
  add("two tie", of({1, 3, 2, 3, 2, 2, 0, -1}, {2, 4}), 1, true);
  add("all tie", of({2, 2, 2}, {1, 3}), 1, true);
  add("ties in columns", of({0, 1, 2, 0, 0, 2, -1, 1, 2}, {3, 3}), 0, true);
  return e;
}

}  // namespace gradus::exercises
