/// \file
/// Rotary position embedding.
///
/// The gradients are derived in \ref derive_attention "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// Which two of the D numbers of a vector are turned together.
enum class RotaryPairs {
  interleaved,  ///< 2i and 2i + 1, as in the paper and in Meta's LLaMA
  halves,       ///< i and i + D / 2, as in GPT-NeoX and in Hugging Face's LLaMA
};

/// Where the vectors stand, and how fast they turn.
struct RotaryOptions {
  /// The position of the first vector; the others follow it.
  int64_t start = 0;
  /// Or the positions one by one: int64, broadcasts to x's axes but the last, (..., T).
  Array positions = {};
  /// Pair i turns by position * base^(-2i/D).
  double base = 10000;
  /// Which numbers of a vector form a pair.
  RotaryPairs pairs = RotaryPairs::interleaved;
};

/// Turns each pair of numbers (a, b) of each vector by an angle that grows with the vector's
/// position m (Su et al., "RoFormer", 2021, equation 34):
///
///     (a cos mt - b sin mt,  a sin mt + b cos mt),   t = base^(-2i/D) for pair i
///
/// x (..., T, D) -> (..., T, D). The product of a query and a key that are turned so depends on the
/// difference of their positions alone. The gradient is turned back, by the opposite angle.
/// \throws Error if D is odd, the positions do not fit or the base is not positive.
Tensor rotary_embedding(const Tensor& x, const RotaryOptions& options = {});

}  // namespace gradus
