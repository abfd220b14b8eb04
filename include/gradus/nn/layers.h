/// \file
/// The layers that a transformer is made of, each a few parameters around one op.
#pragma once

#include "gradus/nn/module.h"
#include "gradus/ops.h"
#include "gradus/random.h"

namespace gradus::nn {

/// Whether a layer has a bias; GPT here has none, GPT-2 has them all.
enum class Bias { none, learned };

/// Fills a parameter in place with draws from a normal distribution of mean 0.
void init_normal(Tensor& parameter, double standard_deviation, Generator& generator);
/// Fills a parameter in place with draws from [-bound, bound).
void init_uniform(Tensor& parameter, double bound, Generator& generator);

/// y = x W^T + b: (..., in) -> (..., out). Weight (out, in), bias (out); both start uniform in
/// +-1 / sqrt(in), PyTorch's default.
class Linear : public Module {
 public:
  Linear(int64_t in_features, int64_t out_features, Generator& generator,
         Bias bias = Bias::learned);
  Tensor operator()(const Tensor& x) const { return linear(x, weight, bias); }
  void visit(Visitor& visitor) override;
  Tensor weight, bias;
};

/// A table of vectors, one for each token: indices (...) -> (..., width). Weight (rows, width),
/// standard normal.
class Embedding : public Module {
 public:
  Embedding(int64_t rows, int64_t width, Generator& generator);
  Tensor operator()(const Array& indices) const { return embedding(weight, indices); }
  void visit(Visitor& visitor) override;
  Tensor weight;
};

/// Normalises the last axis, then scales (from 1) and shifts (from 0) each of its elements: (...,
/// width) -> (..., width). See layer_norm.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(int64_t width, Bias bias = Bias::learned, double eps = 1e-5);
  Tensor operator()(const Tensor& x) const { return layer_norm(x, weight, bias, eps_); }
  void visit(Visitor& visitor) override;
  Tensor weight, bias;

 private:
  double eps_;
};

/// Zeroes elements with probability p while training and does nothing in evaluation. The generator
/// must outlive the layer.
class Dropout : public Module {
 public:
  Dropout(double p, Generator& generator);
  Tensor operator()(const Tensor& x) const {
    return is_training() ? dropout(x, p_, *generator_) : x;
  }
  void visit(Visitor&) override {}
  /// The probability that is in force now: 0 in evaluation.
  double active_p() const { return is_training() ? p_ : 0; }
  Generator& generator() const { return *generator_; }

 private:
  double p_;
  Generator* generator_;
};

/// W2 gelu_tanh(W1 x): (..., width) -> (..., hidden) -> (..., width), then dropout (Vaswani et al.
/// 2017, eq. 2, with GELU for ReLU as in GPT).
class FeedForward : public Module {
 public:
  FeedForward(int64_t width, int64_t hidden, Generator& generator, Bias bias = Bias::learned,
              double dropout = 0);
  Tensor operator()(const Tensor& x) const { return dropout_(fc2(gelu_tanh(fc1(x)))); }
  void visit(Visitor& visitor) override;
  Linear fc1, fc2;

 private:
  Dropout dropout_;
};

}  // namespace gradus::nn
