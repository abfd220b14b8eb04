/// \file
/// The transformer block.
#pragma once

#include "gradus/nn/attention.h"

namespace gradus::nn {

/// Where a block normalises: before each sub-layer, inside the residual branch (GPT-2 and later),
/// or after each addition (Vaswani et al. 2017).
enum class NormPosition { pre, post };

/// The sizes and choices of a block.
struct BlockConfig {
  int64_t width = 128;
  int64_t heads = 4;
  int64_t hidden = 512;  ///< of the feed-forward network, usually 4 width
  Bias bias = Bias::learned;
  double dropout = 0;
  NormPosition norm = NormPosition::pre;
};

/// Attention, then a feed-forward network, each with a residual connection: (B, T, width) -> (B, T,
/// width).
///
///     pre:   x = x + attention(norm1(x));   x = x + feed_forward(norm2(x))
///     post:  x = norm1(x + attention(x));   x = norm2(x + feed_forward(x))
class TransformerBlock : public Module {
 public:
  TransformerBlock(const BlockConfig& config, Generator& generator);
  Tensor operator()(const Tensor& x, const AttentionOptions& options = {}) const;
  /// For the newest tokens of a sequence: see MultiHeadAttention.
  Tensor operator()(const Tensor& x, KeyValueCache& cache) const;
  void visit(Visitor& visitor) override;

  LayerNorm norm1;
  MultiHeadAttention attention;
  LayerNorm norm2;
  FeedForward feed_forward;

 private:
  template <class Attend>
  Tensor apply(const Tensor& x, Attend attend) const;
  NormPosition norm_;
};

}  // namespace gradus::nn
