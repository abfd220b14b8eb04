// Layer and RMS normalisation, forward and backward, against plain loops in long double, for every
// tail of a row.
#include "kernels/kernel_test.h"

namespace gradus::test {
namespace {

constexpr int64_t rows = 3;

template <class T>
class LayerNormKernel : public ::testing::Test {
 protected:
  static const kernels::Rows<T>& table() { return kernels::rows<T>(); }
};
TYPED_TEST_SUITE(LayerNormKernel, FloatingTypes);

struct Moments {
  Real mean, variance;
};
// RMS normalisation is not centred: 0 stands for the mean.
Moments exact_moments(const Row& x, bool centred = true) {
  Moments m{0, 0};
  for (const Real v : x) m.mean += !centred ? 0 : v / static_cast<Real>(x.size());
  for (const Real v : x) m.variance += (v - m.mean) * (v - m.mean) / static_cast<Real>(x.size());
  return m;
}

TYPED_TEST(LayerNormKernel, LayerNormAgreesWithAPlainLoop) {
  using T = TypeParam;
  const T eps = T(1e-5);
  on_every_isa([&] {
    for (const int64_t cols : tail_lengths())
      for (const auto& [centred, with_bias] :
           {std::pair{true, true}, std::pair{true, false}, std::pair{false, false}}) {
        if (cols == 0) continue;
        SCOPED_TRACE(::testing::Message() << "cols " << cols << (centred ? "" : ", no mean"));
        const int64_t n = rows * cols;
        const Fenced<T> x = uniform<T>(n, 1), w = uniform<T>(cols, 2), b = uniform<T>(cols, 3);
        Fenced<T> y(n), mean(rows), rstd(rows), y_is_x = x;
        const T* bias = with_bias ? b.data() : nullptr;
        T* means = centred ? mean.data() : nullptr;
        this->table().layer_norm(y_is_x.data(), means, rstd.data(), y_is_x.data(), w.data(), bias,
                                 eps, rows, cols);
        this->table().layer_norm(y.data(), means, rstd.data(), x.data(), w.data(), bias, eps, rows,
                                 cols);
        y.expect_fences_untouched();
        mean.expect_fences_untouched();
        rstd.expect_fences_untouched();
        EXPECT_TRUE(y_is_x == y);
        for (int64_t i = 0; i < rows; ++i) {
          const auto [exact_mean, variance] = exact_moments(row_of(x, i, cols), centred);
          const Real exact_rstd = 1 / std::sqrt(variance + eps);
          ASSERT_TRUE(is_close(mean[i], exact_mean, 2, 3));
          ASSERT_TRUE(is_close(rstd[i], exact_rstd, 4));
          for (int64_t j = 0; j < cols; ++j) {
            const Real xhat = (x[i * cols + j] - exact_mean) * exact_rstd;
            ASSERT_TRUE(is_close(y[i * cols + j], xhat * w[j] + (with_bias ? b[j] : 0), 10,
                                 3 * (1 + exact_rstd)));
          }
        }
      }
  });
}

// E[x^2] - mean^2 has no correct digit here in float, and is sometimes negative.
TYPED_TEST(LayerNormKernel, LayerNormKeepsASmallVarianceBesideALargeMean) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const int64_t cols : {65, 128, 768, 5000}) {
      const Fenced<T> x = uniform<T>(cols, 1, 10'000, 10'001);
      const Fenced<T> w(cols, T(1));
      Fenced<T> y(cols);
      T mean, rstd;
      this->table().layer_norm(y.data(), &mean, &rstd, x.data(), w.data(), nullptr, 0, 1, cols);
      const Moments exact = exact_moments(row_of(x, 0, cols));
      EXPECT_TRUE(is_close(mean, exact.mean, 4));
      EXPECT_NEAR(double(1 / (Real(rstd) * rstd) / exact.variance), 1, 1e-4);
    }
  });
}

// dx by the full Jacobian of xhat: d xhat_j / dx_i = rstd ([i == j] - 1/n - xhat_i xhat_j / n),
// without the 1/n if there is no mean.
TYPED_TEST(LayerNormKernel, LayerNormBackwardAgreesWithTheJacobian) {
  using T = TypeParam;
  const T eps = T(1e-5);
  on_every_isa([&] {
    for (const int64_t cols : tail_lengths())
      for (const bool centred : {true, false}) {
        if (cols == 0) continue;
        SCOPED_TRACE(::testing::Message() << "cols " << cols << (centred ? "" : ", no mean"));
        const int64_t n = rows * cols;
        const Fenced<T> x = uniform<T>(n, 1), w = uniform<T>(cols, 2), dy = uniform<T>(n, 4);
        const Fenced<T> before = uniform<T>(cols, 5);
        Fenced<T> y(n), mean(rows), rstd(rows), dx(n), dw = before, db = before;
        T* means = centred ? mean.data() : nullptr;
        this->table().layer_norm(y.data(), means, rstd.data(), x.data(), w.data(), nullptr, eps,
                                 rows, cols);
        const auto backward = [&](T* dx_out, T* dweight, T* dbias, const T* dy_in) {
          this->table().layer_norm_backward(dx_out, dweight, dbias, dy_in, x.data(), means,
                                            rstd.data(), w.data(), rows, cols);
        };
        backward(dx.data(), dw.data(), db.data(), dy.data());
        dx.expect_fences_untouched();
        dw.expect_fences_untouched();
        db.expect_fences_untouched();

        Row exact_dw(before.data(), before.data() + cols), exact_db = exact_dw;
        Real largest_rstd = 0;
        for (int64_t i = 0; i < rows; ++i) {
          const auto [exact_mean, variance] = exact_moments(row_of(x, i, cols), centred);
          const Real r = 1 / std::sqrt(variance + eps), m = exact_mean;
          largest_rstd = std::max(largest_rstd, r);
          const auto xhat = [&](int64_t j) { return (x[i * cols + j] - m) * r; };
          for (int64_t k = 0; k < cols; ++k) {
            Real exact_dx = 0;
            for (int64_t j = 0; j < cols; ++j)
              exact_dx +=
                  dy[i * cols + j] * w[j] * r *
                  (Real(j == k) - (Real(centred) + xhat(k) * xhat(j)) / static_cast<Real>(cols));
            ASSERT_TRUE(is_close(dx[i * cols + k], exact_dx, 16, 9 * r * (1 + r)));
            exact_dw[static_cast<size_t>(k)] += dy[i * cols + k] * xhat(k);
            exact_db[static_cast<size_t>(k)] += dy[i * cols + k];
          }
        }
        for (int64_t j = 0; j < cols; ++j) {
          ASSERT_TRUE(
              is_close(dw[j], exact_dw[static_cast<size_t>(j)], 16, 9 * (1 + largest_rstd)));
          ASSERT_TRUE(is_close(db[j], exact_db[static_cast<size_t>(j)], 4, 9));
        }

        // Either sum can be left out, dx may be dy, and neither changes anything else.
        Fenced<T> dx_is_dy = dy, only_dw = before, only_db = before;
        backward(dx_is_dy.data(), only_dw.data(), nullptr, dx_is_dy.data());
        EXPECT_TRUE(dx_is_dy == dx);
        EXPECT_TRUE(only_dw == dw);
        backward(dx.data(), nullptr, only_db.data(), dy.data());
        EXPECT_TRUE(only_db == db);
        EXPECT_TRUE(dx_is_dy == dx);
      }
  });
}

}  // namespace
}  // namespace gradus::test
