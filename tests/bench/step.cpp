// One training step of two GPTs, written as a lesson writes it, beside the time that its
// multiplications alone would take and beside PyTorch.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <string_view>

#include "bench/bench.h"
#include "bench/gpts.h"
#include "gradus/optim/optimizer.h"
#include "gradus/threads.h"
#include "kernels/machine.h"

namespace gradus::bench {
namespace {

// The multiplications and additions that a step of batch x T tokens cannot do without, two for each
// multiply-add.
//   A weight meets every token once forward (y = x W^T) and twice backward (dx = dy W, dW = dy^T
//   x): 6 a weight and token. Weights that multiply: 3 + 1 width^2 in attention, 4 + 4 width^2 in
//   the feed-forward network, and the head's vocabulary x width. Embeddings only look up. Attention
//   is two products of T x T x width for each sequence forward (Q K^T, P V) and four backward, with
//   nothing taken off for what the causal rule hides.
double step_flops(const models::GPTConfig& c, int64_t batch, int64_t time) {
  const auto real = [](int64_t i) { return static_cast<double>(i); };
  const double weights = real(c.layers * 12 * c.width * c.width + c.vocabulary * c.width);
  const double attention = 2 * 6 * real(c.layers * batch * time * time * c.width);
  return 6 * weights * real(batch * time) + attention;
}

// ---- where the time goes ------------------------------------------------------------------------

enum Part { gemm, attention, norm, loss, optimiser, gelu, rest, parts };
constexpr std::array<const char*, parts> part_names = {
    "GEMM (linear)", "attention", "norm", "loss", "clipping and AdamW", "GELU", "rest"};

Part part_of(std::string_view op) {
  static const std::map<std::string_view, Part> known = {
      {"linear", gemm},
      {"scaled_dot_product_attention", attention},
      {"layer_norm", norm},
      {"cross_entropy", loss},
      {"gelu_tanh", gelu}};
  const auto found = known.find(op);
  return found == known.end() ? rest : found->second;
}

using Parts = std::array<double, parts>;  // seconds

// Forward, an op tells its name when its result is there: the time since the last event was its
// own. Backward, a node tells its name before its closure runs: the time until the next event is.
class StepClock : public Trace {
 public:
  void on_record(const char* op, const Tensor&, std::span<const Tensor>) override {
    spent[part_of(op)] += lap();
  }
  void on_backward(const Node& node, const Array&) override {
    spent[current_] += lap();
    current_ = part_of(node.op);
  }
  void next(Part part) {
    spent[current_] += lap();
    current_ = part;
  }
  Parts spent{};

 private:
  double lap() {
    const Clock::time_point now = Clock::now(), before = std::exchange(last_, now);
    return std::chrono::duration<double>(now - before).count();
  }
  Clock::time_point last_ = Clock::now();
  Part current_ = rest;
};

// ---- the step -----------------------------------------------------------------------------------

struct Timing {
  std::vector<double> seconds;  // of each step
  Parts spent{};                // by a step with the clock, the quickest one
  double clocked = std::numeric_limits<double>::infinity();  // that step, in all
  size_t fresh = 0;      // bytes asked of the system after the second step
  int64_t resident = 0;  // bytes at most
};

class Training {
 public:
  explicit Training(const Workload& w)
      : model_(w.config, generator_),
        optimizer_(model_.named_parameters(), {}),
        tokens_(random_tokens(w, 0)),
        targets_(random_tokens(w, 1)) {}

  void step(StepClock* clock = nullptr) {
    model_.zero_grad();
    const Tensor loss = model_.loss(tokens_, targets_);
    if (clock) clock->next(rest);
    loss.backward();
    if (clock) clock->next(optimiser);
    optimizer_.clipped_step(1e-3, 1.0);
    if (clock) clock->next(rest);
  }

 private:
  static Array random_tokens(const Workload& w, uint64_t stream) {
    Generator generator(1337, stream);
    std::vector<int64_t> ids(static_cast<size_t>(w.batch * w.time));
    for (int64_t& id : ids)
      id = static_cast<int64_t>(generator.uniform() * static_cast<double>(w.config.vocabulary));
    return Array::of_indices(ids, {w.batch, w.time});
  }

