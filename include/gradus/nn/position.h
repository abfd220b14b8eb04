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
/// with t = 10000^(-2i/width) (Vaswani et al. 2017, section 3.5): (length, width), to be added to
/// the tokens' embeddings. \throws Error if the width is odd.
Array sinusoidal_positions(int64_t length, int64_t width, int64_t start = 0,
                           DType dtype = DType::float32);

/// Adds sinusoidal_positions: x (..., T, width) -> (..., T, width). Nothing is learned, and no
/// position is too far. `start` is the position of the first token.
class SinusoidalPosition : public Module {
 public:
  Tensor operator()(const Tensor& x, int64_t start = 0) const;
  void visit(Visitor&) override {}
};

/// Adds a vector that is learned for each position: x (..., T, width) -> (..., T, width). Weight
/// (positions, width), standard normal at first. \throws Error past the last position.
class LearnedPosition : public Module {
 public:
  LearnedPosition(int64_t positions, int64_t width, Generator& generator);
  Tensor operator()(const Tensor& x, int64_t start = 0) const;
  void visit(Visitor& visitor) override;
  Tensor weight;
};

/// Turns queries and keys, (..., T, D), by angles that grow with their positions: rotary_embedding
/// with its two choices. An option of MultiHeadAttention.
struct RotaryPosition {
  double base = 10000;
  RotaryPairs pairs = RotaryPairs::interleaved;
  Tensor operator()(const Tensor& heads, int64_t start = 0) const {
    return rotary_embedding(heads, {.start = start, .base = base, .pairs = pairs});
  }
};

/// The sizes of a RelativePosition; the defaults are T5's.
struct RelativeConfig {
  int64_t heads = 0;
  int64_t buckets = 32;
  int64_t max_distance = 128;  ///< beyond it, all distances share the last bucket
  bool bidirectional = true;   ///< false: for causal attention, the future is never looked at
};

/// The bucket of a distance, key position - query position. Half of the buckets are for one small
/// distance each; the rest grow with its logarithm. Bidirectional, the past and the future have
/// half of all buckets each; otherwise the future shares bucket 0 with distance 0.
int64_t relative_bucket(int64_t distance, const RelativeConfig& config);

/// A number for each head and each bucket of distances, to be added to the scores of attention (T5:
/// Raffel et al. 2020, section 2.1). Weight (buckets, heads), 0 at first: its name in Hugging
/// Face's T5 is relative_attention_bias.weight.
class RelativePosition : public Module {
 public:
  /// \throws Error unless there are enough buckets, and distances, for both halves.
  explicit RelativePosition(const RelativeConfig& config);
  /// (heads, queries, keys), for AttentionOptions::bias. Keys stand at 0, 1, ..., queries at start,
  /// start + 1, ...
  Tensor operator()(int64_t queries, int64_t keys, int64_t start = 0) const;
  void visit(Visitor& visitor) override;
  Tensor weight;

 private:
  RelativeConfig config_;
};

}  // namespace gradus::nn
