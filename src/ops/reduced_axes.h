// What the ops that reduce axes have in common: which axes go, and a walk over rows.
#pragma once

#include <algorithm>

#include "gradus/array.h"
#include "kernels/parallel.h"

namespace gradus {

// A reduction of some axes of a shape. It folds an array of that shape so that the reduced axes
// become the last one, and back:
//
//     shape [2, 3, 5], axes {0, 2}: kept [1, 3, 1], without [3], folded (rows, n) = (3, 10)
struct ReducedAxes {
  ReducedAxes(const char* op, const Shape& x, const Axes& reduced)
      : axes(normalize_axes(op, reduced, x.rank())), kept(x) {
    for (const int axis : axes) {
      n *= x[axis];
      kept[axis] = 1;
    }
    rows = kept.numel();
    for (int axis = 0; axis < x.rank(); ++axis)
      if (!std::ranges::binary_search(axes, axis)) order.push_back(axis);
    for (const int axis : order) without = without.inserted(without.rank(), x[axis]);
    for (const int axis : axes) order.push_back(axis);
    for (const int axis : order) moved = moved.inserted(moved.rank(), x[axis]);
  }

  const Shape& result(bool keepdim) const { return keepdim ? kept : without; }

  // x as (rows, n), row-major: a copy unless the axes lie so already.
  Array fold(const Array& x) const { return x.permute(order).reshape({rows, n}).contiguous(); }
  // The way back: (rows, n), seen in the shape of x.
  Array unfold(const Array& folded) const {
    Axes inverse = order;
    for (size_t i = 0; i < order.size(); ++i)
      inverse[static_cast<size_t>(order[i])] = static_cast<int>(i);
    return folded.reshape(moved).permute(inverse);
  }

  Axes axes;                // that are reduced, ascending
  Shape kept, without;      // the shape with size 1 at these axes, and without them
  int64_t rows = 1, n = 1;  // the sizes after folding
  Axes order;               // of the axes of x: first the kept ones, then the reduced ones
  Shape moved;              // the shape of x in that order
};

// Calls f(row, offset of the row's first element) for all rows of n elements, in parallel where
// that is worth it. Rows without elements are passed over: there may be any number of them.
template <class F>
void for_each_row(int64_t rows, int64_t n, F f) {
  if (n == 0) return;
  const int64_t grain = kernels::grain_for(1 << 14, n);
  kernels::parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) f(row, row * n);
  });
}

}  // namespace gradus
