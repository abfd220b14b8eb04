#include "gradus/ops/loss.h"

#include "gradus/arithmetic.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace gradus {

// loss = mean_i (log sum_j exp(x_ij) - x_it) for the target t of row i, so with s = softmax(x_i)
// and N rows:
//   dx_ij = dloss / N (s_ij - [j = t])
Tensor cross_entropy(const Tensor& logits, const Array& targets_any) {
  check(logits.rank() >= 1 && logits.shape().erased(logits.rank() - 1) == targets_any.shape(),
        "cross_entropy: logits {} with targets {}", logits.shape(), targets_any.shape());
  check(targets_any.dtype() == DType::int64, "cross_entropy: targets must be int64, got {}",
        name(targets_any.dtype()));
  const Array x = logits.value().contiguous(), targets = targets_any.contiguous();
  const int64_t cols = x.size(-1), rows = targets.numel();
  const int64_t grain = std::max<int64_t>(1, (1 << 13) / std::max<int64_t>(1, cols));
  const int64_t* target = targets.data<int64_t>();
  for (int64_t i = 0; i < rows; ++i)
    check(target[i] >= 0 && target[i] < cols,
          "cross_entropy: target {} (at position {}) for {} classes", target[i], i, cols);

  Array losses({rows}, x.dtype()), log_sum_exp({rows}, x.dtype());
  dispatch_float("cross_entropy", x.dtype(), [&]<class T> {
    T *loss = losses.mutable_data<T>(), *lse = log_sum_exp.mutable_data<T>();
    const T* data = x.data<T>();
    kernels::parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      kernels::rows<T>().cross_entropy(loss + begin, lse + begin, data + begin * cols,
                                       target + begin, end - begin, cols);
    });
  });
  return record(
      "cross_entropy", sum(losses) / static_cast<double>(rows), {logits},
      [x = saved(x), log_sum_exp = saved(log_sum_exp), targets = saved(targets), rows, cols, grain](
          const Array& dy, Inputs in) {
        const Array weights = (dy / static_cast<double>(rows)).expand({rows}).contiguous();
        Array dx(x->shape(), x->dtype());
        dispatch_float("cross_entropy", x->dtype(), [&]<class T> {
          T* to = dx.mutable_data<T>();
          const T *data = x->data<T>(), *lse = log_sum_exp->data<T>(), *w = weights.data<T>();
          const int64_t* t = targets->data<int64_t>();
          kernels::parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
            const int64_t at = begin * cols;
            kernels::rows<T>().cross_entropy_backward(to + at, w + begin, data + at, lse + begin,
                                                      t + begin, end - begin, cols);
          });
        });
        in.add(0, dx);
      });
}

}  // namespace gradus
