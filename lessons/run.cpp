#include <fmt/core.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "curriculum.h"
#include "gradus/anomaly.h"
#include "gradus/io/file.h"
#include "gradus/threads.h"
#include "stage.h"

namespace gradus::lessons {
namespace {

/// How much slower this machine is than the one where lessons were timed: lessons spend their time
/// in many small ops, so a few hundred of them are timed.
double slowness() {
  constexpr double there = 0.3e-3;  // seconds
  using Clock = std::chrono::steady_clock;
  Generator generator(1);
  const Tensor x = parameter(randn({16, 16}, generator)), w(randn({16, 16}, generator));
  double best = 1e9;
  for (int attempt = 0; attempt < 20; ++attempt) {
    const auto start = Clock::now();
    for (int i = 0; i < 50; ++i) sum(softmax(matmul(x, w))).backward();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best / there;
}

/// Two threads that wait for each other turn in a loop, and libgomp's own patience, 300,000 turns,
/// makes a lesson many times slower while another program keeps one of two cores busy. libgomp
/// reads the environment when the program is loaded, so the program is loaded once more.
void shorten_waiting(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  ::setenv("GOMP_SPINCOUNT", "2000", 1);
  ::execv("/proc/self/exe", argv);  // returns only where there is no such file; then all goes on
}

void announce(const Lesson::State& s) {
  const Entry& here = entry(s.chapter.number);
  fmt::print("{}\n", s.styled("1", fmt::format("Lesson {}: {}", here.number, here.title)));
  if (s.options.contract || s.options.own_flags) return;
  const double pace = slowness();
  const std::string full = in_seconds(pace * s.chapter.seconds),
                    quick = in_seconds(pace * s.chapter.quick_seconds);
  const std::string cost = s.options.quick || !s.options.break_name.empty() ? quick
                           : full == quick                                  ? full
                                           : fmt::format("{}, with --quick {}", full, quick);
  fmt::print("{}\n", s.styled("2", fmt::format("On this machine it takes {}.", cost)));
}

void teach_break(Lesson& lesson, const Lesson::State& s) {
  for (const Break& b : breaks()) {
    if (b.name != s.options.break_name) continue;
    lesson.section(fmt::format("Broken on purpose: {}", b.name));
    lesson.say("{}", b.change);
    b.show(lesson);
  }
}

}  // namespace

int run(int argc, char** argv, const Chapter& chapter, const std::function<void(Lesson&)>& teach) {
  const std::string program = std::filesystem::path(argv[0]).filename().string();
  shorten_waiting(argv);
  try {
    const CommandLine command = read_command_line({argv + 1, argv + argc}, chapter, program);
    if (command.exit_code) {
      fmt::print(*command.exit_code == 0 ? stdout : stderr, "{}", command.output);
      return *command.exit_code;
    }
    const Options& options = command.options;
    if (options.threads > 0) set_num_threads(options.threads);
    if (!options.html.empty())
      io::OutputFile(options.html);  // can it be written? asked before, not after
    const Entry& here = entry(chapter.number);
    viz::Terminal terminal = viz::Terminal::standard_output();
    if (options.contract) terminal = {.live = false, .colour = false, .unicode = true, .width = 80};
    auto state = std::make_unique<Lesson::State>(
        Lesson::State{.chapter = chapter,
                      .options = options,
                      .name = program,
                      .terminal = terminal,
                      .page = viz::Page(fmt::format("Lesson {}: {}", here.number, here.title),
                                        "Gradus, step by step"),
                      .generator = Generator(options.seed),
                      .gradients = {},
                      .edits = {}});
    const Lesson::State& s = *state;
    Lesson lesson(std::move(state));
    announce(s);
    const auto anomaly = options.anomaly ? std::make_unique<Anomaly>() : nullptr;
    if (options.break_name.empty())
      teach(lesson);
    else
      teach_break(lesson, s);
    return lesson.finish();
  } catch (const std::exception& error) {
    std::fflush(stdout);
    fmt::print(stderr, "{}\n", viz::wrapped(fmt::format("{}: {}", program, error.what()), 80));
    return 1;
  }
}

}  // namespace gradus::lessons
