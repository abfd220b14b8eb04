#include "gradus/ops/attention.h"

#include <cmath>
#include <vector>

#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace gradus {
namespace {

using kernels::GemmArgs;

// One matrix of a stack: its first element and the strides of its rows and columns.
template <class P>
struct Matrix {
  P* data;
  int64_t row, col;
  Matrix transposed() const { return {data, col, row}; }
};

// The matrices over the last two axes of an array of any strides, numbered row-major over the
// leading axes.
template <class P>
class Stack {
 public:
  Stack(P* data, const Array& a) : data_(data), shape_(a.shape()), strides_(a.strides()) {}
  Matrix<P> operator[](int64_t index) const {
    P* at = data_;
    for (int axis = shape_.rank() - 3; axis >= 0; --axis) {
      at += index % shape_[axis] * strides_[axis];
      index /= shape_[axis];
    }
    return {at, strides_[-2], strides_[-1]};
  }

 private:
  P* data_;
  Shape shape_;
  Strides strides_;
};
template <class T>
Stack<const T> reading(const Array& a) {
  return {a.data<T>(), a};
}
template <class T>
Stack<T> writing(Array& a) {
  return {a.mutable_data<T>(), a};
}

// C = A B for one matrix each, on this thread.
template <class T>
void multiply(Matrix<T> c, int64_t m, int64_t n, int64_t k, Matrix<const T> a, Matrix<const T> b) {
  kernels::gemm_serial(GemmArgs<T>{.m = m,
                                   .n = n,
                                   .k = k,
                                   .a = a.data,
                                   .a_row = a.row,
                                   .a_col = a.col,
                                   .b = b.data,
                                   .b_row = b.row,
                                   .b_col = b.col,
                                   .c = c.data,
                                   .c_row = c.row});
}

// The sizes of a problem: `heads` independent ones, batch and heads folded together.
struct Problem {
  int64_t heads, tq, tk, d, dv;
  double scale;
  bool causal;
  // Query i sees key j only if j <= i + offset.
  int64_t causal_offset() const { return causal ? 0 : tk; }
  // Heads for each call of parallel_for's function: some 20 us of multiplications.
  int64_t grain() const {
    return std::max<int64_t>(1, (1 << 20) / std::max<int64_t>(1, 2 * tq * tk * (d + dv)));
  }
};

Problem problem(const Tensor& q, const Tensor& k, const Tensor& v,
                const AttentionOptions& options) {
  constexpr const char* op = "scaled_dot_product_attention";
  const auto leading = [](const Tensor& x) {
    return x.shape().erased(x.rank() - 1).erased(x.rank() - 2);
  };
  check(q.rank() >= 2 && q.rank() == k.rank() && q.rank() == v.rank() && leading(q) == leading(k) &&
            leading(q) == leading(v),
        "{}: q, k and v must agree in all but their last two axes: {}, {}, {}", op, q.shape(),
        k.shape(), v.shape());
  check(q.size(-1) == k.size(-1), "{}: q and k differ in their last axis: {} and {}", op, q.shape(),
        k.shape());
  check(k.size(-2) == v.size(-2), "{}: k and v differ in length: {} and {}", op, k.shape(),
        v.shape());
  check(q.dtype() == k.dtype() && q.dtype() == v.dtype(), "{}: dtypes differ: {}, {}, {}", op,
        name(q.dtype()), name(k.dtype()), name(v.dtype()));
  return {
      .heads = leading(q).numel(),
      .tq = q.size(-2),
      .tk = k.size(-2),
      .d = q.size(-1),
      .dv = v.size(-1),
      .scale = options.scale != 0 ? options.scale : 1 / std::sqrt(static_cast<double>(q.size(-1))),
      .causal = options.causal};
}

// New memory for a result shaped like x but with `cols` columns, which are adjacent. Where the
// shape is x's own, the other axes lie in memory as x's do.
Array like_with_columns(const Array& x, int64_t cols) {
  Shape shape = x.shape();
  shape[-1] = cols;
  const Array similar = x.empty_like();
  return similar.shape() == shape && similar.strides()[-1] == 1 ? similar : Array(shape, x.dtype());
}

}  // namespace

