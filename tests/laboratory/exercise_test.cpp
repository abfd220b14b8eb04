// Exercises: every stub fails in every input, every solution passes, and a learner's files are
// never written over.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "exercises/check.h"
#include "gradus/gradcheck/diagnosis.h"
#include "gradus/io/file.h"
#include "laboratory/exercise_file.h"
#include "lessons/program.h"
#include "support.h"

namespace gradus::test {

void PrintTo(const ExerciseFile& e, std::ostream* out) { *out << e.stem(); }

// Compiled from all stubs and all solutions, by what `exercise for-tests` wrote.
std::map<std::string, exercises::Exercise> stubs();
std::map<std::string, exercises::Exercise> solutions();

namespace {

namespace fs = std::filesystem;
using exercises::Tried;

class AnExercise : public testing::TestWithParam<ExerciseFile> {
 protected:
  std::string name() const { return fs::path(GetParam().source).stem(); }
};

TEST_P(AnExercise, SolutionPasses) {
  const exercises::Exercise exercise = solutions().at(name());
  EXPECT_GE(exercise.cases.size(), 4u);
  for (const Tried& t : try_out(exercise))
    EXPECT_TRUE(t.right()) << t.tried.name << ": " << t.result.report() << t.problem;
}

TEST_P(AnExercise, StubFailsInEveryInputOfEveryCase) {
  for (const Tried& t : try_out(stubs().at(name()))) {
    EXPECT_FALSE(t.right()) << t.tried.name;
    if (t.tried.kink) {
      EXPECT_NE(t.problem.find("at a kink"), std::string::npos) << t.problem;
      continue;
    }
    const std::vector<Diagnosis> causes = diagnose(t.tried.yours, t.tried.inputs, t.result);
    EXPECT_EQ(causes.size(), t.tried.inputs.size()) << t.tried.name;
    for (const Diagnosis& d : causes) EXPECT_EQ(d.cause, Cause::never_added) << d.evidence;
  }
}

TEST_P(AnExercise, StubIsTheFileWithoutHintAndSolution) {
  const ExerciseFile& e = GetParam();
  const std::string stub = stub_of(e), solution = solution_of(e);
  EXPECT_EQ(stub.find("[solution]"), std::string::npos);
  EXPECT_EQ(stub.find("[hint]"), std::string::npos);
  EXPECT_EQ(stub.find(solution), std::string::npos);
  EXPECT_EQ(stub.find("in.add(0, dy"), std::string::npos);
  EXPECT_EQ(solution.find("  //"), 0u) << "a solution begins with its derivation:\n" << solution;
  EXPECT_NE(solution.find("const Backward backward = ["), std::string::npos);
  EXPECT_GT(hint_of(e).size(), 20u);
  const std::string back = solved(stub, e);
  EXPECT_NE(back.find(solution), std::string::npos);
  EXPECT_NE(error_of([&] { solved(back, e); }), "");
}

TEST_P(AnExercise, IsInTheDocumentation) {
  const ExerciseFile& e = GetParam();
  const std::string row = fmt::format("| {} | `{}` | {} |\n", e.number, e.name, e.teaches);
  EXPECT_NE(io::read_file("docs/exercises.md").find(row), std::string::npos)
      << "docs/exercises.md should have the line\n"
      << row;
}

INSTANTIATE_TEST_SUITE_P(All, AnExercise, testing::ValuesIn(exercise_files()),
                         [](const auto& test) { return test.param.name; });

TEST(ExerciseFiles, AreNumberedInOrder) {
  int number = 0;
  for (const ExerciseFile& e : exercise_files()) {
    EXPECT_EQ(e.number, ++number) << e.source;
    EXPECT_LE(e.teaches.size(), 50u) << "the list would be wider than 80 columns: " << e.source;
  }
  EXPECT_GE(number, 12);
  EXPECT_EQ(stubs().size(), static_cast<size_t>(number));
  EXPECT_EQ(solutions().size(), static_cast<size_t>(number));
}

TEST(ExerciseFiles, NeedEachPartOnce) {
  ExerciseFile e = exercise_files().front();
  const std::string text = e.text;
  for (const char* part : {"hint", "solution"}) {
    const std::string line = fmt::format("  // [{}]\n", part);
    e.text = text + line;
    EXPECT_NE(error_of([&] { stub_of(e); }), "") << "a third " << line;
    e.text = text;
    e.text.erase(e.text.find(line), line.size());
    EXPECT_NE(error_of([&] { stub_of(e); }), "") << "only one " << line;
  }
}

// ---- what the gradient check alone would not see -----------------------------------------------

exercises::Exercise square_with(const std::function<void(const Array& dx, Inputs& in)>& share) {
  exercises::Exercise e;
  const Function right = [](const exercises::Tensors& in) { return square(in[0]); };
  const Function yours = [=](const exercises::Tensors& in) {
    return record(
        "square", in[0].value() * in[0].value(), {in[0]},
        [=, x = saved(in[0])](const Array& dy, Inputs inputs) { share(2 * dy * *x, inputs); });
  };
  e.cases.push_back({"x", {{"x", e.numbers({3, 5})}}, yours, right});
  return e;
}
std::string problem_of(const exercises::Exercise& e) {
  const Tried t = try_out(e).front();
  return t.result.problem + t.problem;
}

TEST(ExerciseCheck, AsksMoreThanTheGradient) {
  EXPECT_EQ(problem_of(square_with([](const Array& dx, Inputs& in) { in.add(0, dx); })), "");
  // Written over what had arrived before.
  EXPECT_NE(problem_of(square_with([](const Array& dx, Inputs& in) {
              in.buffer(0).copy_from(dx);
            })).find("a second backward does not add"),
            std::string::npos);
  // In numbers of one type only.
  EXPECT_NE(problem_of(square_with([](const Array& dx, Inputs& in) {
              in.add(0, dx * Array::scalar(1, DType::float64));
            })).find("float32"),
            std::string::npos);
  // Another forward.
  exercises::Exercise changed = square_with([](const Array& dx, Inputs& in) { in.add(0, dx); });
  changed.cases[0].library = [](const exercises::Tensors& in) { return 2.0 * square(in[0]); };
  EXPECT_NE(problem_of(changed).find("the forward has been changed"), std::string::npos);
  // A buffer that is not there, because the input wants no gradient.
  exercises::Exercise product = exercises::Exercise();
  const Function yours = [](const exercises::Tensors& in) {
    return record("mul", in[0].value() * in[1].value(), {in[0], in[1]},
                  [a = saved(in[0]), b = saved(in[1])](const Array& dy, Inputs inputs) {
                    add_in_place(inputs.buffer(0), dy * *b);
                    add_in_place(inputs.buffer(1), dy * *a);
                  });
  };
  const Function right = [](const exercises::Tensors& in) { return in[0] * in[1]; };
  const Array a = product.numbers({3}), b = product.numbers({3});
  product.cases.push_back({"a b", {{"a", a}, {"b", b}}, yours, right});
  EXPECT_NE(problem_of(product), "");
}

// ---- the program, from a stub to a solution ----------------------------------------------------

class ExerciseProgram : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(scratch_); }
  void TearDown() override { fs::remove_all(scratch_); }
  ShellResult run(const std::string& arguments) {
    return shell(fmt::format(
        "NO_COLOR=1 {0}/laboratory/exercise {1} --scratch '{2}' --programs '{2}/programs' "
        "--compile \"$(cat {0}/exercises/compile)\"",
        build_directory(), arguments, scratch_.string()));
  }
  static void expect(const ShellResult& outcome, int code, const std::vector<std::string>& parts) {
    EXPECT_EQ(outcome.exit_code, code) << outcome.output;
    for (const std::string& part : parts)
      EXPECT_NE(outcome.output.find(part), std::string::npos) << part << "\n" << outcome.output;
  }
  fs::path scratch_ = fs::path(build_directory()) / "exercise test";  // the space is on purpose
};

