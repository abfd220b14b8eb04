/// \file
/// Learning-rate schedules: each gives the learning rate of a step, counted from 0.
#pragma once

#include <cstdint>

namespace gradus::optim {

/// The same rate always, after `warmup` steps on a straight line towards it:
///
///     step < warmup:  peak (step + 1) / (warmup + 1)
///     then:           peak
struct WarmupConstant {
  double peak = 1e-3;  ///< the rate after the warm-up
  int64_t warmup = 0;  ///< steps of the rise

  /// The learning rate of a step.
  double operator()(int64_t step) const;
};

/// Up in a straight line for `warmup` steps, then down in another, as the first transformers of
/// Hugging Face (BERT) were trained:
///
///     then:           floor + (peak - floor) (1 - (step - warmup) / (total - warmup))
///     step >= total:  floor
struct WarmupLinear {
  double peak = 1e-3;    ///< the highest rate
  double floor = 0;      ///< the last one
  int64_t warmup = 0;    ///< steps of the rise
  int64_t total = 2000;  ///< steps in all

  /// The learning rate of a step.
  double operator()(int64_t step) const;
};

/// Up in a straight line for `warmup` steps, then down along half a cosine (Loshchilov and Hutter,
/// "SGDR", 2017, equation 5), as nanoGPT does it; with warmup = 0 it is torch's CosineAnnealingLR:
///
///     step < warmup:  peak (step + 1) / (warmup + 1)
///     then:           floor + (peak - floor) (1 + cos(pi (step - warmup) / (total - warmup))) / 2
///     step >= total:  floor
struct WarmupCosine {
  double peak = 1e-3;    ///< the highest rate
  double floor = 1e-4;   ///< the last one
  int64_t warmup = 100;  ///< steps of the rise
  int64_t total = 2000;  ///< steps in all

  /// The learning rate of a step.
  double operator()(int64_t step) const;
};

}  // namespace gradus::optim
