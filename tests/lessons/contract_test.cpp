// Lessons are contracts: with --quick each prints what lessons/expected/ holds, which the
// documentation shows. `make contracts` writes those files anew.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include "gradus/io/file.h"
#include "lessons/contract.h"
#include "lessons/program.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

// A lesson, or one way to break it: "07_attention", "07_attention.no-scale".
struct Contract {
  std::string name, program, flags;
};
void PrintTo(const Contract& contract, std::ostream* out) { *out << contract.name; }

std::vector<Contract> contracts() {
  std::vector<Contract> all;
  for (const std::string& name : test::lesson_names()) {
    const std::string program = test::lesson_program(name);
    all.push_back({name, program, "--quick"});
    std::istringstream breaks(test::shell(program + " --list-breaks").output);
    for (std::string line; std::getline(breaks, line);)
      if (line.starts_with("  ")) {
        const std::string broken = line.substr(2, line.find(' ', 2) - 2);
        all.push_back({name + "." + broken, program, "--quick --break=" + broken});
      }
  }
  return all;
}

class LessonContract : public testing::TestWithParam<Contract> {};

TEST_P(LessonContract, PrintsWhatTheDocumentationShows) {
  const Contract& contract = GetParam();
  if (contract.name.find('.') != std::string::npos && test::is_too_slow_twice(contract.name))
    GTEST_SKIP() << "trains for a minute under the sanitizers";
  const test::ShellResult outcome = test::shell(contract.program + " --contract " + contract.flags);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  const std::vector<test::ContractLine> printed = test::read_contract(outcome.output);
  const fs::path file = "lessons/expected/" + contract.name + ".txt";
  if (std::getenv("GRADUS_WRITE_CONTRACTS") != nullptr) {
    std::string text;
    for (const test::ContractLine& line : printed) text += line.text + "\n";
    io::write_file(file, text);
  }
  ASSERT_TRUE(fs::exists(file)) << "`make contracts` writes it";
  const std::string expected = io::read_file(file);
  EXPECT_EQ(test::difference(printed, expected), "") << file;

  // A contract that accepts a wrong digit is none.
  const std::vector<std::string> wrong = test::planted(printed, expected);
  EXPECT_FALSE(wrong.empty());
  for (const std::string& text : wrong)
    EXPECT_NE(test::difference(printed, text), "") << "a wrong digit goes unnoticed";

  for (const test::ContractLine& line : printed)
    EXPECT_LE(std::count_if(line.text.begin(), line.text.end(),
                            [](char c) { return (c & 0xc0) != 0x80; }),
              80)
        << line.text;
}

INSTANTIATE_TEST_SUITE_P(Lessons, LessonContract, testing::ValuesIn(contracts()),
                         [](const auto& contract) {
                           std::string name = contract.param.name;
                           for (char& c : name)
                             if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
                           return name;
                         });

TEST(Contracts, NoneIsLeftOver) {
  std::set<std::string> names;
  for (const Contract& contract : contracts()) names.insert(contract.name + ".txt");
  for (const auto& file : fs::directory_iterator("lessons/expected"))
    EXPECT_TRUE(names.count(file.path().filename()) > 0) << file.path() << " belongs to no lesson";
}

TEST(Contracts, CompareAsTheyAreTold) {
  const auto differs = [](const char* printed, const char* expected) {
    return test::difference(test::read_contract(printed), expected) != "";
  };
  EXPECT_FALSE(differs("a 1\nb 2\n", "a 1\nb 2\n"));
  EXPECT_TRUE(differs("a 1\nb 2\n", "a 1\nb 3\n"));
  EXPECT_TRUE(differs("a 1\n", "a 1\nb\n"));
  EXPECT_TRUE(differs("a 1\nb\n", "a 1\n"));
  EXPECT_TRUE(differs("a  1\n", "a 1\n"));
  const char* band = "~ within 0.01 0.1\nloss  1.50 ▓\n~ exact\nend 1\n";
  EXPECT_FALSE(differs(band, "loss 1.60 ░\nend 1\n"));
  EXPECT_FALSE(differs(band, "loss 1.67 ▓\nend 1\n"));  // 0.01 + 0.1 * 1.67, and no less
  EXPECT_TRUE(differs(band, "loss 1.70 ▓\nend 1\n"));
  EXPECT_TRUE(differs(band, "loss -1.50 ▓\nend 1\n"));
  EXPECT_TRUE(differs(band, "boss 1.50 ▓\nend 1\n"));
  EXPECT_TRUE(differs(band, "loss 1.50 2 ▓\nend 1\n"));
  EXPECT_TRUE(differs(band, "loss ▓\nend 1\n"));
  EXPECT_TRUE(differs(band, "loss 1.50 ▓\nend 2\n"));
  EXPECT_FALSE(differs("~ within 0 0\n1 ⠂⡀⣿\n", "1 ⣿\n"));
  EXPECT_FALSE(differs("~ within 1 0\n3e+05\n", "300000\n"));
  EXPECT_FALSE(differs("~ unchecked\nworst 3e-10\n~ exact\nx\n", "worst 5e-11\nx\n"));
  EXPECT_TRUE(differs("~ unchecked\nworst 3e-10\n~ exact\nx\n", "worst 5e-11\ny\n"));
}

TEST(Contracts, ADigitIsPlantedInEachNumberThatIsCompared) {
  const char* text = "a 0.08 2\nworst 3\n0.0\n";
  EXPECT_EQ(
      test::planted(test::read_contract("~ within 1 0\na\n~ unchecked\nb\n~ exact\nc\n"), text),
      (std::vector<std::string>{"a 0.03 2\nworst 3\n0.0\n", "a 0.08 7\nworst 3\n0.0\n",
                                "a 0.08 2\nworst 3\n0.5\n"}));
}

}  // namespace
}  // namespace gradus
