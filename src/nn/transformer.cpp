#include "gradus/nn/transformer.h"

namespace gradus::nn {
namespace {

// x and what a sub-layer adds to it.
template <class SubLayer>
Tensor residual(NormPosition position, const LayerNorm& norm, const Tensor& x,
                const SubLayer& sub_layer) {
  return position == NormPosition::pre ? x + sub_layer(norm(x)) : norm(x + sub_layer(x));
}

}  // namespace

TransformerBlock::TransformerBlock(const BlockConfig& c, Generator& generator)
    : norm1(c.width, c.bias),
      self_attn(c.width, c.heads, generator, c.bias, c.dropout),
      norm2(c.width, c.bias),
      feed_forward(c.width, c.hidden, generator, c.bias, c.dropout, c.activation),
      norm_(c.norm) {}

void TransformerBlock::visit(Visitor& visitor) {
  visitor("norm1", norm1);
  visitor("self_attn", self_attn);
  visitor("norm2", norm2);
  visitor("", feed_forward);
}

template <class Attend>
Tensor TransformerBlock::apply(const Tensor& x, Attend attend) const {
  const Tensor y = residual(norm_, norm1, x, attend);
  return residual(norm_, norm2, y, feed_forward);
}

Tensor TransformerBlock::operator()(const Tensor& x, const AttentionOptions& options) const {
  return apply(x, [&](const Tensor& y) { return self_attn(y, options); });
}

Tensor TransformerBlock::operator()(const Tensor& x, KeyValueCache& cache) const {
  return apply(x, [&](const Tensor& y) { return self_attn(y, cache); });
}

DecoderBlock::DecoderBlock(const BlockConfig& c, Generator& generator)
    : norm1(c.width, c.bias),
      self_attn(c.width, c.heads, generator, c.bias, c.dropout),
      norm2(c.width, c.bias),
      multihead_attn(c.width, c.heads, generator, c.bias, c.dropout),
      norm3(c.width, c.bias),
      feed_forward(c.width, c.hidden, generator, c.bias, c.dropout, c.activation),
      norm_(c.norm) {}

void DecoderBlock::visit(Visitor& visitor) {
  visitor("norm1", norm1);
  visitor("self_attn", self_attn);
  visitor("norm2", norm2);
  visitor("multihead_attn", multihead_attn);
  visitor("norm3", norm3);
  visitor("", feed_forward);
}

Tensor DecoderBlock::operator()(const Tensor& x, const Tensor& memory,
                                const AttentionOptions& memory_options,
                                const AttentionOptions& options) const {
  const auto ask_itself = [&](const Tensor& y) { return self_attn(y, options); };
  const auto ask_memory = [&](const Tensor& y) {
    return multihead_attn(y, memory, memory_options);
  };
  const Tensor y = residual(norm_, norm1, x, ask_itself);
  const Tensor z = residual(norm_, norm2, y, ask_memory);
  return residual(norm_, norm3, z, feed_forward);
}

}  // namespace gradus::nn
