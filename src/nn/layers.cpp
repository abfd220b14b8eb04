#include "gradus/nn/layers.h"

#include <cmath>

#include "gradus/arithmetic.h"

namespace gradus::nn {

void init_normal(Tensor& parameter, double standard_deviation, Generator& generator) {
  const NoGrad guard;
  parameter.mutable_value().copy_from(randn(parameter.shape(), generator, parameter.dtype()) *
                                      standard_deviation);
}

void init_uniform(Tensor& parameter, double bound, Generator& generator) {
  const NoGrad guard;
  const Array unit = rand(parameter.shape(), generator, parameter.dtype());
  parameter.mutable_value().copy_from(unit * (2 * bound) - bound);
}

Linear::Linear(int64_t in_features, int64_t out_features, Generator& generator, Bias with_bias)
    : weight(parameter(Array({out_features, in_features}, DType::float32))) {
  const double bound = 1 / std::sqrt(static_cast<double>(in_features));
  init_uniform(weight, bound, generator);
  if (with_bias == Bias::learned) {
    bias = parameter(Array({out_features}, DType::float32));
    init_uniform(bias, bound, generator);
  }
}

void Linear::visit(Visitor& visitor) {
  visitor("weight", weight);
  visitor("bias", bias);
}

Embedding::Embedding(int64_t rows, int64_t width, Generator& generator)
    : weight(parameter(randn({rows, width}, generator))) {}

void Embedding::visit(Visitor& visitor) { visitor("weight", weight); }

LayerNorm::LayerNorm(int64_t width, Bias with_bias, double eps)
    : weight(parameter(Array::full({width}, 1))), eps_(eps) {
  if (with_bias == Bias::learned) bias = parameter(Array::zeros({width}));
}

void LayerNorm::visit(Visitor& visitor) {
  visitor("weight", weight);
  visitor("bias", bias);
}

RMSNorm::RMSNorm(int64_t width, double eps)
    : weight(parameter(Array::full({width}, 1))), eps_(eps) {}

void RMSNorm::visit(Visitor& visitor) { visitor("weight", weight); }

Dropout::Dropout(double p, Generator& generator) : p_(p), generator_(&generator) {
  check(p >= 0 && p <= 1, "dropout: the probability must lie in [0, 1], got {}", p);
}

FeedForward::FeedForward(int64_t width, int64_t hidden, Generator& generator, Bias bias,
                         double dropout, Activation activation)
    : linear1(width, hidden, generator, bias),
      linear2(hidden, width, generator, bias),
      activation_(activation),
      dropout_(dropout, generator) {}

Tensor FeedForward::operator()(const Tensor& x) const {
  const auto f = [this](const Tensor& h) {
    switch (activation_) {
      case Activation::relu: return relu(h);
      case Activation::gelu: return gelu(h);
      case Activation::gelu_tanh: break;
    }
    return gelu_tanh(h);
  };
  return dropout_(linear2(f(linear1(x))));
}

void FeedForward::visit(Visitor& visitor) {
  visitor("linear1", linear1);
  visitor("linear2", linear2);
  visitor("dropout", dropout_);
}

SwiGLU::SwiGLU(int64_t width, int64_t hidden, Generator& generator, Bias bias)
    : w1(width, hidden, generator, bias),
      w2(hidden, width, generator, bias),
      w3(width, hidden, generator, bias) {}

void SwiGLU::visit(Visitor& visitor) {
  visitor("w1", w1);
  visitor("w2", w2);
  visitor("w3", w3);
}

}  // namespace gradus::nn
