// Generation: the same tokens with the cache as without, and what sampling does with logits.
#include "gradus/models/generate.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "nn/module_check.h"

namespace gradus::models {
namespace {

using test::error_of;

using Tokens = std::vector<int64_t>;

// A model whose predictions differ from place to place.
struct Writer {
  explicit Writer(int64_t context)
      : generator(1),
        model({.vocabulary = 13, .context = context, .layers = 2, .heads = 2, .width = 8},
              generator) {
    test::unsettle(model);
    model.to(DType::float32);
  }
  Generator generator;
  GPT model;
};

Tokens prompt_of(int64_t length) {
  Tokens prompt;
  for (int64_t i = 0; i < length; ++i) prompt.push_back((7 * i + 3) % 13);
  return prompt;
}

// ---- with and without the cache

TEST(Generate, WritesTheSameWithTheCacheAsWithout) {
  for (const int64_t context : {1, 2, 5, 8}) {
    const Writer writer(context);
    for (const int64_t length : {int64_t{1}, context, context + 1, 3 * context + 2})
      for (const Sampling& sampling :
           {Sampling{.temperature = 0}, Sampling{.temperature = 0.6, .top_k = 3}, Sampling{}})
        for (const uint64_t seed : {1U, 2U, 3U}) {
          Generator with(seed), without(seed);
          const int64_t count = 3 * context + 4;  // the window moves at least four times
          const Tokens prompt = prompt_of(length);
          EXPECT_EQ(generate(writer.model, prompt, count, sampling, with),
                    generate_without_cache(writer.model, prompt, count, sampling, without))
              << "context " << context << ", prompt of " << length << ", seed " << seed;
          EXPECT_EQ(with.position(), without.position());
        }
  }
}

// How many tokens each pass through the model reads.
class Reads : public Trace {
 public:
  void on_record(const char* op, const Tensor& result, std::span<const Tensor>) override {
    if (op == std::string_view("embedding")) lengths_.push_back(result.size(1));
  }
  Tokens lengths() { return std::exchange(lengths_, {}); }

