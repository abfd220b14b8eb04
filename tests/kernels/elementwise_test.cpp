// The elementwise kernels against the mathematics in long double, and at the places where the
// mathematics alone does not decide.
#include "kernels/kernel_test.h"

namespace gradus::test {
namespace {

template <class T>
class ElementwiseKernels : public ::testing::Test {
 protected:
  static constexpr T infinity = std::numeric_limits<T>::infinity();
  static constexpr T nan = std::numeric_limits<T>::quiet_NaN();

  static const kernels::Elementwise<T>& table() { return kernels::elementwise<T>(); }

  // f(x) and f'(x) of one number.
  static T value(const char* op, T x) {
    T y;
    kernels::unary<T>(op).value(&y, &x, 1);
    return y;
  }
  static T slope(const char* op, T x) {
    const T dy = 1;
    T dx;
    kernels::unary<T>(op).backward(&dx, &dy, &x, 1);
    return dx;
  }
};
TYPED_TEST_SUITE(ElementwiseKernels, FloatingTypes);

// ---- references --------------------------------------------------------------------------------

struct UnaryCase {
  const char* op;
  Real (*value)(Real);
  Real (*slope)(Real);
  double low, high;  // the interval it is tested on
  double value_ulps, slope_ulps;
};

Real gelu_inner(Real x) { return std::sqrt(2 / std::acos(Real(-1))) * (x + 0.044715L * x * x * x); }
Real gelu(Real x) { return x / 2 * (1 + std::tanh(gelu_inner(x))); }
// The product rule on that formula, left as it comes.
Real gelu_slope(Real x) {
  const Real t = std::tanh(gelu_inner(x));
  const Real inner_slope = std::sqrt(2 / std::acos(Real(-1))) * (1 + 3 * 0.044715L * x * x);
  return (1 + t) / 2 + x / 2 * (1 - t * t) * inner_slope;
}
Real tanh_slope(Real x) { return 1 / (std::cosh(x) * std::cosh(x)); }
Real gelu_exact(Real x) { return x / 2 * std::erfc(-x * std::sqrt(Real(0.5))); }
Real gelu_exact_slope(Real x) {
  return std::erfc(-x * std::sqrt(Real(0.5))) / 2 +
         x * std::exp(-x * x / 2) / std::sqrt(2 * std::acos(Real(-1)));
}
Real sigmoid(Real x) { return 1 / (1 + std::exp(-x)); }
Real sigmoid_slope(Real x) { return sigmoid(x) * sigmoid(-x); }
Real silu_slope(Real x) { return sigmoid(x) + x * sigmoid_slope(x); }
Real bell(Real x) { return 2 / std::sqrt(std::acos(Real(-1))) * std::exp(-x * x); }
Real exponential(Real x) { return std::exp(x); }
Real logarithm(Real x) { return std::log(x); }
Real root(Real x) { return std::sqrt(x); }
Real root_slope(Real x) { return 1 / (2 * std::sqrt(x)); }

// gelu's tail is e^(-2u), where the rounding of u weighs |2u| times as much.
const std::vector<UnaryCase> unary_cases = {
    {"neg", [](Real x) { return -x; }, [](Real) { return Real(-1); }, -3, 3, 0, 0},
    {"exp", exponential, exponential, -9, 9, 1.05, 1.6},
    {"log", logarithm, [](Real x) { return 1 / x; }, 0.1, 9, 1, 1},
    {"sqrt", root, root_slope, 0.1, 9, 0.501, 1.5},
    {"tanh", [](Real x) { return std::tanh(x); }, tanh_slope, -3, 3, 1.55, 3},
    {"relu", [](Real x) { return x > 0 ? x : 0; }, [](Real x) { return Real(x > 0); }, -3, 3, 0, 0},
    {"gelu_tanh", gelu, gelu_slope, -3, 3, 20, 3},
    {"gelu", gelu_exact, gelu_exact_slope, -3, 3, 10, 5},
    {"sigmoid", sigmoid, sigmoid_slope, -9, 9, 2.5, 5},
    {"silu", [](Real x) { return x * sigmoid(x); }, silu_slope, -9, 9, 3.5, 3},
    {"erf", [](Real x) { return std::erf(x); }, bell, -3, 3, 2.25, 4},
    {"abs", [](Real x) { return std::fabs(x); }, [](Real x) { return Real(x > 0) - Real(x < 0); },
     -3, 3, 0, 0},
    {"square", [](Real x) { return x * x; }, [](Real x) { return 2 * x; }, -3, 3, 0.501, 0.501},
    {"rsqrt", [](Real x) { return 1 / std::sqrt(x); },
     [](Real x) { return -1 / (2 * x * std::sqrt(x)); }, 0.1, 9, 1.5, 6},
};

struct BinaryCase {
  const char* op;
  Real (*value)(Real, Real);
};

const std::vector<BinaryCase> binary_cases = {
    {"add", [](Real x, Real y) { return x + y; }},
    {"sub", [](Real x, Real y) { return x - y; }},
    {"mul", [](Real x, Real y) { return x * y; }},
    {"div", [](Real x, Real y) { return x / y; }},
    {"maximum", [](Real x, Real y) { return std::max(x, y); }},
    {"minimum", [](Real x, Real y) { return std::min(x, y); }},
    {"pow", [](Real x, Real y) { return std::pow(x, y); }},
};

TEST(ElementwiseCases, NoBinaryOpIsForgotten) {
  ASSERT_EQ(static_cast<int>(binary_cases.size()), kernels::elementwise<float>().binary.count);
}

TEST(ElementwiseCases, AnUnknownNameIsAnError) {
  EXPECT_EQ(error_of([] { kernels::unary<float>("tanhh"); }),
            "tanhh: there is no elementwise kernel of that name; src/kernels/isa/elementwise.cpp "
            "lists them");
  EXPECT_THROW(kernels::binary<double>("tanh"), Error);
}

// ---- every op, every tail ----------------------------------------------------------------------

TYPED_TEST(ElementwiseKernels, UnaryAgreesWithTheMathematics) {
  using T = TypeParam;
  const int64_t n = 1009;
  on_every_isa([&] {
    for (const UnaryCase& c : unary_cases) {
      SCOPED_TRACE(c.op);
      const Fenced<T> x = uniform<T>(n, 1, c.low, c.high), dy = uniform<T>(n, 2);
      Fenced<T> y(n), dx(n);
      kernels::unary<T>(c.op).value(y.data(), x.data(), n);
      kernels::unary<T>(c.op).backward(dx.data(), dy.data(), x.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        ASSERT_TRUE(is_close(y[i], c.value(x[i]), c.value_ulps)) << "at x = " << x[i];
        ASSERT_TRUE(is_close(dx[i], dy[i] * c.slope(x[i]), c.slope_ulps, dy[i]))
            << "slope at x = " << x[i];
      }
    }
  });
}

// Where an array, or a thread's chunk of it, begins or ends is not to be seen in the result, not
// even in its last bit; and nothing beside it is written to.
TYPED_TEST(ElementwiseKernels, EveryTailGivesWhatEachElementGivesAlone) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const kernels::Unary<T>& op : this->table().unary)
      for (const int64_t n : tail_lengths())
        for (const int64_t misalignment : {0, 1, 3}) {
          SCOPED_TRACE(::testing::Message() << op.name << ", n " << n);
          const Fenced<T> x = uniform<T>(n, 1, -3, 3, misalignment), dy = uniform<T>(n, 2);
          Fenced<T> y(n), dx(n);
          op.value(y.data(), x.data(), n);
          op.backward(dx.data(), dy.data(), x.data(), n);
          y.expect_fences_untouched();
          dx.expect_fences_untouched();
          for (int64_t i = 0; i < n; ++i) {
            T alone;
            op.value(&alone, &x[i], 1);
            ASSERT_TRUE(same_bits(y[i], alone)) << "at x = " << x[i];
            op.backward(&alone, &dy[i], &x[i], 1);
            ASSERT_TRUE(same_bits(dx[i], alone)) << "slope at x = " << x[i];
          }

          Fenced<T> y_is_x = x, dx_is_dy = dy, dx_is_x = x;
          op.value(y_is_x.data(), y_is_x.data(), n);
          op.backward(dx_is_dy.data(), dx_is_dy.data(), x.data(), n);
          op.backward(dx_is_x.data(), dy.data(), dx_is_x.data(), n);
          EXPECT_TRUE(y_is_x == y);
          EXPECT_TRUE(dx_is_dy == dx);
          EXPECT_TRUE(dx_is_x == dx);
        }
  });
}

