#include "gradus/ops/attention.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "gradus/arithmetic.h"
#include "kernels/attention.h"
#include "kernels/parallel.h"

namespace gradus {
namespace {

using kernels::RowMajor;

// The matrices over the last two axes of an array with adjacent columns, numbered row-major over
// the leading axes. Of an empty handle: no matrices.
template <class P>
class Stack {
 public:
  Stack(P* data, const Array& a) : data_(data), shape_(a.shape()), strides_(a.strides()) {}
  RowMajor<P> operator[](int64_t index) const {
    if (data_ == nullptr) return {};
    P* at = data_;
    for (int axis = shape_.rank() - 3; axis >= 0; --axis) {
      at += index % shape_[axis] * strides_[axis];
      index /= shape_[axis];
    }
    return {at, strides_[-2]};
  }

 private:
  P* data_;
  Shape shape_;
  Strides strides_;
};
template <class T>
Stack<const T> reading(const Array& a) {
  return {a.is_empty_handle() ? nullptr : a.data<T>(), a};
}
template <class T>
Stack<T> writing(Array& a) {
  return {a.is_empty_handle() ? nullptr : a.mutable_data<T>(), a};
}

// The kernel wants columns adjacent. They nearly always are.
Array with_adjacent_columns(const Array& a) {
  return a.numel() == 0 || a.strides()[-1] == 1 ? a : a.clone();
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
  return with_adjacent_columns(a.expand(scores));
}

// New memory for a result shaped like x but with `cols` columns, which are adjacent. Where the
// shape is x's own, the other axes lie in memory as x's do.
Array like_with_columns(const Array& x, int64_t cols) {
  Shape shape = x.shape();
  shape[-1] = cols;
  const Array similar = x.empty_like();
  return similar.shape() == shape && similar.strides()[-1] == 1 ? similar : Array(shape, x.dtype());
}

// What forward and backward read, and how they go about it.
struct Operands {
  Problem size;
  kernels::AttentionPlan plan = {};
  Array q = {}, k = {}, v = {}, mask = {}, bias = {};

  template <class T>
  kernels::AttentionHead<T> head(int64_t h) const {
    const int64_t shared = h / size.group;
    return {.tq = size.tq,
            .tk = size.tk,
            .d = size.d,
            .dv = size.dv,
            .q = reading<T>(q)[h],
            .k = reading<T>(k)[shared],
            .v = reading<T>(v)[shared],
            .scale = static_cast<T>(size.scale),
            .causal_offset = size.causal_offset(),
            .mask = reading<bool>(mask)[h],
            .bias = reading<T>(bias)[h]};
  }

