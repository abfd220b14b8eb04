#include "bench/calm.h"

#include <algorithm>
#include <map>

#include "bench/bench.h"
#include "kernels/parallel.h"

namespace gradus::bench {
namespace {

// Eight counters, so that no addition waits for the one before. The empty statements forbid the
// compiler to add in one step what it is to add in many.
void add(int64_t rounds) {
  int64_t x[8] = {};
#pragma GCC unroll 1
  for (int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 4
    for (int u = 0; u < 4; ++u)
#pragma GCC unroll 8
      for (int i = 0; i < 8; ++i) {
        ++x[i];
        asm volatile("" : "+r"(x[i]));
      }
}

std::map<int, double> most;  // additions per second ever seen, by the number of threads

}  // namespace

double additions_per_second(int threads) {
  constexpr int64_t rounds = 3000;
  std::vector<double> rates(static_cast<size_t>(threads));
  kernels::parallel_for(threads, 1, [&](int64_t from, int64_t to) {
    for (int64_t t = from; t < to; ++t) {
      const Clock::time_point start = Clock::now();
      add(rounds);
      rates[static_cast<size_t>(t)] = 32 * rounds / since(start);
    }
  });
  const double slowest = std::ranges::min(rates);
  most[threads] = std::max(most[threads], slowest);
  return slowest;
}

void CalmGauge::end() { slowest_.push_back(std::min(before_, additions_per_second(threads_))); }

std::vector<bool> CalmGauge::calm() const {
  std::vector<bool> calm;
  for (const double s : slowest_) calm.push_back(s >= 0.75 * most[threads_]);
  return calm;
}

}  // namespace gradus::bench
