#include "gradus/models/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gradus::models {

int64_t sample(const Array& logits, const Sampling& sampling, Generator& generator) {
  check(logits.rank() == 1 && logits.numel() > 0, "sample: needs logits of shape [V], got {}",
        logits.shape());
  check(sampling.temperature >= 0 && sampling.top_k >= 0,
        "sample: temperature {} and top-k {} must not be negative", sampling.temperature,
        sampling.top_k);
  const std::vector<double> score = logits.to_vector();
  for (const double s : score) check(!std::isnan(s), "sample: a logit is NaN");

  // Tokens from the likeliest down; among equals the smaller id comes first, so that a seed decides
  // alone. Only as many as may be drawn are put in order.
  std::vector<int64_t> order(score.size());
  std::iota(order.begin(), order.end(), 0);
  const auto likelier = [&](int64_t a, int64_t b) {
    const double x = score[static_cast<size_t>(a)], y = score[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  if (sampling.temperature == 0) return *std::ranges::min_element(order, likelier);
  if (const auto k = static_cast<size_t>(sampling.top_k); k > 0 && k < order.size()) {
    std::ranges::nth_element(order, order.begin() + sampling.top_k, likelier);
    order.resize(k);
  }
  std::ranges::sort(order, likelier);

  std::vector<double> weight;  // exp((logit - largest) / temperature), unnormalised
  const double largest = score[static_cast<size_t>(order.front())];
  for (const int64_t token : order)
    weight.push_back(
        std::exp((score[static_cast<size_t>(token)] - largest) / sampling.temperature));
  double rest = generator.uniform() * std::accumulate(weight.begin(), weight.end(), 0.0);
  for (size_t i = 0; i < order.size(); ++i) {
    rest -= weight[i];
    if (rest < 0) return order[i];
  }
  return order.front();  // rounding left a crumb
}

namespace {

// Where the window begins when `length` tokens have been written. It moves on by half a context
// whenever it is full:
//   context 4:   length  1 2 3 4 | 5 6 | 7 8 | 9 ...
//                begin   0 0 0 0 | 2 2 | 4 4 | 6 ...
int64_t window_begin(int64_t length, int64_t context) {
  if (length <= context) return 0;
  const int64_t move = context - context / 2;
  return (length - context + move - 1) / move * move;
}

Array row(const std::vector<int64_t>& tokens, int64_t begin) {
  const std::vector<int64_t> part(tokens.begin() + begin, tokens.end());
  return Array::of_indices(part, {1, static_cast<int64_t>(part.size())});
}

// Both generators: they differ in how the logits that follow the tokens written so far are
// computed.
template <class NextLogits>
std::vector<int64_t> write(const std::vector<int64_t>& prompt, int64_t count,
                           const Sampling& sampling, Generator& generator,
                           const std::function<bool(int64_t)>& on_token, NextLogits next_logits) {
  check(!prompt.empty(), "generate: needs at least one token to continue");
  check(count >= 0, "generate: the number of tokens must not be negative, got {}", count);
  std::vector<int64_t> tokens = prompt;
  for (int64_t i = 0; i < count; ++i) {
    tokens.push_back(sample(next_logits(tokens), sampling, generator));
    if (on_token && !on_token(tokens.back())) break;
  }
  return {tokens.begin() + static_cast<int64_t>(prompt.size()), tokens.end()};
}

}  // namespace

std::vector<int64_t> generate(const GPT& model, const std::vector<int64_t>& prompt, int64_t count,
                              const Sampling& sampling, Generator& generator,
                              const std::function<bool(int64_t)>& on_token) {
  GPTCache cache = model.make_cache();
  int64_t begin = 0;  // of the window that the cache holds
  return write(
      prompt, count, sampling, generator, on_token, [&](const std::vector<int64_t>& tokens) {
        const auto length = static_cast<int64_t>(tokens.size());
        if (const int64_t moved = window_begin(length, model.config().context); moved != begin) {
          begin = moved;
          cache.clear();
        }
        return model(row(tokens, begin + cache.length()), cache).value().select(0, 0);
      });
}

std::vector<int64_t> generate_without_cache(const GPT& model, const std::vector<int64_t>& prompt,
                                            int64_t count, const Sampling& sampling,
                                            Generator& generator) {
  const NoGrad guard;
  return write(prompt, count, sampling, generator, {}, [&](const std::vector<int64_t>& tokens) {
    const auto length = static_cast<int64_t>(tokens.size());
    return model(row(tokens, window_begin(length, model.config().context)))
        .value()
        .select(0, 0)
        .select(0, -1);
  });
}

}  // namespace gradus::models
