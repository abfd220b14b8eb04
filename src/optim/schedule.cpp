#include "gradus/optim/schedule.h"

#include <cmath>
#include <numbers>

namespace gradus::optim {
namespace {

// The factor on the peak during warm-up: never 0, for the first step counts.
double rising(int64_t step, int64_t warmup) {
  return static_cast<double>(step + 1) / static_cast<double>(warmup + 1);
}

// How much of the way down lies behind: 0 to 1.
double progress(int64_t step, int64_t warmup, int64_t total) {
  return static_cast<double>(step - warmup) / static_cast<double>(total - warmup);
}

}  // namespace

double WarmupConstant::operator()(int64_t step) const {
  return step < warmup ? peak * rising(step, warmup) : peak;
}

double WarmupLinear::operator()(int64_t step) const {
  if (step < warmup) return peak * rising(step, warmup);
  if (step >= total) return floor;
  return floor + (peak - floor) * (1 - progress(step, warmup, total));
}

double WarmupCosine::operator()(int64_t step) const {
  if (step < warmup) return peak * rising(step, warmup);
  if (step >= total) return floor;
  const double angle = std::numbers::pi * progress(step, warmup, total);
  return floor + (peak - floor) * (1 + std::cos(angle)) / 2;
}

}  // namespace gradus::optim
