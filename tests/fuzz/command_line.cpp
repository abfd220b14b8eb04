// Any text as what a user types behind the name of a lesson: flags that are all in range, or a
// message and an exit code.
#include <CLI/CLI.hpp>
#include <string>

#include "../lessons/gpt_flags.h"
#include "../lessons/matmul_flags.h"
#include "../lessons/stage.h"
#include "fuzz/files.h"

namespace gradus::test::fuzz {
namespace {

using lessons::CommandLine;

// Arguments stand on lines of their own; none holds a NUL, as in main.
std::vector<std::string> arguments_of(std::string_view text) {
  std::vector<std::string> arguments;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    arguments.emplace_back(line.substr(0, line.find('\0')));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return arguments;
}

// Whether a program would go on from here.
bool require_clear(const CommandLine& command) {
  if (command.exit_code) {
    require(*command.exit_code == 0 || *command.exit_code == 2, "exit code {}", *command.exit_code);
    require(!command.output.empty() && command.output.back() == '\n', "it ends without a word");
    require(*command.exit_code == 0 || command.output.starts_with("lesson: "),
            "an error that does not begin with the program's name: {}", command.output);
    return false;
  }
  const lessons::Options& options = command.options;
  require(options.threads >= 0 && options.threads <= 1024, "{} threads", options.threads);
  return true;
}

void require_usable(const lessons::GptFlags& flags) {
  models::GPTConfig model = flags.model;
  model.vocabulary = 1;
  model.validate();
  flags.training.validate();
  require(flags.tokens >= 1 && flags.save_every >= 0 && flags.sampling.top_k >= 0, "a size is off");
  require(flags.sampling.temperature >= 0 && flags.sampling.temperature <= 100, "temperature {}",
          flags.sampling.temperature);
  require(!flags.save.empty(), "there is nowhere to save to");
}

CommandLine read(const std::vector<std::string>& arguments,
                 const std::function<void(CLI::App&)>& flags, int number) {
  lessons::Chapter chapter{.number = number};
  chapter.more_flags = flags;
  return lessons::read_command_line(arguments, chapter, "lesson");
}

// A file that --load finds can only say that it is no checkpoint.
bool gpt(const std::vector<std::string>& arguments) {
  lessons::GptFlags flags;
  const auto command = unless_refused([&] {
    return read(
        arguments, [&](CLI::App& app) { lessons::add_gpt_flags(app, flags); }, 15);
  });
  if (!command) {
    require(!flags.load.empty(), "an Error, though no file was read");
    return false;
  }
  if (!require_clear(*command)) return false;
  require_usable(flags);
  return true;
}

bool matmul(const std::vector<std::string>& arguments) {
  lessons::LadderFlags flags;
  const CommandLine command = read(
      arguments, [&](CLI::App& app) { lessons::add_ladder_flags(app, flags); }, 4);
  return require_clear(command);
}

// The first byte says whose flags they are.
bool run(Bytes input) {
  if (input.empty()) return false;
  const std::vector<std::string> arguments = arguments_of(text_of(input.subspan(1)));
  if (input[0] == 'm') return matmul(arguments);
  if (input[0] == 'c') return require_clear(read(arguments, {}, 7));
  return gpt(arguments);
}

}  // namespace

const Target command_line{"command_line", run, nullptr};

}  // namespace gradus::test::fuzz
