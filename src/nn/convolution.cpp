#include "gradus/nn/convolution.h"

#include <cmath>

namespace gradus::nn {
namespace {

// Weights of this shape, (out, in, kernel...), and a bias (out), uniform in +-1 / sqrt(inputs of an
// output).
void initialise(Tensor& weight, Tensor& bias, const Shape& shape, Bias with_bias,
                Generator& generator) {
  for (const int64_t size : shape)
    check(size > 0, "conv: a layer with a weight of shape {}", shape);
  const double bound = 1 / std::sqrt(static_cast<double>(shape.numel() / shape[0]));
  weight = parameter(Array(shape, DType::float32));
  init_uniform(weight, bound, generator);
  if (with_bias == Bias::none) return;
  bias = parameter(Array({shape[0]}, DType::float32));
  init_uniform(bias, bound, generator);
}

}  // namespace

Conv1d::Conv1d(int64_t in_channels, int64_t out_channels, int64_t kernel, Generator& generator,
               const ConvOptions& options, Bias with_bias)
    : options_(options) {
  initialise(weight, bias, {out_channels, in_channels, kernel}, with_bias, generator);
}

void Conv1d::visit(Visitor& visitor) {
  visitor("weight", weight);
  visitor("bias", bias);
}

Conv2d::Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel, Generator& generator,
               const ConvOptions& options, Bias with_bias)
    : options_(options) {
  initialise(weight, bias, {out_channels, in_channels, kernel, kernel}, with_bias, generator);
}

void Conv2d::visit(Visitor& visitor) {
  visitor("weight", weight);
  visitor("bias", bias);
}

}  // namespace gradus::nn
