// Ops that take tensors whose shapes belong together: products, attention, convolution, pooling.
#include "fuzz/graph/program.h"
#include "gradus/ops.h"

namespace gradus::test::fuzz {
namespace {

// The axes before the last `trailing`, shorter or with a 1 here and there: it broadcasts.
Shape batch_of(Builder& b, const Shape& shape, int trailing) {
  const int rank = shape.rank() - trailing;
  const auto kept = static_cast<int>(rank > 0 ? b.below(rank + 1) : 0);
  Shape batch = Shape::filled(kept, 1);
  for (int axis = -1; axis >= -kept; --axis)
    if (!b.chance(3)) batch[axis] = shape[axis - trailing];
  return batch;
}

Shape followed_by(const Shape& batch, std::initializer_list<int64_t> more) {
  std::vector<int64_t> sizes(batch.begin(), batch.end());
  sizes.insert(sizes.end(), more);
  return Shape(std::span<const int64_t>(sizes));
}

void product(Builder& b, const char*) {
  const int x = b.pick_rank(1, 5);
  const Shape shape = b.value(x).shape();
  if (shape.rank() == 0) return;
  const int64_t columns = 1 + b.below(3);
  const Shape batch = batch_of(b, shape, std::min(shape.rank(), 2));
  const bool is_vector = b.chance(4);
  const int y = b.like(is_vector ? Shape{shape[-1]} : followed_by(batch, {shape[-1], columns}));
  b.add({x, y}, [=](const Pool& p) { return matmul(p[x], p[y]); });
}

void outer_product(Builder& b, const char*) {
  const int x = b.pick_rank(1, 1), y = b.pick_rank(1, 1);
  b.add({x, y}, [=](const Pool& p) { return outer(p[x], p[y]); });
}

void affine(Builder& b, const char*) {
  const int x = b.pick_rank(1, max_rank);
  if (b.value(x).rank() == 0) return;
  const int64_t n = b.below(4);
  const int weight = b.like({n, b.value(x).size(-1)}), bias = b.like({n});
  if (b.chance(2))
    b.add({x, weight}, [=](const Pool& p) { return linear(p[x], p[weight]); });
  else
    b.add({x, weight, bias}, [=](const Pool& p) { return linear(p[x], p[weight], p[bias]); });
}

void attention(Builder& b, const char*) {
  const int q = b.pick_rank(2, 4);
  const Shape shape = b.value(q).shape();
  if (shape.rank() < 2) return;
  Shape batch = Shape(std::span(shape.begin(), static_cast<size_t>(shape.rank() - 2)));
  if (batch.rank() > 0 && batch[-1] > 1 && b.chance(3)) batch[-1] = 1;  // one head for all queries
  const int64_t keys = b.chance(2) ? shape[-2] : b.below(4), width = 1 + b.below(3);
  const int k = b.like(followed_by(batch, {keys, shape[-1]}));
  const int v = b.like(followed_by(batch, {keys, width}));
  AttentionOptions options;
  options.causal = b.chance(2);
  options.scale = b.chance(2) ? 0.8 : 0;
  if (b.chance(2)) options.mask = b.mask({b.chance(2) ? shape[-2] : 1, keys});
  if (b.chance(2)) {
    b.add({q, k, v},
          [=](const Pool& p) { return scaled_dot_product_attention(p[q], p[k], p[v], options); });
    return;
  }
  const int bias = b.like({b.chance(2) ? shape[-2] : 1, keys});
  b.add({q, k, v, bias}, [=](const Pool& p) {
    AttentionOptions with_bias = options;
    with_bias.bias = p[bias];
    return scaled_dot_product_attention(p[q], p[k], p[v], with_bias);
  });
}

void rotated(Builder& b, const char*) {
  const int x = b.pick_rank(2, 5);
  RotaryOptions options;
  options.start = b.size(0, 3);
  options.pairs = b.chance(2) ? RotaryPairs::halves : RotaryPairs::interleaved;
  b.add({x}, [=](const Pool& p) { return rotary_embedding(p[x], options); });
}

// ---- windows ----

void convolved(Builder& b, const char* name) {
  const int sides = std::string_view(name) == "conv1d" ? 1 : 2;
  const int x = b.pick_rank(sides + 2, sides + 2);
  const Shape shape = b.value(x).shape();
  if (shape.rank() != sides + 2) return;
  const int64_t out = 1 + b.below(2), kernel = 1 + b.below(3);
  Shape weights = Shape::filled(sides + 2, kernel);
  weights[0] = out, weights[1] = shape[1];
  const int weight = b.like(weights), bias = b.like({out});
  ConvOptions options;
  options.stride = b.size(1, 2);
  options.padding = b.size(0, 1);
  const auto call = [=](const Tensor& in, const Tensor& w, const Tensor& c) {
    return sides == 1 ? conv1d(in, w, c, options) : conv2d(in, w, c, options);
  };
  if (b.chance(2))
    b.add({x, weight}, [=](const Pool& p) { return call(p[x], p[weight], {}); });
  else
    b.add({x, weight, bias}, [=](const Pool& p) { return call(p[x], p[weight], p[bias]); });
}

using Pooling = Tensor (*)(const Tensor&, int64_t, const PoolOptions&);

void pooled(Builder& b, Pooling f, int sides, bool has_kinks) {
  const int x = b.pick_rank(sides, 5);
  const int64_t kernel = b.size(1, 3);
  PoolOptions options;
  options.stride = b.size(0, 2);
  options.padding = b.size(0, 1);
  if (!has_kinks || b.is_distinct(x))
    b.add({x}, [=](const Pool& p) { return f(p[x], kernel, options); });
}

constexpr Op ops[] = {
    {"matmul", product},
    {"outer", outer_product},
    {"linear", affine},
    {"scaled_dot_product_attention", attention},
    {"rotary_embedding", rotated},
    {"conv1d", convolved},
    {"conv2d", convolved},
    {"max_pool1d", [](Builder& b, const char*) { pooled(b, max_pool1d, 1, true); }},
    {"max_pool2d", [](Builder& b, const char*) { pooled(b, max_pool2d, 2, true); }},
    {"avg_pool1d", [](Builder& b, const char*) { pooled(b, avg_pool1d, 1, false); }},
    {"avg_pool2d", [](Builder& b, const char*) { pooled(b, avg_pool2d, 2, false); }},
};

}  // namespace

std::span<const Op> layer_ops() { return ops; }

}  // namespace gradus::test::fuzz
