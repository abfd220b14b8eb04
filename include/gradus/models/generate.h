/// \file
/// Writing: tokens drawn one after another from a model's predictions.
#pragma once

#include <functional>
#include <vector>

#include "gradus/models/gpt.h"

namespace gradus::models {

/// How the next token is drawn from the logits.
struct Sampling {
  /// Logits are divided by it: below 1 the likely tokens become likelier still, 0 always takes the
  /// likeliest.
  double temperature = 1;
  /// Only the k likeliest tokens stand for election; 0 for all of them.
  int64_t top_k = 0;
};

/// One token drawn from softmax(logits / temperature), logits (V). \throws Error if a logit is NaN,
/// there are none, or the temperature or top_k is negative.
int64_t sample(const Array& logits, const Sampling& sampling, Generator& generator);

/// Continues `prompt`, at least one token, by `count` tokens. `on_token`, if given, sees each as it
/// is drawn, and stops the writing by returning false.
///
/// Keys and values of earlier tokens are cached. The model's positions are learned, so when its
/// context is full the window moves: the last half of it is read again from position 0, and writing
/// goes on. \throws Error for an empty prompt, a token that is not in the vocabulary, a negative
/// count, or as sample.
std::vector<int64_t> generate(const GPT& model, const std::vector<int64_t>& prompt, int64_t count,
                              const Sampling& sampling, Generator& generator,
                              const std::function<bool(int64_t)>& on_token = {});

/// The same without the cache: every token from a fresh pass over its whole window. Slow and
/// obvious; `generate` is tested against it. \throws Error as generate.
std::vector<int64_t> generate_without_cache(const GPT& model, const std::vector<int64_t>& prompt,
                                            int64_t count, const Sampling& sampling,
                                            Generator& generator);

}  // namespace gradus::models
