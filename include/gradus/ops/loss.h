/// \file
/// Loss functions.
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// The mean of -log softmax(logits)[target] over all rows, in nats: logits (..., V), targets (...)
/// of int64. \throws Error if the shapes do not fit or a target is not in [0, V).
Tensor cross_entropy(const Tensor& logits, const Array& targets);

}  // namespace gradus
