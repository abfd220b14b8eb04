/// \file
/// Loss functions.
///
/// The gradients are derived in \ref derive_loss "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// What becomes of the losses of single elements (or rows). The last three give a scalar.
enum class Reduction {
  none,       ///< they are the result
  mean,       ///< their mean, over those that count
  sum,        ///< their sum
  batchmean,  ///< their sum divided by the size of the first axis; an error without an axis
};

/// What cross_entropy counts, and what it makes of the losses of the rows.
struct CrossEntropyOptions {
  int64_t ignore_index = -100;            ///< rows with this target do not count
  double label_smoothing = 0;             ///< between 0 and 1
  Reduction reduction = Reduction::mean;  ///< of the losses of the rows
};

/// -log softmax(logits)[target] for each row, in nats: logits (..., V), targets (...) of int64 give
/// a scalar, or (...) without reduction. By default the mean over the rows that are not ignored; if
/// all are, it is NaN, as in PyTorch, and the gradient 0. With label smoothing s (Szegedy et al.,
/// "Rethinking the Inception Architecture", 2015, section 7) the target's probability is to be 1 -
/// s, and s more is shared evenly among all V classes. (PyTorch has the classes on axis 1, here
/// they are on the last.) \throws Error if the targets have another shape or dtype, one is neither
/// in [0, V) nor ignored, or the label smoothing is not in [0, 1].
Tensor cross_entropy(const Tensor& logits, const Array& targets,
                     const CrossEntropyOptions& options = {});

/// -z log sigmoid(x) - (1 - z) log(1 - sigmoid(x)) of each element, without a sigmoid that could
/// round to 0 or 1: logits x and targets z, probabilities from 0 to 1, of one shape and dtype.
/// \throws Error if these differ.
Tensor binary_cross_entropy_with_logits(const Tensor& logits, const Tensor& targets,
                                        Reduction reduction = Reduction::mean);

/// (x - target)^2 of each element, and a gradient for both. \throws Error if the two differ in
/// shape or dtype: they do not broadcast.
Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean);
/// |x - target| of each element; the gradient where they are equal is 0, as in PyTorch. \throws
/// Error as mse_loss.
Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::mean);

/// The Kullback-Leibler divergence of a distribution q from the target p (Kullback and Leibler,
/// 1951), p (log p - log q) of each element, given log q and p: as PyTorch's F.kl_div, which also
/// takes the mean over all *elements* by default; the divergence itself is the sum over a
/// distribution, so a mean over rows is Reduction::batchmean. Where p is 0, so is the term,
/// whatever log q; PyTorch gives NaN for -inf there. The gradient for such a p is -inf, PyTorch's
/// NaN. \throws Error as mse_loss.
Tensor kl_div(const Tensor& log_q, const Tensor& target, Reduction reduction = Reduction::mean);

/// sum(a b) / (max(|a|, eps) max(|b|, eps)) along an axis, which disappears: the cosine of the
/// angle between two vectors. a and b broadcast. As in PyTorch, the gradient of max(|a|, eps) is
/// that of |a|, and 0 where a is 0. \throws Error if they do not broadcast, the dtypes differ, or
/// there is no such axis.
Tensor cosine_similarity(const Tensor& a, const Tensor& b, int axis = 1, double eps = 1e-8);

}  // namespace gradus
