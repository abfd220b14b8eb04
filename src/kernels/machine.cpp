#include "kernels/machine.h"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

namespace gradus::kernels {
namespace {

// Seconds that `work(thread)` takes on that many threads together, the least of `trials`: whatever
// disturbs a measurement makes it longer.
template <class Work>
double best_seconds(int threads, int trials, Work work) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  for (int trial = 0; trial < trials; ++trial) {
    Clock::time_point start;
#pragma omp parallel num_threads(threads)
    {
#pragma omp barrier  // all threads are awake
#pragma omp master
      start = Clock::now();
      work(omp_get_thread_num());
    }
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

// What Linux says of the first core's caches, or 0.
int64_t data_cache_bytes(int level) {
  for (int i = 0;; ++i) {
    const std::string cache = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i);
    int this_level = 0;
    if (!(std::ifstream(cache + "/level") >> this_level)) return 0;
    std::string type;
    std::ifstream(cache + "/type") >> type;
    int64_t kib = 0;  // as in 32K
    if (this_level == level && type != "Instruction" && std::ifstream(cache + "/size") >> kib)
      return kib << 10;
  }
}

}  // namespace

template <class T>
double fma_peak(int threads) {
  std::vector<T> sinks(static_cast<size_t>(threads) * 64);  // each in a cache line of its own
  int64_t rounds = 1 << 10, flops = 0;
  const auto work = [&](int thread) {
    const int64_t done = peak<T>().multiply_adds(rounds, &sinks[static_cast<size_t>(thread) * 64]);
    if (thread == 0) flops = done;
  };
  while (best_seconds(1, 1, work) < 2e-3) rounds *= 2;
  const double seconds = best_seconds(threads, 15, work);
  return static_cast<double>(flops) * threads / seconds;
}
template double fma_peak<float>(int threads);
template double fma_peak<double>(int threads);

Bandwidth memory_bandwidth(int threads) {
  constexpr int64_t count = (256 << 20) / sizeof(float);
  std::vector<float> memory(count, 1.0f);
  std::vector<float> sinks(static_cast<size_t>(threads) * 64);
  const int64_t half = count / 2;
  const double read = best_seconds(threads, 5, [&](int t) {
    const int64_t from = count * t / threads, to = count * (t + 1) / threads;
    sinks[static_cast<size_t>(t) * 64] = peak<float>().read(memory.data() + from, to - from);
  });
  const double copied = best_seconds(threads, 5, [&](int t) {
    const int64_t from = half * t / threads, to = half * (t + 1) / threads;
    peak<float>().copy(memory.data() + half + from, memory.data() + from, to - from);
  });
  constexpr double bytes = static_cast<double>(count) * sizeof(float);
  return {.read = bytes / read, .copy = bytes / copied};
}

Machine this_machine() {
  Machine machine{.cpu = {}, .cores = omp_get_num_procs(), .l1 = 0, .l2 = 0, .l3 = 0};
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      machine.cpu = line.substr(std::min(line.size(), line.find(':') + 2));
      break;
    }
  machine.l1 = data_cache_bytes(1);
  machine.l2 = data_cache_bytes(2);
  machine.l3 = data_cache_bytes(3);
#ifdef _SC_LEVEL1_DCACHE_SIZE
  // glibc asks the CPU; -1 and 0 mean that it got no answer. It adds up all L3 caches of some CPUs.
  const auto otherwise = [](int64_t& bytes, int name) {
    if (bytes == 0) bytes = std::max(0L, sysconf(name));
  };
  otherwise(machine.l1, _SC_LEVEL1_DCACHE_SIZE);
  otherwise(machine.l2, _SC_LEVEL2_CACHE_SIZE);
  otherwise(machine.l3, _SC_LEVEL3_CACHE_SIZE);
#endif
  return machine;
}

}  // namespace gradus::kernels
