// The puzzle program from end to end, in a directory of its own: a learner begins a puzzle, asks
// for hints, gets the copy wrong and then right, and the tree stays as it was.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "gradus/io/file.h"
#include "laboratory/exhibit.h"
#include "laboratory/workshop.h"
#include "shell.h"

namespace gradus::test {
namespace {

namespace fs = std::filesystem;

class Puzzle : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(scratch_); }
  void TearDown() override { fs::remove_all(scratch_); }

  ShellResult puzzle(const std::string& arguments) const {
    return shell(fmt::format("NO_COLOR=1 {}/laboratory/puzzle --scratch '{}' {}", build_directory(),
                             scratch_.string(), arguments));
  }
  static size_t number_of(const std::string& name) {
    for (size_t i = 0; i < exhibits().size(); ++i)
      if (exhibits()[i].name == name) return i + 1;
    ADD_FAILURE() << "there is no exhibit " << name;
    return 0;
  }
  fs::path copy(size_t number) const {
    return scratch_ / fmt::format("puzzle-{:02}", number) /
           fs::path(exhibits()[number - 1].file).filename();
  }
  fs::path scratch_ = fs::path(build_directory()) / "puzzle_test";
};

bool has(const ShellResult& result, const std::string& text) {
  return result.output.find(text) != std::string::npos;
}

// Every file of the tree's sources, and when it was written last.
std::map<std::string, fs::file_time_type> tree() {
  std::map<std::string, fs::file_time_type> files;
  for (const char* room : {"src", "include", "tests", "lessons"})
    for (const auto& entry : fs::recursive_directory_iterator(room))
      if (entry.is_regular_file()) files[entry.path()] = entry.last_write_time();
  return files;
}

TEST_F(Puzzle, IsBegunCheckedAndMended) {
  const auto before = tree();
  const size_t n = number_of("linear-bias-averaged");
  const Exhibit& e = exhibits()[n - 1];
  const ShellResult begun = puzzle(fmt::format("open {}", n));
  EXPECT_EQ(begun.exit_code, 0) << begun.output;
  for (const std::string& part : {e.symptom.substr(0, 40), copy(n).string(), std::string("WRONG"),
                                  std::string("numeric"), fmt::format("make puzzle-check N={}", n)})
    EXPECT_TRUE(has(begun, part)) << part << "\n" << begun.output;
  for (const std::string& secret : {e.name, e.to, e.hints[0], std::string(name(e.cause))})
    EXPECT_FALSE(has(begun, secret)) << secret << "\n" << begun.output;
  EXPECT_EQ(io::read_file(copy(n)), planted(e, text_of(e.file)));

  const ShellResult wrong = puzzle("check");  // the newest
  EXPECT_EQ(wrong.exit_code, 1) << wrong.output;
  EXPECT_TRUE(has(wrong, std::string(name(e.cause)))) << wrong.output;
  EXPECT_TRUE(has(wrong, "not mended yet")) << wrong.output;

  // Mended in words of the learner's own.
  std::string mended = text_of(e.file);
  const std::string own = "if (in.wants(2)) in.add(2, sum(dy * 1.0, {0}));";
  io::write_file(copy(n), mended.replace(mended.find(e.from), e.from.size(), own));
  const ShellResult right = puzzle(fmt::format("check {}", n));
  EXPECT_EQ(right.exit_code, 0) << right.output;
  EXPECT_TRUE(has(right, "Mended")) << right.output;
  EXPECT_TRUE(has(right, e.name)) << right.output;
  EXPECT_TRUE(has(right, "- ")) << right.output;
  EXPECT_TRUE(has(right, own)) << right.output;
  EXPECT_TRUE(has(puzzle("list"), "mended\n"));
  EXPECT_EQ(tree(), before) << "the learner's tree was touched";
}

TEST_F(Puzzle, IsNotMendedByAnotherForwardPassOrWhatDoesNotCompile) {
  const size_t n = number_of("matmul-transpose-forgotten");
  const Exhibit& e = exhibits()[n - 1];
  fs::create_directories(copy(n).parent_path());
  const std::string ours = text_of(e.file);

  io::write_file(copy(n), ours + "\nthis is no C++\n");
  const ShellResult broken = puzzle("check");
  EXPECT_EQ(broken.exit_code, 1);
  EXPECT_TRUE(has(broken, "error:") && has(broken, "does not compile")) << broken.output;

  // 2 a b, with its gradient.
  std::string twice = ours;
  for (const std::string from :
       {"gemm(a.value(), b.value())", "gemm(dy, transposed(*b))", "gemm(transposed(*a), dy)"}) {
    ASSERT_NE(twice.find(from), twice.npos);
    twice.replace(twice.find(from), from.size(), from + " * 2");
  }
  io::write_file(copy(n), twice);
  const ShellResult other = puzzle("check");
  EXPECT_EQ(other.exit_code, 1) << other.output;
  EXPECT_TRUE(has(other, "another value than in the library")) << other.output;
}

TEST_F(Puzzle, GivesHintsOneByOne) {
  const size_t n = exhibits().size();
  for (int i = 1; i <= 3; ++i) {
    const ShellResult hint = puzzle(fmt::format("open {} --hint {}", n, i));
    EXPECT_EQ(hint.exit_code, 0);
    EXPECT_TRUE(has(hint, fmt::format("hint {}", i))) << hint.output;
    EXPECT_EQ(has(hint, fmt::format("HINT={}", i + 1)), i < 3) << hint.output;
  }
  const ShellResult fourth = puzzle(fmt::format("open {} --hint 4", n));
  EXPECT_EQ(fourth.exit_code, 2);
  EXPECT_TRUE(has(fourth, "HINT=1 to HINT=3")) << fourth.output;
}

TEST_F(Puzzle, BadUseNamesWhatIsKnown) {
  for (const std::string wanted : {"0", "999", "softmax", "-1"}) {
    const ShellResult result = puzzle("open -- " + wanted);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_TRUE(has(result, fmt::format("N=1 to N={}", exhibits().size()))) << result.output;
  }
  EXPECT_EQ(puzzle("check").exit_code, 2);
  EXPECT_TRUE(has(puzzle("check"), "no puzzle is begun"));
  EXPECT_TRUE(has(puzzle("check 3"), "puzzle 3 is not begun"));
  EXPECT_FALSE(fs::exists(scratch_));
}

TEST_F(Puzzle, TheListTellsNoSecrets) {
  const ShellResult list = puzzle("list");
  EXPECT_EQ(list.exit_code, 0);
  for (const Exhibit& e : exhibits()) EXPECT_FALSE(has(list, e.name)) << e.name;
}

}  // namespace
}  // namespace gradus::test
