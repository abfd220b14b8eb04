// make bench: one report on how fast Gradus is, on this machine, beside its limits and its rivals.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "bench/bench.h"
#include "gradus/error.h"
#include "gradus/io/file.h"
#include "kernels/machine.h"

namespace {

// Libraries read their settings before main: start again with those that a measurement needs. We
// wait for threads as a lesson does (lessons/run.cpp), and nobody tells OpenBLAS what CPU this is.
void with_settings_for_measuring(char** argv) {
  const char* wait = std::getenv("GOMP_SPINCOUNT");
  bool changed = wait == nullptr || std::string_view(wait) != "2000";
  ::setenv("GOMP_SPINCOUNT", "2000", 1);
  for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"}) {
    changed = changed || std::getenv(name) != nullptr;
    ::unsetenv(name);
  }
  if (changed) ::execv("/proc/self/exe", argv);
}

// The sections that are asked for. What is left is guessed from what the others took, beside what
// they took when their seconds were written down.
void run_sections(gradus::bench::Report& report) {
  using namespace gradus::bench;
  const std::vector<std::string>& only = report.options.only;
  std::vector<Section> wanted;
  double left = 0;
  for (const Section& s : sections())
    if (only.empty() || std::ranges::find(only, s.name) != only.end()) {
      wanted.push_back(s);
      left += s.seconds;
    }
  const Clock::time_point start = Clock::now();
  const double all = left;
  for (const Section& section : wanted) {
    const double guess = report.options.quick ? 0.1 : 1;
    report.expect(left * (left < all ? since(start) / (all - left) : guess));
    report.doing(section.name);
    section.run(report);
    left -= section.seconds;
  }
}

}  // namespace

int main(int argc, char** argv) try {
  using namespace gradus::bench;
  with_settings_for_measuring(argv);
  Options options;
  std::string into;
  CLI::App app("Measures how fast Gradus is on this machine, beside its limits and its rivals.");
  std::string about = "run only these sections:";
  std::vector<std::string> names;
  for (const Section& section : sections()) {
    names.push_back(section.name);
    about += fmt::format("\n{}: {}", section.name, section.about);
  }
  app.add_flag("--quick", options.quick, "the small sizes only, and less patience");
  app.add_option("--only", options.only, about)->delimiter(',')->check(CLI::IsMember(names));
  app.add_option("--threads", options.threads, "numbers of threads to measure, as in 1,2")
      ->delimiter(',')
      ->check(CLI::Range(1, 1024));
  app.add_option("--python", options.python, "the Python that has PyTorch")->capture_default_str();
  app.add_option("--into", into, "write the report to this file as well");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  }
  std::erase_if(options.threads,
                [&](int t) { return t > 1 && t > gradus::kernels::this_machine().cores; });
  if (options.threads.empty()) options.threads = {1};

  Report report(options);
  report.heading("The machine, before");
  report.yardsticks = Yardsticks::measure(options.threads);
  machine_section(report);
  run_sections(report);
  report.heading("The machine, after");
  report.yardsticks = Yardsticks::measure(options.threads);
  machine_section(report);
  if (!into.empty()) gradus::io::write_file(into, report.markdown());
} catch (const std::exception& error) {
  fmt::print(stderr, "bench: {}\n", error.what());
  return 1;
}
