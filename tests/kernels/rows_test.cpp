// Softmax, cross-entropy and sums, against plain loops in long double, for every tail of a row.
#include "kernels/kernel_test.h"

namespace gradus::test {
namespace {

constexpr int64_t rows = 3;

template <class T>
class RowKernels : public ::testing::Test {
 protected:
  static constexpr T infinity = std::numeric_limits<T>::infinity();
  static constexpr T nan = std::numeric_limits<T>::quiet_NaN();

  static const kernels::Rows<T>& table() { return kernels::rows<T>(); }

  static std::vector<T> softmax(std::vector<T> x) {
    table().softmax(x.data(), x.data(), 1, static_cast<int64_t>(x.size()));
    return x;
  }
};
TYPED_TEST_SUITE(RowKernels, FloatingTypes);

// ---- references: one row each, as in the textbook ----------------------------------------------

Real exact_log_sum_exp(const Row& x) {
  Real max = -INFINITY, total = 0;
  for (const Real v : x) max = std::max(max, v);
  for (const Real v : x) total += std::exp(v - max);
  return max + std::log(total);
}

Row exact_softmax(const Row& x) {
  Row y = x;
  for (Real& v : y) v = std::exp(v - exact_log_sum_exp(x));
  return y;
}

// sum_j dy_j dy_j/dx_i from the full Jacobian dy_j/dx_i = y_j ([i == j] - y_i).
Row exact_softmax_backward(const Row& dy, const Row& y) {
  Row dx(y.size(), 0);
  for (size_t i = 0; i < y.size(); ++i)
    for (size_t j = 0; j < y.size(); ++j) dx[i] += dy[j] * y[j] * ((i == j) - y[i]);
  return dx;
}

// ---- softmax and its logarithm -----------------------------------------------------------------

TYPED_TEST(RowKernels, SoftmaxAgreesWithAPlainLoop) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const int64_t cols : tail_lengths())
      for (const int64_t misalignment : {0, 1, 3}) {
        SCOPED_TRACE(::testing::Message() << "cols " << cols);
        const int64_t n = rows * cols;
        const Fenced<T> x = uniform<T>(n, 1, -5, 5, misalignment), dy = uniform<T>(n, 2);
        Fenced<T> y(n), dx(n);
        this->table().softmax(y.data(), x.data(), rows, cols);
        this->table().softmax_backward(dx.data(), dy.data(), y.data(), rows, cols);
        y.expect_fences_untouched();
        dx.expect_fences_untouched();
        for (int64_t i = 0; i < rows; ++i) {
          const Row exact_y = exact_softmax(row_of(x, i, cols));
          const Row exact_dx = exact_softmax_backward(row_of(dy, i, cols), exact_y);
          for (int64_t j = 0; j < cols; ++j) {
            const size_t k = static_cast<size_t>(j);
            ASSERT_TRUE(is_close(y[i * cols + j], exact_y[k], 8));
            ASSERT_TRUE(is_close(dx[i * cols + j], exact_dx[k], 12, 3 * exact_y[k]));
          }
        }

        Fenced<T> y_is_x = x, dx_is_dy = dy;
        this->table().softmax(y_is_x.data(), y_is_x.data(), rows, cols);
        this->table().softmax_backward(dx_is_dy.data(), dx_is_dy.data(), y.data(), rows, cols);
        EXPECT_TRUE(y_is_x == y);
        EXPECT_TRUE(dx_is_dy == dx);
      }
  });
}