TEST_F(ExerciseProgram, LeadsFromAStubToASolution) {
  const ExerciseFile e = exercise_files().at(2);
  const fs::path file = scratch_ / (e.stem() + ".cpp");
  expect(run("open " + e.name), 0, {file.string(), "make exercise-check N=3"});
  ASSERT_EQ(io::read_file(file), stub_of(e));
  expect(run("open"), 0, {"  begun\n"});
  expect(run("check 3"), 1, {"WRONG", "dx: never added", "The closure is still empty"});

  const std::string solution = run("solution 3").output;
  expect({0, solution}, 0, {solution_of(e), "diff"});
  std::string text = solved(stub_of(e), e);
  io::write_file(file, text);
  expect(run("check"), 0, {"Right: ", "Exercise 3, sigmoid, is solved. Next: make exercise N=1"});
  expect(run("open"), 0, {"  passed\n"});

  expect(run("open 03"), 0, {"stays as it is"});
  EXPECT_EQ(io::read_file(file), text);

  const size_t at = text.find("*y * (1");
  ASSERT_NE(at, std::string::npos);
  io::write_file(file, std::string(text).replace(at, 2, "-*y"));
  expect(run("check sigmoid"), 1, {"dx: sign", "minus signs", "A hint: make exercise-check N=3"});
  expect(run("check sigmoid --hint"), 1, {"dx: sign", "Hint: "});
  io::write_file(file, std::string(text).replace(at, 2, "*z"));
  expect(run("check sigmoid"), 1, {"error", "It does not compile"});
}

TEST_F(ExerciseProgram, NamesWhatThereIs) {
  expect(run("open sotfmax"), 2, {"Did you mean softmax?", "nearest first: softmax, "});
  expect(run("open 99"), 2, {"no exercise 99: they are 1 to "});
  expect(run("check"), 2, {"no exercise is begun"});
  expect(run("check mul"), 2, {"exercise 1 is not begun"});
  expect(run("solution layer_nrom"), 2, {"Did you mean layer_norm?"});
  expect(run("nonsense"), 2, {"subcommand"});
  expect(run("--help"), 0, {"check", "solution"});
}

}  // namespace
}  // namespace gradus::test
