// The contests of all sections under Google Benchmark: for a closer look at one kernel, with perf
// counters, repetitions and comparisons between builds. See `build/bench/google --help`.
#include <benchmark/benchmark.h>

#include "bench/bench.h"
#include "gradus/threads.h"

namespace {

using gradus::bench::Contest;
using gradus::bench::Job;

// A contest's memory is taken when its first contestant runs, and given back when the next
// contest's does.
const std::vector<Job>& jobs_of(const Contest& contest) {
  static const Contest* current = nullptr;
  static std::vector<Job> jobs;
  if (current != &contest) {
    jobs.clear();
    jobs = contest.prepare();
    current = &contest;
  }
  return jobs;
}

void run(benchmark::State& state, const Contest& contest, size_t which) {
  gradus::set_num_threads(contest.threads);
  const Job& job = jobs_of(contest)[which];
  for (auto _ : state) job();
  using benchmark::Counter;
  if (contest.flops > 0)
    state.counters["FLOP/s"] = Counter(contest.flops, Counter::kIsIterationInvariantRate);
  if (contest.bytes > 0)
    state.counters["B/s"] = Counter(contest.bytes, Counter::kIsIterationInvariantRate);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  static std::vector<Contest> contests;
  const gradus::bench::Options options;
  for (const gradus::bench::Section& section : gradus::bench::sections())
    if (section.contests != nullptr)
      for (Contest& contest : section.contests(options)) contests.push_back(std::move(contest));
  for (const Contest& contest : contests)
    for (size_t i = 0; i < contest.who.size(); ++i)
      benchmark::RegisterBenchmark(
          (contest.name + "/threads:" + std::to_string(contest.threads) + "/" + contest.who[i])
              .c_str(),
          [&contest, i](benchmark::State& state) { run(state, contest, i); })
          ->UseRealTime();
  benchmark::RunSpecifiedBenchmarks();
}
