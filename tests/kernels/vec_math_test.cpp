// exp, log, tanh, erf and sqrt as the kernels compute them (kernels/isa/vec_math.h), over all of
// their range: every exponent, both signs, and the edges where results overflow, underflow or
// change their formula.
#include "kernels/kernel_test.h"

namespace gradus::test {
namespace {

template <class T>
class VecMath : public ::testing::Test {
 protected:
  using Limits = std::numeric_limits<T>;
  static constexpr T infinity = Limits::infinity();

  static std::vector<T> evaluate(const char* op, const std::vector<T>& x) {
    std::vector<T> y(x.size());
    kernels::unary<T>(op).value(y.data(), x.data(), static_cast<int64_t>(x.size()));
    return y;
  }
  static T evaluate(const char* op, T x) { return evaluate(op, std::vector<T>{x})[0]; }

  // The distance of y from the exact result, in units of the last place of the latter.
  static Real ulps_off(T y, Real exact) {
    if (static_cast<Real>(y) == exact) return 0;
    int exponent;
    std::frexp(exact, &exponent);  // exact = f * 2^exponent with 1/2 <= |f| < 1
    exponent = std::max(exponent, Limits::min_exponent);
    return std::fabs(y - exact) / std::ldexp(Real(1), exponent - Limits::digits);
  }

  // The worst error of an op on these numbers, on every instruction set.
  static void expect_accurate(const char* op, Real (*exact)(Real), const std::vector<T>& x,
                              Real bound) {
    std::vector<Real> references;
    for (const T value : x) references.push_back(exact(value));
    on_every_isa([&] {
      const std::vector<T> y = evaluate(op, x);
      Real worst = 0;
      size_t where = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const Real error = ulps_off(y[i], references[i]);
        if (error <= worst) continue;  // and not when it is NaN
        worst = error;
        where = i;
      }
      EXPECT_LE(worst, bound) << "at x = " << x[where] << ": " << y[where] << " for "
                              << references[where];
    });
  }

  // So many numbers with every bit pattern equally likely, those that `keep` wants: all exponents.
  template <class Keep>
  static std::vector<T> all_sizes(int count, Keep keep) {
    std::mt19937_64 random(1);
    std::vector<T> x;
    for (int i = 0; i < count; ++i) {
      const uint64_t bits = random();
      T value;
      std::memcpy(&value, &bits, sizeof value);
      if (std::isfinite(value) && keep(value)) x.push_back(value);
    }
    return x;
  }
  static std::vector<T> evenly(int count, double low, double high) {
    std::vector<T> x;
    for (int i = 0; i < count; ++i)
      x.push_back(static_cast<T>(low + (high - low) * i / (count - 1)));
    return x;
  }

