#include <fmt/core.h>

#include <unistd.h>

#include <CLI/CLI.hpp>
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

std::string in_seconds(double seconds) {
  if (seconds < 1) return "under a second";
  return fmt::format("about {:.0f} s", seconds);
}

/// Two threads that wait for each other turn in a loop, and libgomp's own patience, 300,000 turns,
/// makes a lesson many times slower while another program keeps one of two cores busy. libgomp
/// reads the environment when the program is loaded, so the program is loaded once more.
void shorten_waiting(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  ::setenv("GOMP_SPINCOUNT", "2000", 1);
  ::execv("/proc/self/exe", argv);  // returns only where there is no such file; then all goes on
}

// Prints what is wrong and ends with 2.
[[noreturn]] void refuse(const std::string& program, const std::string& problem) {
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}\nTry {} --help.\n", program, problem, program);
  std::exit(2);
}

std::string list_of_breaks() {
  size_t width = 0;
  for (const Break& b : breaks()) width = std::max(width, b.name.size());
  std::string list;
  for (const Break& b : breaks()) list += fmt::format("  {:<{}}  {}\n", b.name, width, b.change);
  return list.empty() ? "This lesson has nothing to break.\n" : list;
}

Options parse(int argc, char** argv, const Chapter& chapter, const std::string& program) {
  Options options;
  options.seed = chapter.seed;
  CLI::App app(fmt::format("Lesson {}: {}", chapter.number, entry(chapter.number).title), program);
  app.get_formatter()->column_width(22);
  app.add_flag("--quick", options.quick,
               fmt::format("Smaller and shorter: {}", in_seconds(chapter.quick_seconds)));
  app.add_flag("--verbose", options.verbose, "Show every table");
  app.add_flag("--predict", options.predict, "Ask before an answer is given");
  app.add_option("--break", options.break_name, "Break the code on purpose; see --list-breaks")
      ->type_name("NAME");
  app.add_flag_callback(
      "--list-breaks",
      [&] {
        fmt::print("{}", list_of_breaks());
        std::exit(0);
      },
      "What can be broken");
  app.add_option("--html", options.html, "Write all it showed as one page")->type_name("FILE");
  app.add_option("--seed", options.seed, "Same seed, same numbers")
      ->type_name("N")
      ->check([](const std::string& text) {
        return text.starts_with('-') ? "must be a whole number from 0 up, got " + text
                                     : std::string();
      })
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Default: one for each core")
      ->type_name("N")
      ->check(CLI::Range(1, 1024).description(""));
  app.add_flag("--anomaly", options.anomaly,
               "Stop at the first NaN or infinity, say where it began");
  app.add_option("--pictures", options.pictures)->group("")->check(CLI::ExistingDirectory);
  app.add_flag("--contract", options.contract)->group("");
  const size_t common = app.get_options().size();
  if (chapter.more_flags) chapter.more_flags(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    std::exit(0);
  } catch (const CLI::ParseError& error) {
    refuse(program, error.what());
  }
  const std::vector<CLI::Option*> flags = app.get_options();
  options.own_flags = std::any_of(flags.begin() + static_cast<std::ptrdiff_t>(common), flags.end(),
                                  [](const CLI::Option* flag) { return flag->count() > 0; });
  const auto is_named = [&](const Break& b) { return b.name == options.break_name; };
  const std::vector<Break> all = breaks();
  if (app.count("--break") > 0 && std::none_of(all.begin(), all.end(), is_named))
    refuse(program,
           fmt::format("--break={}: this lesson has\n{}", options.break_name, list_of_breaks()));
  return options;
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
    const Options options = parse(argc, argv, chapter, program);
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
