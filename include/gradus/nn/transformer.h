/// \file
/// The blocks of a transformer: encoder (or decoder-only), and decoder with cross-attention.
#pragma once

#include "gradus/nn/attention.h"

namespace gradus::nn {

/// Where a block normalises. Xiong et al., "On Layer Normalization in the Transformer
/// Architecture", 2020, compare the two.
enum class NormPosition {
  pre,   ///< before each sub-layer, inside the residual branch: GPT-2 and later
  post,  ///< after each addition: Vaswani et al. 2017
};

/// The sizes and choices of a block.
struct BlockConfig {
  int64_t width = 128;                            ///< d_model in the paper
  int64_t heads = 4;                              ///< of attention; they divide the width
  int64_t hidden = 512;                           ///< of the feed-forward network, usually 4 width
  Bias bias = Bias::learned;                      ///< of projections and norms alike
  double dropout = 0;                             ///< of each sub-layer's result
  NormPosition norm = NormPosition::pre;          ///< before or after
  Activation activation = Activation::gelu_tanh;  ///< of the feed-forward network
};

/// Attention, then a feed-forward network, each with a residual connection: (B, T, width) -> (B, T,
/// width).
///
///     pre:   x = x + self_attn(norm1(x));   x = x + feed_forward(norm2(x))
///     post:  x = norm1(x + self_attn(x));   x = norm2(x + feed_forward(x))
///
/// The state has the names and layouts of torch.nn.TransformerEncoderLayer, whose parts are
/// self_attn, linear1, linear2, norm1 and norm2. With dropout, the generator must outlive the
/// module.
class TransformerBlock : public Module {
 public:
  /// A new block whose weights the generator draws. \throws Error unless heads divides width.
  TransformerBlock(const BlockConfig& config, Generator& generator);
  /// x (B, T, width) -> (B, T, width); the options say what may be seen. \throws Error as
  /// MultiHeadAttention.
  Tensor operator()(const Tensor& x, const AttentionOptions& options = {}) const;
  /// For the newest tokens of a sequence: see MultiHeadAttention.
  Tensor operator()(const Tensor& x, KeyValueCache& cache) const;
  void visit(Visitor& visitor) override;

  LayerNorm norm1;               ///< of attention
  MultiHeadAttention self_attn;  ///< the first sub-layer
  LayerNorm norm2;               ///< of the feed-forward network
  FeedForward feed_forward;      ///< the second sub-layer

 private:
  template <class Attend>
  Tensor apply(const Tensor& x, Attend attend) const;
  NormPosition norm_;
};

/// Causal self-attention, attention to the encoder's result ("memory"), and a feed-forward network,
/// each with a residual connection: x (B, T, width) and memory (B, M, width) -> (B, T, width)
/// (Vaswani et al., "Attention Is All You Need", 2017, section 3.1).
///
///     pre:   x = x + self_attn(norm1(x));   x = x + multihead_attn(norm2(x), memory);   ...
///     post:  x = norm1(x + self_attn(x));   x = norm2(x + multihead_attn(x, memory));   ...
///
/// The state has the names and layouts of torch.nn.TransformerDecoderLayer, whose parts are
/// self_attn, multihead_attn, linear1, linear2 and norm1 to norm3. With dropout, the generator must
/// outlive the module.
class DecoderBlock : public Module {
 public:
  /// A new block whose weights the generator draws. \throws Error unless heads divides width.
  DecoderBlock(const BlockConfig& config, Generator& generator);
  /// `memory_options` say what may be seen of the memory (its padding is masked there), `options`
  /// what of x itself. \throws Error as MultiHeadAttention.
  Tensor operator()(const Tensor& x, const Tensor& memory,
                    const AttentionOptions& memory_options = {},
                    const AttentionOptions& options = {.causal = true}) const;
  void visit(Visitor& visitor) override;

  LayerNorm norm1;                    ///< of self-attention
  MultiHeadAttention self_attn;       ///< the first sub-layer: x asks x
  LayerNorm norm2;                    ///< of cross-attention
  MultiHeadAttention multihead_attn;  ///< the second sub-layer: x asks the memory
  LayerNorm norm3;                    ///< of the feed-forward network
  FeedForward feed_forward;           ///< the third sub-layer

 private:
  NormPosition norm_;
};

}  // namespace gradus::nn
