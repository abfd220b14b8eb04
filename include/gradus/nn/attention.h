/// \file
/// Multi-head attention, and the cache that makes generation cheap.
#pragma once

#include "gradus/nn/layers.h"

namespace gradus::nn {

/// The keys and values of the tokens seen so far, for one attention layer: (B, H, capacity, D)
/// each, of which the first `length` positions are filled. A new token then needs its own query,
/// key and value only.
struct KeyValueCache {
  Array keys, values;
  int64_t length = 0;
};

/// Several attentions side by side, each in a subspace of its own (Vaswani et al. 2017,
/// section 3.2.2): (B, T, width) -> (B, T, width).
///
/// One projection makes q, k and v of all heads: in_proj.weight is (3 width, width), its rows the
/// queries' of all heads, then the keys', then the values', as in torch.nn.MultiheadAttention;
/// out_proj.weight is (width, width).
class MultiHeadAttention : public Module {
 public:
  /// \throws Error unless heads divides width.
  MultiHeadAttention(int64_t width, int64_t heads, Generator& generator, Bias bias = Bias::learned,
                     double dropout = 0);

  /// Self-attention over x.
  Tensor operator()(const Tensor& x, const AttentionOptions& options = {}) const;
  /// The same for the newest tokens of a sequence, causal, without a graph: their keys and values
  /// join the cache, and they attend to everything in it. Either the cache is empty or x is a
  /// single token. \throws Error if the cache has no room.
  Tensor operator()(const Tensor& x, KeyValueCache& cache) const;

  void visit(Visitor& visitor) override;
  Linear in_proj, out_proj;

 private:
  struct Heads {
    Tensor q, k, v;  // (B, H, T, D) each, views of one projection
  };
  Heads split(const Tensor& x) const;
  Tensor merge(const Tensor& heads) const;
  int64_t heads_;
  Dropout dropout_;
};

}  // namespace gradus::nn
