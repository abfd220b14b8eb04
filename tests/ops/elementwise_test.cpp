// What the table of cases cannot say about elementwise ops.
#include "gradus/ops/elementwise.h"

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const double nan = std::nan("");

// True at some places, the same ones in each call.
Array some(const Shape& shape) {
  std::vector<bool> bits;
  for (int64_t i = 0; i < shape.numel(); ++i) bits.push_back(i % 3 == 1);
  return Array::of_bools(bits, shape);
}

// Adding an op to the kernels' table without one to call it, or a case to prove it, fails here.
TEST(ElementwiseKernelNames, AreTheNamesOfOpsWithCases) {
  struct Names : Trace {
    void on_record(const char* op, const Tensor&, std::span<const Tensor>) override {
      recorded.insert(op);
    }
    std::set<std::string> recorded;
  };
  std::map<std::string, std::set<std::string>> recorded_by;
  for (const OpCase& c : op_table()) {
    if (c.kind != Kind::rank0) continue;
    const Names names;
    run(c.call, inputs_of(c));
    recorded_by[c.op].insert(names.recorded.begin(), names.recorded.end());
  }
  for (const auto& op : kernels::elementwise<float>().unary)
    EXPECT_TRUE(recorded_by[op.name].contains(op.name)) << op.name;
  for (const auto& op : kernels::elementwise<float>().binary)
    EXPECT_TRUE(recorded_by[op.name].contains(op.name)) << op.name;
}

// ---- kinks and poles

struct Point {
  double x, value, gradient;
};

// The value and the gradient of each of some points, exactly.
void expect_points(Tensor (*op)(const Tensor&), const std::vector<Point>& points) {
  for (const DType dtype : {DType::float32, DType::float64})
    on_every_isa([&] {
      for (const Point& point : points) {
        const Tensor x = parameter(Array::full({3}, point.x, dtype));
        const Tensor y = op(x);
        y.backward(Array::full({3}, 1, dtype));
        for (const double value : y.value().to_vector())
          EXPECT_TRUE(value == point.value || (std::isnan(value) && std::isnan(point.value)))
              << "f(" << point.x << ") is " << value << ", not " << point.value;
        for (const double slope : x.grad().to_vector())
          EXPECT_TRUE(slope == point.gradient || (std::isnan(slope) && std::isnan(point.gradient)))
              << "f'(" << point.x << ") is " << slope << ", not " << point.gradient;
      }
    });
}

TEST(Relu, HasSlopeZeroAtZeroAsInPyTorch) {
  expect_points(relu, {{0.0, 0, 0},
                       {-0.0, 0, 0},
                       {0x1p-100, 0x1p-100, 1},
                       {-0x1p-100, 0, 0},
                       {infinity, infinity, 1},
                       {-infinity, 0, 0}});
}

TEST(Abs, HasSlopeZeroAtZeroAsInPyTorch) {
  expect_points(gradus::abs, {{0.0, 0, 0},
                              {-0.0, 0, 0},
                              {0x1p-100, 0x1p-100, 1},
                              {-0x1p-100, 0x1p-100, -1},
                              {-infinity, infinity, -1},
                              {nan, nan, 0}});
}

// Where exact slopes end at a limit, the formula's 0 * inf does not spoil it.
TEST(Slopes, AreTheirLimitsAtInfinity) {
  expect_points(sigmoid, {{-infinity, 0, 0}, {0, 0.5, 0.25}, {infinity, 1, 0}});
  expect_points(silu, {{-infinity, nan, 0}, {0, 0, 0.5}, {infinity, infinity, 1}});
  expect_points(gelu, {{-infinity, nan, 0}, {-1e4, 0, 0}, {0, 0, 0.5}, {infinity, infinity, 1}});
  expect_points(gradus::erf, {{-infinity, -1, 0}, {infinity, 1, 0}});
  expect_points(rsqrt, {{0, infinity, -infinity}, {0.25, 2, -4}, {infinity, 0, 0}});
}

