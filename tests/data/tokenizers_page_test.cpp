// docs/tokenizers.md shows commands and what they print: they are run, and must print that.
#include <gtest/gtest.h>

#include <regex>
#include <sstream>

#include "gradus/io/file.h"
#include "shell.h"

namespace gradus::test {
namespace {

// A line after "$ ", and the lines up to the end of the block.
struct Shown {
  std::string command, output;
};

std::vector<Shown> shown_on(const std::string& page) {
  std::istringstream lines(io::read_file(page));
  std::vector<Shown> all;
  bool is_open = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("$ ")) {
      all.push_back({line.substr(2), ""});
      is_open = true;
    } else if (line.starts_with("```")) {
      is_open = false;
    } else if (is_open) {
      all.back().output += line + "\n";
    }
  }
  return all;
}

std::string without_times(const std::string& output) {
  return std::regex_replace(output, std::regex(R"(in \d+\.\d+ s)"), "in TIME s");
}

TEST(TokenizersPage, ShowsWhatTheProgramPrints) {
  const std::vector<Shown> all = shown_on("docs/tokenizers.md");
  ASSERT_GE(all.size(), 2u);
  for (const Shown& shown : all) {
    const std::string command =
        std::regex_replace(shown.command, std::regex("build/"), build_directory() + "/");
    const ShellResult result = shell("export LC_ALL=C.UTF-8 NO_COLOR=1; " + command);
    EXPECT_EQ(result.exit_code, 0) << result.output;
    EXPECT_EQ(without_times(result.output), shown.output) << command;
  }
}

TEST(TokenizersPage, TheProgramSaysWhatIsWrong) {
  const std::string program = build_directory() + "/laboratory/tokenize ";
  EXPECT_EQ(shell(program + "--help").exit_code, 0);
  EXPECT_EQ(shell(program + "dance").exit_code, 2);
  const ShellResult missing = shell(program + "show x --vocabulary /nowhere/vocab.json");
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_EQ(missing.output, "tokenize: read: /nowhere/vocab.json: No such file or directory\n");
}

}  // namespace
}  // namespace gradus::test
