// Elementwise ops: each a line of the table.
#include <cmath>

#include "ops/op_table.h"

namespace gradus::test {
namespace {

// True at every third place.
Array some(const Shape& shape) {
  std::vector<bool> bits;
  for (int64_t i = 0; i < shape.numel(); ++i) bits.push_back(i % 3 == 1);
  return Array::of_bools(bits, shape);
}

void masked_fill_on(OpTable& t, const std::string& title, const Shape& mask_shape,
                    const std::vector<OpTable::Inputs>& inputs) {
  const Array mask = some(mask_shape);
  t.add("masked_fill " + title, on_one([=](const Tensor& a) { return masked_fill(a, mask, -2.5); }),
        "a.masked_fill(" + torch_literal(mask) + ", -2.5)", inputs);
}

// PyTorch has no generator like ours, so it is given the mask that ours draws: an element's draw is
// the one of its row-major number.
void dropout_with(OpTable& t, const std::string& title, double p) {
  const auto drop = [p](const Tensor& a) {
    Generator generator(5);
    return dropout(a, p, generator);
  };
  for (const Shape& shape : std::vector<Shape>{Shape{}, {5, 7}, {3, 1, 5}, {0, 3}}) {
    Generator generator(5);
    std::vector<double> mask(static_cast<size_t>(shape.numel()));
    for (double& factor : mask) factor = generator.uniform() < p ? 0 : 1 / (1 - p);
    const Array factors = Array::of(mask, shape, DType::float64);
    t.add(title, on_one(drop), "a * " + torch_literal(factors), {{Input(shape)}});
  }
}

void pow_cases(OpTable& t) {
  const auto add = [&](const std::string& title, double exponent, Domain domain) {
    const Function f = on_one([=](const Tensor& a) { return pow(a, exponent); });
    const std::string torch = fmt::format("a.pow({})", exponent);
    for (const Shape& shape : std::vector<Shape>{Shape{}, {1}, {67}, {2, 3, 1, 7}, {3, 0}})
      t.add(title, f, torch, {{Input(shape, domain)}});
    if (exponent == 0.5) return;  // PyTorch then takes the root, which is NaN and not inf at -inf
    // Without the tiny numbers of other ops, whose powers overflow on the way in float32.
    t.extreme(title, f, torch,
              {{Input({14}, {0.0, -0.0, 0.5, -0.5, 1, -1, 2, -2, 3, 20, -20, INFINITY, -INFINITY,
                             NAN})}});
  };
  add("pow cube", 3, Domain::all);
  add("pow inverse", -1, Domain::nonzero);
  add("pow root", 0.5, Domain::positive);
  add("pow broken", -1.7, Domain::positive);
  add("pow zero", 0, Domain::nonzero);

  const Function f = on_two([](const Tensor& a, const Tensor& b) { return pow(a, b); });
  const Domain positive = Domain::positive;
  t.add("pow", f, "a.pow(b)",
        {{Input({3, 5, 7}, positive), {3, 5, 7}},
         {Input({67}, positive), {67}},
         {Input(Shape{}, positive), Shape{}},
         {Input({3, 5}, positive), {5}},
         {Input({5, 1, 7}, positive), {3, 1}},
         {Input(Shape{}, positive), {3, 5}},
         {Input({3, 5}, positive), Shape{}},
         {Input({0, 3}, positive), {3}}});
  const std::vector<double> special = {0.0, -0.0, 0.5,  -0.5, 1,        -1,        2,
                                       -2,  3,    20.0, -20,  INFINITY, -INFINITY, NAN};
  t.extreme("pow", f, "a.pow(b)", {{Input({14, 1}, special), Input({14}, special)}});
}

}  // namespace

void elementwise_cases(OpTable& t) {
  t.unary("exp", exp, "a.exp()");
  t.unary("log", log, "a.log()", Domain::positive);
  t.unary("sqrt", sqrt, "a.sqrt()", Domain::positive);
  t.unary("rsqrt", rsqrt, "a.rsqrt()", Domain::positive);
  t.unary("square", square, "a.square()");
  t.unary("abs", abs, "a.abs()");
  t.unary("erf", erf, "a.erf()");
  t.unary("tanh", tanh, "a.tanh()");
  t.unary("sigmoid", sigmoid,
          "F.logsigmoid(a).exp()");  // the slope of a.sigmoid() is 1e-8 off at 20
  t.unary("relu", relu, "a.relu()");
  t.unary("softplus", softplus, "F.softplus(a)");
  t.unary("silu", silu, "F.silu(a)");
  t.numbers_instead_of_nan("silu", "the slope at infinity is its limit, 1 or 0");
  t.unary("gelu", gelu, "F.gelu(a)");
  t.numbers_instead_of_nan("gelu", "the slope at infinity is its limit, 1 or 0");
  t.unary("gelu_tanh", gelu_tanh, "F.gelu(a, approximate='tanh')");
  t.numbers_instead_of_nan("gelu_tanh", "the slope at infinity is its limit, 1 or 0");
  t.unary("neg", neg, "-a");

  t.binary("add", add, "a + b");
  t.binary("sub", sub, "a - b");
  t.binary("mul", mul, "a * b");
  t.binary("div", div, "a / b", Domain::nonzero);
  pow_cases(t);

  // Rows longer than a vector, to which one row is broadcast.
  const OpTable::Inputs wide = {{3, 37}, Input({37}, Domain::nonzero)};
  t.add("add wide", on_two(add), "a + b", {wide});
  t.add("sub wide", on_two(sub), "a - b", {wide});
  t.add("mul wide", on_two(mul), "a * b", {wide});
  t.add("div wide", on_two(div), "a / b", {wide});

  // Operators: a number takes either place, and so does one tensor both.
  t.unary(
      "add number_right", [](const Tensor& a) { return ((a + 2) * 3 - 5) / 7; },
      "((a + 2) * 3 - 5) / 7");
  t.unary(
      "div number_left", [](const Tensor& a) { return 2 + 3 * (5 - 7 / a); }, "2 + 3 * (5 - 7 / a)",
      Domain::nonzero);
  t.unary(
      "add itself", [](const Tensor& a) { return a + a; }, "a + a");
  t.unary(
      "sub itself", [](const Tensor& a) { return a - a; }, "a - a");
  t.unary(
      "mul itself", [](const Tensor& a) { return a * a; }, "a * a");
  t.unary(
      "mul and_div", [](const Tensor& a) { return a / (a * a + 2); }, "a / (a * a + 2)");
  t.unary(
      "neg operator", [](const Tensor& a) { return -a; }, "-a");

  masked_fill_on(t, "whole", {3, 5}, {{{3, 5}}, {{2, 3, 5}}, {{0, 3, 5}}});
  masked_fill_on(t, "row", {5}, {{{3, 5}}, {{2, 3, 5}}});
  masked_fill_on(t, "column", {3, 1}, {{{3, 5}}, {{2, 3, 5}}, {{3, 1}}});
  masked_fill_on(t, "one", Shape{}, {{{3, 5}}, {{2, 3, 5}}, {Shape{}}});
  t.extreme("masked_fill",
            on_one([](const Tensor& a) { return masked_fill(a, some({6}), -INFINITY); }),
            "a.masked_fill(" + torch_literal(some({6})) + ", -inf)",
            {{Input({6}, {1, NAN, INFINITY, -INFINITY, INFINITY, NAN})}});
  dropout_with(t, "dropout", 0.3);
  dropout_with(t, "dropout nothing", 0);
  dropout_with(t, "dropout everything", 1);
}

}  // namespace gradus::test
