// Anomaly mode: where a NaN or an infinity begins, and which infinities are meant.
#include "gradus/anomaly.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <thread>

#include "gradus/arithmetic.h"
#include "gradus/ops.h"
#include "nn/module_table.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus {
namespace {

using test::error_of;
using test::random_array;
using test::same_bits;

constexpr double inf = INFINITY;

// What anomaly mode says about f, or nothing.
template <class F>
std::string anomaly_of(F f) {
  const Anomaly watch;
  return error_of(f);
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Tensor leaf(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return parameter(Array::of(values, {n}));
}

// ---- forward

TEST(Anomaly, StopsWhereAnOpMakesInfinityAndNamesTheLineThatLedThere) {
  const Tensor w = leaf({1, 2, 200}), b = leaf({3, 4, 5});
  const std::string text = anomaly_of([&] { exp((w + b) * 2); });
  EXPECT_EQ(text,
            "anomaly in the forward pass:\n"
            "  exp makes infinity of finite inputs\n"
            "  its result                 [3]            1 infinite of 3\n"
            "                                            others 2981 to 1.628e+05\n"
            "  input 0, mul               [3]            8 to 410\n"
            "The ops that led to it, newest first, and what they gave:\n"
            "  mul                        [3]            8 to 410\n"
            "  add                        [3]            4 to 205\n"
            "  leaf                       [3]            1 to 200");
}

TEST(Anomaly, FindsTheFirstOfEachKind) {
  const Tensor zero = leaf({0, 1}), negative = leaf({-1, 1});
  EXPECT_TRUE(has(anomaly_of([&] { log(zero); }), "log makes infinity of finite inputs"));
  EXPECT_TRUE(has(anomaly_of([&] { zero / zero; }), "div makes NaN of finite inputs"));
  EXPECT_TRUE(has(anomaly_of([&] { sqrt(negative); }), "sqrt makes NaN of finite inputs"));
  // Not the op that NaN reaches later, and constants as well as parameters.
  const std::string text = anomaly_of([&] { exp(log(negative.detach()) + 1) * 2; });
  EXPECT_TRUE(has(text, "log makes NaN of finite inputs")) << text;
  EXPECT_TRUE(has(text, "constant                   [2]            -1 to 1")) << text;
}

TEST(Anomaly, SeesWhatHappensWithoutAGraphAndRemembersTheOps) {
  const std::string text = anomaly_of([] {
    const NoGrad guard;
    const Tensor x(Array::of({0.5, 2}, {2}));
    const Tensor y = (x * 100) * 10;
    const Tensor other = x.detach() + 1;
    exp(y);
  });
  EXPECT_TRUE(has(text, "input 0, mul               [2]            500 to 2000")) << text;
  EXPECT_TRUE(has(text, "\n  mul                        [2]            50 to 200")) << text;
  EXPECT_TRUE(has(text, "constant                   []             100")) << text;
}

TEST(Anomaly, AParameterThatIsNotFiniteIsNamed) {
  const std::string text = anomaly_of([] { leaf({1, inf}) * Tensor(Array::of({1, 2}, {2})); });
  EXPECT_TRUE(has(text, "mul makes infinity of a parameter that is not finite")) << text;
  EXPECT_TRUE(has(text, "input 0, leaf              [2]            1 infinite of 2")) << text;
}

// ---- infinities that are meant

TEST(Anomaly, MasksOfMinusInfinityAreNoAnomalyUntilTheyBecomeNaN) {
  const Tensor scores = parameter(random_array({3, 5}, 1).to(DType::float32));
  std::vector<bool> bits;
  std::vector<double> bias;
  for (int i = 0; i < 15; ++i) {
    bits.push_back(i % 5 > i / 5);
    bias.push_back(bits.back() ? -inf : 0);
  }
  const Array mask = Array::of_bools(bits, {3, 5});
  const Anomaly watch;
  for (int i = 0; i < 2; ++i) {
    const Tensor masked =
        i == 0 ? masked_fill(scores, mask, -inf) : scores + Tensor(Array::of(bias, {3, 5}));
    const Tensor p = softmax(masked, -1);
    sum(p * p).backward();
  }
  const Tensor masked = masked_fill(scores, mask, -inf);
  const std::string text = error_of([&] { masked - masked; });
  EXPECT_TRUE(has(text, "sub makes NaN of inputs that are not finite")) << text;
  EXPECT_TRUE(has(text, "input 0, masked_fill")) << text;
}

TEST(Anomaly, AttentionWithItsMasksIsSound) {
  Generator generator(1);
  const auto q = [&] { return parameter(randn({2, 3, 7, 5}, generator)); };
  const Tensor a = q(), b = q(), c = q();
  const Array padding = key_padding_mask({7, 4}, 7);
  std::vector<double> bias(49, 0);
  for (size_t i = 0; i < 7; ++i)
    for (size_t j = i + 1; j < 7; ++j) bias[i * 7 + j] = -inf;
  const Anomaly watch;
  for (const AttentionOptions& options :
       {AttentionOptions{.causal = true}, AttentionOptions{.mask = padding},
        AttentionOptions{.bias = Tensor(Array::of(bias, {7, 7}))}}) {
    const Tensor y = scaled_dot_product_attention(a, b, c, options);
    sum(y * y).backward();
  }
}

// Ordinary inputs of every op and module, forward and backward: no false alarm, and the same bits.
TEST(Anomaly, NothingIsFoundInSoundOpsAndNoBitChanges) {
  for (const test::OpCase& c : test::op_table()) {
    if (c.kind == test::Kind::extreme || c.kind == test::Kind::empty) continue;
    const test::Outcome plain = test::run(c.call, test::inputs_of(c));
    const Anomaly watch;
    const test::Outcome watched = test::run(c.call, test::inputs_of(c));
    EXPECT_TRUE(same_bits(plain.value, watched.value)) << c.name;
    ASSERT_EQ(plain.gradients.size(), watched.gradients.size());
    for (size_t i = 0; i < plain.gradients.size(); ++i)
      EXPECT_TRUE(same_bits(plain.gradients[i], watched.gradients[i])) << c.name;
  }
}

TEST(Anomaly, NothingIsFoundInSoundModules) {
  for (const test::CheckCase& c : test::module_table()) {
    std::vector<Tensor> leaves;
    for (const NamedArray& input : c.inputs) leaves.push_back(parameter(input.value.clone()));
    const Anomaly watch;
    const Tensor y = c.call(leaves);
    y.backward(test::cotangent_of(y.value()));
  }
}

// ---- backward

TEST(Anomaly, NamesTheOpWhoseBackwardMakesAnInfinity) {
  const Tensor x = leaf({4, 0, 1});
  const std::string text = anomaly_of([&] { sum(sqrt(x * 3) * 2).backward(); });
  EXPECT_EQ(text,
            "anomaly in the backward pass:\n"
            "  the backward of sqrt gives infinity\n"
            "  gradient of input 0        [3]            1 infinite of 3\n"
            "                                            others 0.2887 to 0.5774\n"
            "  dy, the arriving gradient  [3]            2\n"
            "  its result in forward      [3]            0 to 3.464\n"
            "  input 0, mul               [3]            0 to 12\n"
            "The ops whose backward led to it, newest first, and the gradients that arrived:\n"
            "  mul                        [3]            1\n"
            "  sum                        []             1");
}

TEST(Anomaly, NamesTheClosureOfWhichANaNComes) {
  const Tensor x = leaf({1, 2});
  const std::string text = anomaly_of([&] {
    const Tensor h = x + 1;
    const Tensor bad = record("bad", h.value(), {h},
                              [](const Array& dy, Inputs in) { in.add(0, dy * std::nan("")); });
    sum(bad + h).backward();
  });
  EXPECT_TRUE(has(text, "the backward of bad gives NaN")) << text;
  EXPECT_FALSE(x.has_grad());
}

TEST(Anomaly, TheGradientThatBackwardBeginsWithIsLookedAt) {
  const Tensor x = leaf({1, 2});
  const Tensor y = x * 2;
  const std::string text = anomaly_of([&] { y.backward(Array::of({1, NAN}, {2})); });
  EXPECT_TRUE(has(text, "begun with a gradient that is not finite")) << text;
}

// ---- scope, memory, environment

TEST(Anomaly, EndsWithItsScopeAndWatchesItsThreadAlone) {
  const Tensor zero = leaf({0});
  {
    const Anomaly watch;
    std::thread([&] { EXPECT_EQ(log(zero).item(), -inf); }).join();
  }
  EXPECT_EQ(log(zero).item(), -inf);
}

TEST(Anomaly, KeepsNoArrayAliveAndForgetsWhatIsLongAgo) {
  const Anomaly watch;
  const NoGrad guard;
  Tensor x(Array::full({1000}, 1));
  x = x * 1;
  const size_t live = memory_stats().live;
  for (int i = 0; i < 40000; ++i) x = x + 0;
  EXPECT_EQ(memory_stats().live, live);
  const std::string text = error_of([&] { log(x - 1); });
  EXPECT_TRUE(has(text, "and more before them")) << text;
}

TEST(Anomaly, NoLineIsWiderThan80Columns) {
  const std::string text = anomaly_of([] {
    const Tensor q = parameter(Array::full({2, 3, 5, 7}, 1e30));
    scaled_dot_product_attention(q * 1e5, q, q, {});
  });
  ASSERT_FALSE(text.empty());
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST(Anomaly, TheEnvironmentSaysZeroOrOne) {
  EXPECT_TRUE(Anomaly::wanted("1"));
  EXPECT_FALSE(Anomaly::wanted("0"));
  EXPECT_FALSE(Anomaly::wanted(""));
  EXPECT_EQ(error_of([] { Anomaly::wanted("yes"); }),
            "GRADUS_ANOMALY: 'yes' is neither 0 nor 1, which stops at the first NaN or infinity");
}

}  // namespace
}  // namespace gradus
