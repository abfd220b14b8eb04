// Optimiser kernels: one pass over a parameter, its gradient and the optimiser's state.
#include "kernels/isa/loops.h"
#include "kernels/isa/vec_math.h"
#include "kernels/tables.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019):
//   p *= 1 - lr weight_decay,  g += l2 p
//   m  = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g^2
//   p -= lr / correction1 * m / (sqrt(v) / sqrt(correction2) + epsilon)
// The factors that are the same for every element are computed once, in double. Seven streams from
// and to memory are more than the hardware foresees well: what is read is asked for ahead of time.
template <class T>
void adam(T* p, T* m, T* v, const T* g, int64_t n, const AdamStep& step) {
  const T decay = T(1 - step.learning_rate * step.weight_decay), l2 = T(step.l2);
  const T scale = T(step.gradient_scale);
  const T step_size = T(step.learning_rate / step.correction1);
  const T root_scale = T(1 / sqrt_of(step.correction2)), epsilon = T(step.epsilon);
  const T beta1 = T(step.beta1), one_minus_beta1 = T(1 - step.beta1);
  const T beta2 = T(step.beta2), one_minus_beta2 = T(1 - step.beta2);
  constexpr int64_t ahead = 512 / sizeof(T);
  for (int64_t i = 0; i < n; i += width<T>) {
    __builtin_prefetch(p + i + ahead, 1);
    __builtin_prefetch(m + i + ahead, 1);
    __builtin_prefetch(v + i + ahead, 1);
    __builtin_prefetch(g + i + ahead);
    const int64_t left = n - i;
    const Vec<T> value = load_next(p + i, left);
    const Vec<T> grad = scale * load_next(g + i, left) + l2 * value;
    const Vec<T> new_m = beta1 * load_next(m + i, left) + one_minus_beta1 * grad;
    const Vec<T> new_v = beta2 * load_next(v + i, left) + one_minus_beta2 * grad * grad;
    const Vec<T> denominator = sqrt<T>(new_v) * root_scale + epsilon;
    store_next(m + i, new_m, left);
    store_next(v + i, new_v, left);
    store_next(p + i, decay * value - step_size * new_m / denominator, left);
  }
}

// Gradient descent with momentum (Polyak 1964), and Nesterov's form of it (Sutskever et al. 2013):
// b is the velocity; without momentum there is none, and p follows the gradient itself.
template <class T>
void sgd(T* p, T* b, const T* g, int64_t n, const SGDStep& step) {
  const T lr = T(step.learning_rate), momentum = T(step.momentum), l2 = T(step.l2);
  const T scale = T(step.gradient_scale);
  for (int64_t i = 0; i < n; i += width<T>) {
    const int64_t left = n - i;
    const Vec<T> value = load_next(p + i, left);
    const Vec<T> grad = scale * load_next(g + i, left) + l2 * value;
    Vec<T> velocity = grad;
    if (b != nullptr) {
      velocity = momentum * load_next(b + i, left) + grad;
      store_next(b + i, velocity, left);
    }
    store_next(p + i, value - lr * (step.nesterov ? grad + momentum * velocity : velocity), left);
  }
}

// RMSProp (Tieleman & Hinton 2012, lecture 6.5): the gradient over its root mean square.
template <class T>
void rmsprop(T* p, T* v, T* b, const T* g, int64_t n, const RMSPropStep& step) {
  const T lr = T(step.learning_rate), momentum = T(step.momentum), l2 = T(step.l2);
  const T scale = T(step.gradient_scale);
  const T alpha = T(step.alpha), one_minus_alpha = T(1 - step.alpha), epsilon = T(step.epsilon);
  for (int64_t i = 0; i < n; i += width<T>) {
    const int64_t left = n - i;
    const Vec<T> value = load_next(p + i, left);
    const Vec<T> grad = scale * load_next(g + i, left) + l2 * value;
    const Vec<T> new_v = alpha * load_next(v + i, left) + one_minus_alpha * grad * grad;
    Vec<T> velocity = grad / (sqrt<T>(new_v) + epsilon);
    if (b != nullptr) {
      velocity = momentum * load_next(b + i, left) + velocity;
      store_next(b + i, velocity, left);
    }
    store_next(v + i, new_v, left);
    store_next(p + i, value - lr * velocity, left);
  }
}

template <class T>
constexpr Optim<T> make_table() {
  return {.adam = adam<T>, .sgd = sgd<T>, .rmsprop = rmsprop<T>};
}

}  // namespace

constinit const Family<Optim> optim_table = {make_table<float>(), make_table<double>()};

}  // namespace gradus::kernels::GRADUS_ISA
