// The yardsticks: what this machine reaches when it does nothing else.
#include <fmt/format.h>

#include <algorithm>

#include "bench/bench.h"
#include "bench/calm.h"
#include "gradus/threads.h"
#include "kernels/kernels.h"
#include "kernels/machine.h"

namespace gradus::bench {

namespace {

// The part of half a second in which nobody else used our cores, as far as additions can tell.
double calm_share(int threads) {
  CalmGauge gauge(threads);
  for (const Clock::time_point start = Clock::now(); since(start) < 0.5;) {
    gauge.begin();
    gauge.end();
  }
  const std::vector<bool> calm = gauge.calm();
  return static_cast<double>(std::ranges::count(calm, true)) / static_cast<double>(calm.size());
}

}  // namespace

void machine_section(Report& report) {
  const kernels::Machine machine = kernels::this_machine();
  report.say(
      fmt::format("{}, {} cores; caches: L1 {} KiB, L2 {} KiB, L3 {} MiB; {}.",
                  machine.cpu.empty() ? "A machine that does not tell its name" : machine.cpu,
                  machine.cores, machine.l1 >> 10, machine.l2 >> 10, machine.l3 >> 20,
                  kernels::isa_name(kernels::active_isa())));
  report.columns({"threads", "FMA peak, GFLOP/s", "memory read, GB/s",
                  "copied (read + written), GB/s", "calm"});
  for (const int threads : report.options.threads) {
    const size_t t = static_cast<size_t>(threads);
    set_num_threads(threads);
    report.row({fmt::format("{}", threads), fmt::format("{:.0f}", report.yardsticks.fma[t] / 1e9),
                fmt::format("{:.1f}", report.yardsticks.read[t] / 1e9),
                fmt::format("{:.1f}", report.yardsticks.copy[t] / 1e9),
                fmt::format("{:.0f} %", 100 * calm_share(threads))});
  }
  report.end_table();
}

}  // namespace gradus::bench
