// GPT: its first values, its cache, and its determinism.
#include "gradus/models/gpt.h"

#include <cmath>
#include <string_view>

#include "gradus/optim/optimizer.h"
#include "kernels/attention.h"
#include "nn/module_check.h"

namespace gradus::models {
namespace {

using test::error_of;
using test::random_array;
using test::same_bits;

// Tokens of a vocabulary.
Array tokens_of(const Shape& shape, int64_t vocabulary, uint64_t seed = 1) {
  return test::random_indices(shape, static_cast<uint64_t>(vocabulary), seed);
}

// ---- shape of the model

GPTConfig small() { return {.vocabulary = 11, .context = 8, .layers = 2, .heads = 2, .width = 8}; }

TEST(GPT, HasAsManyParametersAsTheFormulaSays) {
  for (const nn::Bias bias : {nn::Bias::none, nn::Bias::learned}) {
    GPTConfig c = small();
    c.bias = bias;
    Generator generator(1);
    GPT model(c, generator);
    const int64_t w = c.width, b = bias == nn::Bias::learned ? 1 : 0;
    const int64_t block = 12 * w * w + 2 * w + b * (3 * w + w + 4 * w + w + 2 * w);
    EXPECT_EQ(model.parameter_count(),
              (c.vocabulary + c.context) * w + c.layers * block + w + b * w);
  }
  Generator generator(1);
  EXPECT_EQ(GPT({.vocabulary = 65}, generator).parameter_count(), 804'096);  // nanoGPT for a CPU
}

TEST(GPT, NamesItsParameters) {
  Generator generator(1);
  GPTConfig config = small();
  config.layers = 1;
  GPT model(config, generator);
  EXPECT_EQ(test::parameter_names(model),
            (std::vector<std::string>{"token_embedding.weight", "position_embedding.weight",
                                      "blocks.0.norm1.weight", "blocks.0.self_attn.in_proj_weight",
                                      "blocks.0.self_attn.out_proj.weight", "blocks.0.norm2.weight",
                                      "blocks.0.linear1.weight", "blocks.0.linear2.weight",
                                      "final_norm.weight"}));
}

TEST(GPT, StartsAsGPT2) {
  Generator generator(1);
  GPTConfig config{.vocabulary = 65, .context = 64, .layers = 3, .bias = nn::Bias::learned};
  GPT model(config, generator);
  for (const auto& [name, parameter] : model.named_parameters()) {
    const std::vector<double> values = parameter.value().to_vector();
    double mean = 0, square = 0;
    for (const double v : values) {
      mean += v / static_cast<double>(values.size());
      square += v * v / static_cast<double>(values.size());
    }
    if (name.find("norm") != std::string::npos || name.ends_with("bias")) {
      const double expected = name.ends_with("bias") ? 0 : 1;
      for (const double v : values) EXPECT_EQ(v, expected) << name;
    } else {
      const bool residual = name.ends_with("out_proj.weight") || name.ends_with("linear2.weight");
      const double deviation = residual ? 0.02 / std::sqrt(2 * 3) : 0.02;
      EXPECT_NEAR(mean, 0, 0.05 * deviation) << name;
      EXPECT_NEAR(std::sqrt(square), deviation, 0.03 * deviation) << name;
    }
  }
}

// Not exactly: a tied head answers with the token that it just read, which few vocabularies notice.
TEST(GPT, KnowsNothingAtFirst) {
  for (const int64_t vocabulary : {65, 500}) {
    Generator generator(1);
    const GPT model({.vocabulary = vocabulary, .context = 32, .layers = 2}, generator);
    const double loss =
        model.loss(tokens_of({4, 32}, vocabulary, 2), tokens_of({4, 32}, vocabulary, 3)).item();
    EXPECT_NEAR(loss, std::log(vocabulary), 0.1);
  }
}

// ---- what it computes

TEST(GPT, TheFutureAndTheOtherSequencesChangeNothing) {
  Generator generator(1);
  GPT model(small(), generator);
  test::unsettle(model);
  const Array tokens = tokens_of({3, 8}, 11);
  const Array logits = model(tokens).value();
  EXPECT_EQ(logits.shape(), (Shape{3, 8, 11}));
  for (int64_t t = 1; t <= 8; ++t)
    EXPECT_TRUE(same_bits(model(tokens.slice(1, 0, t)).value(), logits.slice(1, 0, t))) << t;
  for (int64_t b = 0; b < 3; ++b)
    EXPECT_TRUE(same_bits(model(tokens.slice(0, b, b + 1)).value(), logits.slice(0, b, b + 1)));
}

TEST(GPT, ItsHeadIsTheTokenEmbedding) {
  Generator generator(1);
  GPT model(small(), generator);
  const Array tokens = Array::of_indices({3, 1}, {1, 2});
  sum(model(tokens)).backward();
  // The head's share reaches every row of the table, also those of tokens that were not read.
  for (const double g : model.token_embedding.weight.grad().select(0, 7).to_vector())
    EXPECT_NE(g, 0);
}

TEST(GPT, DropsInTrainingOnly) {
  GPTConfig config = small();
  config.dropout = 0.3;
  Generator generator(1);
  GPT model(config, generator);
  const Array tokens = tokens_of({3, 8}, 11);
  struct CountDropout : Trace {
    void on_record(const char* op, const Tensor&, std::span<const Tensor>) override {
      count += op == std::string_view("dropout");
    }
    int count = 0;
  } trace;
  const Array drawn = model(tokens).value();
  EXPECT_EQ(trace.count, 1 + 2 * 2);  // after the embeddings and at the end of each sub-layer
  EXPECT_FALSE(same_bits(model(tokens).value(), drawn));
  model.train(false);
  const uint64_t position = generator.position();
  EXPECT_TRUE(same_bits(model(tokens).value(), model(tokens).value()));
  EXPECT_EQ(generator.position(), position);
}

// Bit for bit, as in attention: one token after another, and any number of them at once at first.
TEST(GPTCache, GivesTheLogitsOfAFullPass) {
  for (const DType dtype : {DType::float32, DType::float64})
    test::on_every_isa([&] {
      Generator generator(1);
      GPT model(small(), generator);
      test::unsettle(model);
      model.to(dtype);
      const Array tokens = tokens_of({2, 8}, 11);
      const Array full = model(tokens).value();
      GPTCache cache = model.make_cache(2);
      for (const int64_t first : {1, 5, 8}) {
        cache.clear();
        EXPECT_EQ(cache.length(), 0);
        for (int64_t begin = 0, end = first; end <= 8; begin = end++) {
          const Tensor logits = model(tokens.slice(1, begin, end), cache);
          EXPECT_TRUE(same_bits(logits.value(), full.select(1, end - 1))) << end;
          EXPECT_FALSE(logits.requires_grad());
          EXPECT_EQ(cache.length(), end);
        }
      }
    });
}

// ---- training

struct Training {
  explicit Training(const GPTConfig& config, uint64_t seed = 1)
      : generator(seed), model(config, generator), adamw(model.named_parameters()) {}
  double step(uint64_t number) {
    const GPTConfig& c = model.config();
    model.zero_grad();
    const Tensor loss = model.loss(tokens_of({6, c.context}, c.vocabulary, 2 * number),
                                   tokens_of({6, c.context}, c.vocabulary, 2 * number + 1));
    loss.backward();
    optim::clip_grad_norm(model.named_parameters(), 1);
    adamw.step(1e-3);
    return loss.item();
  }
  Generator generator;
  GPT model;
  optim::AdamW adamw;
};

// Large enough for every op to have work for several threads.
GPTConfig medium() {
  return {.vocabulary = 65, .context = 48, .layers = 2, .heads = 4, .width = 96, .dropout = 0.1};
}

TEST(GPTTraining, TheSameSeedGivesTheSameBitsForAnyNumberOfThreads) {
  const auto trained = [](int count, uint64_t seed) {
    const test::ScopedThreads threads(count);
    Training training(medium(), seed);
    std::vector<NamedArray> result;
    for (uint64_t step = 0; step < 3; ++step)
      result.push_back({"loss", Array::scalar(training.step(step), DType::float64)});
    for (const auto& [name, parameter] : training.model.named_parameters()) {
      result.push_back({name, parameter.value()});
      result.push_back({"gradient of " + name, parameter.grad()});
    }
    return result;
  };
  const std::vector<NamedArray> one = trained(1, 1);
  for (const int count : {1, 2, 3}) {
    const std::vector<NamedArray> other = trained(count, 1);
    for (size_t i = 0; i < one.size(); ++i)
      EXPECT_TRUE(same_bits(other[i].value, one[i].value)) << one[i].name << ", " << count;
  }
  EXPECT_FALSE(same_bits(trained(1, 2)[0].value, one[0].value));
}

TEST(GPTTraining, LearnsOneBatchByHeart) {
  Generator generator(1);
  GPT model(small(), generator);
  optim::AdamW adamw(model.named_parameters());
  const Array tokens = tokens_of({3, 8}, 11, 5), targets = tokens_of({3, 8}, 11, 6);
  for (int step = 0; step < 300; ++step) {
    model.zero_grad();
    model.loss(tokens, targets).backward();
    adamw.step(1e-2);
  }
  EXPECT_LT(model.loss(tokens, targets).item(), 0.05);
}

// Invariant 3: from the second step on, no fresh memory is requested.
TEST(GPTTraining, AsksForNoMemoryAfterTheFirstStep) {
  if (!test::memory_is_pooled) GTEST_SKIP() << "AddressSanitizer wants to see every block released";
  for (const int count : {1, 2}) {
    const test::ScopedThreads threads(count);
    release_pooled_memory();
    Training training(medium());
    training.step(0);
    const size_t fresh = memory_stats().fresh, live = memory_stats().live;
    for (uint64_t step = 1; step < 5; ++step) {
      training.step(step);
      EXPECT_EQ(memory_stats().fresh, fresh) << "step " << step << ", " << count << " threads";
      EXPECT_EQ(memory_stats().live, live) << "step " << step << ", " << count << " threads";
    }
    EXPECT_EQ(memory_stats().saved, 0U);
  }
}

// ---- errors

TEST(GPTErrors, NameTheSizeThatIsWrong) {
  const auto error = [](auto change) {
    GPTConfig config = small();
    change(config);
    Generator generator(1);
    return error_of([&] { GPT(config, generator); });
  };
  EXPECT_EQ(error([](GPTConfig& c) { c.vocabulary = 0; }),
            "gpt: the vocabulary must be at least 1, got 0");
  EXPECT_EQ(error([](GPTConfig& c) { c.context = -1; }),
            "gpt: the context must be at least 1, got -1");
  EXPECT_EQ(error([](GPTConfig& c) { c.layers = 0; }),
            "gpt: the number of layers must be at least 1, got 0");
  EXPECT_EQ(error([](GPTConfig& c) { c.heads = 0; }),
            "gpt: the number of heads must be at least 1, got 0");
  EXPECT_EQ(error([](GPTConfig& c) { c.width = 0; }), "gpt: the width must be at least 1, got 0");
  EXPECT_EQ(error([](GPTConfig& c) { c.heads = 3; }), "gpt: 3 heads do not divide the width 8");
  EXPECT_EQ(error([](GPTConfig& c) { c.dropout = 1; }), "gpt: dropout must lie in [0, 1), got 1");
  EXPECT_EQ(error([](GPTConfig& c) { c.dropout = NAN; }),
            "gpt: dropout must lie in [0, 1), got nan");
}

TEST(GPTErrors, NameTheTokensThatDoNotFit) {
  Generator generator(1);
  GPT model(small(), generator);
  EXPECT_EQ(error_of([&] {
              model(tokens_of({2, 9}, 11));
            }),
            "gpt: 9 tokens exceed the context of 8");
  EXPECT_EQ(error_of([&] { model(tokens_of({8}, 11)); }),
            "gpt: tokens must be (batch, time), time at least 1, got [8]");
  const std::string no_token = "gpt: tokens must be (batch, time), time at least 1, got [1, 0]";
  EXPECT_EQ(error_of([&] { model(tokens_of({1, 0}, 11)); }), no_token);
  EXPECT_EQ(error_of([&] {
              model(Array::of_indices({0, 11}, {1, 2}));
            }),
            "embedding: index 11 (at position 1) for a table of 11 rows");
  GPTCache none, cache = model.make_cache();
  EXPECT_EQ(error_of([&] {
              model(tokens_of({1, 1}, 11), none);
            }),
            "gpt: a cache of 0 layers for a model of 2; make_cache() makes one");
  EXPECT_EQ(error_of([&] { model(tokens_of({1, 0}, 11), cache); }), no_token);
  model(tokens_of({1, 8}, 11), cache);
  EXPECT_EQ(error_of([&] {
              model(tokens_of({1, 1}, 11), cache);
            }),
            "gpt: 9 tokens exceed the context of 8");
}

// ---- memory (invariant 3)

// Contexts on both sides of the choice between kept probabilities and tiles.
TEST(GPT, TrainingAsksForNoFreshMemoryAfterTheSecondStep) {
  if (!test::memory_is_pooled) GTEST_SKIP() << "AddressSanitizer sees every allocation";
  ASSERT_TRUE(kernels::attention_plan(8, 16, 16, true).keep);
  ASSERT_FALSE(kernels::attention_plan(8, 300, 300, true).keep);
  for (const int threads : {1, 2})
    for (const int64_t context : {16, 300}) {
      const test::ScopedThreads scope(threads);
      release_pooled_memory();
      GPTConfig c = small();
      c.context = context;
      c.bias = nn::Bias::learned;
      c.dropout = 0.1;
      Generator generator(1);
      GPT model(c, generator);
      optim::AdamW adamw(model.named_parameters());
      const Array tokens = tokens_of({2, context}, 11);
      size_t after_two = 0;
      for (int step = 1; step <= 5; ++step) {
        model.zero_grad();
        model.loss(tokens, tokens).backward();
        adamw.clipped_step(1e-3, 1);
        if (step == 2) after_two = memory_stats().fresh;
        if (step > 2) {
          EXPECT_EQ(memory_stats().fresh, after_two)
              << "step " << step << ", context " << context << ", threads " << threads;
        }
      }
      EXPECT_GT(after_two, 0);
    }
}

}  // namespace
}  // namespace gradus::models
