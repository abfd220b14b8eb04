// Exercise 6: linear. A weight that is used by every row, and a bias.
//
//     y = x WT + b,   x (..., K), W (N, K), b (N), y (..., N)
//
// The layer that all networks are made of; W has PyTorch's layout, a row for each output. The
// leading axes of x, say (batch, time), are folded into one: R rows, each times the same W. Given
// dy, of y's shape, wanted: dx (..., K), dW (N, K) and db (N).
//
//     sum(a, {0})       the sum over axis 0 of an array, which disappears
#include "exercises/exercise.h"

namespace gradus::exercises {

Tensor linear(const Tensor& x, const Tensor& W, const Tensor& b) {
  const int64_t K = W.size(1), N = W.size(0), R = x.numel() / K;
  const Array rows = x.value().reshape({R, K});
  Shape shape = x.shape();
  shape[-1] = N;
  const Array y = (gemm(rows, transposed(W.value())) + b.value()).reshape(shape);

  // [hint]
  // Fold dy into (R, N), as x was. Then it is exercise 5 with WT in the place of b, and each bias
  // was added to R rows.
  // [hint]

  // [solution]
  // With all in rows, and g for dy folded into rows, y_rn = sum_k x_rk W_nk + b_n, so
  //   dx_rk = sum_n g_rn W_nk,   dW_nk = sum_r g_rn x_rk,   db_n = sum_r g_rn
  // and as products:
  //   dx = g W,   dW = gT x,   db = the sum of g's rows
  const Backward backward = [rows = saved(rows), W = saved(W), R, N, shape = x.shape()](
                                const Array& dy, Inputs in) {
    const Array g = dy.reshape({R, N});
    if (in.wants(0)) in.add(0, gemm(g, *W).reshape(shape));
    if (in.wants(1)) in.add(1, gemm(transposed(g), *rows));
    if (in.wants(2)) in.add(2, sum(g, {0}));
  };
  // [solution]

  return record("linear", y, {x, W, b}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto call = [](auto op) {
    return [=](const Tensors& in) { return op(in[0], in[1], in[2]); };
  };
  const auto add = [&](const char* name, const Shape& x, int64_t N) {
    const Array W = e.numbers({N, x[-1]});
    e.cases.push_back({name,
                       {{"x", e.numbers(x)}, {"W", W}, {"b", e.numbers({N})}},
                       call(exercises::linear),
                       call(gradus::linear)});
  };
  add("rows", {3, 5}, 7);
  add("a batch of rows", {2, 3, 5}, 7);
  add("one row", {1, 5}, 3);
  add("no row: a vector", {5}, 3);
  add("as many outputs", {2, 5}, 5);
  add("one output", {3, 5}, 1);
  return e;
}

}  // namespace gradus::exercises
