/// \file
/// The layers that a transformer is made of, each a few parameters around one op.
///
/// Their shapes at a glance: \ref shape_layers "docs/shapes.md".
#pragma once

#include "gradus/nn/module.h"
#include "gradus/ops.h"
#include "gradus/random.h"

namespace gradus::nn {

/// Whether a layer has a bias; GPT here has none, GPT-2 has them all.
enum class Bias {
  none,     ///< no bias at all
  learned,  ///< a bias that is a parameter
};

/// Fills a parameter in place with draws from a normal distribution of mean 0.
void init_normal(Tensor& parameter, double standard_deviation, Generator& generator);
/// Fills a parameter in place with draws from [-bound, bound).
void init_uniform(Tensor& parameter, double bound, Generator& generator);

/// y = x W^T + b: (..., in) -> (..., out). Weight (out, in), bias (out); both start uniform in
/// +-1 / sqrt(in), PyTorch's default.
class Linear : public Module {
 public:
  /// A new layer whose weights the generator draws.
  Linear(int64_t in_features, int64_t out_features, Generator& generator,
         Bias bias = Bias::learned);
  /// x (..., in) -> (..., out). \throws Error if x's last axis is not `in`.
  Tensor operator()(const Tensor& x) const { return linear(x, weight, bias); }
  void visit(Visitor& visitor) override;
  Tensor weight,  ///< (out, in)
      bias;       ///< (out), or an empty handle
};

/// A table of vectors, one for each token: indices (...) -> (..., width). Weight (rows, width),
/// standard normal.
class Embedding : public Module {
 public:
  /// A new table whose numbers the generator draws.
  Embedding(int64_t rows, int64_t width, Generator& generator);
  /// indices (...) of int64 -> (..., width). \throws Error if an index is not in [0, rows).
  Tensor operator()(const Array& indices) const { return embedding(weight, indices); }
  void visit(Visitor& visitor) override;
  Tensor weight;  ///< (rows, width)
};

/// Normalises the last axis, then scales (from 1) and shifts (from 0) each of its elements: (...,
/// width) -> (..., width). See layer_norm.
class LayerNorm : public Module {
 public:
  /// For a last axis of size `width`; eps is added to the variance.
  explicit LayerNorm(int64_t width, Bias bias = Bias::learned, double eps = 1e-5);
  /// x (..., width) -> (..., width). \throws Error if x's last axis is not `width`.
  Tensor operator()(const Tensor& x) const { return layer_norm(x, weight, bias, eps_); }
  void visit(Visitor& visitor) override;
  Tensor weight,  ///< (width), the gain
      bias;       ///< (width), or an empty handle

 private:
  double eps_;
};

/// Divides the last axis by its root mean square, then scales each of its elements (from 1): (...,
/// width) -> (..., width). See rms_norm.
class RMSNorm : public Module {
 public:
  /// For a last axis of size `width`; eps is added to the mean square.
  explicit RMSNorm(int64_t width, double eps = 1e-5);
  /// x (..., width) -> (..., width). \throws Error if x's last axis is not `width`.
  Tensor operator()(const Tensor& x) const { return rms_norm(x, weight, eps_); }
  void visit(Visitor& visitor) override;
  Tensor weight;  ///< (width), the gain

 private:
  double eps_;
};

/// Zeroes elements with probability p while training and does nothing in evaluation. The generator
/// must outlive the layer.
class Dropout : public Module {
 public:
  /// \throws Error unless 0 <= p <= 1.
  Dropout(double p, Generator& generator);
  /// x of any shape -> the same shape, with other draws each time. See gradus::dropout.
  Tensor operator()(const Tensor& x) const {
    return is_training() ? dropout(x, p_, *generator_) : x;
  }
  void visit(Visitor&) override {}
  /// The probability that is in force now: 0 in evaluation.
  double active_p() const { return is_training() ? p_ : 0; }
  /// Where its draws come from.
  Generator& generator() const { return *generator_; }

 private:
  double p_;
  Generator* generator_;
};

/// What stands between the two linear maps of a feed-forward network: max(0, x) in the first
/// transformer, the tanh form of GELU in GPT-2.
enum class Activation {
  relu,       ///< see gradus::relu
  gelu,       ///< see gradus::gelu
  gelu_tanh,  ///< see gradus::gelu_tanh
};

/// W2 f(W1 x + b1) + b2: (..., width) -> (..., hidden) -> (..., width), then dropout. With f = relu
/// it is equation 2 of Vaswani et al., "Attention Is All You Need", 2017. The parts are called as
/// in torch.nn.TransformerEncoderLayer: linear1, linear2. With dropout, the generator must outlive
/// the module.
class FeedForward : public Module {
 public:
  /// A new network whose weights the generator draws; it draws the dropout as well.
  FeedForward(int64_t width, int64_t hidden, Generator& generator, Bias bias = Bias::learned,
              double dropout = 0, Activation activation = Activation::gelu_tanh);
  /// x (..., width) -> (..., width). \throws Error if x's last axis is not `width`.
  Tensor operator()(const Tensor& x) const;
  void visit(Visitor& visitor) override;
  Linear linear1,  ///< from width to hidden
      linear2;     ///< from hidden to width

 private:
  Activation activation_;
  Dropout dropout_;
};

/// W2 (silu(W1 x) * W3 x): (..., width) -> (..., hidden) -> (..., width) (Shazeer, "GLU Variants
/// Improve Transformer", 2020, equation 6). silu(W1 x) opens or closes each of the numbers W3 x.
/// The parts are called as in LLaMA, which has no biases: w1, w2, w3.
class SwiGLU : public Module {
 public:
  /// A new network whose weights the generator draws.
  SwiGLU(int64_t width, int64_t hidden, Generator& generator, Bias bias = Bias::none);
  /// x (..., width) -> (..., width). \throws Error if x's last axis is not `width`.
  Tensor operator()(const Tensor& x) const { return w2(silu(w1(x)) * w3(x)); }
  void visit(Visitor& visitor) override;
  Linear w1,  ///< from width to hidden, through silu: how far each number's gate is open
      w2,     ///< from hidden back to width
      w3;     ///< from width to hidden: the numbers themselves
};

}  // namespace gradus::nn