TYPED_TEST(RowKernels, LogSoftmaxAgreesWithAPlainLoop) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const int64_t cols : tail_lengths()) {
      SCOPED_TRACE(::testing::Message() << "cols " << cols);
      const int64_t n = rows * cols;
      const Fenced<T> x = uniform<T>(n, 1, -5, 5), dy = uniform<T>(n, 2);
      Fenced<T> y(n), dx(n);
      this->table().log_softmax(y.data(), x.data(), rows, cols);
      this->table().log_softmax_backward(dx.data(), dy.data(), y.data(), rows, cols);
      y.expect_fences_untouched();
      dx.expect_fences_untouched();
      for (int64_t i = 0; i < rows; ++i) {
        const Row exact_x = row_of(x, i, cols);
        Real total = 0;
        for (const Real g : row_of(dy, i, cols)) total += g;
        for (int64_t j = i * cols; j < (i + 1) * cols; ++j) {
          const Real exact_y = x[j] - exact_log_sum_exp(exact_x);
          ASSERT_TRUE(is_close(y[j], exact_y, 3, 5));
          ASSERT_TRUE(is_close(dx[j], dy[j] - std::exp(exact_y) * total, 16, 3));
        }
      }

      Fenced<T> y_is_x = x, dx_is_dy = dy;
      this->table().log_softmax(y_is_x.data(), y_is_x.data(), rows, cols);
      this->table().log_softmax_backward(dx_is_dy.data(), dx_is_dy.data(), y.data(), rows, cols);
      EXPECT_TRUE(y_is_x == y);
      EXPECT_TRUE(dx_is_dy == dx);
    }
  });
}

TYPED_TEST(RowKernels, SoftmaxIsNotMovedByAConstantNorUpsetByLargeLogits) {
  using T = TypeParam;
  using Values = std::vector<T>;
  on_every_isa([&] {
    EXPECT_EQ(this->softmax({1, 2, 3}), this->softmax({1001, 1002, 1003}));
    EXPECT_EQ(this->softmax({1, 2, 3}), this->softmax({-1001, -1000, -999}));
    EXPECT_EQ(this->softmax({T(-1e30), T(1e30), T(-1e30)}), Values({0, 1, 0}));
    EXPECT_EQ(this->softmax({T(1e30), T(1e30)}), Values({0.5, 0.5}));
    // log_softmax keeps its digits beside a large maximum: log(1/2) and nothing but.
    Values x = {T(1e6), T(1e6)};
    this->table().log_softmax(x.data(), x.data(), 1, 2);
    for (const T y : x) EXPECT_TRUE(is_close(y, -std::log(Real(2)), 1));
  });
}

// PyTorch gives NaN for a row that is all -inf; in attention that is a position that sees nothing,
// and nothing is what it should receive.
TYPED_TEST(RowKernels, MinusInfinityIsAProbabilityOfZeroEvenForAWholeRow) {
  using T = TypeParam;
  using Values = std::vector<T>;
  on_every_isa([&] {
    const T inf = this->infinity;
    EXPECT_EQ(this->softmax({-inf, 2, -inf, 2}), Values({0, 0.5, 0, 0.5}));
    for (const size_t cols : {1u, 5u, 16u, 37u, 130u}) {
      EXPECT_EQ(this->softmax(Values(cols, -inf)), Values(cols, 0));
      Values x(cols, -inf);
      this->table().log_softmax(x.data(), x.data(), 1, static_cast<int64_t>(cols));
      EXPECT_EQ(x, Values(cols, -inf));
    }
  });
}

TYPED_TEST(RowKernels, NaNAndInfinityAreNotHidden) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const T bad : {this->nan, this->infinity})
      for (const T other : {T(1), -this->infinity})
        for (const size_t cols : {1u, 5u, 16u, 37u, 130u})
          for (size_t place = 0; place < cols; ++place) {
            std::vector<T> x(cols, other);
            x[place] = bad;
            EXPECT_TRUE(std::isnan(this->softmax(x)[place])) << place << " of " << cols;
            this->table().log_softmax(x.data(), x.data(), 1, static_cast<int64_t>(cols));
            EXPECT_TRUE(std::isnan(x[place])) << place << " of " << cols;
          }
  });
}

// ---- cross-entropy -----------------------------------------------------------------------------