 private:
  Tokens lengths_;
};

TEST(Generate, RereadsTheLastHalfOfAFullWindow) {
  Generator generator(1);
  Reads reads;
  const Writer even(4), odd(5), single(1);
  generate_without_cache(even.model, {1, 2}, 8, {}, generator);
  EXPECT_EQ(reads.lengths(), (Tokens{2, 3, 4, 3, 4, 3, 4, 3}));
  generate(even.model, {1, 2}, 8, {}, generator);
  EXPECT_EQ(reads.lengths(), (Tokens{2, 1, 1, 3, 1, 3, 1, 3}));
  generate_without_cache(odd.model, {1, 2}, 8, {}, generator);
  EXPECT_EQ(reads.lengths(), (Tokens{2, 3, 4, 5, 3, 4, 5, 3}));
  generate(odd.model, {1, 2}, 8, {}, generator);
  EXPECT_EQ(reads.lengths(), (Tokens{2, 1, 1, 1, 3, 1, 1, 3}));
  generate(single.model, {1, 2}, 3, {}, generator);
  EXPECT_EQ(reads.lengths(), (Tokens{1, 1, 1}));
  generate(even.model, prompt_of(11), 3, {}, generator);  // only its end fits: 8 to 10
  EXPECT_EQ(reads.lengths(), (Tokens{3, 1, 3}));
}

TEST(Generate, OfTheLikeliestIsTheSameWhateverTheSeed) {
  const Writer writer(5);
  const auto write = [&](const Sampling& sampling, uint64_t seed) {
    Generator generator(seed);
    return generate(writer.model, {3}, 20, sampling, generator);
  };
  const Tokens greedy = write({.temperature = 0}, 1);
  EXPECT_EQ(write({.temperature = 0}, 2), greedy);
  EXPECT_EQ(write({.temperature = 1, .top_k = 1}, 3), greedy);
  EXPECT_EQ(write({.temperature = 1e-9}, 4), greedy);
  EXPECT_NE(write({}, 1), write({}, 2));
  EXPECT_EQ(write({}, 1), write({}, 1));
}

TEST(Generate, ShowsEachTokenAndStopsWhenToldTo) {
  const Writer writer(5);
  Generator generator(1), same(1);
  const Tokens whole = generate(writer.model, {3}, 12, {}, generator);
  EXPECT_EQ(whole.size(), 12U);
  Tokens seen;
  const Tokens stopped = generate(writer.model, {3}, 12, {}, same, [&](int64_t token) {
    seen.push_back(token);
    return seen.size() < 7;
  });
  EXPECT_EQ(stopped, Tokens(whole.begin(), whole.begin() + 7));
  EXPECT_EQ(seen, stopped);
  EXPECT_TRUE(generate(writer.model, {3}, 0, {}, same).empty());
}

TEST(Generate, RecordsNoGraph) {
  const Writer writer(5);
  struct CountNodes : Trace {
    void on_record(const char*, const Tensor& result, std::span<const Tensor>) override {
      nodes += result.requires_grad();
    }
    int nodes = 0;
  } trace;
  Generator generator(1);
  generate(writer.model, {3}, 7, {}, generator);
  generate_without_cache(writer.model, {3}, 7, {}, generator);
  EXPECT_EQ(trace.nodes, 0);
}

TEST(GenerateErrors, SayWhatIsWrong) {
  const Writer writer(5);
  Generator generator(1);
  EXPECT_EQ(error_of([&] { generate(writer.model, {}, 3, {}, generator); }),
            "generate: needs at least one token to continue");
  EXPECT_EQ(error_of([&] {
              generate(writer.model, {2, 13}, 3, {}, generator);
            }),
            "embedding: index 13 (at position 1) for a table of 13 rows");
  EXPECT_EQ(error_of([&] { generate(writer.model, {2}, -1, {}, generator); }),
            "generate: the number of tokens must not be negative, got -1");
}

// ---- sampling

constexpr int draws = 40'000;

// How often each token is drawn.
std::vector<double> frequencies(const std::vector<double>& logits, const Sampling& sampling) {
  const Array array = Array::of(logits, {static_cast<int64_t>(logits.size())});
  Generator generator(1);
  std::vector<double> count(logits.size());
  for (int i = 0; i < draws; ++i) ++count[static_cast<size_t>(sample(array, sampling, generator))];
  for (double& c : count) c /= draws;
  return count;
}

void expect_frequencies(const std::vector<double>& actual, const std::vector<double>& expected) {
  for (size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], 4 * std::sqrt(expected[i] * (1 - expected[i]) / draws))
        << i;
}

TEST(Sample, DrawsFromTheSoftmaxOfLogitsOverTemperature) {
  const std::vector<double> logits = {std::log(0.2) + 50, std::log(0.5) + 50, std::log(0.3) + 50};
  expect_frequencies(frequencies(logits, {}), {0.2, 0.5, 0.3});
  expect_frequencies(frequencies(logits, {.temperature = 0.5}),
                     {0.04 / 0.38, 0.25 / 0.38, 0.09 / 0.38});
  expect_frequencies(frequencies(logits, {.temperature = 0}), {0, 1, 0});
  expect_frequencies(frequencies({0, -INFINITY, 0}, {}), {0.5, 0, 0.5});
}

TEST(Sample, TopKLeavesTheOthersOut) {
  const std::vector<double> logits = {std::log(0.1), std::log(0.4), std::log(0.3), std::log(0.2)};
  expect_frequencies(frequencies(logits, {.temperature = 1, .top_k = 1}), {0, 1, 0, 0});
  expect_frequencies(frequencies(logits, {.temperature = 1, .top_k = 2}), {0, 4 / 7.0, 3 / 7.0, 0});
  expect_frequencies(frequencies(logits, {.temperature = 1, .top_k = 4}), {0.1, 0.4, 0.3, 0.2});
  expect_frequencies(frequencies(logits, {.temperature = 1, .top_k = 99}), {0.1, 0.4, 0.3, 0.2});
}

TEST(Sample, AmongEqualsTheFirstIsTheLikeliest) {
  Generator generator(1);
  const Array equal = Array::of({1, 3, 3, 2}, {4});
  EXPECT_EQ(sample(equal, {.temperature = 0}, generator), 1);
  EXPECT_EQ(sample(equal, {.temperature = 1, .top_k = 1}, generator), 1);
  EXPECT_EQ(sample(Array::zeros({100}), {.temperature = 0}, generator), 0);
}

TEST(SampleErrors, SayWhatIsWrong) {
  Generator generator(1);
  const Array logits = Array::zeros({3});
  EXPECT_EQ(error_of([&] {
              sample(Array::zeros({1, 3}), {}, generator);
            }),
            "sample: needs logits of shape [V], got [1, 3]");
  EXPECT_EQ(error_of([&] { sample(Array::zeros({0}), {}, generator); }),
            "sample: needs logits of shape [V], got [0]");
  EXPECT_EQ(error_of([&] {
              sample(Array::of({0, NAN}, {2}), {}, generator);
            }),
            "sample: a logit is NaN");
  EXPECT_EQ(error_of([&] { sample(logits, {.temperature = -1}, generator); }),
            "sample: temperature -1 and top-k 0 must not be negative");
  EXPECT_EQ(error_of([&] { sample(logits, {.temperature = NAN}, generator); }),
            "sample: temperature nan and top-k 0 must not be negative");
  EXPECT_EQ(error_of([&] { sample(logits, {.temperature = 1, .top_k = -1}, generator); }),
            "sample: temperature 1 and top-k -1 must not be negative");
}

}  // namespace
}  // namespace gradus::models
