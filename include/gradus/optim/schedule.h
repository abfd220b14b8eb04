/// \file
/// Learning-rate schedules.
#pragma once

#include <cstdint>

namespace gradus::optim {

/// Up in a straight line for `warmup` steps, then down along half a cosine (Loshchilov and Hutter,
/// "SGDR", 2017, eq. 5), as nanoGPT does it:
///
///     step < warmup:  peak (step + 1) / (warmup + 1)
///     then:           floor + (peak - floor) (1 + cos(pi (step - warmup) / (total - warmup))) / 2
///     step > total:   floor
struct WarmupCosine {
  double peak = 1e-3;
  double floor = 1e-4;
  int64_t warmup = 100;
  int64_t total = 2000;

  /// The learning rate of a step, counted from 0.
  double operator()(int64_t step) const;
};

}  // namespace gradus::optim
