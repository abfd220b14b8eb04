/// \file
/// Multi-head attention, and the cache that makes generation cheap.
///
/// How heads are split: \ref shape_heads "docs/shapes.md".
#pragma once

#include <optional>

#include "gradus/nn/layers.h"
#include "gradus/nn/position.h"

namespace gradus::nn {

/// The keys and values of the tokens seen so far, for one attention layer: (B, Hkv, capacity, D)
/// each, of which the first `length` positions are filled. A new token then needs its own query,
/// key and value only.
struct KeyValueCache {
  Array keys,          ///< (B, Hkv, capacity, D)
      values;          ///< (B, Hkv, capacity, D)
  int64_t length = 0;  ///< positions that are filled
};

/// The sizes and choices of a MultiHeadAttention.
struct AttentionConfig {
  int64_t width = 0;          ///< d_model in the paper
  int64_t heads = 0;          ///< of queries; each has width / heads numbers, d_k in the paper
  int64_t kv_heads = 0;       ///< heads of keys and values, shared by groups of queries; 0: `heads`
  Bias bias = Bias::learned;  ///< of both projections
  double dropout = 0;         ///< of the result
  std::optional<RotaryPosition> rotary = {};  ///< turns queries and keys, in self-attention only
};

/// Several attentions side by side, each in a subspace of its own: (B, T, width) -> (B, T, width)
/// (Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2).
///
/// One projection makes q, k and v of all heads. Its weight has (heads + 2 kv_heads) D rows of
/// `width` numbers, D = width / heads: the queries' of all heads, then the keys', then the values'.
/// The state has the names and the layout of torch.nn.MultiheadAttention: in_proj_weight,
/// in_proj_bias, out_proj.weight, out_proj.bias. Both projections start as a Linear does. Dropout
/// acts on the result, not on the attention weights. With dropout, the generator must outlive the
/// module.
class MultiHeadAttention : public Module {
 public:
  /// A new layer whose weights the generator draws. \throws Error unless heads divides width, and
  /// kv_heads divides heads.
  MultiHeadAttention(const AttentionConfig& config, Generator& generator);
  /// The same with the most common choices; every head has keys and values of its own.
  MultiHeadAttention(int64_t width, int64_t heads, Generator& generator, Bias bias = Bias::learned,
                     double dropout = 0)
      : MultiHeadAttention({.width = width, .heads = heads, .bias = bias, .dropout = dropout},
                           generator) {}

  /// Self-attention: x (B, T, width) -> (B, T, width). \throws Error if x has another shape, or the
  /// mask or bias of the options does not fit (B, heads, T, T).
  Tensor operator()(const Tensor& x, const AttentionOptions& options = {}) const;
  /// Cross-attention: x (B, T, width) asks, memory (B, M, width) answers -> (B, T, width). \throws
  /// Error if shapes do not fit, or the layer turns queries and keys (rotary).
  Tensor operator()(const Tensor& x, const Tensor& memory,
                    const AttentionOptions& options = {}) const;
  /// Self-attention for the newest tokens of a sequence, causal, without a graph: their keys and
  /// values join the cache, and they attend to everything in it. Either the cache is empty or x is
  /// a single token. \throws Error if the cache was not made for this, or has no room.
  Tensor operator()(const Tensor& x, KeyValueCache& cache) const;

  void visit(Visitor& visitor) override;
  Linear in_proj,  ///< makes q, k and v: weight ((heads + 2 kv_heads) D, width)
      out_proj;    ///< W_O, mixes the heads: weight (width, width)

 private:
  struct Heads {
    Tensor q, k, v;  // (B, H or Hkv, T, D) each, views of one projection
  };
  Heads split(const Tensor& x, int64_t start) const;
  Tensor cut(const Tensor& projection, int64_t first, int64_t count) const;
  Tensor merge(const Tensor& heads) const;
  void check_input(const char* what, const Tensor& x) const;
  int64_t heads_, kv_heads_;
  std::optional<RotaryPosition> rotary_;
  Dropout dropout_;
};

}  // namespace gradus::nn
