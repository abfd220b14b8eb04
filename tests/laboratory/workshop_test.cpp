// The workshop: a changed source takes the place of the library's, and nothing else changes.
#include "laboratory/workshop.h"

#include <gtest/gtest.h>

#include "gradus/gradcheck/diagnosis.h"
#include "shell.h"

namespace gradus::test {
namespace {

using Path = std::filesystem::path;

class WorkshopTest : public testing::Test {
 protected:
  // A new workshop in which `from`, somewhere in the source, is replaced.
  Workshop with(const std::string& source, const std::string& from, const std::string& to) {
    std::filesystem::remove_all(directory_);
    Workshop workshop(directory_);
    std::string text = text_of(source);
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    workshop.put(source, text.replace(at, from.size(), to));
    return workshop;
  }
  Path directory_ = Path(build_directory()) / "workshop_test";
};

TEST_F(WorkshopTest, FindsNothingWrongWhereNothingChanged) {
  const Verdict verdict =
      with("src/ops/elementwise.cpp", "dy * *b", "dy * *b").gradcheck({"mul", "div"});
  EXPECT_TRUE(verdict.finished()) << verdict.output;
  EXPECT_FALSE(verdict.caught());
  EXPECT_GT(verdict.cases, 20);
  EXPECT_EQ(verdict.wrong, 0);
}

TEST_F(WorkshopTest, CatchesAMistakeAndTellsTheCause) {
  const Verdict verdict =
      with("src/ops/elementwise.cpp", "dy * *b", "-1 * dy * *b").gradcheck({"mul"});
  EXPECT_TRUE(verdict.caught()) << verdict.output;
  EXPECT_EQ(verdict.main_cause, name(Cause::sign)) << verdict.output;
  EXPECT_GT(verdict.causes.at(std::string(name(Cause::sign))), 5);
}

// The library picks the instruction set when it runs: all of them must be the changed ones.
TEST_F(WorkshopTest, CompilesAKernelForEveryInstructionSet) {
  Workshop workshop = with("src/kernels/isa/elementwise.cpp", "return x + x;", "return x;");
  EXPECT_TRUE(workshop.gradcheck({"square"}).caught());
  for (const char* isa : {"portable", "avx2", "avx512"}) {
    const ShellResult run = shell("GRADUS_ISA=" + std::string(isa) + " '" +
                                  (directory_ / ".build/gradcheck").string() + "' square");
    EXPECT_TRUE(run.exit_code == 1 || run.output.find("GRADUS_ISA") != std::string::npos)
        << isa << "\n"
        << run.output;
  }
}

TEST_F(WorkshopTest, SaysWhatDoesNotCompile) {
  const Verdict verdict = with("src/ops/elementwise.cpp", "dy * *b", "dy * *nobody").gradcheck({});
  EXPECT_FALSE(verdict.compiled() || verdict.caught());
  EXPECT_NE(verdict.output.find("nobody"), std::string::npos) << verdict.output;
}

TEST_F(WorkshopTest, EndsWhatDoesNotEndAndNoticesACrash) {
  const Verdict endless =
      with("src/ops/elementwise.cpp", "in.add(0, dy * *b)", "for (volatile int i = 0;;) i = i")
          .gradcheck({"mul"}, 1);
  EXPECT_EQ(endless.ending, Ending::too_long) << endless.output;
  EXPECT_FALSE(endless.caught());  // the machine may only be busy
  const Verdict crash =
      with("src/ops/elementwise.cpp", "in.add(0, dy * *b)", "std::abort()").gradcheck({"mul"});
  EXPECT_EQ(crash.ending, Ending::crashed) << crash.output;
  EXPECT_TRUE(crash.caught());
}

TEST_F(WorkshopTest, AnErrorInBackwardIsAWrongGradient) {
  const Verdict verdict =
      with("src/ops/elementwise.cpp", "dy * *b", "Array::zeros({2, 2}, dy.dtype())")
          .gradcheck({"mul"});
  EXPECT_TRUE(verdict.finished()) << verdict.output;
  EXPECT_GT(verdict.wrong, 0);
}

}  // namespace
}  // namespace gradus::test
