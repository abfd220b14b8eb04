#include "gradus/nn/attention.h"

namespace gradus::nn {
namespace {

int64_t kv_heads_of(const AttentionConfig& c) { return c.kv_heads == 0 ? c.heads : c.kv_heads; }

// The rows of in_proj's weight.
int64_t projected_width(const AttentionConfig& c) {
  const int64_t shared = kv_heads_of(c);
  check(c.heads >= 1 && c.width % c.heads == 0, "attention: {} heads do not divide the width {}",
        c.heads, c.width);
  check(shared >= 1 && c.heads % shared == 0,
        "attention: {} heads of keys and values do not divide {} heads", shared, c.heads);
  return (c.heads + 2 * shared) * (c.width / c.heads);
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(const AttentionConfig& c, Generator& generator)
    : in_proj(c.width, projected_width(c), generator, c.bias),
      out_proj(c.width, c.width, generator, c.bias),
      heads_(c.heads),
      kv_heads_(kv_heads_of(c)),
      rotary_(c.rotary),
      dropout_(c.dropout, generator) {}

void MultiHeadAttention::visit(Visitor& visitor) {
  visitor("in_proj_weight", in_proj.weight);
  visitor("in_proj_bias", in_proj.bias);
  visitor("out_proj", out_proj);
  visitor("dropout", dropout_);
}

void MultiHeadAttention::check_input(const char* what, const Tensor& x) const {
  const int64_t width = out_proj.weight.size(0);
  check(x.rank() == 3 && x.size(2) == width, "attention: {} must be (batch, time, {}), got {}",
        what, width, x.shape());
}

// Heads first, ..., first + count - 1 of the columns of a projection: (B, T, columns) ->
// (B, count, T, D).
Tensor MultiHeadAttention::cut(const Tensor& projection, int64_t first, int64_t count) const {
  const int64_t d = out_proj.weight.size(0) / heads_;
  const Tensor columns = slice(projection, -1, first * d, (first + count) * d);
  return transpose(reshape(columns, {columns.size(0), columns.size(1), count, d}), 1, 2);
}

MultiHeadAttention::Heads MultiHeadAttention::split(const Tensor& x, int64_t start) const {
  check_input("x", x);
  const Tensor qkv = in_proj(x);  // (B, T, (H + 2 Hkv) D)
  const Tensor q = cut(qkv, 0, heads_), k = cut(qkv, heads_, kv_heads_),
               v = cut(qkv, heads_ + kv_heads_, kv_heads_);
  if (!rotary_) return {q, k, v};
  return {(*rotary_)(q, start), (*rotary_)(k, start), v};
}

Tensor MultiHeadAttention::merge(const Tensor& heads) const {
  const Tensor rows = transpose(heads, 1, 2);  // (B, T, H, D)
  return dropout_(out_proj(reshape(rows, {rows.size(0), rows.size(1), -1})));
}

Tensor MultiHeadAttention::operator()(const Tensor& x, const AttentionOptions& options) const {
  const auto [q, k, v] = split(x, 0);
  return merge(scaled_dot_product_attention(q, k, v, options));
}

Tensor MultiHeadAttention::operator()(const Tensor& x, const Tensor& memory,
                                      const AttentionOptions& options) const {
  check_input("x", x);
  check_input("memory", memory);
  check(!rotary_, "attention: rotary positions are for self-attention");
  const int64_t width = x.size(2), all = in_proj.weight.size(0);
  const auto project = [&](const Tensor& from, int64_t begin, int64_t end) {
    const Tensor bias =
        in_proj.bias.is_empty_handle() ? Tensor() : slice(in_proj.bias, 0, begin, end);
    return linear(from, slice(in_proj.weight, 0, begin, end), bias);
  };
  const Tensor kv = project(memory, width, all);  // (B, M, 2 Hkv D)
  return merge(scaled_dot_product_attention(cut(project(x, 0, width), 0, heads_),
                                            cut(kv, 0, kv_heads_), cut(kv, kv_heads_, kv_heads_),
                                            options));
}

Tensor MultiHeadAttention::operator()(const Tensor& x, KeyValueCache& cache) const {
  const NoGrad guard;
  const auto [q, k, v] = split(x, cache.length);
  const auto fits = [&k = k](const Array& a) {
    return a.rank() == 4 && a.shape().erased(2) == k.shape().erased(2);
  };
  check(fits(cache.keys) && cache.values.shape() == cache.keys.shape(),
        "attention: the cache needs keys and values of shape [{}, {}, capacity, {}], got {} and {}",
        k.size(0), k.size(1), k.size(3), cache.keys.shape(), cache.values.shape());
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
                                            {.causal = begin == 0}));
}

}  // namespace gradus::nn
