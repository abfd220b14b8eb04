#include "bench/bench.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <random>

#include "bench/calm.h"
#include "gradus/threads.h"
#include "kernels/machine.h"

namespace gradus::bench {
namespace {

double seconds_for(const Job& job, int64_t times) {
  const Clock::time_point start = Clock::now();
  for (int64_t i = 0; i < times; ++i) job();
  return since(start);
}

// Letters, not bytes.
size_t length(std::string_view text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

Times race(const std::vector<Job>& contestants, int threads, double seconds) {
  // Long enough for the clock, short enough to fall between disturbances.
  constexpr double trial = 1e-3;
  constexpr size_t fewest_rounds = 5, fewest_calm = 3;
  std::vector<int64_t> repeats;
  for (const Job& job : contestants) {
    job();  // touches all memory
    const double once = seconds_for(job, 1);
    repeats.push_back(std::max<int64_t>(1, static_cast<int64_t>(trial / std::max(once, 1e-9))));
  }
  struct Contestant {
    std::vector<double> seconds;  // of each round
    CalmGauge gauge;
    std::vector<double> calm_seconds() const {
      const std::vector<bool> calm = gauge.calm();
      std::vector<double> kept;
      for (size_t r = 0; r < seconds.size(); ++r)
        if (calm[r]) kept.push_back(seconds[r]);
      return kept;
    }
  };
  std::vector<Contestant> all(contestants.size(), {{}, CalmGauge(threads)});
  const auto calm_enough = [&] {
    return std::ranges::all_of(
        all, [](const Contestant& c) { return c.calm_seconds().size() >= fewest_calm; });
  };
  const Clock::time_point start = Clock::now();
  const double patience = seconds * static_cast<double>(contestants.size());
  size_t rounds = 0;
  // In another order each time: what one leaves in the caches helps or hinders nobody in
  // particular.
  std::vector<size_t> order(contestants.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::minstd_rand random;
  while (rounds < fewest_rounds || since(start) < patience ||
         (since(start) < 4 * patience && !calm_enough())) {
    ++rounds;
    std::ranges::shuffle(order, random);
    for (const size_t i : order) {
      all[i].gauge.begin();
      all[i].seconds.push_back(seconds_for(contestants[i], repeats[i]) /
                               static_cast<double>(repeats[i]));
      all[i].gauge.end();
    }
  }

  Times times;
  const bool calm = calm_enough();
  const double first = median(calm ? all[0].calm_seconds() : all[0].seconds);
  size_t calm_trials = 0;
  for (const Contestant& c : all) {
    times.best.push_back(std::ranges::min(c.seconds));
    calm_trials += c.calm_seconds().size();
    std::vector<double> ratios;
    for (size_t r = 0; r < rounds; ++r) ratios.push_back(c.seconds[r] / all[0].seconds[r]);
    times.beside_first.push_back(calm ? median(c.calm_seconds()) / first : median(ratios));
  }
  times.calm = static_cast<double>(calm_trials) / static_cast<double>(rounds * all.size());
  return times;
}

Times race(const Contest& contest, double seconds) {
  set_num_threads(contest.threads);
  return race(contest.prepare(), contest.threads, seconds);
}

Yardsticks Yardsticks::measure(const std::vector<int>& threads) {
  Yardsticks y;
  const size_t most = static_cast<size_t>(*std::ranges::max_element(threads)) + 1;
  y.fma.resize(most);
  y.read.resize(most);
  y.copy.resize(most);
  for (const int t : threads) {
    const kernels::Bandwidth bandwidth = kernels::memory_bandwidth(t);
    y.fma[static_cast<size_t>(t)] = kernels::fma_peak<float>(t);
    y.read[static_cast<size_t>(t)] = bandwidth.read;
    y.copy[static_cast<size_t>(t)] = bandwidth.copy;
  }
  return y;
}

void Report::write(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
  text_ += line;
  text_ += '\n';
}
void Report::heading(std::string_view text) { write(fmt::format("\n## {}\n", text)); }
void Report::say(std::string_view line) { write(fmt::format("{}\n", line)); }

void Report::expect(double seconds) {
  end_ = Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}
void Report::doing(std::string_view what) const {
  const double minutes = std::max(0.0, -since(end_) / 60);
  fmt::print(stderr, "measuring {} (about {:.0f} min left)\n", what, std::ceil(minutes));
}

void Report::columns(std::vector<std::string> names) {
  widths_.clear();
  left_.clear();
  std::string rule = "|";
  for (std::string& name : names) {
    widths_.push_back(length(name));
    left_.push_back(name.ends_with(' '));
    rule += std::string(widths_.back() + 1, '-') + (left_.back() ? "-|" : ":|");
  }
  row(names);
  write(rule);
}
void Report::row(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string pad(widths_[i] - std::min(widths_[i], length(cells[i])), ' ');
    line += left_[i] ? ' ' + cells[i] + pad + " |" : ' ' + pad + cells[i] + " |";
  }
  write(line);
}
void Report::end_table() { write(""); }

double geometric_mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double v : values) sum += std::log(v);
  return std::exp(sum / static_cast<double>(values.size()));
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::vector<std::string> ask_peers(Report& report, const std::string& arguments) {
  const std::string python = report.options.python;
  if (std::system((python + " -c 'import torch' 2>/dev/null").c_str()) != 0) {
    report.say(fmt::format(
        "PyTorch is left out: {} cannot import torch (PYTHON=... chooses another).", python));
    return {};
  }
  // A peer gets the machine as it is: without the settings that were made for us, and without those
  // that pin OpenBLAS to another CPU.
  const std::string command = "env -u GOMP_SPINCOUNT -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE " +
                              python + " tests/bench/peers.py " + arguments;
  std::vector<std::string> lines;
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return lines;
  for (std::string line;;) {
    const int c = std::fgetc(pipe);
    if (c == EOF) break;
    if (c == '\n') {
      lines.push_back(std::move(line));
      line.clear();
    } else
      line += static_cast<char>(c);
  }
  if (pclose(pipe) != 0) report.say(fmt::format("PyTorch is left out: `{}` failed.", command));
  return lines;
}

}  // namespace gradus::bench
