/// \file
/// Convolution.
///
/// The gradients are derived in \ref derive_conv "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// How the kernel moves over the input, the same along height and width.
struct ConvOptions {
  int64_t stride = 1;   ///< from one window to the next
  int64_t padding = 0;  ///< zeros added on every side of the input
};

/// Slides each of Cout kernels over a signal: x (N, Cin, L), weight (Cout, Cin, K), bias (Cout) or
/// no tensor at all give (N, Cout, M) with M = (L + 2 padding - K) / stride + 1, rounded down, and
///
///     y[n, o, m] = bias[o] + sum over c, k of weight[o, c, k] x[n, c, m stride + k - padding],
///
/// where x outside of the signal is 0. (It is a correlation: the kernel is not turned around, here
/// as in PyTorch.) \throws Error if the shapes do not fit or the kernel is larger than the padded
/// input, the stride is below 1 or the padding negative.
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const ConvOptions& options = {});

/// The same over images: x (N, Cin, H, W), weight (Cout, Cin, KH, KW), bias (Cout) or none give
/// (N, Cout, OH, OW). As one matrix product per image (Chellapilla, Puri and Simard, "High
/// Performance Convolutional Neural Networks for Document Processing", 2006). \throws Error as
/// conv1d.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
              const ConvOptions& options = {});

}  // namespace gradus
