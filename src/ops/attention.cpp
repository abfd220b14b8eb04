#include "gradus/ops/attention.h"

#include <cmath>
#include <vector>

#include "gradus/arithmetic.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "ops/matrix.h"

namespace gradus {
namespace {

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
    return {at, shape_[-2], shape_[-1], strides_[-2], strides_[-1]};
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

// C = A B for one matrix each, or C += A B, on this thread.
template <class T>
void multiply(Matrix<T> c, Matrix<const T> a, Matrix<const T> b, bool accumulate = false) {
  kernels::gemm_serial(product(c, a, b, accumulate));
}

// S = scale S + B
template <class T>
void scale_and_add(Matrix<T> s, T scale, Matrix<const T> b) {
  for (int64_t i = 0; i < s.rows; ++i)
    for (int64_t j = 0; j < s.cols; ++j) {
      T& score = s.data[i * s.row_stride + j * s.col_stride];
      score = scale * score + b.data[i * b.row_stride + j * b.col_stride];
    }
}

constexpr const char* op = "scaled_dot_product_attention";

// The sizes of a problem: `heads` independent ones, batch and heads folded together. Of them, each
// `group` neighbours share the keys and values number h / group.
struct Problem {
  int64_t heads, group, tq, tk, d, dv;
  double scale;
  bool causal;
  // Query i sees key j only if j <= i + offset.
  int64_t causal_offset() const { return causal ? 0 : tk; }
  // Heads for each call of parallel_for's function: some 20 us of multiplications.
  int64_t grain() const { return kernels::grain_for(1 << 20, 2 * tq * tk * (d + dv)); }
};

Problem problem(const Tensor& q, const Tensor& k, const Tensor& v,
                const AttentionOptions& options) {
  // All axes but the last two, and but the heads, which k and v may have fewer of.
  const auto batch = [](const Tensor& x) {
    const Shape leading = x.shape().erased(x.rank() - 1).erased(x.rank() - 2);
    return leading.rank() == 0 ? leading : leading.erased(leading.rank() - 1);
  };
  const auto heads = [](const Tensor& x) { return x.rank() == 2 ? 1 : x.size(-3); };
  check(q.rank() >= 2 && q.rank() == k.rank() && q.rank() == v.rank() && batch(q) == batch(k) &&
            batch(q) == batch(v) && heads(k) == heads(v),
        "{}: q, k and v must agree in all but their last two axes: {}, {}, {}", op, q.shape(),
        k.shape(), v.shape());
  const int64_t h = heads(q), shared = heads(k);
  check(h == shared || (h > 0 && shared > 0 && h % shared == 0),
        "{}: {} heads of keys and values do not divide {} heads of queries: {}, {}, {}", op, shared,
        h, q.shape(), k.shape(), v.shape());
  check(q.size(-1) == k.size(-1), "{}: q and k differ in their last axis: {} and {}", op, q.shape(),
        k.shape());
  check(k.size(-2) == v.size(-2), "{}: k and v differ in length: {} and {}", op, k.shape(),
        v.shape());
  check(q.dtype() == k.dtype() && q.dtype() == v.dtype(), "{}: dtypes differ: {}, {}, {}", op,
        name(q.dtype()), name(k.dtype()), name(v.dtype()));
  return {.heads = batch(q).numel() * h,
          .group = h == shared ? 1 : h / shared,
          .tq = q.size(-2),
          .tk = k.size(-2),
          .d = q.size(-1),
          .dv = v.size(-1),
          .scale = options.scale != 0
                       ? options.scale
                       : 1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, q.size(-1)))),
          .causal = options.causal};
}

