// Optimiser kernels: one pass over a parameter, its gradient and the optimiser's state.
#include "kernels/isa/loops.h"
#include "kernels/isa/vec_math.h"
#include "kernels/tables.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// AdamW (Loshchilov & Hutter 2019), in the order of torch.optim.AdamW:
//   p *= 1 - lr weight_decay
//   m  = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
//   p -= lr / correction1 * m / (sqrt(v) / sqrt(correction2) + epsilon)
// The factors that are the same for every element are computed once, in double.
template <class T>
void adamw(T* p, T* m, T* v, const T* g, int64_t n, const AdamWStep& step) {
  const T decay = T(1 - step.learning_rate * step.weight_decay);
  const T step_size = T(step.learning_rate / step.correction1);
  const T root_scale = T(1 / sqrt_of(step.correction2)), epsilon = T(step.epsilon);
  const T beta1 = T(step.beta1), one_minus_beta1 = T(1 - step.beta1);
  const T beta2 = T(step.beta2), one_minus_beta2 = T(1 - step.beta2);
  for (int64_t i = 0; i < n; i += width<T>) {
    const int64_t left = n - i;
    const Vec<T> grad = load_next(g + i, left);
    const Vec<T> new_m = beta1 * load_next(m + i, left) + one_minus_beta1 * grad;
    const Vec<T> new_v = beta2 * load_next(v + i, left) + one_minus_beta2 * grad * grad;
    const Vec<T> denominator = sqrt<T>(new_v) * root_scale + epsilon;
    store_next(m + i, new_m, left);
    store_next(v + i, new_v, left);
    store_next(p + i, decay * load_next(p + i, left) - step_size * new_m / denominator, left);
  }
}

template <class T>
constexpr Optim<T> make_table() {
  return {.adamw = adamw<T>};
}

}  // namespace

constinit const Family<Optim> optim_table = {make_table<float>(), make_table<double>()};

}  // namespace gradus::kernels::GRADUS_ISA
