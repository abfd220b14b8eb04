// Exercise 5: matmul. Sums over an index, and where transposes come from.
//
//     y_ij = sum_k a_ik b_kj,   a (..., M, K), b (..., K, N), y (..., M, N)
//
// Leading axes are a batch of such products; they broadcast. Given dy, of y's shape, wanted: da and
// db. Do it for one matrix: which y does a_ik reach, and with which slope? Then find the product
// that has the right shape: there is only one.
//
//     gemm(a, b)        the matrix product of two arrays
//     transposed(a)     the last two axes exchanged
#include "exercises/exercise.h"

namespace gradus::exercises {

Tensor matmul(const Tensor& a, const Tensor& b) {
  const Array y = gemm(a.value(), b.value());

  // [hint]
  // a_ik is a factor in y_i1, ..., y_iN, each time with b_kj beside it: sum dy_ij b_kj over j. That
  // is a matrix product in which j is the inner index. How must b stand for that?
  // [hint]

  // [solution]
  // a_ik reaches y_ij for all j, with slope b_kj, and b_kj reaches y_ij for all i, with slope a_ik:
  //   da_ik = sum_j dy_ij b_kj,   db_kj = sum_i a_ik dy_ij
  // In each sum the inner index must stand at the inner place, which takes one transpose:
  //   da = dy bT,   db = aT dy
  const Backward backward = [a = saved(a), b = saved(b)](const Array& dy, Inputs in) {
    if (in.wants(0)) in.add(0, gemm(dy, transposed(*b)));
    if (in.wants(1)) in.add(1, gemm(transposed(*a), dy));
  };
  // [solution]

  return record("matmul", y, {a, b}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto call = [](auto op) { return [=](const Tensors& in) { return op(in[0], in[1]); }; };
  const auto add = [&](const char* name, const Shape& a, const Shape& b) {
    e.cases.push_back({name,
                       {{"a", e.numbers(a)}, {"b", e.numbers(b)}},
                       call(exercises::matmul),
                       call(gradus::matmul)});
  };
  add("two matrices", {3, 5}, {5, 7});
  add("square ones", {3, 3}, {3, 3});
  add("a row, a column", {1, 5}, {5, 1});
  add("a column, a row", {3, 1}, {1, 5});
  add("a batch", {2, 3, 5}, {2, 5, 7});
  add("b for the whole batch", {2, 3, 5}, {1, 5, 7});
  return e;
}

}  // namespace gradus::exercises