// For one head, with S = scale Q K^T, P = softmax(S) (rows) and O = P V:
//   dV = P^T dO,  dP = dO V^T,  dS = P (dP - rowsum(P dP)) [softmax],  dQ = scale dS K,  dK = scale
//   dS^T Q
// P is kept for the backward pass: Tq x Tk numbers a head.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  const Problem size = problem(q, k, v, options);
  Shape score_shape = q.shape();
  score_shape[-1] = size.tk;
  Array mask;  // expanded to the scores' shape, its columns adjacent
  if (!options.mask.is_empty_handle()) {
    check(options.mask.dtype() == DType::boolean,
          "scaled_dot_product_attention: the mask must be bool, got {}",
          name(options.mask.dtype()));
    check(
        broadcast("scaled_dot_product_attention", options.mask.shape(), score_shape) == score_shape,
        "scaled_dot_product_attention: the mask {} does not broadcast to the scores {}",
        options.mask.shape(), score_shape);
    mask = options.mask.contiguous().expand(score_shape);
    if (mask.strides()[-1] != 1) mask = mask.contiguous();  // it was one column for all keys
  }
  Array probabilities(score_shape, q.dtype());
  Array out = like_with_columns(q.value(), size.dv);

  dispatch_float("scaled_dot_product_attention", q.dtype(), [&]<class T> {
    const auto Q = reading<T>(q.value()), K = reading<T>(k.value()), V = reading<T>(v.value());
    const auto O = writing<T>(out), P = writing<T>(probabilities);
    const bool masked = !mask.is_empty_handle();
    const Stack<const bool> M(masked ? mask.data<bool>() : nullptr, masked ? mask : probabilities);
    kernels::parallel_for(size.heads, size.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t h = begin; h < end; ++h) {
        const Matrix<T> p = P[h];
        multiply<T>(p, size.tq, size.tk, size.d, Q[h], K[h].transposed());
        kernels::rows<T>().attention_softmax(p.data, size.tq, size.tk, static_cast<T>(size.scale),
                                             size.causal_offset(), masked ? M[h].data : nullptr,
                                             masked ? M[h].row : 0);
        multiply<T>(O[h], size.tq, size.dv, size.tk, {p.data, p.row, p.col}, V[h]);
      }
    });
  });

  return record("scaled_dot_product_attention", out, {q, k, v},
                [q = saved(q), k = saved(k), v = saved(v), probabilities = saved(probabilities),
                 size](const Array& dout, Inputs in) {
                  Array dq = like_with_columns(*q, size.d), dk = like_with_columns(*k, size.d),
                        dv = like_with_columns(*v, size.dv);
                  dispatch_float("scaled_dot_product_attention", dout.dtype(), [&]<class T> {
                    const auto Q = reading<T>(*q), K = reading<T>(*k), V = reading<T>(*v),
                               P = reading<T>(*probabilities), dO = reading<T>(dout);
                    const auto dQ = writing<T>(dq), dK = writing<T>(dk), dV = writing<T>(dv);
                    kernels::parallel_for(
                        size.heads, size.grain(), [&](int64_t begin, int64_t end) {
                          thread_local std::vector<T> scratch;  // dP, then dS, of one head
                          scratch.resize(static_cast<size_t>(size.tq * size.tk));
                          const Matrix<T> ds{scratch.data(), size.tk, 1};
                          const Matrix<const T> dS{ds.data, ds.row, ds.col};
                          for (int64_t h = begin; h < end; ++h) {
                            multiply<T>(dV[h], size.tk, size.dv, size.tq, P[h].transposed(), dO[h]);
                            multiply<T>(ds, size.tq, size.tk, size.dv, dO[h], V[h].transposed());
                            kernels::rows<T>().attention_softmax_backward(
                                ds.data, P[h].data, size.tq, size.tk, static_cast<T>(size.scale));
                            multiply<T>(dQ[h], size.tq, size.d, size.tk, dS, K[h]);
                            multiply<T>(dK[h], size.tk, size.d, size.tq, dS.transposed(), Q[h]);
                          }
                        });
                  });
                  in.add(0, dq);
                  in.add(1, dk);
                  in.add(2, dv);
                });
}

}  // namespace gradus
