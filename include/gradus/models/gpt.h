/// \file
/// GPT: a decoder-only transformer language model.
#pragma once

#include <vector>

#include "gradus/nn/transformer.h"

namespace gradus::models {

/// The sizes and choices of a GPT. The defaults are nanoGPT's for a CPU.
struct GPTConfig {
  int64_t vocabulary = 0;
  int64_t context = 64;  ///< the longest sequence; positions are learned
  int64_t layers = 4;
  int64_t heads = 4;
  int64_t width = 128;
  nn::Bias bias = nn::Bias::none;
  double dropout = 0;
  nn::NormPosition norm = nn::NormPosition::pre;

  /// \throws Error that names the first size that is not positive or does not fit.
  void validate() const;
};

/// One KeyValueCache for each layer, and how many tokens they hold.
struct GPTCache {
  std::vector<nn::KeyValueCache> layers;
  int64_t length() const { return layers.empty() ? 0 : layers.front().length; }
  /// Forgets all tokens; the memory stays.
  void clear();
};

/// Token and position embeddings, a stack of causal blocks, a last LayerNorm, and a head that is
/// the token embedding again (weight tying, Press and Wolf 2017): tokens (B, T) -> logits (B, T,
/// vocabulary).
///
/// Initialised as GPT-2 (Radford et al. 2019): every weight normal with deviation 0.02, but the
/// projections back into the residual stream with 0.02 / sqrt(2 layers), so that the stream does
/// not grow with depth; biases 0.
class GPT : public nn::Module {
 public:
  /// The generator makes the weights, and later the dropout masks: it must outlive the model.
  GPT(const GPTConfig& config, Generator& generator);

  /// Logits for every position. \throws Error if T is 0 or exceeds the context, or a token is not
  /// in the vocabulary.
  Tensor operator()(const Array& tokens) const;
  /// Mean cross-entropy, in nats, of predicting targets (B, T) from tokens (B, T).
  Tensor loss(const Array& tokens, const Array& targets) const;

  /// An empty cache for generating `batch` sequences at once.
  GPTCache make_cache(int64_t batch = 1) const;
  /// The newest tokens (B, t) of sequences whose earlier ones are in the cache -> the logits that
  /// follow the last token, (B, vocabulary). No graph is recorded. Either the cache is empty or t
  /// is 1. \throws Error as above, and if the cache is not one of make_cache(B).
  Tensor operator()(const Array& tokens, GPTCache& cache) const;

  const GPTConfig& config() const { return config_; }
  void visit(nn::Visitor& visitor) override;

  nn::Embedding token_embedding, position_embedding;
  std::vector<nn::TransformerBlock> blocks;
  nn::LayerNorm final_norm;

 private:
  Tensor embed(const Array& tokens, int64_t first_position) const;
  Tensor head(const Tensor& x) const { return linear(final_norm(x), token_embedding.weight); }
  GPTConfig config_;
  nn::Dropout dropout_;
};

}  // namespace gradus::models
