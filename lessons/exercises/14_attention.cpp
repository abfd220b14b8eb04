// Exercise 14: attention. Two products, a softmax and a mask.
//
//     S = Q KT / sqrt(D),   P = softmax(S) row by row,   O = P V
//
// Q (..., T, D), K (..., U, D), V (..., U, E) give O (..., T, E): each query takes a mean of the
// values, weighted by how well the keys fit. If causal, query i sees the keys j <= i only: the
// others have S = -inf, so P = 0. Given dO, of O's shape, wanted: dQ, dK and dV. Go back step by
// step, dP, then dS, then dQ and dK: exercises 5, 8, 5.
#include <cmath>
#include <limits>

#include "exercises/exercise.h"

namespace gradus::exercises {

// True where key j comes after query i, (T, U).
Array later(int64_t T, int64_t U) {
  std::vector<bool> all;
  for (int64_t i = 0; i < T; ++i)
    for (int64_t j = 0; j < U; ++j) all.push_back(j > i);
  return Array::of_bools(all, {T, U});
}

Tensor attention(const Tensor& Q, const Tensor& K, const Tensor& V, bool causal) {
  const double scale = 1 / std::sqrt(static_cast<double>(Q.size(-1)));
  Array S = gemm(Q.value(), transposed(K.value())) * scale;
  if (causal)
    S = masked_fill(S, later(Q.size(-2), K.size(-2)), -std::numeric_limits<double>::infinity());
  const Array P = gradus::softmax(Tensor(S)).value();
  const Array O = gemm(P, V.value());

  // [hint]
  // dP = dO VT and dV = PT dO (exercise 5); dS = P (dP - the row's sum of dP P) (exercise 8); the
  // scale comes back once. Does the mask need a line of its own? Look at dS where P = 0.
  // [hint]

  // [solution]
  // O = P V is exercise 5:                 dV = PT dO,   dP = dO VT
  // P = softmax(S) is exercise 8:          dS = P (dP - sum of dP P over the row)
  // S = scale Q KT is exercise 5 with KT:  dQ = scale dS K,   dK = scale dST Q
  // Where a key was masked P = 0, and so dS = 0: the mask needs nothing more.
  const Backward backward = [Q = saved(Q), K = saved(K), V = saved(V), P = saved(P), scale](
                                const Array& dO, Inputs in) {
    if (in.wants(2)) in.add(2, gemm(transposed(*P), dO));
    if (!in.wants(0) && !in.wants(1)) return;
    const Array dP = gemm(dO, transposed(*V));
    const Array dS = *P * (dP - sum(dP * *P, {-1}, true));
    if (in.wants(0)) in.add(0, gemm(dS, *K) * scale);
    if (in.wants(1)) in.add(1, gemm(transposed(dS), *Q) * scale);
  };
  // [solution]

  return record("attention", O, {Q, K, V}, backward);
}

// ---- what it is tried on -----------------------------------------------------------------------

Exercise exercise() {
  Exercise e;
  const auto add = [&](const char* name, const Shape& Q, const Shape& K, const Shape& V,
                       bool causal) {
    const Function yours = [=](const Tensors& in) {
      return exercises::attention(in[0], in[1], in[2], causal);
    };
    const Function library = [=](const Tensors& in) {
      return scaled_dot_product_attention(in[0], in[1], in[2], {.causal = causal});
    };
    e.cases.push_back(
        {name, {{"Q", e.numbers(Q)}, {"K", e.numbers(K)}, {"V", e.numbers(V)}}, yours, library});
  };
  add("one head", {3, 5}, {7, 5}, {7, 2}, false);
  add("causal", {5, 3}, {5, 3}, {5, 3}, true);
  add("one query", {1, 5}, {3, 5}, {3, 5}, false);
  add("heads, causal", {3, 5, 2}, {3, 5, 2}, {3, 5, 7}, true);
  return e;
}

}  // namespace gradus::exercises
