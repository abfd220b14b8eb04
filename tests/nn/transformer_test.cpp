// Multi-head attention and the transformer block: formulas, and the key/value cache.
#include "gradus/nn/transformer.h"

#include <algorithm>
#include <cmath>

#include "nn/module_check.h"

namespace gradus::nn {
namespace {

using test::error_of;
using test::parameter_names;
using test::random_array;
using test::relative_distance;
using test::same_bits;
using test::unsettle;

using Names = std::vector<std::string>;

const AttentionOptions causal{.causal = true};

AttentionConfig grouped(int64_t kv_heads, std::optional<RotaryPosition> rotary = {}) {
  return {.width = 12, .heads = 6, .kv_heads = kv_heads, .bias = Bias::none, .rotary = rotary};
}

TEST(MultiHeadAttention, TheKeyBiasHasNoInfluence) {
  Generator generator(1);
  MultiHeadAttention attention(6, 3, generator);
  unsettle(attention);
  attention(Tensor(random_array({2, 5, 6}, 4)), causal).backward(random_array({2, 5, 6}, 5));
  for (int64_t i = 0; i < 18; ++i) {
    const double gradient = attention.in_proj.bias.grad().at({i});
    if (i >= 6 && i < 12)
      EXPECT_NEAR(gradient, 0, 1e-14) << i;
    else
      EXPECT_GT(std::abs(gradient), 1e-3) << i;
  }
}

BlockConfig small(NormPosition norm, Bias bias, double dropout = 0) {
  return {.width = 6, .heads = 3, .hidden = 11, .bias = bias, .dropout = dropout, .norm = norm};
}

// ---- formulas

// Head by head, from slices of the projections: softmax(Q K^T / sqrt(d)) V.
TEST(MultiHeadAttention, IsTheHeadsSideBySide) {
  Generator generator(1);
  MultiHeadAttention attention(6, 3, generator);
  unsettle(attention);
  const Tensor x(random_array({2, 5, 6}, 4));
  const Tensor &w = attention.in_proj.weight, &b = attention.in_proj.bias;
  std::vector<Tensor> heads;
  for (int64_t h = 0; h < 3; ++h) {
    const auto project = [&](int64_t which) {  // rows of queries, then keys, then values
      const int64_t begin = which * 6 + h * 2;
      return linear(x, slice(w, 0, begin, begin + 2), slice(b, 0, begin, begin + 2));
    };
    const Tensor scores = matmul(project(0), transpose(project(1))) / std::sqrt(2.0);
    heads.push_back(matmul(softmax(scores), project(2)));
  }
  const Tensor expected = attention.out_proj(concat(heads, -1));
  EXPECT_LE(relative_distance(attention(x).value(), expected.value()), 1e-14);
}

// With shared keys and values too, and with rotary positions.
TEST(MultiHeadAttention, ItsQueriesTurnAndShareTheirKeys) {
  Generator generator(1);
  const RotaryPosition rotary{.pairs = RotaryPairs::halves};
  MultiHeadAttention attention(grouped(2, rotary), generator);
  unsettle(attention);
  EXPECT_EQ(attention.in_proj.weight.shape(), (Shape{(6 + 2 + 2) * 2, 12}));
  const Tensor x(random_array({3, 5, 12}, 4));
  std::vector<Tensor> heads;
  for (int64_t h = 0; h < 6; ++h) {
    const auto project = [&](int64_t head) {
      return linear(x, slice(attention.in_proj.weight, 0, 2 * head, 2 * head + 2));
    };
    const int64_t shared = h / 3;
    const Tensor q = rotary(project(h)), k = rotary(project(6 + shared)), v = project(8 + shared);
    heads.push_back(matmul(softmax(matmul(q, transpose(k)) / std::sqrt(2.0)), v));
  }
  const Tensor expected = attention.out_proj(concat(heads, -1));
  EXPECT_LE(relative_distance(attention(x).value(), expected.value()), 1e-14);
}

TEST(MultiHeadAttention, AcrossToItselfIsSelfAttention) {
  Generator generator(1);
  for (const Bias bias : {Bias::none, Bias::learned}) {
    MultiHeadAttention attention({.width = 12, .heads = 6, .kv_heads = 3, .bias = bias}, generator);
    unsettle(attention);
    const Tensor x(random_array({2, 5, 12}, 4));
    EXPECT_LE(relative_distance(attention(x, x).value(), attention(x).value()), 1e-14);
  }
}

TEST(TransformerBlock, NormalisesBeforeOrAfter) {
  Generator generator(1);
  const Tensor x(random_array({2, 5, 6}, 4));
  TransformerBlock pre(small(NormPosition::pre, Bias::learned), generator);
  unsettle(pre);
  Tensor y = x + pre.self_attn(pre.norm1(x), causal);
  y = y + pre.feed_forward(pre.norm2(y));
  EXPECT_TRUE(same_bits(pre(x, causal).value(), y.value()));

  TransformerBlock post(small(NormPosition::post, Bias::learned), generator);
  unsettle(post);
  y = post.norm1(x + post.self_attn(x, causal));
  y = post.norm2(y + post.feed_forward(y));
  EXPECT_TRUE(same_bits(post(x, causal).value(), y.value()));
}

TEST(TransformerBlock, NamesItsParameters) {
  Generator generator(1);
  TransformerBlock with(small(NormPosition::pre, Bias::learned), generator),
      without(small(NormPosition::pre, Bias::none), generator);
  EXPECT_EQ(
      parameter_names(with),
      (Names{"norm1.weight", "norm1.bias", "self_attn.in_proj_weight", "self_attn.in_proj_bias",
             "self_attn.out_proj.weight", "self_attn.out_proj.bias", "norm2.weight", "norm2.bias",
             "linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"}));
  EXPECT_EQ(parameter_names(without),
            (Names{"norm1.weight", "self_attn.in_proj_weight", "self_attn.out_proj.weight",
                   "norm2.weight", "linear1.weight", "linear2.weight"}));
}

TEST(MultiHeadAttention, DropsElementsOfItsResultInTrainingOnly) {
  Generator generator(1);
  MultiHeadAttention attention(6, 3, generator, Bias::learned, 0.5);
  const Tensor x(random_array({2, 50, 6}, 4, DType::float32));
  const auto zeros = [&] {
    const std::vector<double> y = attention(x).value().to_vector();
    return std::ranges::count(y, 0.0);
  };
  EXPECT_NEAR(static_cast<double>(zeros()), 300, 50);
  attention.train(false);
  EXPECT_EQ(zeros(), 0);
}

TEST(TransformerBlock, DropsInTrainingOnly) {
  Generator generator(1);
  TransformerBlock block(small(NormPosition::pre, Bias::none, 0.5), generator);
  unsettle(block);
  const Tensor x(random_array({2, 5, 6}, 4));
  EXPECT_FALSE(same_bits(block(x, causal).value(), block(x, causal).value()));
  block.train(false);
  EXPECT_TRUE(same_bits(block(x, causal).value(), block(x, causal).value()));
}

// ---- the key/value cache

KeyValueCache cache_for(int64_t batch, int64_t heads, int64_t capacity, int64_t d, DType dtype) {
  const Shape shape{batch, heads, capacity, d};  // what is not filled must never be read: NaN
  return {Array::full(shape, NAN, dtype), Array::full(shape, NAN, dtype), 0};
}

KeyValueCache cache_for(int64_t capacity, const AttentionConfig& c) {
  return cache_for(2, c.kv_heads, capacity, c.width / c.heads, DType::float64);
}

// Bit for bit: a row of a product does not depend on the rows beside it, and the scores of the
// future, which full attention multiplies by 0, add nothing.
TEST(KeyValueCache, AttentionToTheCacheIsFullCausalAttention) {
  test::on_every_isa([] {
    Generator generator(1);
    for (const DType dtype : {DType::float32, DType::float64})
      for (const int64_t first : {1, 3, 7}) {
        MultiHeadAttention attention(6, 3, generator);
        unsettle(attention);
        attention.to(dtype);
        const Tensor x(random_array({2, 7, 6}, 4, dtype));
        const Array full = attention(x, causal).value();
        KeyValueCache cache = cache_for(2, 3, 7, 2, dtype);
        const auto step = [&](int64_t begin, int64_t end) {
          const Array y = attention(slice(x, 1, begin, end), cache).value();
          EXPECT_TRUE(same_bits(y, full.slice(1, begin, end))) << begin << " of " << first;
          EXPECT_EQ(cache.length, end);
        };
        step(0, first);
        for (int64_t t = first; t < 7; ++t) step(t, t + 1);
      }
  });
}

TEST(KeyValueCache, HoldsTheSharedAndTurnedKeys) {
  Generator generator(1);
  const AttentionConfig config = grouped(3, RotaryPosition{});
  MultiHeadAttention attention(config, generator);
  unsettle(attention);
  const Tensor x(random_array({2, 7, 12}, 4));
  const Array full = attention(x, causal).value();
  KeyValueCache cache = cache_for(7, config);
  EXPECT_TRUE(same_bits(attention(slice(x, 1, 0, 4), cache).value(), full.slice(1, 0, 4)));
  for (int64_t t = 4; t < 7; ++t)
    EXPECT_TRUE(same_bits(attention(slice(x, 1, t, t + 1), cache).value(), full.slice(1, t, t + 1)))
        << t;
}

TEST(KeyValueCache, ABlockWithACacheIsTheBlockWithout) {
  Generator generator(1);
  for (const NormPosition norm : {NormPosition::pre, NormPosition::post}) {
    TransformerBlock block(small(norm, Bias::learned), generator);
    unsettle(block);
    const Tensor x(random_array({2, 7, 6}, 4));
    const Array full = block(x, causal).value();
    KeyValueCache cache = cache_for(2, 3, 7, 2, DType::float64);
    EXPECT_TRUE(same_bits(block(slice(x, 1, 0, 4), cache).value(), full.slice(1, 0, 4)));
    for (int64_t t = 4; t < 7; ++t)
      EXPECT_TRUE(same_bits(block(slice(x, 1, t, t + 1), cache).value(), full.slice(1, t, t + 1)));
  }
}

TEST(KeyValueCache, RecordsNoGraph) {
  Generator generator(1);
  MultiHeadAttention attention(6, 3, generator);
  KeyValueCache cache = cache_for(1, 3, 5, 2, DType::float32);
  EXPECT_FALSE(
      attention(Tensor(random_array({1, 2, 6}, 1, DType::float32)), cache).requires_grad());
}

TEST(KeyValueCache, WhatDoesNotFitIsAnErrorAndChangesNothing) {
  Generator generator(1);
  MultiHeadAttention attention(6, 3, generator);
  KeyValueCache cache = cache_for(1, 3, 5, 2, DType::float32);
  const auto tokens = [](int64_t count) {
    return Tensor(random_array({1, count, 6}, 1, DType::float32));
  };
  EXPECT_EQ(error_of([&] { attention(tokens(6), cache); }),
            "attention: the cache holds 5 tokens, 6 are needed");
  EXPECT_EQ(cache.length, 0);
  attention(tokens(4), cache);
  EXPECT_EQ(error_of([&] { attention(tokens(2), cache); }),
            "attention: with 4 tokens in the cache, one more at a time, got 2");
  EXPECT_EQ(cache.length, 4);
  attention(tokens(1), cache);
  EXPECT_EQ(error_of([&] { attention(tokens(1), cache); }),
            "attention: the cache holds 5 tokens, 6 are needed");
  const auto error_with = [&](KeyValueCache unfit) {
    return error_of([&] { attention(tokens(1), unfit); });
  };
  const std::string rule =
      "attention: the cache needs keys and values of shape [1, 3, capacity, 2], got ";
  EXPECT_EQ(error_with({}), rule + "[] and []");
  EXPECT_EQ(error_with(cache_for(2, 3, 5, 2, DType::float32)),
            rule + "[2, 3, 5, 2] and [2, 3, 5, 2]");
  cache.values = cache.values.slice(2, 0, 4);
  EXPECT_EQ(error_with(cache), rule + "[1, 3, 5, 2] and [1, 3, 4, 2]");
}

TEST(MultiHeadAttention, MistakesAreErrors) {
  Generator generator(1);
  for (const int64_t heads : {4, 0, -3})
    EXPECT_EQ(error_of([&] { MultiHeadAttention(6, heads, generator); }),
              fmt::format("attention: {} heads do not divide the width 6", heads));
  EXPECT_EQ(
      error_of([&] { MultiHeadAttention({.width = 12, .heads = 6, .kv_heads = 4}, generator); }),
      "attention: 4 heads of keys and values do not divide 6 heads");
  MultiHeadAttention turning({.width = 12, .heads = 6, .rotary = RotaryPosition{}}, generator);
  EXPECT_EQ(error_of([&] {
              const Tensor x(Array::zeros({2, 5, 12}));
              turning(x, x);
            }),
            "attention: rotary positions are for self-attention");
  MultiHeadAttention attention(6, 3, generator);
  EXPECT_EQ(error_of([&] {
              attention(Tensor(Array::zeros({5, 6})));
            }),
            "attention: x must be (batch, time, 6), got [5, 6]");
  EXPECT_EQ(error_of([&] {
              attention(Tensor(Array::zeros({2, 5, 7})));
            }),
            "attention: x must be (batch, time, 6), got [2, 5, 7]");
  EXPECT_EQ(error_of([&] {
              attention(Tensor(Array::zeros({2, 5, 6})), Tensor(Array::zeros({2, 6})));
            }),
            "attention: memory must be (batch, time, 6), got [2, 6]");
}

}  // namespace
}  // namespace gradus::nn
