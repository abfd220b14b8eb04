/// \file
/// The parts of a transformer block, for lesson 13 and what it breaks: attention and a feed-forward
/// without biases, and two norms. In which order they are called is the lesson.
#pragma once

#include <cmath>
#include <vector>

#include "gradus/nn/layers.h"
#include "gradus/ops.h"

namespace gradus::lessons {

// Xavier's initialisation (Glorot and Bengio 2010): outputs and gradients of the size of inputs.
inline nn::Linear matrix(int64_t in, int64_t out, double standard_deviation, Generator& generator) {
  nn::Linear layer(in, out, generator, nn::Bias::none);
  nn::init_normal(layer.weight, standard_deviation, generator);
  return layer;
}
inline double xavier(int64_t in, int64_t out) {
  return std::sqrt(2.0 / static_cast<double>(in + out));
}

// [blocks]
struct Block : nn::Module {
  nn::Linear qkv, out, up, down;
  nn::LayerNorm norm_1, norm_2;
  int64_t heads;

  Block(int64_t C, int64_t n_heads, Generator& g)
      : qkv(matrix(C, 3 * C, xavier(C, C), g)),
        out(matrix(C, C, xavier(C, C), g)),
        up(matrix(C, 4 * C, xavier(C, 4 * C), g)),
        down(matrix(4 * C, C, xavier(4 * C, C), g)),
        norm_1(C),
        norm_2(C),
        heads(n_heads) {}

  Tensor attention(const Tensor& x) const {  // (B, T, C) -> (B, T, C)
    const Shape split{x.size(0), x.size(1), heads, x.size(2) / heads};
    std::vector<Tensor> q_k_v = chunk(qkv(x), 3, -1);
    for (Tensor& t : q_k_v) t = transpose(reshape(t, split), 1, 2);  // (B, H, T, C / H)
    const Tensor o = scaled_dot_product_attention(q_k_v[0], q_k_v[1], q_k_v[2], {.causal = true});
    return out(reshape(transpose(o, 1, 2), x.shape()));
  }
  Tensor feed_forward(const Tensor& x) const { return down(relu(up(x))); }

  void visit(nn::Visitor& visitor) override {
    visitor("qkv", qkv);
    visitor("out", out);
    visitor("up", up);
    visitor("down", down);
    visitor("norm_1", norm_1);
    visitor("norm_2", norm_2);
  }
};
// [blocks]

}  // namespace gradus::lessons