  // Where e^x is the smallest normal and the largest finite number.
  static T smallest_exp_argument() {
    return sizeof(T) == 4 ? T(-0x1.5d589ep+6L) : T(-0x1.6232bdd7abcd2p+9L);
  }
  static T largest_exp_argument() {
    return sizeof(T) == 4 ? T(0x1.62e42ep+6L) : T(0x1.62e42fefa39efp+9L);
  }
};
TYPED_TEST_SUITE(VecMath, FloatingTypes);

Real exact_exp(Real x) { return std::exp(x); }
Real exact_log(Real x) { return std::log(x); }
Real exact_tanh(Real x) { return std::tanh(x); }
Real exact_erf(Real x) { return std::erf(x); }
// x times the normal distribution's probability of less than x.
Real exact_gelu(Real x) { return x / 2 * std::erfc(-x * std::sqrt(Real(0.5))); }
Real exact_bell(Real x) { return std::exp(-x * x) * 2 / std::sqrt(std::acos(Real(-1))); }

constexpr int count = 200'000;

TYPED_TEST(VecMath, ExpIsAccurate) {
  const auto low = this->smallest_exp_argument(), high = this->largest_exp_argument();
  const auto in_range = [=](TypeParam x) { return x >= low && x <= high; };
  this->expect_accurate("exp", exact_exp, this->all_sizes(count, in_range), 1.05);
  this->expect_accurate("exp", exact_exp, this->evenly(count, low, high), 1.05);
  this->expect_accurate("exp", exact_exp, this->evenly(count, -1, 1), 1.05);
}

TYPED_TEST(VecMath, ExpOverflowsToInfinityAndIsFlushedToZeroBelowTheNormalNumbers) {
  using T = TypeParam;
  const T low = this->smallest_exp_argument(), high = this->largest_exp_argument();
  const T below = std::nextafter(low, -this->infinity),
          above = std::nextafter(high, this->infinity);
  // The two arguments are what they are said to be.
  ASSERT_GE(exact_exp(low), std::numeric_limits<T>::min());
  ASSERT_LT(exact_exp(below), std::numeric_limits<T>::min());
  ASSERT_LE(exact_exp(high), std::numeric_limits<T>::max());
  ASSERT_GT(exact_exp(above), std::numeric_limits<T>::max());
  on_every_isa([&] {
    EXPECT_GE(this->evaluate("exp", low), std::numeric_limits<T>::min());
    EXPECT_TRUE(std::isfinite(this->evaluate("exp", high)));
    for (const T x : {above, T(1000), T(1e30), std::numeric_limits<T>::max(), this->infinity})
      EXPECT_EQ(this->evaluate("exp", x), this->infinity) << x;
    for (const T x : {below, T(-1000), T(-1e30), std::numeric_limits<T>::lowest(), -this->infinity})
      EXPECT_TRUE(same_bits(this->evaluate("exp", x), T(0))) << x;
    for (const T x : {T(0), -T(0), std::numeric_limits<T>::denorm_min()})
      EXPECT_EQ(this->evaluate("exp", x), 1);
  });
}

TYPED_TEST(VecMath, LogIsAccurate) {
  const auto positive = [](TypeParam x) { return x > 0; };
  const auto denormal = [](TypeParam x) { return x > 0 && !std::isnormal(x); };
  this->expect_accurate("log", exact_log, this->all_sizes(count, positive), 0.9);
  this->expect_accurate("log", exact_log, this->all_sizes(20 * count, denormal), 0.9);
  this->expect_accurate("log", exact_log, this->evenly(count, 0.4, 2.5), 0.9);
  this->expect_accurate("log", exact_log, this->evenly(count, 0.999, 1.001), 0.9);
  using T = TypeParam;
  this->expect_accurate("log", exact_log,
                        {std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::max()}, 0.9);
}

TYPED_TEST(VecMath, LogAtTheEdgesFollowsIEEE) {
  using T = TypeParam;
  on_every_isa([&] {
    EXPECT_TRUE(same_bits(this->evaluate("log", T(1)), T(0)));
    EXPECT_EQ(this->evaluate("log", T(0)), -this->infinity);
    EXPECT_EQ(this->evaluate("log", -T(0)), -this->infinity);
    EXPECT_EQ(this->evaluate("log", this->infinity), this->infinity);
    for (const T x : {-std::numeric_limits<T>::denorm_min(), T(-1), -this->infinity})
      EXPECT_TRUE(std::isnan(this->evaluate("log", x))) << x;
  });
}

// Near 0, too, where 1 - 2 / (e^2x + 1) would have no correct digit left.
TYPED_TEST(VecMath, TanhIsAccurate) {
  using T = TypeParam;
  const auto normal = [](T x) { return std::isnormal(x); };
  this->expect_accurate("tanh", exact_tanh, this->all_sizes(count, normal), 1.55);
  this->expect_accurate("tanh", exact_tanh, this->evenly(count, -1, 1), 1.55);
  this->expect_accurate("tanh", exact_tanh, this->evenly(count, 0.53, 0.6), 1.55);
  this->expect_accurate("tanh", exact_tanh, this->evenly(count, -25, 25), 1.55);
}

TYPED_TEST(VecMath, TanhIsOddAndEndsAtOne) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const T x : {T(20), T(1e30), std::numeric_limits<T>::max(), this->infinity}) {
      EXPECT_EQ(this->evaluate("tanh", x), 1) << x;
      EXPECT_EQ(this->evaluate("tanh", -x), -1) << x;
    }
    const T tiny = std::numeric_limits<T>::denorm_min();
    for (const T x : {T(0), -T(0), tiny, -tiny, std::numeric_limits<T>::min()})
      EXPECT_TRUE(same_bits(this->evaluate("tanh", x), x)) << x;
    for (const T x : this->evenly(1001, 0, 12)) {
      EXPECT_TRUE(same_bits(this->evaluate("tanh", -x), -this->evaluate("tanh", x)));
      EXPECT_LE(this->evaluate("tanh", x), 1);
    }
  });
}

