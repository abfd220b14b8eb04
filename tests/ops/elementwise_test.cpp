// Elementwise ops: the table of cases, and what no table can say.
#include "gradus/ops/elementwise.h"

#include <limits>

#include "ops/op_case.h"

namespace gradus::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const double nan = std::nan("");

// ---- the table

// What the first (and the second) input has at an index; the one input, broadcast or not.
double first(const Arrays& in, const Shape& index) { return at_broadcast(in[0], index); }
double second(const Arrays& in, const Shape& index) { return at_broadcast(in[1], index); }

SlowFamily binary(const std::string& name, Tensor (*op)(const Tensor&, const Tensor&),
                  double (*f)(double, double)) {
  return {.name = name,
          .op = [op](const Tensors& in) { return op(in[0], in[1]); },
          .element = [f](const Arrays& in,
                         const Shape& index) { return f(first(in, index), second(in, index)); },
          .shapes = {{{3, 5, 7}, {3, 5, 7}},
                     {{3, 5}, {5}},
                     {{5}, {3, 5}},
                     {{5, 1, 7}, {3, 1}},
                     {{3, 1, 7}, {1, 5, 1}},
                     {{3, 5}, Shape{}},
                     {Shape{}, {3, 5}},
                     {{1}, {3, 5}},
                     {{3, 37}, {37}}},
          .domain = SlowDomain::nonzero};
}

SlowFamily unary(const std::string& name, Function op, double (*f)(double),
                 SlowDomain domain = SlowDomain::all) {
  return {.name = name,
          .op = std::move(op),
          .element = [f](const Arrays& in, const Shape& index) { return f(first(in, index)); },
          .shapes = {{Shape{}}, {{1}}, {{67}}, {{3, 5}}, {{2, 3, 1, 7}}},
          .domain = domain};
}

Function op_of(Tensor (*op)(const Tensor&)) {
  return [op](const Tensors& in) { return op(in[0]); };
}

double slow_gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

// True at some places, the same ones in each call.
Array some(const Shape& shape) {
  std::vector<bool> bits;
  for (int64_t i = 0; i < shape.numel(); ++i) bits.push_back(i % 3 == 1);
  return Array::of_bools(bits, shape);
}

SlowFamily masked(const std::string& name, const Shape& mask_shape) {
  return {.name = name,
          .op = [=](const Tensors& in) { return masked_fill(in[0], some(mask_shape), -2.5); },
          .element =
              [=](const Arrays& in, const Shape& index) {
                return at_broadcast(some(mask_shape), index) != 0 ? -2.5 : first(in, index);
              },
          .shapes = {{{3, 5}}, {{2, 3, 5}}}};
}

SlowFamily dropped(const std::string& name, double p) {
  return {.name = name,
          .op =
              [p](const Tensors& in) {
                Generator generator(5);
                return dropout(in[0], p, generator);
              },
          .element =  // an element's draw is the one of its row-major number
          [p](const Arrays& in, const Shape& index) {
            Generator generator(5);
            double draw = 0;
            bool reached = false;
            for_each_index(in[0].shape(), [&](const Shape& i) {
              if (!reached) draw = generator.uniform();
              reached |= i == index;
            });
            return draw < p ? 0 : first(in, index) / (1 - p);
          },
          .shapes = {{Shape{}}, {{5, 7}}, {{3, 1, 5}}}};
}

INSTANTIATE_TEST_SUITE_P(
    Elementwise, SlowOpTest,
    testing::ValuesIn(cases({
        binary("add", add, [](double a, double b) { return a + b; }),
        binary("sub", sub, [](double a, double b) { return a - b; }),
        binary("mul", mul, [](double a, double b) { return a * b; }),
        binary("div", div, [](double a, double b) { return a / b; }),
        // One tensor in both places.
        unary(
            "add_itself", [](const Tensors& in) { return in[0] + in[0]; },
            [](double x) { return x + x; }),
        unary(
            "sub_itself", [](const Tensors& in) { return in[0] - in[0]; },
            [](double) { return 0.0; }),
        unary(
            "mul_itself", [](const Tensors& in) { return in[0] * in[0]; },
            [](double x) { return x * x; }),
        unary(
            "div_itself", [](const Tensors& in) { return in[0] / (in[0] * in[0] + 2); },
            [](double x) { return x / (x * x + 2); }),
        // A number takes either place of an operator.
        unary(
            "number_right", [](const Tensors& in) { return ((in[0] + 2) * 3 - 5) / 7; },
            [](double x) { return ((x + 2) * 3 - 5) / 7; }),
        unary(
            "number_left", [](const Tensors& in) { return 2 + 3 * (5 - 7 / in[0]); },
            [](double x) { return 2 + 3 * (5 - 7 / x); }, SlowDomain::nonzero),
        unary(
            "minus", [](const Tensors& in) { return -in[0]; }, [](double x) { return -x; }),
        unary("neg", op_of(neg), [](double x) { return -x; }),
        unary("exp", op_of(exp), std::exp),
        unary("log", op_of(log), std::log, SlowDomain::positive),
        unary("sqrt", op_of(sqrt), std::sqrt, SlowDomain::positive),
        unary("tanh", op_of(tanh), std::tanh),
        unary(
            "relu", op_of(relu), [](double x) { return x > 0 ? x : 0; }, SlowDomain::nonzero),
        unary("gelu_tanh", op_of(gelu_tanh), slow_gelu),
        masked("masked_fill_whole", {3, 5}),
        masked("masked_fill_row", {5}),
        masked("masked_fill_column", {3, 1}),
        masked("masked_fill_one", Shape{}),
        dropped("dropout", 0.3),
        dropped("dropout_nothing", 0),
        dropped("dropout_everything", 1),
    })),
    case_name);

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
  for (const auto op : {neg, exp, log, sqrt, tanh, relu, gelu_tanh}) {
    const Tensor y = op(Tensor(Array::full({3}, nan)));
    for (const double value : y.value().to_vector()) EXPECT_TRUE(std::isnan(value));
  }
  for (const auto op : {exp, log, sqrt, tanh, gelu_tanh}) {  // whose slope depends on x
    const Tensor x = parameter(Array::full({3}, nan));
    op(x).backward(Array::full({3}, 1));
    for (const double slope : x.grad().to_vector()) EXPECT_TRUE(std::isnan(slope));
  }
  for (const auto op : {add, sub, mul, div}) {
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
  EXPECT_EQ(error_of([&] { a + b; }), "add: shapes [2, 3] and [4] do not broadcast");
  EXPECT_EQ(error_of([&] { b - a; }), "sub: shapes [4] and [2, 3] do not broadcast");
  EXPECT_EQ(error_of([&] { a* c; }),
            "mul: dtypes differ: float32 [2, 3] and float64 [3] (there is no type promotion)");
  EXPECT_EQ(error_of([&] { ids / ids; }), "div: needs float32 or float64, got int64");
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
