/// \file
/// Ways to tell a transformer where its tokens stand.
///
/// Attention itself sees a set: without these, a sentence and its words in another order are one.
#pragma once

#include "gradus/nn/module.h"
#include "gradus/ops/rotary.h"
#include "gradus/random.h"

namespace gradus::nn {

/// Row r belongs to position p = start + r, and its columns 2i and 2i + 1 are sin(p t) and cos(p t)
/// with t = 10000^(-2i/width): (length, width), to be added to the tokens' embeddings (Vaswani et
/// al., "Attention Is All You Need", 2017, section 3.5). \throws Error if the width is odd or the
/// length negative.
Array sinusoidal_positions(int64_t length, int64_t width, int64_t start = 0,
                           DType dtype = DType::float32);

/// Adds sinusoidal_positions: x (..., T, width) -> (..., T, width). Nothing is learned, and no
/// position is too far. `start` is the position of the first token.
class SinusoidalPosition : public Module {
 public:
  /// x (..., T, width) -> (..., T, width). \throws Error if the width is odd.
  Tensor operator()(const Tensor& x, int64_t start = 0) const;
  void visit(Visitor&) override {}
};

/// Adds a vector that is learned for each position: x (..., T, width) -> (..., T, width). Weight
/// (positions, width), standard normal at first. \throws Error past the last position.
class LearnedPosition : public Module {
 public:
  /// A new table, (positions, width), whose numbers the generator draws.
  LearnedPosition(int64_t positions, int64_t width, Generator& generator);
  /// x (..., T, width) -> (..., T, width). \throws Error unless 0 <= start <= positions - T.
  Tensor operator()(const Tensor& x, int64_t start = 0) const;
  void visit(Visitor& visitor) override;
  Tensor weight;  ///< (positions, width)
};

/// Turns queries and keys, (..., T, D), by angles that grow with their positions: rotary_embedding
/// with its two choices. An option of MultiHeadAttention.
struct RotaryPosition {
  double base = 10000;                           ///< pair i turns by position * base^(-2i/D)
  RotaryPairs pairs = RotaryPairs::interleaved;  ///< which numbers form a pair
  /// heads (..., T, D) -> (..., T, D), the first at position `start`. \throws Error if D is odd.
  Tensor operator()(const Tensor& heads, int64_t start = 0) const {
    return rotary_embedding(heads, {.start = start, .base = base, .pairs = pairs});
  }
};

/// The sizes of a RelativePosition; the defaults are T5's.
struct RelativeConfig {
  int64_t heads = 0;           ///< of queries
  int64_t buckets = 32;        ///< numbers that each head learns
  int64_t max_distance = 128;  ///< beyond it, all distances share the last bucket
  bool bidirectional = true;   ///< false: for causal attention, the future is never looked at
};

/// The bucket of a distance, key position - query position. Half of the buckets are for one small
/// distance each; the rest grow with its logarithm. Bidirectional, the past and the future have
/// half of all buckets each; otherwise the future shares bucket 0 with distance 0. The rule is that
/// of T5's published code. \throws Error if there are too few buckets, or distances, for both
/// halves.
int64_t relative_bucket(int64_t distance, const RelativeConfig& config);

/// A number for each head and each bucket of distances, to be added to the scores of attention
/// (Raffel et al., "Exploring the Limits of Transfer Learning", 2020, section 2.1). Weight
/// (buckets, heads), 0 at first: its name in Hugging Face's T5 is relative_attention_bias.weight.
class RelativePosition : public Module {
 public:
  /// \throws Error unless there are enough buckets, and distances, for both halves.
  explicit RelativePosition(const RelativeConfig& config);
  /// (heads, queries, keys), for AttentionOptions::bias. Keys stand at 0, 1, ..., queries at start,
  /// start + 1, ... \throws Error if start is beyond 2^53.
  Tensor operator()(int64_t queries, int64_t keys, int64_t start = 0) const;
  void visit(Visitor& visitor) override;
  Tensor weight;  ///< (buckets, heads)

 private:
  RelativeConfig config_;
};

}  // namespace gradus::nn
