// The yardsticks: what this machine reaches when it does nothing else.
#include <fmt/format.h>

#include "bench/bench.h"
#include "gradus/threads.h"
#include "kernels/kernels.h"
#include "kernels/machine.h"

namespace gradus::bench {

void machine_section(Report& report) {
  const kernels::Machine machine = kernels::this_machine();
  report.say(
      fmt::format("{}, {} cores; caches: L1 {} KiB, L2 {} KiB, L3 {} MiB; {}.",
                  machine.cpu.empty() ? "A machine that does not tell its name" : machine.cpu,
                  machine.cores, machine.l1 >> 10, machine.l2 >> 10, machine.l3 >> 20,
                  kernels::isa_name(kernels::active_isa())));
  report.columns(
      {"threads", "FMA peak, GFLOP/s", "memory read, GB/s", "copied (read + written), GB/s"});
  for (const int threads : report.options.threads) {
    const size_t t = static_cast<size_t>(threads);
    report.row({fmt::format("{}", threads), fmt::format("{:.0f}", report.yardsticks.fma[t] / 1e9),
                fmt::format("{:.1f}", report.yardsticks.read[t] / 1e9),
                fmt::format("{:.1f}", report.yardsticks.copy[t] / 1e9)});
  }
  report.end_table();
}

}  // namespace gradus::bench
