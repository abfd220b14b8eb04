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

// Settings that would spoil a measurement are read before main: start again without them.
void without_crippling_settings(char** argv) {
  bool found = false;
  for (const char* name : {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "GOMP_SPINCOUNT"})
    if (std::getenv(name) != nullptr) {
      unsetenv(name);
      found = true;
    }
  if (found) execv("/proc/self/exe", argv);
}

}  // namespace

int main(int argc, char** argv) try {
  using namespace gradus::bench;
  without_crippling_settings(argv);
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

  Report report(options);
  report.heading("The machine, before");
  report.yardsticks = Yardsticks::measure(options.threads);
  machine_section(report);
  for (const Section& section : sections())
    if (options.only.empty() || std::ranges::find(options.only, section.name) != options.only.end())
      section.run(report);
  report.heading("The machine, after");
  report.yardsticks = Yardsticks::measure(options.threads);
  machine_section(report);
  if (!into.empty()) gradus::io::write_file(into, report.markdown());
} catch (const std::exception& error) {
  fmt::print(stderr, "bench: {}\n", error.what());
  return 1;
}
