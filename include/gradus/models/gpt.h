/// \file
/// GPT: a decoder-only transformer language model.
///
/// Its shapes, line by line: \ref shape_gpt "docs/shapes.md".
#pragma once

#include <vector>

#include "gradus/nn/transformer.h"

namespace gradus::models {

/// The sizes and choices of a GPT. The defaults are nanoGPT's for a CPU.
struct GPTConfig {
  int64_t vocabulary = 0;          ///< how many tokens there are
  int64_t context = 64;            ///< the longest sequence; positions are learned
  int64_t layers = 4;              ///< blocks
  int64_t heads = 4;               ///< of each block's attention
  int64_t width = 128;             ///< d_model; the feed-forward networks have 4 width
  nn::Bias bias = nn::Bias::none;  ///< of every linear map and norm
  double dropout = 0;              ///< of embeddings and sub-layers
  nn::NormPosition norm = nn::NormPosition::pre;  ///< of the blocks; the final norm is always there

  /// \throws Error that names the first size that is not positive or does not fit.
  void validate() const;
  /// How many numbers such a model holds, without the norms and biases: 12 layers width^2 and the
  /// embeddings. A double, because sizes that nobody has checked may exceed 64 bits.
  double approximate_parameters() const;
};

/// One KeyValueCache for each layer, and how many tokens they hold.
struct GPTCache {
  std::vector<nn::KeyValueCache> layers;  ///< in the order of the blocks
  /// The number of tokens so far.
  int64_t length() const { return layers.empty() ? 0 : layers.front().length; }
  /// Forgets all tokens; the memory stays.
  void clear();
};

/// Token and position embeddings, a stack of causal blocks, a last LayerNorm, and a head that is
/// the token embedding again: tokens (B, T) -> logits (B, T, vocabulary). (Weight tying: Press and
/// Wolf, "Using the Output Embedding to Improve Language Models", 2017.)
///
/// Initialised as GPT-2 (Radford et al. 2019): every weight normal with deviation 0.02, but the
/// projections back into the residual stream with 0.02 / sqrt(2 layers), so that the stream does
/// not grow with depth; biases 0.
class GPT : public nn::Module {
 public:
  /// The generator makes the weights, and later the dropout masks: it must outlive the model.
  /// \throws Error as GPTConfig::validate.
  GPT(const GPTConfig& config, Generator& generator);

  /// tokens (B, T) of int64 -> logits for every position, (B, T, vocabulary). \throws Error if T is
  /// 0 or exceeds the context, or a token is not in the vocabulary.
  Tensor operator()(const Array& tokens) const;
  /// Mean cross-entropy, in nats per token, of predicting targets (B, T) from tokens (B, T), as a
  /// scalar. \throws Error as above, and as cross_entropy.
  Tensor loss(const Array& tokens, const Array& targets) const;

  /// An empty cache for generating `batch` sequences at once: layers x 2 x (batch, heads, context,
  /// width / heads).
  GPTCache make_cache(int64_t batch = 1) const;
  /// The newest tokens (B, t) of sequences whose earlier ones are in the cache -> the logits that
  /// follow the last token, (B, vocabulary). No graph is recorded. Either the cache is empty or t
  /// is 1. \throws Error as above, and if the cache is not one of make_cache(B).
  Tensor operator()(const Array& tokens, GPTCache& cache) const;

  /// The sizes that it was made with.
  const GPTConfig& config() const { return config_; }
  void visit(nn::Visitor& visitor) override;

  nn::Embedding token_embedding,             ///< (vocabulary, width); the head's weight as well
      position_embedding;                    ///< (context, width)
  std::vector<nn::TransformerBlock> blocks;  ///< from the first to the last
  nn::LayerNorm final_norm;                  ///< before the head

 private:
  Tensor embed(const Array& tokens, int64_t first_position) const;
  Tensor head(const Tensor& x) const { return linear(final_norm(x), token_embedding.weight); }
  GPTConfig config_;
  nn::Dropout dropout_;
};

}  // namespace gradus::models
