// scaled_dot_product_attention has two ways: probabilities are kept, or tiles of them computed
// again.
#include "gradus/arithmetic.h"
#include "gradus/gradcheck.h"
#include "gradus/ops/attention.h"
#include "gradus/storage.h"
#include "kernels/attention.h"
#include "kernels/parallel.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

using kernels::AttentionTuning;
using kernels::ScopedAttentionTuning;
using Way = AttentionTuning::Way;

// Small tiles, in which the borders fall everywhere.
const AttentionTuning small_tiles[] = {
    {.way = Way::materialised, .query_block = 3},
    {.way = Way::tiled, .query_block = 3, .key_block = 2},
    {.way = Way::tiled, .query_block = 4, .key_block = 5, .parts = 3},
    {.way = Way::tiled, .query_block = 1, .key_block = 4, .parts = 2},
};

TEST(AttentionWays, PassTheGradientCheck) {
  const AttentionOptions mask{.mask = attention_mask({2, 1, 7, 11})};
  const AttentionOptions many[] = {{}, {.causal = true}, mask, {.causal = true, .scale = -0.7}};
  on_every_isa([&] {
    for (const AttentionTuning& tuning : small_tiles)
      for (const AttentionOptions& options : many)
        for (const bool biased : {false, true}) {
          const ScopedAttentionTuning scope(tuning);
          std::vector<NamedArray> inputs = {{"q", random_array({2, 4, 7, 5}, 1)},
                                            {"k", random_array({2, 2, 11, 5}, 2)},
                                            {"v", random_array({2, 2, 11, 3}, 3)}};
          if (biased) inputs.push_back({"bias", random_array({4, 1, 11}, 4)});
          const GradcheckResult result = gradcheck(
              "attention",
              [&](const Tensors& in) {
                AttentionOptions o = options;
                if (biased) o.bias = in[3];
                return scaled_dot_product_attention(in[0], in[1], in[2], o);
              },
              inputs);
          ASSERT_TRUE(result.passed) << result.report();
        }
  });
}

Outcome attend(const AttentionTuning& tuning, int64_t tq, int64_t tk, int64_t width, bool causal,
               DType dtype) {
  const ScopedAttentionTuning scope(tuning);
  return run(
      [&](const Tensors& in) {
        return scaled_dot_product_attention(in[0], in[1], in[2], {.causal = causal});
      },
      {random_array({2, tq, width}, 1, dtype), random_array({2, tk, width}, 2, dtype),
       random_array({2, tk, width}, 3, dtype)});
}

TEST(AttentionWays, AreEqual) {
  on_every_isa([&] {
    for (const DType dtype : {DType::float32, DType::float64})
      for (const bool causal : {false, true})
        for (const auto& [tq, tk] : std::vector<std::pair<int64_t, int64_t>>{
                 {64, 64}, {255, 255}, {256, 256}, {257, 257}, {300, 530}, {530, 300}, {1, 513}}) {
          const Outcome kept = attend({.way = Way::materialised}, tq, tk, 19, causal, dtype),
                        tiled = attend({.way = Way::tiled}, tq, tk, 19, causal, dtype);
          SCOPED_TRACE(fmt::format("{} x {}, {}", tq, tk, name(dtype)));
          expect_same_outcome(tiled, kept, dtype == DType::float32 ? 2e-6 : 2e-15);
        }
  });
}

// The choice between them is one of speed and memory alone.
TEST(AttentionWays, GiveTheSameBitsUpToTheLengthWhereTheyAreChosen) {
  on_every_isa([&] {
    for (const int64_t t : {1, 37, 64, 256}) {
      const auto with = [&](Way way) {
        return attend({.way = way}, t, t, 19, true, DType::float32);
      };
      const Outcome kept = with(Way::materialised), tiled = with(Way::tiled);
      EXPECT_TRUE(same_bits(tiled.value, kept.value)) << t;
      for (size_t i = 0; i < 3; ++i)
        EXPECT_TRUE(same_bits(tiled.gradients[i], kept.gradients[i])) << t;
    }
  });
}

// What a cache of keys and values relies on, over the borders of the tiles.
TEST(AttentionWays, AQueryAloneHasTheSameBitsAsAmongOthers) {
  on_every_isa([] {
    const int64_t length = 531;
    const Array q = random_array({length, 19}, 1, DType::float32),
                k = random_array({length, 19}, 2, DType::float32),
                v = random_array({length, 21}, 3, DType::float32);
    const Array whole =
        scaled_dot_product_attention(Tensor(q), Tensor(k), Tensor(v), {.causal = true}).value();
    for (const int64_t t : {1, 2, 64, 127, 128, 129, 255, 256, 257, 258, 400, 512, 513, 531}) {
      const Tensor last(q.slice(0, t - 1, t)), keys(k.slice(0, 0, t)), values(v.slice(0, 0, t));
      EXPECT_TRUE(same_bits(scaled_dot_product_attention(last, keys, values).value(),
                            whole.slice(0, t - 1, t)))
          << t;
      const Tensor learning = parameter(last.value());  // as if a backward pass were to come
      EXPECT_TRUE(same_bits(scaled_dot_product_attention(learning, keys, values).value(),
                            whole.slice(0, t - 1, t)))
          << t;
    }
  });
}

TEST(AttentionWays, GiveTheSameBitsForAnyNumberOfThreads) {
  const kernels::ScopedGrain grain(1);
  on_every_isa([&] {
    for (const AttentionTuning& tuning :
         {AttentionTuning{.way = Way::tiled, .query_block = 16, .key_block = 24},
          AttentionTuning{.way = Way::tiled}, AttentionTuning{.way = Way::materialised}}) {
      const auto on_threads = [&](int count) {
        const ScopedThreads threads(count);
        return attend(tuning, 300, 290, 19, true, DType::float32);
      };
      const Outcome one = on_threads(1);
      for (const int count : {2, 3}) {
        const Outcome other = on_threads(count);
        EXPECT_TRUE(same_bits(other.value, one.value));
        for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(same_bits(other.gradients[i], one.gradients[i]));
      }
    }
  });
}

// The most that is alive at a time beyond what was before, forward and backward.
size_t peak_bytes(int64_t length, const AttentionTuning& tuning, bool training) {
  const ScopedAttentionTuning scope(tuning);
  const Array x = random_array({2, length, 8}, 1, DType::float32), dy = x.clone();
  const Tensor q = training ? parameter(x) : Tensor(x);
  reset_peak_memory();
  const size_t before = memory_stats().live;
  const Tensor y = scaled_dot_product_attention(q, q, q, {.causal = true});
  if (training) y.backward(dy);
  return memory_stats().peak - before;
}

TEST(AttentionWays, TilesTakeMemoryInProportionToTheLength) {
  constexpr int64_t length = 1024;
  const size_t scores = 2 * length * length * sizeof(float);
  const size_t tiled = peak_bytes(length, {}, true), twice = peak_bytes(2 * length, {}, true);
  EXPECT_LE(tiled, scores / 10);
  EXPECT_LE(twice, 2 * tiled + 4096);
  EXPECT_GE(peak_bytes(length, {.way = Way::materialised}, true), scores);
  // Without a backward pass to come, nothing is kept at any length.
  EXPECT_LE(peak_bytes(256, {}, false), size_t{2 * 256 * (8 + 4) * sizeof(float)});
}

}  // namespace
}  // namespace gradus::test