TYPED_TEST(ElementwiseKernels, BinaryAgreesWithTheMathematics) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const BinaryCase& c : binary_cases)
      for (const int64_t n : tail_lengths())
        for (const int64_t x_stride : {0, 1})
          for (const int64_t y_stride : {0, 1}) {
            SCOPED_TRACE(::testing::Message()
                         << c.op << ", n " << n << ", strides " << x_stride << " " << y_stride);
            const auto kernel = kernels::binary<T>(c.op).value;
            const Fenced<T> x = uniform<T>(x_stride ? n : 1, 1);
            const Fenced<T> y = uniform<T>(y_stride ? n : 1, 2, 0.5, 3, 2);
            Fenced<T> z(n);
            kernel(z.data(), x.data(), x_stride, y.data(), y_stride, n);
            z.expect_fences_untouched();
            for (int64_t i = 0; i < n; ++i)
              ASSERT_TRUE(is_close(z[i], c.value(x[i * x_stride], y[i * y_stride]), 0.501));

            if (x_stride) {
              Fenced<T> z_is_x = x;
              kernel(z_is_x.data(), z_is_x.data(), 1, y.data(), y_stride, n);
              EXPECT_TRUE(z_is_x == z);
            }
            if (y_stride) {
              Fenced<T> z_is_y = y;
              kernel(z_is_y.data(), x.data(), x_stride, z_is_y.data(), 1, n);
              EXPECT_TRUE(z_is_y == z);
            }
          }
  });
}

