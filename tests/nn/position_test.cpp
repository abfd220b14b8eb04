// Positions: sinusoidal, learned, rotary and relative.
#include <cmath>

#include "gradus/nn/position.h"

#include "gradus/nn/attention.h"
#include "nn/module_check.h"

namespace gradus::nn {
namespace {

using test::error_of;
using test::expect_module_gradients;
using test::random_array;
using test::relative_distance;
using test::same_bits;
using test::unsettle;

TEST(SinusoidalPosition, IsTheFormulaOfThePaper) {
  const Array table = sinusoidal_positions(5, 6, 0, DType::float64);
  EXPECT_EQ(table.shape(), (Shape{5, 6}));
  for (int64_t p = 0; p < 5; ++p)
    for (int64_t i = 0; i < 3; ++i) {
      const double angle = static_cast<double>(p) / std::pow(10000, static_cast<double>(i) / 3);
      EXPECT_NEAR(table.at({p, 2 * i}), std::sin(angle), 1e-15);
      EXPECT_NEAR(table.at({p, 2 * i + 1}), std::cos(angle), 1e-15);
    }
  EXPECT_TRUE(same_bits(sinusoidal_positions(2, 6, 3, DType::float64), table.slice(0, 3, 5)));
  EXPECT_EQ(error_of([] { sinusoidal_positions(5, 7); }),
            "sinusoidal positions: the width must be even, got 7");
  EXPECT_EQ(error_of([] { sinusoidal_positions(-1, 6); }), "sinusoidal positions: -1 of them");
  EXPECT_EQ(error_of([] { sinusoidal_positions(2, 6, INT64_MAX); }),
            "sinusoidal positions: cannot begin at position 9223372036854775807");
}

TEST(SinusoidalPosition, IsAddedToEverySequence) {
  SinusoidalPosition position;
  const Array x = random_array({3, 5, 6});
  const Array y = position(Tensor(x), 2).value();
  EXPECT_TRUE(same_bits(y, x + sinusoidal_positions(5, 6, 2, DType::float64)));
  EXPECT_TRUE(test::parameter_names(position).empty());
  expect_module_gradients("SinusoidalPosition", position, {{"x", random_array({3, 5, 6}, 4)}},
                          [&](const auto& in) { return position(in[0], 2); });
  EXPECT_EQ(error_of([&] { position(Tensor(Array::zeros({6}))); }),
            "sinusoidal positions: x must be (..., time, width), got [6]");
}

TEST(LearnedPosition, AddsARowForEachPosition) {
  Generator generator(1);
  LearnedPosition position(7, 3, generator);
  unsettle(position);
  const Array x = random_array({2, 5, 3});
  const Array y = position(Tensor(x), 2).value();
  EXPECT_TRUE(same_bits(y, x + position.weight.value().slice(0, 2, 7)));
  expect_module_gradients("LearnedPosition", position, {{"x", random_array({2, 5, 3}, 4)}},
                          [&](const auto& in) { return position(in[0], 1); });
  EXPECT_EQ(test::parameter_names(position), (std::vector<std::string>{"weight"}));
  EXPECT_EQ(error_of([&] { position(Tensor(x), 3); }),
            "learned positions: 5 from 3 on, of 7 in all");
  EXPECT_EQ(error_of([&] { position(Tensor(x), -1); }),
            "learned positions: 5 from -1 on, of 7 in all");
  EXPECT_EQ(error_of([&] { position(Tensor(x), INT64_MAX); }),
            "learned positions: 5 from 9223372036854775807 on, of 7 in all");
  EXPECT_EQ(error_of([&] {
              position(Tensor(random_array({2, 5, 4})));
            }),
            "learned positions: x must be (..., time, 3), got [2, 5, 4]");
}

// ---- relative

TEST(RelativePosition, GivesNearDistancesABucketEachAndFarOnesSomeTogether) {
  const RelativeConfig past{.buckets = 8, .max_distance = 16, .bidirectional = false};
  std::vector<int64_t> buckets;
  for (int64_t back = 0; back <= 20; ++back) buckets.push_back(relative_bucket(-back, past));
  // 0 to 3 alone; then 4 + 4 log(d / 4) / log(4): a step wherever d passes 4 * 4^(k / 4).
  EXPECT_EQ(buckets,
            (std::vector<int64_t>{0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7}));
  EXPECT_EQ(relative_bucket(5, past), 0);
  // 32 + 32 log(40 / 32) / log(50 / 32), exactly half of the way: Hugging Face's T5 gives 48.
  EXPECT_EQ(relative_bucket(-40, {.buckets = 64, .max_distance = 50, .bidirectional = false}), 48);
  const RelativeConfig both{.buckets = 16, .max_distance = 16};
  for (int64_t d = 1; d <= 20; ++d) {
    EXPECT_EQ(relative_bucket(-d, both), relative_bucket(-d, past)) << d;
    EXPECT_EQ(relative_bucket(d, both), 8 + relative_bucket(-d, past)) << d;
  }
}

RelativePosition small() { return RelativePosition({.heads = 3, .buckets = 8, .max_distance = 5}); }

TEST(RelativePosition, IsANumberForEachHeadAndDistance) {
  RelativePosition position = small();
  EXPECT_EQ(position.weight.value().to_vector(), std::vector<double>(24, 0));
  unsettle(position);
  const Array bias = position(5, 7).value(), w = position.weight.value();
  EXPECT_EQ(bias.shape(), (Shape{3, 5, 7}));
  test::for_each_index(bias.shape(), [&](const Shape& i) {
    const int64_t bucket =
        relative_bucket(i[2] - i[1], {.heads = 3, .buckets = 8, .max_distance = 5});
    EXPECT_EQ(bias.at(i), w.at({bucket, i[0]}));
  });
  // The fourth query of a sequence, on its own.
  EXPECT_TRUE(same_bits(position(1, 7, 3).value(), bias.slice(1, 3, 4)));
}

TEST(RelativePosition, ItsGradientsGoThroughAttention) {
  Generator generator(1);
  RelativePosition position = small();
  unsettle(position);
  MultiHeadAttention attention(6, 3, generator, Bias::none);
  unsettle(attention);
  const Tensor x(random_array({2, 5, 6}, 4));
  expect_module_gradients("RelativePosition", position, {}, [&](const auto&) {
    return attention(x, {.causal = true, .bias = position(5, 5)});
  });
}

TEST(RelativePosition, MistakesAreErrors) {
  const auto error = [](const RelativeConfig& config) {
    return error_of([&] { const RelativePosition position(config); });
  };
  EXPECT_EQ(error({.heads = 0}), "relative positions: 0 heads");
  EXPECT_EQ(error({.heads = 2, .buckets = 3}),
            "relative positions: 3 buckets for distances up to 128");
  EXPECT_EQ(error({.heads = 2, .buckets = 1, .bidirectional = false}),
            "relative positions: 1 buckets for distances up to 128");
  EXPECT_EQ(error({.heads = 2, .max_distance = 8}),
            "relative positions: 32 buckets for distances up to 8");
  EXPECT_EQ(error_of([] { relative_bucket(1, {.buckets = 3}); }),
            "relative positions: 3 buckets for distances up to 128");
}

// ---- rotary: the op has its own tests; here, its two choices reach it

TEST(RotaryPosition, IsTheOpWithItsChoices) {
  const Tensor x(random_array({2, 3, 5, 6}));
  const RotaryPosition position{.base = 500, .pairs = RotaryPairs::halves};
  EXPECT_TRUE(same_bits(
      position(x, 7).value(),
      rotary_embedding(x, {.start = 7, .base = 500, .pairs = RotaryPairs::halves}).value()));
}

}  // namespace
}  // namespace gradus::nn
