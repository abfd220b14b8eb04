// Optimiser kernels against plain loops over every tail length.
#include "kernels/kernel_test.h"

namespace gradus::test {
namespace {

template <class T>
class OptimKernels : public ::testing::Test {};
TYPED_TEST_SUITE(OptimKernels, FloatingTypes);

kernels::AdamStep step_number(int t) {
  const double beta1 = 0.9, beta2 = 0.99;
  return {.learning_rate = 0.05,
          .beta1 = beta1,
          .beta2 = beta2,
          .epsilon = 1e-3,  // large enough that its place in the formula is seen
          .weight_decay = 0.3,
          .l2 = 0.2,
          .correction1 = 1 - std::pow(beta1, t),
          .correction2 = 1 - std::pow(beta2, t)};
}

TYPED_TEST(OptimKernels, AdamWAgreesWithAPlainLoop) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const int64_t n : tail_lengths())
      for (const int64_t misalignment : {0, 1, 3}) {
        Fenced<T> p = uniform<T>(n, 1, -3, 3, misalignment), m(n), v(n);
        std::vector<Real> exact_p(p.data(), p.data() + n), exact_m(static_cast<size_t>(n));
        std::vector<Real> exact_v(static_cast<size_t>(n));
        for (int t = 1; t <= 5; ++t) {
          const kernels::AdamStep step = step_number(t);
          const Fenced<T> g = uniform<T>(n, static_cast<unsigned>(10 + t), -1, 1, 2);
          kernels::optim<T>().adam(p.data(), m.data(), v.data(), g.data(), n, step);
          for (size_t i = 0; i < exact_p.size(); ++i) {
            const Real grad = g[static_cast<int64_t>(i)] + step.l2 * exact_p[i];
            const Real b1 = step.beta1, b2 = step.beta2;
            exact_p[i] *= 1 - Real(step.learning_rate) * step.weight_decay;
            exact_m[i] = b1 * exact_m[i] + (1 - b1) * grad;
            exact_v[i] = b2 * exact_v[i] + (1 - b2) * grad * grad;
            const Real denominator =
                std::sqrt(exact_v[i]) / std::sqrt(Real(step.correction2)) + step.epsilon;
            exact_p[i] -= step.learning_rate / step.correction1 * exact_m[i] / denominator;
          }
        }
        for (int64_t i = 0; i < n; ++i) {
          const size_t k = static_cast<size_t>(i);
          ASSERT_TRUE(is_close(m[i], exact_m[k], 5, 0.5));  // m is a sum of both signs
          ASSERT_TRUE(is_close(v[i], exact_v[k], 10));
          ASSERT_TRUE(is_close(p[i], exact_p[k], 5, 1));
        }
        p.expect_fences_untouched();
        m.expect_fences_untouched();
        v.expect_fences_untouched();
      }
  });
}

// A parameter that never had a gradient decays and does nothing else: 0 / (0 + epsilon) is 0.
TYPED_TEST(OptimKernels, AdamWWithoutAGradientOnlyDecays) {
  using T = TypeParam;
  on_every_isa([&] {
    Fenced<T> p(5, T(2)), m(5), v(5);
    const Fenced<T> g(5);
    kernels::AdamStep step = step_number(1);
    step.l2 = 0;
    kernels::optim<T>().adam(p.data(), m.data(), v.data(), g.data(), 5, step);
    for (int64_t i = 0; i < 5; ++i) {
      EXPECT_EQ(p[i], T(2) * static_cast<T>(1 - step.learning_rate * step.weight_decay));
      EXPECT_EQ(m[i], 0);
      EXPECT_EQ(v[i], 0);
    }
  });
}

TYPED_TEST(OptimKernels, SGDAndRMSPropAgreeWithPlainLoops) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const int64_t n : tail_lengths())
      for (const bool nesterov : {false, true}) {
        const kernels::SGDStep sgd{
            .learning_rate = 0.05, .momentum = 0.9, .l2 = 0.2, .nesterov = nesterov};
        const kernels::RMSPropStep rms{
            .learning_rate = 0.05, .alpha = 0.8, .epsilon = 1e-3, .momentum = 0.7, .l2 = 0.2};
        Fenced<T> p = uniform<T>(n, 1, -3, 3, 1), b(n), q = uniform<T>(n, 1, -3, 3, 3), v(n), c(n);
        const size_t count = static_cast<size_t>(n);
        std::vector<Real> exact_p(p.data(), p.data() + n), exact_b(count);
        std::vector<Real> exact_q(exact_p), exact_v(count), exact_c(count);
        for (unsigned t = 1; t <= 5; ++t) {
          const Fenced<T> g = uniform<T>(n, 10 + t, -1, 1, 2);
          kernels::optim<T>().sgd(p.data(), b.data(), g.data(), n, sgd);
          kernels::optim<T>().rmsprop(q.data(), v.data(), c.data(), g.data(), n, rms);
          for (size_t i = 0; i < count; ++i) {
            Real grad = g[static_cast<int64_t>(i)] + sgd.l2 * exact_p[i];
            exact_b[i] = sgd.momentum * exact_b[i] + grad;
            exact_p[i] -=
                sgd.learning_rate * (nesterov ? grad + sgd.momentum * exact_b[i] : exact_b[i]);
            grad = g[static_cast<int64_t>(i)] + rms.l2 * exact_q[i];
            exact_v[i] = rms.alpha * exact_v[i] + (1 - rms.alpha) * grad * grad;
            exact_c[i] = rms.momentum * exact_c[i] + grad / (std::sqrt(exact_v[i]) + rms.epsilon);
            exact_q[i] -= rms.learning_rate * exact_c[i];
          }
        }
        for (int64_t i = 0; i < n; ++i) {
          const size_t k = static_cast<size_t>(i);
          ASSERT_TRUE(is_close(p[i], exact_p[k], 10, 2));
          ASSERT_TRUE(is_close(b[i], exact_b[k], 10, 2));
          ASSERT_TRUE(is_close(q[i], exact_q[k], 20, 2));
          ASSERT_TRUE(is_close(v[i], exact_v[k], 20));
        }
        for (const Fenced<T>* array : {&p, &b, &q, &v, &c}) array->expect_fences_untouched();
      }
  });
}

}  // namespace
}  // namespace gradus::test
