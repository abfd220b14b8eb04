/// \file
/// Normalisation.
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// (x - mean) / sqrt(var + eps) * weight + bias over the last axis (Ba, Kiros and Hinton, "Layer
/// Normalization", 2016, eq. 4): x (..., C), weight (C), bias (C) or no tensor at all. The variance
/// divides by C and is computed from the deviations themselves, never as E[x^2] - mean^2.
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                  double eps = 1e-5);

}  // namespace gradus