TYPED_TEST(ElementwiseKernels, AccumulateAdds) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const int64_t n : tail_lengths()) {
      const Fenced<T> x = uniform<T>(n, 1), before = uniform<T>(n, 2, -3, 3, 2);
      Fenced<T> y = before;
      this->table().accumulate(y.data(), x.data(), n);
      y.expect_fences_untouched();
      for (int64_t i = 0; i < n; ++i) ASSERT_EQ(y[i], before[i] + x[i]);
    }
  });
}

TYPED_TEST(ElementwiseKernels, MaskedFillReplacesWhereTheMaskIsTrue) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const int64_t n : tail_lengths()) {
      const Fenced<T> x = uniform<T>(n, 1), coin = uniform<T>(n, 2);
      Fenced<bool> mask(n);
      for (int64_t i = 0; i < n; ++i) mask[i] = coin[i] > 0;
      Fenced<T> y(n), y_is_x = x;
      this->table().masked_fill(y.data(), x.data(), mask.data(), -this->infinity, n);
      this->table().masked_fill(y_is_x.data(), y_is_x.data(), mask.data(), -this->infinity, n);
      y.expect_fences_untouched();
      for (int64_t i = 0; i < n; ++i) ASSERT_EQ(y[i], mask[i] ? -this->infinity : x[i]);
      EXPECT_TRUE(y_is_x == y);
    }
  });
}

// ---- where the mathematics alone does not decide -----------------------------------------------

TYPED_TEST(ElementwiseKernels, ReluAtItsKinkAndAtNaNIsPyTorchs) {
  on_every_isa([&] {
    EXPECT_EQ(this->slope("relu", 0), 0);
    EXPECT_EQ(this->slope("relu", -TypeParam(0)), 0);
    EXPECT_EQ(this->value("relu", 0), 0);
    EXPECT_EQ(this->value("relu", -this->infinity), 0);
    EXPECT_EQ(this->value("relu", this->infinity), this->infinity);
    EXPECT_TRUE(std::isnan(this->value("relu", this->nan)));
  });
}

TYPED_TEST(ElementwiseKernels, GeluOfLargeNumbersIsTheNumberOrMinusZero) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const T x : {T(30), T(1e30), std::numeric_limits<T>::max()}) {
      EXPECT_EQ(this->value("gelu_tanh", x), x);
      EXPECT_TRUE(same_bits(this->value("gelu_tanh", -x), -T(0))) << x;
      EXPECT_EQ(this->slope("gelu_tanh", x), 1);
      EXPECT_EQ(this->slope("gelu_tanh", -x), 0);
    }
    EXPECT_EQ(this->value("gelu_tanh", this->infinity), this->infinity);
    EXPECT_TRUE(std::isnan(this->value("gelu_tanh", -this->infinity)));  // -inf * 0, as in PyTorch
    EXPECT_EQ(this->slope("gelu_tanh", this->infinity), 1);
    EXPECT_EQ(this->slope("gelu_tanh", -this->infinity), 0);
    EXPECT_TRUE(std::isnan(this->value("gelu_tanh", this->nan)));
    EXPECT_TRUE(std::isnan(this->slope("gelu_tanh", this->nan)));
  });
}

// Absolute accuracy is all that the slope's own formula can be held to where it is almost 0; this
// holds the whole curve to it, far into both tails.
TYPED_TEST(ElementwiseKernels, GeluSlopeIsAccurateInBothTails) {
  using T = TypeParam;
  on_every_isa([&] {
    for (T x = -30; x < 30; x += T(0.0137))
      ASSERT_TRUE(is_close(this->slope("gelu_tanh", x), gelu_slope(x), 4, 1)) << x;
  });
}

TYPED_TEST(ElementwiseKernels, DivisionAndRootsFollowIEEE) {
  using T = TypeParam;
  const auto divide = [&](T x, T y) {
    T z;
    kernels::binary<T>("div").value(&z, &x, 1, &y, 1, 1);
    return z;
  };
  on_every_isa([&] {
    EXPECT_EQ(divide(1, 0), this->infinity);
    EXPECT_EQ(divide(1, -T(0)), -this->infinity);
    EXPECT_TRUE(std::isnan(divide(0, 0)));
    EXPECT_EQ(divide(1, this->infinity), 0);
    EXPECT_TRUE(std::isnan(this->value("sqrt", -1)));
    EXPECT_TRUE(same_bits(this->value("sqrt", -T(0)), -T(0)));
    EXPECT_EQ(this->value("sqrt", this->infinity), this->infinity);
    EXPECT_EQ(this->slope("sqrt", 0), this->infinity);
    EXPECT_EQ(this->slope("log", 0), this->infinity);
    EXPECT_TRUE(same_bits(this->value("neg", 0), -T(0)));
  });
}

}  // namespace
}  // namespace gradus::test