TYPED_TEST(RowKernels, CrossEntropyAgreesWithAPlainLoop) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const int64_t cols : tail_lengths())
      for (const kernels::CrossEntropyRule rule :
           {kernels::CrossEntropyRule{}, {.ignored = 0}, {.ignored = -1, .smoothing = 0.25}}) {
        if (cols == 0) continue;
        SCOPED_TRACE(::testing::Message() << "cols " << cols << ", ignored " << rule.ignored);
        const int64_t n = rows * cols;
        const std::vector<int64_t> target = {rule.ignored == -1 ? -1 : 0, cols - 1, cols / 2};
        const Fenced<T> x = uniform<T>(n, 1, -5, 5), dloss = uniform<T>(rows, 2);
        Fenced<T> loss(rows), log_sum_exp(rows), dx(n, T(7)), dx_is_x = x;
        this->table().cross_entropy(loss.data(), log_sum_exp.data(), x.data(), target.data(), rows,
                                    cols, rule);
        const auto backward = [&](T* to, const T* from) {
          this->table().cross_entropy_backward(to, dloss.data(), from, log_sum_exp.data(),
                                               target.data(), rows, cols, rule);
        };
        backward(dx.data(), x.data());
        backward(dx_is_x.data(), dx_is_x.data());
        loss.expect_fences_untouched();
        log_sum_exp.expect_fences_untouched();
        dx.expect_fences_untouched();
        EXPECT_TRUE(dx_is_x == dx);
        for (int64_t i = 0; i < rows; ++i) {
          const Real exact = exact_log_sum_exp(row_of(x, i, cols));
          const int64_t t = target[static_cast<size_t>(i)];
          const bool counts = t != rule.ignored;
          const Real even = rule.smoothing / static_cast<Real>(cols);
          Real exact_loss = 0;
          for (int64_t j = 0; j < cols; ++j) {
            const Real q = (j == t) * (1 - rule.smoothing) + even, v = x[i * cols + j];
            exact_loss += q * (exact - v);
            ASSERT_TRUE(is_close(dx[i * cols + j],
                                 counts ? dloss[i] * (std::exp(v - exact) - q) : 0, 16, 3));
          }
          if (counts) {
            ASSERT_TRUE(is_close(log_sum_exp[i], exact, 3, 5));
          }
          ASSERT_TRUE(is_close(loss[i], counts ? exact_loss : 0, 3, 5));
        }
      }
  });
}

// ---- sums --------------------------------------------------------------------------------------

TYPED_TEST(RowKernels, SumsOfManyNumbersKeepTheirDigits) {
  using T = TypeParam;
  std::vector<int64_t> lengths = tail_lengths();
  for (const int64_t n : {2047, 2048, 2049, 5000, 1'000'003}) lengths.push_back(n);
  on_every_isa([&] {
    for (const int64_t n : lengths) {
      SCOPED_TRACE(::testing::Message() << "n " << n);
      const Fenced<T> x =
          uniform<T>(n, 1, 0, 1);  // added one by one, a million of them lose hundreds of roundings
      Real sum = 0, squares = 0;
      for (int64_t i = 0; i < n; ++i) {
        sum += x[i];
        squares += Real(x[i]) * x[i];
      }
      EXPECT_TRUE(is_close(this->table().sum(x.data(), n), sum, 16));
      EXPECT_TRUE(is_close(this->table().sum_squares(x.data(), n), squares, 16));
    }
  });
}

TYPED_TEST(RowKernels, SumOfSquaresDoesNotOverflowWhereADoubleWouldNot) {
  using T = TypeParam;
  const std::vector<T> x(37, T(1e30));
  on_every_isa([&] {
    EXPECT_TRUE(is_close(this->table().sum_squares(x.data(), 37), 37 * Real(x[0]) * x[0], 4));
  });
}

TYPED_TEST(RowKernels, AddRowsAddsEachColumn) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const int64_t n_rows : {0, 1, 3, 4, 5, 11})
      for (const int64_t cols : tail_lengths()) {
        SCOPED_TRACE(::testing::Message() << "rows " << n_rows << ", cols " << cols);
        const int64_t stride = cols + 3;
        const Fenced<T> x = uniform<T>(n_rows * stride, 1), before = uniform<T>(cols, 2);
        Fenced<T> y = before;
        this->table().add_rows(y.data(), x.data(), n_rows, cols, stride);
        y.expect_fences_untouched();
        for (int64_t j = 0; j < cols; ++j) {
          Real exact = before[j];
          for (int64_t i = 0; i < n_rows; ++i) exact += x[i * stride + j];
          ASSERT_TRUE(is_close(y[j], exact, 4, 10));
        }
      }
  });
}

}  // namespace
}  // namespace gradus::test
