// Exercise 4: sum. Axes that disappear, and how dx gets them back.
//
//     x (2, 3, 5) summed over axis 1:   y (2, 5), or (2, 1, 5) if keepdim
//
// The axes are any of x's, all of them if the list is empty. Given dy, of y's shape, wanted: dx, of
// x's. A closure may keep a Shape, a number or a bool as it is, [shape = x.shape()]: `saved` is for
// arrays.
//
//     g.reshape(shape)   the same elements, in the same order, under another shape
//     g.expand(shape)    axes of size 1 repeated to `shape`
#include "exercises/exercise.h"

namespace gradus::exercises {

Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) {
  const Array kept = sum(x.value(), axes, true);  // with size 1 where was summed
  const Array y = keepdim ? kept : sum(x.value(), axes, false);

  // [hint]
  // Every element of x that went into one y has the same slope: 1. So its dx is the dy of that y.
  // Which shape must dy have so that it can be repeated along the axes that were summed?
  // [hint]

  // [solution]
  // y = x_1 + ... + x_n grows by e if one x_i does: the slope is 1, and dx_i = dy for all i. So dx
  // is dy, repeated along the axes that were summed; they come back with size 1 first.
  //   dx = dy as (.., 1, ..), repeated to x's shape
  const Backward backward = [kept = kept.shape(), shape = x.shape()](const Array& dy, Inputs in) {
    in.add(0, dy.reshape(kept).expand(shape));
  };
  // [solution]

  return record("sum", y, {x}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto add = [&](const char* name, const Shape& x, const Axes& axes, bool keepdim) {
    const Function yours = [=](const Tensors& in) { return exercises::sum(in[0], axes, keepdim); };
    const Function library = [=](const Tensors& in) { return gradus::sum(in[0], axes, keepdim); };
    e.cases.push_back({name, {{"x", e.numbers(x)}}, yours, library});
  };
  add("everything", {3, 5}, {}, false);
  add("the columns", {3, 5}, {0}, false);
  add("the rows, axis kept", {3, 5}, {1}, true);
  add("the middle axis", {2, 3, 5}, {1}, false);
  add("first and last axis", {2, 3, 5}, {0, -1}, false);
  add("the last axis, kept", {2, 3, 5}, {-1}, true);
  add("an axis of size 1", {3, 1}, {1}, false);
  return e;
}

}  // namespace gradus::exercises