TEST(Pow, AtZeroIsPyTorchs) {
  const auto points = [](double exponent, double value, double slope) {
    const Tensor x = parameter(Array::full({1}, 0, DType::float64));
    const Tensor y = pow(x, exponent), p = parameter(Array::full({1}, exponent, DType::float64));
    const Tensor x2 = parameter(x.value()), y2 = pow(x2, p);
    y.backward(Array::full({1}, 1, DType::float64));
    y2.backward(Array::full({1}, 1, DType::float64));
    EXPECT_EQ(y.item(), value) << exponent;
    EXPECT_EQ(y2.item(), value) << exponent;
    EXPECT_EQ(x.grad().item(), slope) << exponent;
    EXPECT_EQ(x2.grad().item(), slope) << exponent;
    EXPECT_EQ(p.grad().item(), exponent < 0 ? -infinity : 0) << exponent;
  };
  points(0, 1, 0);
  points(1, 0, 1);
  points(2, 0, 0);
  points(0.5, 0, infinity);
  points(-1, infinity, -infinity);
}

// PyTorch computes x^0.5 as sqrt(x), NaN at -inf, but x^p with a tensor p as we do, as C's pow.
TEST(Pow, IsCsPowWhateverTheExponent) {
  const Tensor x(Array::of({-infinity, -0.0, 4, -4}, {4}, DType::float64));
  const std::vector<double> root = pow(x, 0.5).value().to_vector();
  EXPECT_EQ(std::vector(root.begin(), root.end() - 1), (std::vector<double>{infinity, 0, 2}));
  EXPECT_TRUE(std::isnan(root.back()));
}

TEST(Poles, AreWhereCalculusHasThem) {
  expect_points(log, {{0, -infinity, infinity}, {1, 0, 1}, {infinity, infinity, 0}});
  expect_points(sqrt, {{0, 0, infinity}, {0.25, 0.5, 1}, {infinity, infinity, 0}});
  expect_points(exp, {{-infinity, 0, 0}, {0, 1, 1}, {infinity, infinity, infinity}});
  expect_points(tanh, {{-infinity, -1, 0}, {0, 0, 1}, {infinity, 1, 0}});
  expect_points(gelu_tanh, {{-1e4, 0, 0}, {0, 0, 0.5}, {1e4, 1e4, 1}, {infinity, infinity, 1}});
  const Tensor one(Array::full({2}, 1)), zero(Array::zeros({2}));
  EXPECT_EQ((one / zero).value().to_vector(), (std::vector{infinity, infinity}));
  EXPECT_TRUE(std::isnan((zero / zero).value().at({1})));
}

TEST(NaN, GoesThroughEveryElementwiseOpAndBack) {
  for (const auto op :
       {neg, exp, log, sqrt, rsqrt, square, erf, tanh, relu, sigmoid, silu, gelu, gelu_tanh}) {
    const Tensor y = op(Tensor(Array::full({3}, nan)));
    for (const double value : y.value().to_vector()) EXPECT_TRUE(std::isnan(value));
  }
  for (const auto op : {exp, log, sqrt, rsqrt, square, erf, tanh, sigmoid, silu, gelu,
                        gelu_tanh}) {  // whose slope depends on x
    const Tensor x = parameter(Array::full({3}, nan));
    op(x).backward(Array::full({3}, 1));
    for (const double slope : x.grad().to_vector()) EXPECT_TRUE(std::isnan(slope));
  }
  for (const auto op : {add, sub, mul, div, maximum, minimum}) {
    const Tensor one(Array::full({3}, 1)), not_a_number(Array::full({3}, nan));
    EXPECT_TRUE(std::isnan(op(one, not_a_number).value().at({2})));
    EXPECT_TRUE(std::isnan(op(not_a_number, one).value().at({2})));
  }
}

// ---- masks

TEST(MaskedFill, LetsNothingOfTheMaskedPlacesThrough) {
  const Tensor x = parameter(Array::of({1, nan, infinity, 4}, {4}));
  const Tensor y = masked_fill(x, Array::of_bools({false, true, true, false}, {4}), -infinity);
  EXPECT_EQ(y.value().to_vector(), (std::vector<double>{1, -infinity, -infinity, 4}));
  y.backward(Array::of({5, nan, infinity, 8}, {4}));
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{5, 0, 0, 8}));
}

