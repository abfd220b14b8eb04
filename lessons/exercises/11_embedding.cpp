// Exercise 11: embedding. Rows looked up, some of them twice.
//
//     y_p = W_{t_p},   W (V, C), t (...) of numbers from 0 to V - 1, y (..., C)
//
// For each place p a row of the table: how a token becomes a vector. Given dy, a row for each
// place, wanted: dW. The indices have no gradient. Several places may have looked up one row, and
// most rows nobody; V is large, so do not multiply by a matrix of zeros and ones.
//
//     in.buffer(0)        dW itself (Array&), zeros at first; only if in.wants(0)
//     a.select(0, i)      row i: a view, which looks at the same numbers
//     add_in_place(a, b)  a += b, where a stands
#include "exercises/exercise.h"

namespace gradus::exercises {

Tensor embedding(const Tensor& W, const Array& t) {
  const int64_t places = t.numel(), C = W.size(1);
  const std::vector<double> index = t.to_vector();  // row-major
  Array rows({places, C}, W.dtype());
  for (int64_t p = 0; p < places; ++p) {
    Array row = rows.select(0, p);
    row.copy_from(W.value().select(0, static_cast<int64_t>(index[static_cast<size_t>(p)])));
  }
  const Array y = rows.reshape(t.shape().inserted(t.rank(), C));

  // [hint]
  // Walk over the places as the forward does, the other way round: row p of dy belongs to row t_p
  // of dW. Written or added? Think of a row that is looked up twice.
  // [hint]

  // [solution]
  // Row v of W is copied to every place p with t_p = v, each time with slope 1. The chain rule sums
  // over all of them:
  //   dW_v = sum of dy_p over the places p with t_p = v
  const Backward backward = [index, places, C](const Array& dy, Inputs in) {
    if (!in.wants(0)) return;
    const Array g = dy.reshape({places, C});
    Array& dW = in.buffer(0);
    for (int64_t p = 0; p < places; ++p) {
      Array row = dW.select(0, static_cast<int64_t>(index[static_cast<size_t>(p)]));
      add_in_place(row, g.select(0, p));
    }
  };
  // [solution]

  return record("embedding", y, {W}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto add = [&](const char* name, const Shape& W, const Array& t) {
    const Function yours = [=](const Tensors& in) { return exercises::embedding(in[0], t); };
    const Function library = [=](const Tensors& in) { return gradus::embedding(in[0], t); };
    e.cases.push_back({name, {{"W", e.numbers(W)}}, yours, library});
  };
  add("each row once", {3, 5}, Array::of_indices({2, 0, 1}, {3}));
  add("rows twice, and never", {7, 3}, Array::of_indices({4, 0, 4, 6, 4}, {5}));
  add("a batch of sentences", {5, 3}, Array::of_indices({1, 0, 3, 3, 1, 2}, {2, 3}));
  add("a single index", {3, 5}, Array::of_indices({1}, {}));
  return e;
}

}  // namespace gradus::exercises
