// How a benchmark is written: contests between ways to do one job, gathered in sections of one
// report.
//
// A section (gemm.cpp, attention.cpp, ...) lists its contests. report.cpp runs every one of them
// with the contestants taking turns and prints tables; google.cpp gives the same contests to Google
// Benchmark, for a closer look at a single one.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus::bench {

using Clock = std::chrono::steady_clock;
inline double since(Clock::time_point start) {  // seconds
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// The job, once.
using Job = std::function<void()>;

// A job, and who competes in it.
struct Contest {
  std::string name;              // as in "gemm/768x384x128 NT"
  int threads;                   // set before it runs
  double flops;                  // of one job
  double bytes;                  // that one job must at least move
  std::vector<std::string> who;  // "Gradus", "oneDNN", "std::": Gradus first
  // Takes what memory the job needs and returns one function for each of `who`; the memory lives as
  // long as they do.
  std::function<std::vector<Job>()> prepare;
};

// What a race found, for each contestant.
struct Times {
  // Seconds of one job: the best of many short trials. Whatever disturbs a trial makes it longer,
  // so the best one is nearest to the truth.
  std::vector<double> best;
  // Its time over the first one's; 2 is half as fast. Of medians, where each has had at least three
  // calm trials (calm.h); otherwise the median over the rounds, each of which is over before the
  // machine's mood has changed.
  std::vector<double> beside_first;
  double calm;  // the part of all trials that were calm
};

// The contestants take turns, round after round. `seconds` is the time to spend on each of them,
// and up to four times as much where there are not three calm trials of each.
Times race(const std::vector<Job>& contestants, int threads, double seconds);
// The same for a contest: sets its threads, prepares it, and frees its memory.
Times race(const Contest& contest, double seconds);

// What the user asked for.
struct Options {
  bool quick = false;                                     // the small sizes only, and less patience
  std::vector<std::string> only;                          // sections; all if empty
  std::vector<int> threads = {1, 2};                      // no more than the machine has
  std::string python = "python3";                         // the one to ask for PyTorch
  double patience() const { return quick ? 0.05 : 0.4; }  // seconds for each contestant
};

// The yardsticks of this run, measured before the first section. Index: threads.
struct Yardsticks {
  std::vector<double> fma;   // FLOP/s, float32, of the active ISA
  std::vector<double> read;  // bytes/s
  std::vector<double> copy;  // bytes/s, read and written
  static Yardsticks measure(const std::vector<int>& threads);
};

// The report, written to the terminal as it grows and kept as Markdown.
class Report {
 public:
  explicit Report(const Options& o) : options(o) {}
  const Options& options;
  Yardsticks yardsticks;

  void heading(std::string_view text);
  // What is being measured now: told to the person who waits, on standard error, and not kept.
  void doing(std::string_view what) const;
  // From now on it will take about so many seconds; `doing` says what is left of them.
  void expect(double seconds);
  void say(std::string_view line);  // a paragraph
  // A table: its columns' names, then row after row, the widths being those of the names at least.
  // Columns whose name ends in a blank are set flush left.
  void columns(std::vector<std::string> names);
  void row(const std::vector<std::string>& cells);
  void end_table();
  const std::string& markdown() const { return text_; }

 private:
  void write(std::string_view line);
  std::string text_;
  Clock::time_point end_ = Clock::now();
  std::vector<size_t> widths_;
  std::vector<bool> left_;
};

struct Section {
  const char* name;   // as in --only gemm
  const char* about;  // one line for --help
  double seconds;     // that it took once, on two threads beside all rivals
  void (*run)(Report& report);
  // What of it Google Benchmark can run; may be null.
  std::vector<Contest> (*contests)(const Options& options);
};
// In the order of the report.
const std::vector<Section>& sections();

void machine_section(Report& report);
void gemm_section(Report& report);
std::vector<Contest> gemm_contests(const Options& options);
void attention_section(Report& report);
std::vector<Contest> attention_contests(const Options& options);
void elements_section(Report& report);
std::vector<Contest> elements_contests(const Options& options);
void step_section(Report& report);
void generation_section(Report& report);

double geometric_mean(const std::vector<double>& values);
double median(std::vector<double> values);

// Output of `python tests/bench/peers.py ARGS`, line by line, or nothing (with a line in the report
// that says why) if that Python has no PyTorch.
std::vector<std::string> ask_peers(Report& report, const std::string& arguments);

}  // namespace gradus::bench
