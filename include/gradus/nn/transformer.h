/// \file
/// The blocks of a transformer: encoder (or decoder-only), and decoder with cross-attention.
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
  double dropout = 0;  ///< of each sub-layer's result
  NormPosition norm = NormPosition::pre;
  Activation activation = Activation::gelu_tanh;
};

/// Attention, then a feed-forward network, each with a residual connection: (B, T, width) -> (B, T,
/// width).
///
///     pre:   x = x + self_attn(norm1(x));   x = x + feed_forward(norm2(x))
///     post:  x = norm1(x + self_attn(x));   x = norm2(x + feed_forward(x))
///
/// The state has the names and layouts of torch.nn.TransformerEncoderLayer: self_attn.*, linear1.*,
/// linear2.*, norm1.*, norm2.*. With dropout, the generator must outlive the module.
class TransformerBlock : public Module {
 public:
  TransformerBlock(const BlockConfig& config, Generator& generator);
  Tensor operator()(const Tensor& x, const AttentionOptions& options = {}) const;
  /// For the newest tokens of a sequence: see MultiHeadAttention.
  Tensor operator()(const Tensor& x, KeyValueCache& cache) const;
  void visit(Visitor& visitor) override;

  LayerNorm norm1;
  MultiHeadAttention self_attn;
  LayerNorm norm2;
  FeedForward feed_forward;

 private:
  template <class Attend>
  Tensor apply(const Tensor& x, Attend attend) const;
  NormPosition norm_;
};

/// Causal self-attention, attention to the encoder's result ("memory"), and a feed-forward network,
/// each with a residual connection (Vaswani et al. 2017, section 3.1): x (B, T, width) and memory
/// (B, M, width) -> (B, T, width).
///
///     pre:   x = x + self_attn(norm1(x));   x = x + multihead_attn(norm2(x), memory);   ...
///     post:  x = norm1(x + self_attn(x));   x = norm2(x + multihead_attn(x, memory));   ...
///
/// The state has the names and layouts of torch.nn.TransformerDecoderLayer: self_attn.*,
/// multihead_attn.*, linear1.*, linear2.*, norm1.* to norm3.*. With dropout, the generator must
/// outlive the module.
class DecoderBlock : public Module {
 public:
  DecoderBlock(const BlockConfig& config, Generator& generator);
  /// `memory_options` say what may be seen of the memory (its padding is masked there), `options`
  /// what of x itself.
  Tensor operator()(const Tensor& x, const Tensor& memory,
                    const AttentionOptions& memory_options = {},
                    const AttentionOptions& options = {.causal = true}) const;
  void visit(Visitor& visitor) override;

  LayerNorm norm1;
  MultiHeadAttention self_attn;
  LayerNorm norm2;
  MultiHeadAttention multihead_attn;
  LayerNorm norm3;
  FeedForward feed_forward;

 private:
  NormPosition norm_;
};

}  // namespace gradus::nn