  // Calls f(head, part) for all parts of all heads, a run of `group` heads and one part after
  // another on the same thread; each call of parallel_for's function is some 20 us of work.
  template <class F>
  void for_each_part(int64_t group, F f) const {
    const int64_t items = size.heads / group * plan.parts;
    const int64_t width = std::max(size.d, size.dv);  // of two products, twice that many operations
    const int64_t cost = kernels::cost_of({4, group, size.tq, size.tk, width}) / plan.parts;
    kernels::parallel_for(items, kernels::grain_for(1 << 20, cost), [&](int64_t from, int64_t to) {
      for (int64_t item = from; item < to; ++item)
        for (int64_t i = 0; i < group; ++i) f(item / plan.parts * group + i, item % plan.parts);
    });
  }
};

Array forward(const Operands& in, Array out, Array& statistics, Array& kept) {
  dispatch_float(op, out.dtype(), [&]<class T> {
    const auto o = writing<T>(out), row = writing<T>(statistics), p = writing<T>(kept);
    in.for_each_part(1, [&](int64_t h, int64_t part) {
      kernels::attention_forward<T>({.head = in.head<T>(h),
                                     .o = o[h],
                                     .maximum = row[h].row(0),
                                     .inverse_sum = row[h].row(1),
                                     .kept = p[h].data},
                                    in.plan, part);
    });
  });
  return out;
}

// The gradients of q, k, v, and of the bias if it is wanted.
struct Gradients {
  Array q, k, v, bias;
};

Gradients backward(const Operands& in, const Array& out, const Array& dout, const Array& statistics,
                   const Array& kept, bool bias_wanted) {
  Gradients d{like_with_columns(in.q, in.size.d),
              like_with_columns(in.k, in.size.d),
              like_with_columns(in.v, in.size.dv),
              {}};
  if (bias_wanted) d.bias = Array::zeros(in.bias.shape(), dout.dtype());
  // The first part of a head writes to its dQ, each other one to a sum of its own.
  std::vector<Array> dq = {d.q};
  while (static_cast<int64_t>(dq.size()) < in.plan.parts) dq.push_back(d.q.empty_like());

  dispatch_float(op, dout.dtype(), [&]<class T> {
    const auto o = reading<T>(out), d_o = reading<T>(dout), row = reading<T>(statistics),
               p = reading<T>(kept);
    const auto dk = writing<T>(d.k), dv = writing<T>(d.v), d_bias = writing<T>(d.bias);
    std::vector<Stack<T>> dq_of;
    for (Array& sum : dq) dq_of.push_back(writing<T>(sum));
    // The heads that share keys and values are together: no two threads write to one dK, dV.
    in.for_each_part(in.size.group, [&](int64_t h, int64_t part) {
      const int64_t shared = h / in.size.group;
      kernels::attention_backward<T>({.head = in.head<T>(h),
                                      .o = o[h],
                                      .d_o = d_o[h],
                                      .maximum = row[h].row(0),
                                      .inverse_sum = row[h].row(1),
                                      .kept = p[h].data,
                                      .dq = dq_of[static_cast<size_t>(part)][h],
                                      .dk = dk[shared],
                                      .dv = dv[shared],
                                      .accumulate = h % in.size.group > 0,
                                      .d_bias = d_bias[h]},
                                     in.plan, part);
    });
  });
  dq.front() = Array();  // so that d.q is its only owner
  for (size_t part = 1; part < dq.size(); ++part) d.q = d.q + dq[part];
  return d;
}

}  // namespace

// The kernel (src/kernels/isa/attention.cpp) explains what is computed, and how.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options) {
  Operands in{.size = problem(q, k, v, options)};
  Shape score_shape = q.shape();
  score_shape[-1] = in.size.tk;
  if (!options.mask.is_empty_handle())
    in.mask = for_scores("mask", options.mask.contiguous(), DType::boolean, score_shape);
  if (!options.bias.is_empty_handle())
    in.bias = for_scores("bias", options.bias.value(), q.dtype(), score_shape);
  in.q = with_adjacent_columns(q.value());
  in.k = with_adjacent_columns(k.value());
  in.v = with_adjacent_columns(v.value());
  const bool backward_follows =
      grad_enabled() &&
      (q.requires_grad() || k.requires_grad() || v.requires_grad() || options.bias.requires_grad());
  in.plan = kernels::attention_plan(in.size.heads, in.size.tq, in.size.tk, backward_follows);

  Shape statistics_shape = q.shape();  // of each query two numbers: (..., 2, Tq)
  statistics_shape[-2] = 2;
  statistics_shape[-1] = in.size.tq;
  Array statistics(statistics_shape, q.dtype()), kept;
  if (in.plan.keep) kept = Array(score_shape, q.dtype());
  const Array out = forward(in, like_with_columns(q.value(), in.size.dv), statistics, kept);
  const auto saved_if_any = [](const Array& a) {
    return a.is_empty_handle() ? std::optional<Saved>() : saved(a);
  };
  const auto get = [](const std::optional<Saved>& a) { return a ? **a : Array(); };
  return record(
      op, out, {q, k, v, options.bias},
      [size = in.size, plan = in.plan, q = saved(in.q), k = saved(in.k), v = saved(in.v),
       mask = saved_if_any(in.mask), bias = saved_if_any(in.bias), kept = saved_if_any(kept),
       out = saved(out), statistics = saved(statistics), get](const Array& dout, Inputs inputs) {
        const Operands operands{size, plan, *q, *k, *v, get(mask), get(bias)};
        Gradients d = backward(operands, *out, with_adjacent_columns(dout), *statistics, get(kept),
                               inputs.wants(3));
        inputs.add(0, std::move(d.q));
        inputs.add(1, std::move(d.k));
        inputs.add(2, std::move(d.v));
        if (inputs.wants(3)) inputs.add(3, std::move(d.bias));
      });
}

Array key_padding_mask(const std::vector<int64_t>& lengths, int64_t padded) {
  check(padded >= 0, "key_padding_mask: rows of {} keys", padded);
  Array visible({static_cast<int64_t>(lengths.size()), 1, 1, padded}, DType::boolean);
  bool* row = visible.mutable_data<bool>();
  for (const int64_t length : lengths) {
    check(length >= 0 && length <= padded,
          "key_padding_mask: a sequence of length {} in rows of {} keys", length, padded);
    std::fill_n(row, length, true);
    std::fill_n(row + length, padded - length, false);
    row += padded;
  }
  return visible;
}

}  // namespace gradus
