#include "gradus/nn/attention.h"

namespace gradus::nn {

MultiHeadAttention::MultiHeadAttention(int64_t width, int64_t heads, Generator& generator,
                                       Bias bias, double dropout)
    : in_proj(width, 3 * width, generator, bias),
      out_proj(width, width, generator, bias),
      heads_(heads),
      dropout_(dropout, generator) {
  check(heads >= 1 && width % heads == 0, "attention: {} heads do not divide the width {}", heads,
        width);
}

void MultiHeadAttention::visit(Visitor& visitor) {
  visitor("in_proj", in_proj);
  visitor("out_proj", out_proj);
  visitor("dropout", dropout_);
}

MultiHeadAttention::Heads MultiHeadAttention::split(const Tensor& x) const {
  const int64_t width = out_proj.weight.size(0), d = width / heads_;
  check(x.rank() == 3 && x.size(2) == width, "attention: x must be (batch, time, {}), got {}",
        width, x.shape());
  const Tensor qkv = in_proj(x);  // (B, T, 3 width)
  const auto part = [&](int64_t i) {
    const Tensor third = slice(qkv, -1, i * width, (i + 1) * width);
    return transpose(reshape(third, {x.size(0), x.size(1), heads_, d}), 1, 2);  // (B, H, T, D)
  };
  return {part(0), part(1), part(2)};
}

Tensor MultiHeadAttention::merge(const Tensor& heads) const {
  const Tensor rows = transpose(heads, 1, 2);  // (B, T, H, D)
  return dropout_(out_proj(reshape(rows, {rows.size(0), rows.size(1), -1})));
}

Tensor MultiHeadAttention::operator()(const Tensor& x, const AttentionOptions& options) const {
  const auto [q, k, v] = split(x);
  return merge(scaled_dot_product_attention(q, k, v, options));
}

Tensor MultiHeadAttention::operator()(const Tensor& x, KeyValueCache& cache) const {
  const NoGrad guard;
  const auto [q, k, v] = split(x);
  const int64_t begin = cache.length, end = begin + x.size(1);
  check(begin == 0 || x.size(1) == 1,
        "attention: with {} tokens in the cache, one more at a time, got {}", begin, x.size(1));
  check(end <= cache.keys.size(2), "attention: the cache holds {} tokens, {} are needed",
        cache.keys.size(2), end);
  const auto append = [&](Array& seen, const Tensor& fresh) {
    seen.slice(2, begin, end).copy_from(fresh.value());
    return Tensor(seen.slice(2, 0, end));
  };
  cache.length = end;
  // A single query is the last token and may look at all of them; the first ones look back, not
  // ahead.
  return merge(scaled_dot_product_attention(q, append(cache.keys, k), append(cache.values, v),
                                            {.causal = begin == 0, .mask = {}}));
}

}  // namespace gradus::nn