// A mask or a bias, repeated to the scores' shape.
Array for_scores(const char* what, const Array& a, DType dtype, const Shape& scores) {
  check(a.dtype() == dtype, "{}: the {} must be {}, got {}", op, what, name(dtype),
        name(a.dtype()));
  check(broadcast(a.shape(), scores) == scores, "{}: the {} {} does not broadcast to the scores {}",
        op, what, a.shape(), scores);
  return a.expand(scores);
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

// For one head, with S = scale Q K^T + B, P = softmax(S) (rows) and O = P V:
//   dV = P^T dO,  dP = dO V^T,  dS = P (dP - rowsum(P dP)) [softmax],  dB = dS,
//   dQ = scale dS K,  dK = scale dS^T Q
// Keys and values that several heads share get the sum of the heads' dK and dV. P is kept for the
// backward pass: Tq x Tk numbers a head.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  const Problem size = problem(q, k, v, options);
  Shape score_shape = q.shape();
  score_shape[-1] = size.tk;
  const bool masked = !options.mask.is_empty_handle(), biased = !options.bias.is_empty_handle();
  Array mask, bias;
  if (masked) {  // the kernel wants its columns adjacent
    mask = for_scores("mask", options.mask.contiguous(), DType::boolean, score_shape);
    if (mask.strides()[-1] != 1) mask = mask.contiguous();  // it was one column for all keys
  }
  if (biased) bias = for_scores("bias", options.bias.value(), q.dtype(), score_shape);
  // The factor that the softmax kernels apply: with a bias, the scores are scaled before.
  const double factor = biased ? 1 : size.scale;
  Array probabilities(score_shape, q.dtype());
  Array out = like_with_columns(q.value(), size.dv);

  dispatch_float(op, q.dtype(), [&]<class T> {
    const auto Q = reading<T>(q.value()), K = reading<T>(k.value()), V = reading<T>(v.value());
    const auto O = writing<T>(out), P = writing<T>(probabilities);
    const Stack<const bool> M(masked ? mask.data<bool>() : nullptr, masked ? mask : probabilities);
    const auto B = reading<T>(biased ? bias : probabilities);
    kernels::parallel_for(size.heads, size.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t h = begin; h < end; ++h) {
        const int64_t shared = h / size.group;
        const Matrix<T> p = P[h];
        multiply<T>(p, Q[h], K[shared].transposed());
        if (biased) scale_and_add<T>(p, static_cast<T>(size.scale), B[h]);
        kernels::rows<T>().attention_softmax(p.data, size.tq, size.tk, static_cast<T>(factor),
                                             size.causal_offset(), masked ? M[h].data : nullptr,
                                             masked ? M[h].row_stride : 0);
        multiply<T>(O[h], p, V[shared]);
      }
    });
  });

  return record(op, out, {q, k, v, options.bias},
                [q = saved(q), k = saved(k), v = saved(v), probabilities = saved(probabilities),
                 size, factor](const Array& dout, Inputs in) {
                  Array dq = like_with_columns(*q, size.d), dk = like_with_columns(*k, size.d),
                        dv = like_with_columns(*v, size.dv);
                  const bool keep = in.wants(3);  // dS of every head, for the bias
                  Array dscores(keep ? probabilities->shape() : Shape{0, 0}, dout.dtype());
                  dispatch_float(op, dout.dtype(), [&]<class T> {
                    const auto Q = reading<T>(*q), K = reading<T>(*k), V = reading<T>(*v),
                               P = reading<T>(*probabilities), dO = reading<T>(dout);
                    const auto dQ = writing<T>(dq), dK = writing<T>(dk), dV = writing<T>(dv),
                               kept = writing<T>(dscores);
                    // One shared head of keys and values after another: no two threads write to one
                    // dK, dV.
                    const auto each_shared = [&](int64_t begin, int64_t end) {
                      thread_local std::vector<T> scratch;  // dP, then dS, of one head
                      scratch.resize(static_cast<size_t>(size.tq * size.tk));
                      for (int64_t h = begin * size.group; h < end * size.group; ++h) {
                        const int64_t shared = h / size.group;
                        const bool more = h % size.group > 0;  // than the first of its group
                        const Matrix<T> dS =
                            keep ? kept[h] : Matrix<T>(scratch.data(), size.tq, size.tk);
                        multiply<T>(dV[shared], P[h].transposed(), dO[h], more);
                        multiply<T>(dS, dO[h], V[shared].transposed());
                        kernels::rows<T>().attention_softmax_backward(
                            dS.data, P[h].data, size.tq, size.tk, static_cast<T>(factor));
                        multiply<T>(dQ[h], dS, K[shared]);
                        multiply<T>(dK[shared], dS.transposed(), Q[h], more);
                      }
                    };
                    kernels::parallel_for(size.heads / size.group,
                                          (size.grain() - 1) / size.group + 1, each_shared);
                  });
                  if (factor != size.scale) {  // the kernel left dS unscaled
                    scale_in_place(dq, size.scale);
                    scale_in_place(dk, size.scale);
                  }
                  in.add(0, dq);
                  in.add(1, dk);
                  in.add(2, dv);
                  if (keep) in.add(3, dscores);
                });
}

Array key_padding_mask(const std::vector<int64_t>& lengths, int64_t padded) {
  check(padded >= 0, "key_padding_mask: rows of {} keys", padded);
  std::vector<bool> visible;
  for (const int64_t length : lengths) {
    check(length >= 0 && length <= padded,
          "key_padding_mask: a sequence of length {} in rows of {} keys", length, padded);
    for (int64_t j = 0; j < padded; ++j) visible.push_back(j < length);
  }
  return Array::of_bools(visible, {static_cast<int64_t>(lengths.size()), 1, 1, padded});
}

}  // namespace gradus
