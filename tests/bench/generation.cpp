// Tokens per second: a model that writes, one token at a time, with its keys and values cached.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string_view>

#include "bench/bench.h"
#include "bench/gpts.h"
#include "gradus/models/generate.h"
#include "gradus/threads.h"
#include "kernels/machine.h"

namespace gradus::bench {
namespace {

// Every weight that a token is multiplied by is read once for it: all matrices but the positions,
// of which it needs one row. So are the keys and values of the tokens before it, but these are few
// here and stay in the caches.
double bytes_of_a_token(const models::GPTConfig& c) {
  return 4 * static_cast<double>(c.layers * 12 * c.width * c.width + c.vocabulary * c.width);
}

// The time until an op's result is there, since the last one's was: a token's time, op by op.
class OpClock : public Trace {
 public:
  void on_record(const char* op, const Tensor&, std::span<const Tensor>) override {
    const Clock::time_point now = Clock::now();
    spent[op] += std::chrono::duration<double>(now - std::exchange(last, now)).count();
  }
  std::map<std::string_view, double> spent;
  Clock::time_point last = Clock::now();
};

struct Speed {
  double seconds = 1e30;                           // for a token, at best
  double linear = 0, attention = 0, sampling = 0;  // of them
};

// The best of several runs of 48 tokens after a prompt of 8; the prompt is not timed. They fit into
// the context, so its window never moves.
Speed write(const models::GPT& model, int threads, int runs) {
  set_num_threads(threads);
  constexpr int64_t tokens = 48;
  Speed best;
  for (int run = 0; run < runs; ++run) {
    Generator generator(static_cast<uint64_t>(run));
    OpClock clock;
    Clock::time_point start{};
    double last_token = 0, drawn = 0;
    const std::vector<int64_t> prompt(8, 1);
    models::generate(model, prompt, tokens + 1, {.temperature = 1, .top_k = 40}, generator,
                     [&](int64_t) {
                       if (start == Clock::time_point{}) {  // the prompt has been read
                         start = Clock::now();
                         clock.spent.clear();
                         drawn = 0;
                       } else {
                         drawn += since(clock.last);  // since the last op: drawing the token
                       }
                       clock.last = Clock::now();
                       last_token = since(start);
                       return true;
                     });
    if (const double seconds = last_token / tokens; seconds < best.seconds)
      best = {.seconds = seconds,
              .linear = clock.spent["linear"] / tokens,
              .attention = clock.spent["scaled_dot_product_attention"] / tokens,
              .sampling = drawn / tokens};
  }
  return best;
}

}  // namespace

void generation_section(Report& report) {
  report.heading("Generation");
  report.say(
      "One sequence, one token after another, keys and values cached, drawn from the 40 likeliest. "
      "The limit is the time to read every weight once for a token from memory, measured around "
      "it; weights that fit into the L3 cache are not read from memory, and the limit is not "
      "theirs.");
  report.columns({"model             ", "threads", "weights, MB", "tokens/s", "limit, tokens/s",
                  "of the limit", "ms a token", "linear", "attention", "drawing", "rest"});
  const int64_t cache = kernels::this_machine().l3;
  for (const Workload& w : workloads()) {
    report.doing(w.name);
    Generator generator(1337);
    const models::GPT model(w.config, generator);
    const double bytes = bytes_of_a_token(w.config);
    for (const int threads : report.options.threads) {
      double read = kernels::memory_bandwidth(threads).read;
      const Speed s = write(model, threads, report.options.quick ? 2 : 6);
      read = std::max(read, kernels::memory_bandwidth(threads).read);
      const bool cached = bytes < static_cast<double>(cache);
      const auto share = [&](double seconds) {
        return fmt::format("{:.0f} %", 100 * seconds / s.seconds);
      };
      report.row({w.name, fmt::format("{}", threads), fmt::format("{:.1f}", bytes / 1e6),
                  fmt::format("{:.{}f}", 1 / s.seconds, 1 / s.seconds < 100 ? 1 : 0),
                  cached ? "in cache" : fmt::format("{:.1f}", read / bytes),
                  cached ? "-" : fmt::format("{:.0f} %", 100 * bytes / read / s.seconds),
                  fmt::format("{:.3f}", 1e3 * s.seconds), share(s.linear), share(s.attention),
                  share(s.sampling), share(s.seconds - s.linear - s.attention - s.sampling)});
    }
  }
  report.end_table();
}

}  // namespace gradus::bench