TEST(Dropout, ZeroesTheShareThatItWasToldAndKeepsTheMean) {
  constexpr int64_t n = 200'000;
  constexpr double p = 0.3;
  Generator generator(1);
  const Tensor y = dropout(Tensor(Array::full({n}, 1, DType::float64)), p, generator);
  int64_t zeros = 0;
  for (const double value : y.value().to_vector()) {
    EXPECT_TRUE(value == 0 || value == 1 / (1 - p));
    zeros += value == 0;
  }
  const double deviation = std::sqrt(p * (1 - p) / n);
  EXPECT_NEAR(static_cast<double>(zeros) / n, p, 4 * deviation);
}

TEST(Dropout, TheSameStateOfTheGeneratorGivesTheSameMask) {
  const Tensor x(random_array({5, 7}));
  Generator generator(3);
  const uint64_t start = generator.position();
  const Array mask = dropout(x, 0.5, generator).value();
  const Array next = dropout(x, 0.5, generator).value();
  EXPECT_FALSE(same_bits(next, mask));
  generator.set_position(start);
  EXPECT_TRUE(same_bits(dropout(x, 0.5, generator).value(), mask));
}

TEST(Dropout, SendsTheGradientThroughTheMaskThatWasDrawn) {
  const Tensor x = parameter(random_array({101}));
  Generator generator(3);
  const Tensor y = dropout(x, 0.5, generator);
  dropout(x, 0.5, generator);  // a later draw changes nothing
  y.backward(Array::full({101}, 1, DType::float64));
  for (int64_t i = 0; i < 101; ++i)
    EXPECT_EQ(x.grad().at({i}), y.value().at({i}) == 0 ? 0 : 2) << i;
}

TEST(Dropout, OfNothingIsTheTensorItselfAndDrawsNothing) {
  const Tensor x = parameter(random_array({5}));
  Generator generator(3);
  EXPECT_EQ(dropout(x, 0, generator).node(), x.node());
  EXPECT_EQ(generator.position(), 0U);
}

// ---- errors

TEST(ElementwiseErrors, NameTheOpTheRuleAndTheShapes) {
  const Tensor a(Array::zeros({2, 3})), b(Array::zeros({4})), c(Array::zeros({3}, DType::float64)),
      ids(Array::of_indices({1, 2}, {2}));
  Generator generator(1);
  EXPECT_EQ(error_of([&] { a + Tensor(); }), "add: this handle holds no array");
  EXPECT_EQ(error_of([&] { exp(Tensor()); }), "exp: this handle holds no array");
  EXPECT_EQ(error_of([&] { a + b; }), "add: shapes [2, 3] and [4] do not broadcast");
  EXPECT_EQ(error_of([&] { b - a; }), "sub: shapes [4] and [2, 3] do not broadcast");
  EXPECT_EQ(error_of([&] { a* c; }),
            "mul: dtypes differ: float32 [2, 3] and float64 [3] (there is no type promotion)");
  EXPECT_EQ(error_of([&] { ids / ids; }), "div: needs float32 or float64, got int64");
  EXPECT_EQ(error_of([&] { pow(a, b); }), "pow: shapes [2, 3] and [4] do not broadcast");
  EXPECT_EQ(error_of([&] { elementwise("tanhh", a); }),
            "tanhh: there is no elementwise kernel of that name; src/kernels/isa/elementwise.cpp "
            "lists them");
  EXPECT_EQ(error_of([&] { tanh(ids); }), "tanh: needs float32 or float64, got int64");
  EXPECT_EQ(error_of([&] { masked_fill(a, Array::zeros({3}), 0); }),
            "masked_fill: the mask must be bool, got float32");
  EXPECT_EQ(error_of([&] {
              masked_fill(a, some({5, 1, 3}), 0);
            }),
            "masked_fill: the mask [5, 1, 3] does not broadcast to [2, 3]");
  EXPECT_EQ(error_of([&] { dropout(a, 1.5, generator); }),
            "dropout: the probability must lie in [0, 1], got 1.5");
  EXPECT_EQ(error_of([&] { dropout(a, nan, generator); }),
            "dropout: the probability must lie in [0, 1], got nan");
}

}  // namespace
}  // namespace gradus::test
