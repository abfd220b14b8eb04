#include "gradus/nn/transformer.h"

namespace gradus::nn {

TransformerBlock::TransformerBlock(const BlockConfig& c, Generator& generator)
    : norm1(c.width, c.bias),
      attention(c.width, c.heads, generator, c.bias, c.dropout),
      norm2(c.width, c.bias),
      feed_forward(c.width, c.hidden, generator, c.bias, c.dropout),
      norm_(c.norm) {}

void TransformerBlock::visit(Visitor& visitor) {
  visitor("norm1", norm1);
  visitor("attention", attention);
  visitor("norm2", norm2);
  visitor("feed_forward", feed_forward);
}

template <class Attend>
Tensor TransformerBlock::apply(const Tensor& x, Attend attend) const {
  if (norm_ == NormPosition::pre) {
    const Tensor y = x + attend(norm1(x));
    return y + feed_forward(norm2(y));
  }
  const Tensor y = norm1(x + attend(x));
  return norm2(y + feed_forward(y));
}

Tensor TransformerBlock::operator()(const Tensor& x, const AttentionOptions& options) const {
  return apply(x, [&](const Tensor& y) { return attention(y, options); });
}

Tensor TransformerBlock::operator()(const Tensor& x, KeyValueCache& cache) const {
  return apply(x, [&](const Tensor& y) { return attention(y, cache); });
}

}  // namespace gradus::nn
