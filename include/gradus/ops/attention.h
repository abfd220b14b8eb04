/// \file
/// Attention.
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// What a query may look at, and how the scores are scaled.
struct AttentionOptions {
  /// Query i sees keys 0 to i only (with unequal lengths too, as in PyTorch).
  bool causal = false;
  /// bool, broadcasts to (..., Tq, Tk): true where a query may look at a key. No array at all:
  /// everywhere.
  Array mask;
  /// The factor on the scores; 0 stands for 1 / sqrt(D).
  double scale = 0;
};

/// softmax(Q K^T / sqrt(D)) V (Vaswani et al., "Attention Is All You Need", 2017, eq. 1).
///
/// q (..., Tq, D), k (..., Tk, D), v (..., Tk, Dv) with equal leading axes, say (B, H) -> (..., Tq,
/// Dv). A query that may look at nothing gets zeros, and sends no gradient (PyTorch: NaN). Strided
/// views, such as heads cut out of one projection, are read where they lie; the result's axes lie
/// in memory as q's do. \throws Error if the shapes do not fit.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});

}  // namespace gradus
