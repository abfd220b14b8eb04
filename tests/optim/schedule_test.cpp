// The learning-rate schedules at their corners and against nanoGPT's formula.
#include "gradus/optim/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace gradus::optim {
namespace {

// get_lr of nanoGPT's train.py.
double nanogpt(const WarmupCosine& s, int64_t step) {
  const auto real = [](int64_t n) { return static_cast<double>(n); };
  if (step < s.warmup) return s.peak * real(step + 1) / real(s.warmup + 1);
  if (step > s.total) return s.floor;
  const double ratio = real(step - s.warmup) / real(s.total - s.warmup);
  const double coefficient = 0.5 * (1.0 + std::cos(M_PI * ratio));
  return s.floor + coefficient * (s.peak - s.floor);
}

TEST(WarmupCosine, IsNanoGPTsFormula) {
  for (const WarmupCosine& schedule :
       {WarmupCosine{}, WarmupCosine{.peak = 3, .floor = 0, .warmup = 0, .total = 7},
        WarmupCosine{.peak = 1, .floor = 1, .warmup = 3, .total = 10},
        WarmupCosine{.peak = 0.5, .floor = 0.1, .warmup = 9, .total = 10}})
    for (int64_t step = 0; step < schedule.total + 5; ++step)
      EXPECT_NEAR(schedule(step), nanogpt(schedule, step), 1e-15) << step;
}

TEST(WarmupCosine, ItsCorners) {
  const WarmupCosine schedule{.peak = 1e-3, .floor = 1e-4, .warmup = 100, .total = 2000};
  EXPECT_DOUBLE_EQ(schedule(0), 1e-3 / 101);  // never 0: the first step counts
  EXPECT_DOUBLE_EQ(schedule(99), 1e-3 * 100 / 101);
  EXPECT_DOUBLE_EQ(schedule(100), 1e-3);
  EXPECT_DOUBLE_EQ(schedule(1050), (1e-3 + 1e-4) / 2);
  EXPECT_NEAR(schedule(1999), 1e-4, 1e-9);
  EXPECT_GT(schedule(1999), 1e-4);
  EXPECT_DOUBLE_EQ(schedule(2000), 1e-4);
  EXPECT_DOUBLE_EQ(schedule(1'000'000), 1e-4);
}

// A run may be shorter than its warm-up, or have no steps at all: no division by zero.
TEST(WarmupCosine, OfAShortRun) {
  const WarmupCosine all_warmup{.peak = 1, .floor = 0.1, .warmup = 10, .total = 10};
  EXPECT_DOUBLE_EQ(all_warmup(9), 10.0 / 11);
  EXPECT_DOUBLE_EQ(all_warmup(10), 0.1);
  const WarmupCosine nothing{.peak = 1, .floor = 0.1, .warmup = 0, .total = 0};
  EXPECT_DOUBLE_EQ(nothing(0), 0.1);
  const WarmupCosine longer_warmup{.peak = 1, .floor = 0.1, .warmup = 10, .total = 5};
  EXPECT_DOUBLE_EQ(longer_warmup(7), 8.0 / 11);
  EXPECT_DOUBLE_EQ(longer_warmup(10), 0.1);
}

TEST(WarmupLinear, RisesAndFallsInStraightLines) {
  const WarmupLinear schedule{.peak = 2, .floor = 0.5, .warmup = 3, .total = 9};
  const double expected[] = {0.5, 1, 1.5, 2, 1.75, 1.5, 1.25, 1, 0.75, 0.5, 0.5};
  for (int64_t step = 0; step < 11; ++step)
    EXPECT_DOUBLE_EQ(schedule(step), expected[step]) << step;
  EXPECT_DOUBLE_EQ((WarmupLinear{.peak = 2, .floor = 0.5, .warmup = 0, .total = 0})(0), 0.5);
}

TEST(WarmupConstant, StaysAfterItsWarmup) {
  const WarmupConstant schedule{.peak = 2, .warmup = 3};
  const double expected[] = {0.5, 1, 1.5, 2, 2, 2};
  for (int64_t step = 0; step < 6; ++step) EXPECT_DOUBLE_EQ(schedule(step), expected[step]) << step;
  EXPECT_DOUBLE_EQ(WarmupConstant{.peak = 2}(0), 2);
}

}  // namespace
}  // namespace gradus::optim
