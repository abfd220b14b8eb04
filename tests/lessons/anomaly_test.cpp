// Anomaly mode as a user of a program meets it.
#include <gtest/gtest.h>

#include "lessons/program.h"

namespace gradus {
namespace {

using test::lesson_program;
using test::shell;

// A training whose learning rate is a million: weights explode within a few steps.
const char* const exploding =
    " --data tales --layers 1 --heads 2 --width 16 --context 16 --batch 4"
    " --steps 200 --tokens 5 --lr 1e6 ";

// Were it not stopped, it would write a model, which must not take the place of somebody's.
std::string not_kept() { return "--save '" + testing::TempDir() + "anomaly_test.safetensors'"; }

void expect_stopped(const std::string& command) {
  const test::ShellResult result = shell(command);
  EXPECT_EQ(result.exit_code, 1) << result.output;
  EXPECT_NE(result.output.find("anomaly in the "), std::string::npos) << result.output;
  EXPECT_NE(result.output.find("input 0, "), std::string::npos) << result.output;
}

TEST(AnomalyProgram, ATrainingThatExplodesIsStoppedByTheFlag) {
  expect_stopped(lesson_program("15_gpt") + exploding + not_kept() + " --anomaly");
}

TEST(AnomalyProgram, AndByTheEnvironmentOfAProgramThatKnowsNothingOfIt) {
  expect_stopped("GRADUS_ANOMALY=1 " + lesson_program("15_gpt") + exploding + not_kept());
}

TEST(AnomalyProgram, ASoundRunPrintsTheSameWithAndWithout) {
  const std::string lesson = lesson_program("07_attention") + " --quick --contract";
  const test::ShellResult plain = shell(lesson), watched = shell("GRADUS_ANOMALY=1 " + lesson);
  EXPECT_EQ(watched.exit_code, 0) << watched.output;
  EXPECT_EQ(watched.output, plain.output);
}

TEST(AnomalyProgram, AnUnknownValueOfTheVariableIsRefused) {
  const test::ShellResult result =
      shell("GRADUS_ANOMALY=yes " + lesson_program("07_attention") + " --quick");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.output.find("GRADUS_ANOMALY: 'yes' is neither 0 nor 1"), std::string::npos)
      << result.output;
}

}  // namespace
}  // namespace gradus
