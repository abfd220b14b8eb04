/// \file
/// Pooling.
///
/// The gradients are derived in \ref derive_conv "docs/derivations.md".
#pragma once

#include "gradus/tensor.h"

namespace gradus {

/// How the window moves over the input, the same along height and width.
struct PoolOptions {
  int64_t stride = 0;   ///< from one window to the next; 0: kernel_size, so that none overlap
  int64_t padding = 0;  ///< places added on every side of the input; at most half a kernel_size
};

/// The largest element of each window of kernel_size along the last axis: (..., L) to (..., M) with
/// M = (L + 2 padding - kernel_size) / stride + 1, rounded down. Padding counts as -inf. The
/// gradient goes to the first of several equal maxima; where a window holds NaN, the result is NaN
/// and the gradient goes to the last of them, as in PyTorch. \throws Error if the kernel_size
/// is below 1 or more than the padded input has, or the padding larger than half the kernel.
Tensor max_pool1d(const Tensor& x, int64_t kernel_size, const PoolOptions& options = {});
/// The same with windows of kernel_size x kernel_size over the last two axes: (..., H, W) to (...,
/// OH, OW). \throws Error as max_pool1d.
Tensor max_pool2d(const Tensor& x, int64_t kernel_size, const PoolOptions& options = {});

/// The mean of each window: (..., L) to (..., M) as in max_pool1d. Padding counts as zeros that
/// take part in the mean (PyTorch's count_include_pad=True). \throws Error as max_pool1d.
Tensor avg_pool1d(const Tensor& x, int64_t kernel_size, const PoolOptions& options = {});
/// The same with windows of kernel_size x kernel_size over the last two axes: (..., H, W) to (...,
/// OH, OW). \throws Error as max_pool1d.
Tensor avg_pool2d(const Tensor& x, int64_t kernel_size, const PoolOptions& options = {});

}  // namespace gradus
