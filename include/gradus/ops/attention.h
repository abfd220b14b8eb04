/// \file
/// Attention.
///
/// The gradients are derived in \ref derive_attention "docs/derivations.md".
#pragma once

#include <vector>

#include "gradus/tensor.h"

namespace gradus {

/// What a query may look at, and how the scores are made.
struct AttentionOptions {
  /// Query i sees keys 0 to i only (with unequal lengths too, as in PyTorch).
  bool causal = false;
  /// bool, broadcasts to (..., Tq, Tk): true where a query may look at a key. No array at all:
  /// everywhere. See key_padding_mask for sequences of several lengths.
  Array mask = {};
  /// Broadcasts to (..., Tq, Tk) and is added to the scaled scores, with a gradient of its own:
  /// relative positions, distances (ALiBi). Where it is -inf, a query does not look. No tensor at
  /// all: nothing is added.
  Tensor bias = {};
  /// The factor on the scores; 0 stands for 1 / sqrt(D).
  double scale = 0;
};

/// softmax(Q K^T / sqrt(D) + bias) V (Vaswani et al., "Attention Is All You Need", 2017, equation
/// 1, which has no bias).
///
/// q (..., Tq, D), k (..., Tk, D), v (..., Tk, Dv) with equal leading axes, say (B, H) -> (..., Tq,
/// Dv). The last leading axis, H, may be shorter in k and v: of H heads of queries, each run of
/// H / Hkv neighbours then shares one head of keys and values (Ainslie et al., "GQA", 2023; with
/// Hkv = 1 Shazeer, "Fast Transformer Decoding", 2019), as with enable_gqa in PyTorch.
///
/// A query that may look at nothing gets zeros, and sends no gradient. Strided views, such as heads
/// cut out of one projection, are read where they lie; the result's axes lie in memory as q's do.
///
/// Memory: for backward, up to 256 keys the probabilities are kept, Tq x Tk numbers a head; beyond,
/// two numbers for each query, and the scores are computed again in tiles (FlashAttention: Dao,
/// 2023). Only a mask, a bias and a bias's gradient that are themselves Tq x Tk, or that broadcast
/// along the keys, take so much. A query has the same bits alone as among others, and with the same
/// keys before it whatever finite numbers come after them, at any length: a cache of keys and
/// values writes what a pass over the whole text writes. \throws Error if the shapes or dtypes do
/// not fit, or a mask is not bool.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});

/// The mask for a batch of sequences padded to the length `padded`: (B, 1, 1, padded) of bool, true
/// at the first lengths[b] keys of sequence b. (torch.nn.MultiheadAttention's key_padding_mask is
/// the opposite, true at the padding.) \throws Error unless 0 <= lengths[b] <= padded.
Array key_padding_mask(const std::vector<int64_t>& lengths, int64_t padded);

}  // namespace gradus
