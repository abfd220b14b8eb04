#include "gradus/arithmetic.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "ops/loss_reduction.h"

namespace gradus {

// For a row x_i with target t, s = softmax(x_i) and q_j = [j = t], or (1 - e) [j = t] + e / V if
// smoothed by e:
//   loss_i = log sum_j exp(x_ij) - sum_j q_j x_ij,   dx_ij = dloss_i (s_j - q_j)
Tensor cross_entropy(const Tensor& logits, const Array& targets_any,
                     const CrossEntropyOptions& options) {
  check(logits.rank() >= 1, "cross_entropy: logits must be (..., classes), got {}", logits.shape());
  check(targets_any.dtype() == DType::int64, "cross_entropy: targets must be int64, got {}",
        dtype_name(targets_any));
  const Shape needed = logits.shape().erased(logits.rank() - 1);
  check(targets_any.shape() == needed,
        "cross_entropy: logits {}, the classes on the last axis, need targets {}, got {}",
        logits.shape(), needed, targets_any.shape());
  check(options.label_smoothing >= 0 && options.label_smoothing <= 1,
        "cross_entropy: label_smoothing must lie in [0, 1], got {}", options.label_smoothing);
  const kernels::CrossEntropyRule rule{options.ignore_index, options.label_smoothing};
  const Array x = logits.value().contiguous(), targets = targets_any.contiguous();
  const int64_t cols = x.size(-1), rows = targets.numel();
  const int64_t grain = kernels::grain_for(1 << 13, cols);
  const int64_t* target = targets.data<int64_t>();
  int64_t counted = 0;
  for (int64_t i = 0; i < rows; ++i) {
    if (target[i] == rule.ignored) continue;
    ++counted;
    check(target[i] >= 0 && target[i] < cols,
          "cross_entropy: target {} (at position {}) for {} classes", target[i], i, cols);
  }

  Array losses(targets.shape(), x.dtype()), log_sum_exp({rows}, x.dtype());
  dispatch_float("cross_entropy", x.dtype(), [&]<class T> {
    T *loss = losses.mutable_data<T>(), *lse = log_sum_exp.mutable_data<T>();
    const T* data = x.data<T>();
    kernels::parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      kernels::rows<T>().cross_entropy(loss + begin, lse + begin, data + begin * cols,
                                       target + begin, end - begin, cols, rule);
    });
  });
  const Reducer reducer("cross_entropy", options.reduction, targets.shape(), counted);
  return record(
      "cross_entropy", reducer(losses), {logits},
      [x = saved(x), log_sum_exp = saved(log_sum_exp), targets = saved(targets), rows, cols, grain,
       rule, reducer](const Array& dy, Inputs in) {
        const Array dlosses = reducer.spread(dy).contiguous();
        // The logits may well be the largest array of a step. Where nobody else holds them, they
        // are not needed any more, and their gradient takes their place.
        const Array& held = *x;
        Array dx = reuse_or_allocate(held);
        dispatch_float("cross_entropy", held.dtype(), [&]<class T> {
          const T *data = held.data<T>(), *lse = log_sum_exp->data<T>(), *dloss = dlosses.data<T>();
          T* to = dx.mutable_data<T>();
          const int64_t* t = targets->data<int64_t>();
          kernels::parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
            const int64_t at = begin * cols;
            kernels::rows<T>().cross_entropy_backward(
                to + at, dloss + begin, data + at, lse + begin, t + begin, end - begin, cols, rule);
          });
        });
        in.add(0, dx);
      });
}

}  // namespace gradus