TYPED_TEST(VecMath, ErfIsAccurate) {
  using T = TypeParam;
  const auto normal = [](T x) { return std::isnormal(x); };
  const Real bound = sizeof(T) == 4 ? 1.7 : 2.4;
  this->expect_accurate("erf", exact_erf, this->all_sizes(count, normal), bound);
  this->expect_accurate("erf", exact_erf, this->evenly(count, -1.01, 1.01), bound);
  this->expect_accurate("erf", exact_erf, this->evenly(count, 0.99, 1.3), bound);
  this->expect_accurate("erf", exact_erf, this->evenly(count, -6.5, 6.5), bound);
}

TYPED_TEST(VecMath, ErfIsOddAndEndsAtOne) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const T x : {T(7), T(1e30), std::numeric_limits<T>::max(), this->infinity}) {
      EXPECT_EQ(this->evaluate("erf", x), 1) << x;
      EXPECT_EQ(this->evaluate("erf", -x), -1) << x;
    }
    for (const T x : {T(0), -T(0)}) EXPECT_TRUE(same_bits(this->evaluate("erf", x), x)) << x;
    for (const T x : this->evenly(1001, 0, 8)) {
      EXPECT_TRUE(same_bits(this->evaluate("erf", -x), -this->evaluate("erf", x)));
      EXPECT_LE(this->evaluate("erf", x), 1);
    }
  });
}

// gelu is x times a tail of the normal distribution where x is negative: to the last digits there
// too, where 1 + erf would have none left, down to the smallest normal numbers.
TYPED_TEST(VecMath, TheTailOfTheNormalDistributionIsAccurate) {
  const double edge = sizeof(TypeParam) == 4 ? 12.9 : 37.4;
  this->expect_accurate("gelu", exact_gelu, this->evenly(count, -edge, -1), 10);
  this->expect_accurate("gelu", exact_gelu, this->evenly(count, -1, 20), 10);
}

// The slope of erf, e^(-x^2): a rounded x^2 would cost up to 700 ulps of it.
TYPED_TEST(VecMath, ExpOfMinusASquareIsAccurate) {
  using T = TypeParam;
  const double edge = sizeof(T) == 4 ? 9.3 : 26.6;
  const std::vector<T> x = this->evenly(count, -edge, edge), one(x.size(), T(1));
  on_every_isa([&] {
    std::vector<T> y(x.size());
    kernels::unary<T>("erf").backward(y.data(), one.data(), x.data(), count);
    Real worst = 0;
    for (size_t i = 0; i < x.size(); ++i)
      worst = std::max(worst, this->ulps_off(y[i], exact_bell(x[i])));
    EXPECT_LE(worst, 3);
  });
}

TYPED_TEST(VecMath, SqrtIsCorrectlyRounded) {
  using T = TypeParam;
  const std::vector<T> x = this->all_sizes(count, [](T value) { return value >= 0; });
  on_every_isa([&] {
    const std::vector<T> y = this->evaluate("sqrt", x);
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], std::sqrt(x[i])) << x[i];
  });
}

TYPED_TEST(VecMath, NaNPassesThrough) {
  using T = TypeParam;
  on_every_isa([&] {
    for (const char* op : {"exp", "log", "tanh", "erf", "gelu", "sqrt"}) {
      const T nan = std::numeric_limits<T>::quiet_NaN();
      EXPECT_TRUE(std::isnan(this->evaluate(op, nan))) << op;
      EXPECT_TRUE(std::isnan(this->evaluate(op, -nan))) << op;
    }
  });
}

// ---- all floats --------------------------------------------------------------------------------

