/// \file
/// Ops that reduce axes.
#pragma once

#include <vector>

#include "gradus/tensor.h"

namespace gradus {

/// The sum over the given axes, or over all of them if none is given. Summed axes disappear, or
/// stay with size 1 if keepdim. \throws Error for an axis that does not exist or is named twice.
Tensor sum(const Tensor& x, const std::vector<int>& axes = {}, bool keepdim = false);

/// The mean over the given axes. Of no elements it is NaN, as in PyTorch.
Tensor mean(const Tensor& x, const std::vector<int>& axes = {}, bool keepdim = false);

}  // namespace gradus
