/// \file
/// Layers around conv1d and conv2d.
#pragma once

#include "gradus/nn/layers.h"
#include "gradus/ops/conv.h"

namespace gradus::nn {

/// conv1d with a weight (out, in, kernel) and a bias (out): (N, in, L) -> (N, out, M). Both start
/// uniform in +-1 / sqrt(in kernel), PyTorch's default.
class Conv1d : public Module {
 public:
  /// A new layer whose weights the generator draws. \throws Error unless the sizes are positive.
  Conv1d(int64_t in_channels, int64_t out_channels, int64_t kernel, Generator& generator,
         const ConvOptions& options = {}, Bias bias = Bias::learned);
  /// x (N, in, L) -> (N, out, M). \throws Error as conv1d.
  Tensor operator()(const Tensor& x) const { return conv1d(x, weight, bias, options_); }
  void visit(Visitor& visitor) override;
  Tensor weight,  ///< (out, in, kernel)
      bias;       ///< (out), or an empty handle

 private:
  ConvOptions options_;
};

/// conv2d with a weight (out, in, kernel, kernel) and a bias (out): (N, in, H, W) -> (N, out, OH,
/// OW). Both start uniform in +-1 / (sqrt(in) kernel), PyTorch's default.
class Conv2d : public Module {
 public:
  /// A new layer whose weights the generator draws. \throws Error unless the sizes are positive.
  Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel, Generator& generator,
         const ConvOptions& options = {}, Bias bias = Bias::learned);
  /// x (N, in, H, W) -> (N, out, OH, OW). \throws Error as conv2d.
  Tensor operator()(const Tensor& x) const { return conv2d(x, weight, bias, options_); }
  void visit(Visitor& visitor) override;
  Tensor weight,  ///< (out, in, kernel, kernel)
      bias;       ///< (out), or an empty handle

 private:
  ConvOptions options_;
};

}  // namespace gradus::nn
