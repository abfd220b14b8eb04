// The decoder block: its formula, and what it may see.
#include "nn/module_check.h"

#include "gradus/nn/transformer.h"

namespace gradus::nn {
namespace {

using test::random_array;
using test::same_bits;
using test::unsettle;

BlockConfig small(NormPosition norm, Bias bias = Bias::learned, double dropout = 0) {
  return {.width = 6, .heads = 3, .hidden = 11, .bias = bias, .dropout = dropout, .norm = norm};
}

TEST(DecoderBlock, AsksItselfThenTheMemoryThenThinks) {
  Generator generator(1);
  const Tensor x(random_array({2, 5, 6}, 4)), memory(random_array({2, 7, 6}, 5));
  const AttentionOptions causal{.causal = true}, padded{.mask = key_padding_mask({7, 2}, 7)};
  DecoderBlock pre(small(NormPosition::pre), generator);
  unsettle(pre);
  Tensor y = x + pre.self_attn(pre.norm1(x), causal);
  y = y + pre.multihead_attn(pre.norm2(y), memory, padded);
  y = y + pre.feed_forward(pre.norm3(y));
  EXPECT_TRUE(same_bits(pre(x, memory, padded).value(), y.value()));

  DecoderBlock post(small(NormPosition::post), generator);
  unsettle(post);
  y = post.norm1(x + post.self_attn(x, causal));
  y = post.norm2(y + post.multihead_attn(y, memory, padded));
  y = post.norm3(y + post.feed_forward(y));
  EXPECT_TRUE(same_bits(post(x, memory, padded).value(), y.value()));
}

TEST(DecoderBlock, SeesItsPastAndTheWholeMemory) {
  Generator generator(1);
  DecoderBlock block(small(NormPosition::pre), generator);
  unsettle(block);
  const Tensor x(random_array({2, 5, 6}, 4)), memory(random_array({2, 7, 6}, 5));
  const Array whole = block(x, memory).value();
  for (int64_t t = 1; t <= 5; ++t)
    EXPECT_TRUE(same_bits(block(slice(x, 1, 0, t), memory).value(), whole.slice(1, 0, t))) << t;
  EXPECT_FALSE(
      same_bits(block(x, slice(memory, 1, 0, 6)).value().select(1, 0), whole.select(1, 0)));
}

TEST(DecoderBlock, NamesItsParametersAndDropsInTrainingOnly) {
  Generator generator(1);
  DecoderBlock block(small(NormPosition::pre, Bias::none, 0.5), generator);
  EXPECT_EQ(test::parameter_names(block),
            (std::vector<std::string>{
                "norm1.weight", "self_attn.in_proj_weight", "self_attn.out_proj.weight",
                "norm2.weight", "multihead_attn.in_proj_weight", "multihead_attn.out_proj.weight",
                "norm3.weight", "linear1.weight", "linear2.weight"}));
  const Tensor x(random_array({2, 5, 6}, 4, DType::float32)),
      memory(random_array({2, 7, 6}, 5, DType::float32));
  const auto draws = [&] {
    const uint64_t before = generator.position();
    block(x, memory);
    return generator.position() - before;
  };
  EXPECT_EQ(draws(), 3 * 2 * 60U);  // a double is two draws of 32 bits
  block.train(false);
  EXPECT_EQ(draws(), 0U);
}

}  // namespace
}  // namespace gradus::nn