// What elementwise.cpp and vec_math.h state. The references are computed in double, whose error is
// nothing in units of a float's last place.
struct Stated {
  const char* op;
  double (*exact)(double);
  double ulps;
  double flushed;  // where the exact result is smaller than this, 0 will do
};
const std::vector<Stated> stated = {
    {"exp", [](double x) { return std::exp(x); }, 1.04, 0x1p-126},
    {"log", [](double x) { return std::log(x); }, 0.84, 0x1p-126},
    {"tanh", [](double x) { return std::tanh(x); }, 1.52, 0x1p-126},
    {"erf", [](double x) { return std::erf(x); }, 1.68, 0x1p-126},
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, 2.71, 0x1p-126},
    {"silu", [](double x) { return x / (1 + std::exp(-x)); }, 3.54, 0x1p-119},
    {"gelu", [](double x) { return x / 2 * std::erfc(-x * std::sqrt(0.5)); }, 7.25, 0x1p-119},
    {"gelu_tanh",
     [](double x) {
       return x / (1 + std::exp(-2 * std::sqrt(2 / std::acos(-1)) * (x + 0.044715 * x * x * x)));
     },
     195, 0x1p-119},
};

// Every 1009th float from the first bit pattern to the last, and all those near a place where
// something may happen: both signs of 0, the first normal number, the ends of exp's range, 1, the
// largest number, infinity and its neighbours, which are NaN.
std::vector<float> floats_of_all_sizes() {
  std::vector<float> x;
  const auto add = [&](uint64_t bits) {
    const uint32_t pattern = static_cast<uint32_t>(bits);
    float value;
    std::memcpy(&value, &pattern, sizeof value);
    x.push_back(value);
  };
#ifdef GRADUS_SANITIZE
  constexpr uint64_t stride = 65537;
#else
  constexpr uint64_t stride = 1009;
#endif
  for (uint64_t bits = 0; bits < uint64_t{1} << 32; bits += stride) add(bits);
  for (const float place : {0.0f, 0x1p-126f, 0.55f, 1.0f, 10.0f, 13.0f, 24.0f, 0x1.5d589ep+6f,
                            0x1.62e42ep+6f, std::numeric_limits<float>::infinity()}) {
    uint32_t pattern;
    std::memcpy(&pattern, &place, sizeof pattern);
    for (const uint64_t sign : {uint64_t{0}, uint64_t{1} << 31})
      for (uint64_t i = 0; i < 4096; ++i)
        add((pattern + i - std::min<uint64_t>(pattern, 2048)) | sign);
  }
  return x;
}

class AllFloats : public ::testing::TestWithParam<Stated> {};

TEST_P(AllFloats, HaveTheStatedError) {
  const Stated& function = GetParam();
  const std::vector<float> x = floats_of_all_sizes();
  std::vector<double> exact;
  for (const float v : x) exact.push_back(function.exact(v));
  on_every_isa([&] {
    std::vector<float> y(x.size());
    kernels::unary<float>(function.op).value(y.data(), x.data(), static_cast<int64_t>(x.size()));
    double worst = 0;
    float where = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const double rounded = static_cast<double>(static_cast<float>(exact[i]));
      if (std::isnan(rounded) || std::isinf(rounded)) {  // by overflow, too
        ASSERT_TRUE(std::isnan(rounded) ? std::isnan(y[i]) : y[i] == rounded)
            << x[i] << " gives " << y[i];
      } else if (std::fabs(exact[i]) < function.flushed) {
        ASSERT_LE(std::fabs(y[i]), function.flushed) << x[i];
      } else {
        int exponent;
        std::frexp(exact[i], &exponent);
        const double ulps = std::fabs(y[i] - exact[i]) / std::ldexp(1.0, exponent - 24);
        ASSERT_FALSE(std::isnan(ulps)) << x[i];
        if (ulps > worst) {
          worst = ulps;
          where = x[i];
        }
      }
    }
    EXPECT_LE(worst, function.ulps) << "of " << where;
  });
}
INSTANTIATE_TEST_SUITE_P(, AllFloats, ::testing::ValuesIn(stated),
                         [](const auto& instance) { return std::string(instance.param.op); });

}  // namespace
}  // namespace gradus::test
