/// \file
/// Normalisation.
///
/// The gradients are derived in \ref derive_norm "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// (x - mean) / sqrt(var + eps) * weight + bias over the last axis (Ba, Kiros and Hinton, "Layer
/// Normalization", 2016, equation 4): x (..., C), weight (C) and bias (C), each or both of which
/// may be no tensor at all. The variance divides by C and is computed from the deviations
/// themselves, never as E[x^2] - mean^2. \throws Error if x has no axis, a weight or bias is not
/// (C), or the dtypes differ.
Tensor layer_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);

/// x / sqrt(mean(x^2) + eps) * weight over the last axis (Zhang and Sennrich, "Root Mean Square
/// Layer Normalization", 2019, equation 4): x (..., C), weight (C) or no tensor at all. The eps is
/// Llama's; PyTorch's, if none is given, is that of the dtype, 1.2e-7 in float32. \throws Error as
/// layer_norm.
Tensor rms_norm(const Tensor& x, const Tensor& weight = {}, double eps = 1e-5);

/// Mean and variance of each channel, both (C).
struct BatchStatistics {
  Array mean,    ///< over the batch
      variance;  ///< biased: divided by the number of elements
};

/// Those of x (N, C, ...), over all axes but the second; the variance divides by their number of
/// elements, and is computed from the deviations. They are values, without a gradient: for the
/// running averages that evaluation uses. \throws Error if x has fewer than two axes, or is neither
/// float32 nor float64.
BatchStatistics batch_statistics(const Array& x);

/// (x - mean) / sqrt(var + eps) * weight + bias with the mean and variance of each channel over the
/// batch (Ioffe and Szegedy, "Batch Normalization", 2015, algorithm 1), through which gradients
/// flow: x (N, C, ...), weight (C) and bias (C) or no tensors at all. PyTorch's
/// F.batch_norm(training=True). \throws Error if x has fewer than two axes, a weight or bias is not
/// (C), the dtypes differ, or each channel has a single element, whose variance says nothing.
Tensor batch_norm(const Tensor& x, const Tensor& weight = {}, const Tensor& bias = {},
                  double eps = 1e-5);
/// The same with a mean and variance that are given, such as running averages: for evaluation.
/// \throws Error if they are not (C), or x's dtype.
Tensor batch_norm(const Tensor& x, const BatchStatistics& given, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);

}  // namespace gradus
