#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "kernels/kernels.h"
#include "lessons/program.h"

namespace gradus::kernels {
namespace {

// As a user sees it: a program that runs on the instruction set it was told to, or says why it
// cannot and fails.
TEST(LessonIsa, ALessonRunsOnWhatItIsToldToOrSaysWhyNot) {
  const std::string lesson = " " + test::lesson_program("01_tensors") + " --quick";
  for (const Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    const std::string name(isa_name(isa));
    const test::ShellResult outcome = test::shell("GRADUS_ISA=" + name + lesson);
    const bool is_there = std::ranges::find(available_isas(), isa) != available_isas().end();
    EXPECT_EQ(outcome.exit_code, is_there ? 0 : 1) << outcome.output;
    EXPECT_EQ(outcome.output.find("this CPU or this build has no " + name) != std::string::npos,
              !is_there)
        << outcome.output;
  }
  const test::ShellResult outcome = test::shell("GRADUS_ISA=sse9" + lesson);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("GRADUS_ISA: unknown instruction set 'sse9'"), std::string::npos)
      << outcome.output;
}

}  // namespace
}  // namespace gradus::kernels
