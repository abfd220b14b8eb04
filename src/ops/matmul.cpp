#include "gradus/ops/matmul.h"

#include "gradus/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "gradus/ops/shape.h"

namespace gradus {
namespace {

Tensor without_axis(const Tensor& x, int axis) {
  return reshape(x, x.shape().erased(normalize_axis("matmul", axis, x.rank())));
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check(a.rank() >= 1 && b.rank() >= 1, "matmul: needs vectors or matrices, got {} @ {}", a.shape(),
        b.shape());
  check(a.size(-1) == b.size(b.rank() == 1 ? -1 : -2), "matmul: inner sizes differ: {} @ {}",
        a.shape(), b.shape());
  // Of two vectors, the column is made first and its axis dropped last: the row's is then still
  // the last but one.
  if (b.rank() == 1) return without_axis(matmul(a, reshape(b, {b.size(0), 1})), -1);
  if (a.rank() == 1) return without_axis(matmul(reshape(a, {1, a.size(0)}), b), -2);
  if (a.rank() > 2 && b.rank() == 2) {
    // One matrix for the whole batch: all rows of a in one product, so that db is one product as
    // well.
    Shape shape = a.shape();
    shape[-1] = b.size(-1);
    const int64_t rows = a.shape().erased(a.rank() - 1).numel();
    return reshape(matmul(reshape(a, {rows, a.size(-1)}), b), shape);
  }
  // y_ij = sum_k a_ik b_kj, so da_ik = sum_j dy_ij b_kj and db_kj = sum_i a_ik dy_ij:
  return record("matmul", gemm(a.value(), b.value()), {a, b},
                [a = saved(a), b = saved(b)](const Array& dy, Inputs in) {
                  if (in.wants(0)) in.add(0, gemm(dy, transposed(*b)));  // da = dy bT
                  if (in.wants(1)) in.add(1, gemm(transposed(*a), dy));  // db = aT dy
                });
}

// A column times a row.
Tensor outer(const Tensor& a, const Tensor& b) {
  check(a.rank() == 1 && b.rank() == 1, "outer: needs two vectors, got {} and {}", a.shape(),
        b.shape());
  check(a.dtype() == b.dtype() && is_floating(a.dtype()),
        "outer: needs float32 or float64 on both sides, got {} and {}", name(a.dtype()),
        name(b.dtype()));
  return unsqueeze(a, 1) * b;
}

}  // namespace gradus
