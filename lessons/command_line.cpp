// The flags that all lessons understand, and those of one lesson.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "curriculum.h"
#include "stage.h"

namespace gradus::lessons {
namespace {

// Thrown by the flag that asks for the list: what else is on the command line does not matter.
struct ListBreaks {};

std::string list_of_breaks() {
  size_t width = 0;
  for (const Break& b : breaks()) width = std::max(width, b.name.size());
  std::string list;
  for (const Break& b : breaks()) list += fmt::format("  {:<{}}  {}\n", b.name, width, b.change);
  return list.empty() ? "This lesson has nothing to break.\n" : list;
}

}  // namespace

std::string in_seconds(double seconds) {
  if (seconds < 1) return "under a second";
  return fmt::format("about {:.0f} s", seconds);
}

CommandLine read_command_line(std::vector<std::string> arguments, const Chapter& chapter,
                              const std::string& program) {
  CommandLine result;
  Options& options = result.options;
  const auto refuse = [&](const std::string& problem) {
    result.exit_code = 2;
    result.output = fmt::format("{}: {}\nTry {} --help.\n", program, problem, program);
    return result;
  };
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
      "--list-breaks", [] { throw ListBreaks(); }, "What can be broken");
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
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the end
    app.parse(std::move(arguments));
  } catch (const ListBreaks&) {
    result.exit_code = 0;
    result.output = list_of_breaks();
    return result;
  } catch (const CLI::CallForHelp&) {
    result.exit_code = 0;
    result.output = app.help();
    return result;
  } catch (const CLI::ParseError& error) {
    return refuse(error.what());
  }
  const std::vector<CLI::Option*> flags = app.get_options();
  options.own_flags = std::any_of(flags.begin() + static_cast<std::ptrdiff_t>(common), flags.end(),
                                  [](const CLI::Option* flag) { return flag->count() > 0; });
  const auto is_named = [&](const Break& b) { return b.name == options.break_name; };
  const std::vector<Break> all = breaks();
  if (app.count("--break") > 0 && std::none_of(all.begin(), all.end(), is_named))
    return refuse(
        fmt::format("--break={}: this lesson has\n{}", options.break_name, list_of_breaks()));
  return result;
}

}  // namespace gradus::lessons