  Generator generator_{1337};
  models::GPT model_;
  optim::AdamW optimizer_;
  Array tokens_, targets_;
};

// The most memory of this process that was resident at once; Linux counts it, and forgets it when
// asked to.
void forget_peak_memory() {
  release_pooled_memory();
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;
}
int64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (int64_t kib = 0; word == "VmHWM:" && status >> kib) return kib << 10;
  return 0;
}

void train(const Workload& w, int threads, int steps, Timing& t) {
  set_num_threads(threads);
  forget_peak_memory();
  Training training(w);
  training.step();
  training.step();
  const size_t fresh = memory_stats().fresh;
  for (int i = 0; i < steps; ++i) {
    const Clock::time_point start = Clock::now();
    training.step();
    t.seconds.push_back(since(start));
  }
  for (int i = 0; i < std::max(2, steps / 4); ++i) {
    const Clock::time_point start = Clock::now();
    StepClock clock;
    training.step(&clock);
    if (const double s = since(start); s < t.clocked) {
      t.clocked = s;
      t.spent = clock.spent;
    }
  }
  t.fresh = std::max(t.fresh, memory_stats().fresh - fresh);
  t.resident = std::max(t.resident, peak_memory());
}

// ---- beside PyTorch -----------------------------------------------------------------------------

double best_of(const std::vector<double>& v) { return *std::ranges::min_element(v); }

void ask_pytorch(Report& report, const Workload& w, int threads, int steps,
                 std::optional<Timing>& t) {
  for (const std::string& line :
       ask_peers(report, fmt::format("--job {} --threads {} --steps {}", w.job, threads, steps))) {
    // "steps MiB seconds seconds ..."
    std::istringstream words(line);
    std::string word;
    int64_t mib = 0;
    if (!(words >> word >> mib) || word != "steps") continue;
    if (!t) t.emplace();
    t->resident = std::max(t->resident, mib << 20);
    for (double s = 0; words >> s;) t->seconds.push_back(s);
  }
}

// ---- the tables ---------------------------------------------------------------------------------

struct Entry {
  const Workload* workload;
  int threads;
  double floor;  // seconds
  Timing ours;
  std::optional<Timing> theirs;
};

Entry measure(Report& report, const Workload& w, int threads) {
  const int steps = report.options.quick ? w.steps / 4 : w.steps;
  Entry e{&w, threads, 0, {}, {}};
  double peak = kernels::fma_peak<float>(threads);
  for (int turn = 0; turn < 2; ++turn) {  // in turns: ours, theirs, ours, theirs
    train(w, threads, steps, e.ours);
    release_pooled_memory();
    peak = std::max(peak, kernels::fma_peak<float>(threads));
    if (turn == 0 || e.theirs) ask_pytorch(report, w, threads, steps, e.theirs);
  }
  e.floor = step_flops(w.config, w.batch, w.time) / peak;
  return e;
}

std::string milliseconds(double seconds) {
  return fmt::format("{:.{}f}", 1e3 * seconds, seconds < 0.1 ? 2 : 0);
}

// Measures every model on every number of threads; each has its row as soon as it is known.
std::vector<Entry> time_table(Report& report) {
  std::vector<Entry> entries;
  report.columns({"step of           ", "threads", "floor, ms", "best, ms", "median, ms",
                  "best / floor", "fresh bytes", "resident, MiB", "PyTorch: best, ms", "median, ms",
                  "resident, MiB"});
  const auto add_row = [&](const Entry& e) {
    std::vector<std::string> row = {e.workload->name,
                                    fmt::format("{}", e.threads),
                                    milliseconds(e.floor),
                                    milliseconds(best_of(e.ours.seconds)),
                                    milliseconds(median(e.ours.seconds)),
                                    fmt::format("{:.2f}", best_of(e.ours.seconds) / e.floor),
                                    fmt::format("{}", e.ours.fresh),
                                    fmt::format("{}", e.ours.resident >> 20)};
    if (e.theirs)
      row.insert(row.end(),
                 {milliseconds(best_of(e.theirs->seconds)), milliseconds(median(e.theirs->seconds)),
                  fmt::format("{}", e.theirs->resident >> 20)});
    else
      row.insert(row.end(), 3, "-");
    report.row(row);
  };
  for (const Workload& w : workloads())
    for (const int threads : report.options.threads) {
      report.doing(fmt::format("{} on {} thread{}, in turns with PyTorch", w.name, threads,
                               threads == 1 ? "" : "s"));
      entries.push_back(measure(report, w, threads));
      add_row(entries.back());
    }
  report.end_table();
  return entries;
}

// The better number of threads counts, for each side.
void compare_with_pytorch(Report& report, const std::vector<Entry>& entries) {
  for (const Workload& w : workloads()) {
    constexpr double never = std::numeric_limits<double>::infinity();
    double ours = never, theirs = never, our_median = never, their_median = never;
    for (const Entry& e : entries) {
      if (e.workload != &w || !e.theirs) continue;
      ours = std::min(ours, best_of(e.ours.seconds));
      theirs = std::min(theirs, best_of(e.theirs->seconds));
      our_median = std::min(our_median, median(e.ours.seconds));
      their_median = std::min(their_median, median(e.theirs->seconds));
    }
    if (theirs < never)
      report.say(fmt::format(
          "{}: {:.2f} times as fast as PyTorch by the best step, {:.2f} times by the median one.",
          w.name, theirs / ours, their_median / our_median));
  }
}

void part_table(Report& report, const std::vector<Entry>& entries) {
  std::vector<std::string> names = {"where the time goes, ms "};
  for (const Entry& e : entries)
    names.push_back(
        fmt::format("{}, {} thread{}", e.workload->name, e.threads, e.threads == 1 ? "" : "s"));
  report.columns(names);
  for (size_t part = 0; part < parts; ++part) {
    std::vector<std::string> row = {part_names[part]};
    for (const Entry& e : entries)
      row.push_back(fmt::format("{} ({:.0f} %)", milliseconds(e.ours.spent[part]),
                                100 * e.ours.spent[part] / e.ours.clocked));
    report.row(row);
  }
  report.end_table();
}

}  // namespace

void step_section(Report& report) {
  report.heading("A training step");
  report.say(
      "Clear the gradients, forward, loss, backward, clip to norm 1, AdamW, on one batch. The "
      "floor "
      "is the time of the step's multiplications alone at the FMA peak, measured around it.");
  const std::vector<Entry> entries = time_table(report);
  compare_with_pytorch(report, entries);
  part_table(report, entries);
}

}  // namespace gradus::bench
