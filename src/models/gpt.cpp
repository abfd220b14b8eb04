#include "gradus/models/gpt.h"

#include <cmath>
#include <numeric>

namespace gradus::models {

void GPTConfig::validate() const {
  const auto positive = [](const char* what, int64_t value) {
    check(value >= 1, "gpt: {} must be at least 1, got {}", what, value);
  };
  positive("the vocabulary", vocabulary);
  positive("the context", context);
  positive("the number of layers", layers);
  positive("the number of heads", heads);
  positive("the width", width);
  check(width % heads == 0, "gpt: {} heads do not divide the width {}", heads, width);
  check(dropout >= 0 && dropout < 1, "gpt: dropout must lie in [0, 1), got {}", dropout);
}

// A block has 4 width^2 in its attention, and 8 width^2 between width and 4 width in its network.
double GPTConfig::approximate_parameters() const {
  const auto d = static_cast<double>(width),
             rows = static_cast<double>(vocabulary) + static_cast<double>(context);
  return 12 * static_cast<double>(layers) * d * d + rows * d;
}

void GPTCache::clear() {
  for (nn::KeyValueCache& layer : layers) layer.length = 0;
}

namespace {
const GPTConfig& validated(const GPTConfig& config) {
  config.validate();
  return config;
}
}  // namespace

GPT::GPT(const GPTConfig& config, Generator& generator)
    : token_embedding(validated(config).vocabulary, config.width, generator),
      position_embedding(config.context, config.width, generator),
      final_norm(config.width, config.bias),
      config_(config),
      dropout_(config.dropout, generator) {
  const nn::BlockConfig block{.width = config.width,
                              .heads = config.heads,
                              .hidden = 4 * config.width,
                              .bias = config.bias,
                              .dropout = config.dropout,
                              .norm = config.norm};
  for (int64_t i = 0; i < config.layers; ++i) blocks.emplace_back(block, generator);

  const double deviation = 0.02,
               residual = deviation / std::sqrt(2.0 * static_cast<double>(config.layers));
  const auto init = [&](nn::Linear& layer, double std) {
    nn::init_normal(layer.weight, std, generator);
    const NoGrad guard;
    if (!layer.bias.is_empty_handle())
      layer.bias.mutable_value().copy_from(Array::zeros(layer.bias.shape()));
  };
  nn::init_normal(token_embedding.weight, deviation, generator);
  nn::init_normal(position_embedding.weight, deviation, generator);
  for (nn::TransformerBlock& b : blocks) {
    init(b.self_attn.in_proj, deviation);
    init(b.self_attn.out_proj, residual);
    init(b.feed_forward.linear1, deviation);
    init(b.feed_forward.linear2, residual);
  }
}

void GPT::visit(nn::Visitor& visitor) {
  visitor("token_embedding", token_embedding);
  visitor("position_embedding", position_embedding);
  visitor("dropout", dropout_);
  visitor("blocks", blocks);
  visitor("final_norm", final_norm);
}

Tensor GPT::embed(const Array& tokens, int64_t first_position) const {
  check(tokens.rank() == 2 && tokens.size(1) >= 1,
        "gpt: tokens must be (batch, time), time at least 1, got {}", tokens.shape());
  const int64_t end = first_position + tokens.size(1);
  check(end <= config_.context, "gpt: {} tokens exceed the context of {}", end, config_.context);
  const Tensor positions = slice(position_embedding.weight, 0, first_position, end);  // (T, width)
  return dropout_(token_embedding(tokens) + positions);  // (B, T, width)
}

Tensor GPT::operator()(const Array& tokens) const {
  Tensor x = embed(tokens, 0);
  for (const nn::TransformerBlock& block : blocks) x = block(x, {.causal = true});
  return head(x);
}

Tensor GPT::loss(const Array& tokens, const Array& targets) const {
  return cross_entropy((*this)(tokens), targets);
}

GPTCache GPT::make_cache(int64_t batch) const {
  GPTCache cache;
  const Shape shape{batch, config_.heads, config_.context, config_.width / config_.heads};
  for (int64_t i = 0; i < config_.layers; ++i) {
    const DType dtype = token_embedding.weight.dtype();
    cache.layers.push_back({Array(shape, dtype), Array(shape, dtype), 0});
  }
  return cache;
}

Tensor GPT::operator()(const Array& tokens, GPTCache& cache) const {
  check(cache.layers.size() == blocks.size(),
        "gpt: a cache of {} layers for a model of {}; make_cache() makes one", cache.layers.size(),
        blocks.size());
  const NoGrad guard;
  Tensor x = embed(tokens, cache.length());
  for (size_t i = 0; i < blocks.size(); ++i) x = blocks[i](x, cache.layers[i]);
  const Tensor last = slice(x, 1, -1, x.size(1));  // (B, 1, width)
  return head(reshape(last, {last.size(0), last.size(2)}));
}

}  // namespace gradus::models
