// What every lesson has from the stage: its flags, its page, and the way it is printed.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "../lessons/curriculum.h"
#include "../lessons/layout.h"
#include "../lessons/lesson.h"
#include "gradus/arithmetic.h"
#include "gradus/io/file.h"
#include "gradus/threads.h"
#include "io/temporary.h"
#include "lessons/program.h"

namespace gradus {

std::vector<lessons::Break> lessons::breaks() { return {}; }  // of the lesson in this test

namespace {

using test::shell;
using test::ShellResult;

class EveryLesson : public testing::TestWithParam<std::string> {
 protected:
  std::string program() const { return test::lesson_program(GetParam()); }
};

TEST_P(EveryLesson, HelpNamesTheCommonFlags) {
  const ShellResult help = shell(program() + " --help");
  EXPECT_EQ(help.exit_code, 0);
  for (const char* flag : {"--quick", "--verbose", "--predict", "--break", "--list-breaks",
                           "--html", "--seed", "--threads", "--anomaly", "--help"})
    EXPECT_NE(help.output.find(flag), std::string::npos) << flag << "\n" << help.output;
}

TEST_P(EveryLesson, RefusesWhatItDoesNotKnow) {
  for (const char* flags : {"--no-such-flag", "--break=no-such-break", "--break=", "--seed -1",
                            "--threads 0", "--html", "stray"}) {
    const ShellResult outcome = shell(program() + " " + flags);
    EXPECT_EQ(outcome.exit_code, 2) << flags << "\n" << outcome.output;
    EXPECT_TRUE(outcome.output.starts_with(GetParam() + ": ")) << outcome.output;
  }
  const ShellResult outcome = shell(program() + " --break=no-such-break");
  const ShellResult list = shell(program() + " --list-breaks");
  EXPECT_NE(outcome.output.find(list.output), std::string::npos) << "names what there is";
}

TEST_P(EveryLesson, ItsPageHoldsAllThatItShows) {
  if (test::is_too_slow_twice(GetParam()))
    GTEST_SKIP() << "trains for a minute under the sanitizers";
  test::TemporaryDirectory directory;
  const std::string file = directory / "page.html";
  const ShellResult outcome = shell(program() + " --quick --contract --html " + file);
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  const std::string page = io::read_file(file);
  for (const char* outside : {"http://", "https://", "src=", "@import", "url("}) {
    std::string rest = page;
    // The names of XML namespaces are no addresses that anything is fetched from.
    for (const char* name : {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink",
                             "http://www.w3.org/1998/Math/MathML"})
      for (size_t at; (at = rest.find(name)) != rest.npos;)
        rest.erase(at, std::string(name).size());
    EXPECT_EQ(rest.find(outside), std::string::npos) << outside;
  }
  for (const char* part : {"<h2", "<svg", "<math", "</html>"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
}

TEST_P(EveryLesson, SaysWhereItCannotWriteItsPage) {
  const ShellResult outcome = shell(program() + " --quick --html /no/such/directory/page.html");
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("/no/such/directory"), std::string::npos) << outcome.output;
}

INSTANTIATE_TEST_SUITE_P(Stage, EveryLesson, testing::ValuesIn(test::lesson_names()),
                         [](const auto& lesson) { return "Lesson" + lesson.param; });

std::string attention() { return test::lesson_program("07_attention"); }

TEST(Stage, PredictComparesNumbersAndWords) {
  const auto answers = [](const std::string& lines) {
    return shell("printf '" + lines + "' | " + attention() + " --quick --predict").output;
  };
  const auto count = [](const std::string& text, const std::string& part) {
    int n = 0;
    for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++n;
    return n;
  };
  const std::string right = answers("CAT\\n6x6\\n[6, 5]\\n");
  EXPECT_EQ(count(right, "Yes."), 3) << right;
  EXPECT_EQ(count(right, "Not quite."), 0) << right;
  const std::string wrong = answers("dog\\n6 4\\n6\\n");
  EXPECT_EQ(count(wrong, "Not quite."), 3) << wrong;
  EXPECT_EQ(count(answers(""), "Your answer"), 1) << "nobody is there: it asks once, then goes on";
}

TEST(Stage, PrintsPlainTextWhereNobodyWatchesAndAsciiWhereThereIsNoUnicode) {
  const std::string text = shell("LC_ALL=C " + attention() + " --quick").output;
  for (const char c : text) ASSERT_LT(static_cast<unsigned char>(c), 0x80) << text;
  EXPECT_EQ(text.find('\033'), std::string::npos);
  size_t line = 0;
  for (const char c : text) {
    line = c == '\n' ? 0 : line + 1;
    EXPECT_LE(line, 80u);
  }
}

TEST(Stage, AnErrorEndsItWithItsMessage) {
  const ShellResult outcome = shell("GRADUS_ISA=no-such-isa " + attention() + " --quick");
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_NE(outcome.output.find("no-such-isa"), std::string::npos) << outcome.output;
}

// A lesson of this test's own: the exit code, and what it printed.
ShellResult teach(void (*lesson)(lessons::Lesson&),
                  std::vector<std::string> flags = {"--contract"}) {
  ::setenv("GOMP_SPINCOUNT", "2000", 0);  // else the program, this one, would load itself again
  testing::internal::CaptureStdout();
  flags.insert(flags.begin(), "test_lesson");
  std::vector<char*> argv;
  for (std::string& flag : flags) argv.push_back(flag.data());
  argv.push_back(nullptr);
  const int exit_code =
      lessons::run(static_cast<int>(flags.size()), argv.data(), {.number = 7}, lesson);
  return {exit_code, testing::internal::GetCapturedStdout()};
}

using lessons::Lesson;

Tensor wrong_square(const Tensor& x) {
  return record("wrong_square", square(x).value(), {x},
                [x = saved(x)](const Array& dy, Inputs in) { in.add(0, dy * *x); });
}

TEST(Stage, WhatFailsFailsTheLesson) {
  const std::vector<std::pair<void (*)(Lesson&), const char*>> failing{
      {[](Lesson& l) { l.check("two is three", false); }, "FAILED: two is three"},
      {[](Lesson& l) { l.check("equal", Tensor(1.0), Tensor(1.5)); }, "they differ by 0.5"},
      {[](Lesson& l) { l.check("equal", Tensor(1.0), Tensor(std::nan(""))); },
       "they differ by nan"},
      {[](Lesson& l) { l.check("equal", Tensor(1.0), Tensor(Array::zeros({2}))); },
       "shapes differ"},
      {[](Lesson& l) { l.symptom("it burns", false); }, "not seen: it burns"},
      {[](Lesson& l) {
         l.gradcheck("wrong", [](const auto& x) { return wrong_square(x[0]); },
                     {{"x", l.randn({3})}});
       },
       "FAILED: the gradient of wrong is wrong"},
      {[](Lesson& l) {
         l.caught("right", [](const auto& x) { return square(x[0]); }, {{"x", l.randn({3})}});
       },
       "noticed nothing"},
  };
  for (const auto& [lesson, message] : failing) {
    const ShellResult outcome = teach(lesson);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
    EXPECT_NE(outcome.output.find(message), std::string::npos) << message << "\n" << outcome.output;
  }
}

TEST(Stage, WhatHoldsDoesNot) {
  const ShellResult outcome = teach([](Lesson& l) {
    l.check("two is two", true);
    l.check("equal", Tensor(1.0), Tensor(1.0));
    l.symptom("it burns", true);
    l.gradcheck("square", [](const auto& x) { return square(x[0]); }, {{"x", l.randn({3})}});
    l.caught("wrong", [](const auto& x) { return wrong_square(x[0]); }, {{"x", l.randn({3})}});
  });
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  for (const char* part :
       {"3 partial derivatives agree to 1e-6: square (3)", "~ unchecked\n    worst ",
        "caught by the gradient check of wrong", "numeric"})  // the report of what was caught
    EXPECT_NE(outcome.output.find(part), std::string::npos) << part << "\n" << outcome.output;
}

TEST(Stage, AContractSaysHowLinesAreComparedAndHasNoTimes) {
  const ShellResult outcome = teach([](Lesson& l) {
    l.section("trained");
    l.trained({0.01, 0.1});
    l.text("loss 1.5");
    l.elapsed("training", 12.5);
    l.section("by hand");
    l.text("1 + 1 = 2");
  });
  const size_t trained = outcome.output.find("~ within 0.01 0.1\n\n  loss 1.5\n~ exact\n"),
               by_hand = outcome.output.find("by hand");
  EXPECT_LT(trained, by_hand) << outcome.output;
  EXPECT_NE(by_hand, std::string::npos);
  EXPECT_EQ(outcome.output.find("12 s"), std::string::npos) << outcome.output;
}

TEST(Stage, ColumnsAreAlignedInAsciiAsWell) {
  const char* was = std::getenv("LC_ALL");
  const std::string before = was == nullptr ? "" : was;
  ::setenv("LC_ALL", "C", 1);
  const ShellResult outcome = teach(
      [](Lesson& l) {
        l.show("x", Array::of({1, 2}, {1, 2}), {"row", "column", {}, {}}, 0);
      },
      {});
  ::setenv("LC_ALL", before.c_str(), 1);  // an empty one counts as none
  EXPECT_NE(outcome.output.find("  row v column ->  0  1\n"
                                "  ---------------------\n"
                                "                0  1  2\n"),
            std::string::npos)
      << outcome.output;
}

TEST(Stage, TheSeedAndTheThreadsAreThoseOfTheFlags) {
  const auto numbers = [](std::vector<std::string> flags) {
    flags.emplace_back("--contract");
    return teach([](Lesson& l) { l.show("x", l.randn({4})); }, flags).output;
  };
  EXPECT_EQ(numbers({}), numbers({"--seed", "1"}));
  EXPECT_NE(numbers({}), numbers({"--seed", "2"}));
  const int before = num_threads();
  for (const char* threads : {"1", "2"}) {
    teach([](Lesson&) {}, {"--contract", "--threads", threads});
    EXPECT_EQ(std::to_string(num_threads()), threads);
  }
  set_num_threads(before);
}

TEST(Stage, SeveralEquationsShareALine) {
  const ShellResult outcome = teach([](Lesson& l) { l.equation("f(a, b),  y_1 = 2,     z"); });
  EXPECT_NE(outcome.output.find("\n    f(a, b),   y₁ = 2,   z\n"), std::string::npos)
      << outcome.output;
}

TEST(Stage, ShowsTensorsOfRankZeroToThree) {
  const ShellResult outcome = teach([](Lesson& l) {
    l.show("number", Array::scalar(3, DType::float64));
    l.show("vector", Array::of({1, -0.001, 2}, {3}));
    l.show("matrix", Array::of({1, 2, 3, 4}, {2, 2}), {"row", "column", {"a", "b"}, {"c", "d"}}, 1);
    l.show("heads", Array::of({1, 2, 3, 4}, {2, 1, 2}), {}, 0);
  });
  for (const char* part :
       {"number [] = [3.00]", "vector [3] = [1.00, 0.00, 2.00]", "matrix [2, 2]",
        "row ↓ column →    c    d", "a               1.0  2.0", "heads[1] [1, 2]"})
    EXPECT_NE(outcome.output.find(part), std::string::npos) << part << "\n" << outcome.output;
}

TEST(Stage, LaysOutText) {
  using namespace lessons;
  EXPECT_EQ(plain("a `code` and $Q K^T / sqrt(d_k)$."), "a code and Q Kᵀ / √d_k.");
  EXPECT_EQ(plain("5 $ a piece"), "5 $ a piece");
  EXPECT_EQ(in_ascii("√2 ≤ σ, 家"), "sqrt 2 <= sigma, ?");
  EXPECT_EQ(in_ascii("x³ + 10⁻¹² y₁₀²"), "x^3 + 10^-12 y_10^2");
  EXPECT_EQ(unfolded("  a\n   b c "), "a b c");
  EXPECT_EQ(indented("a\n\nb\n", 2), "  a\n\n  b\n");
  EXPECT_EQ(slug("Weights, trained (2)"), "weights-trained-2");
  EXPECT_EQ(number(-0.004, 2), "0.00");
  EXPECT_EQ(side_by_side("a\nbb\n", "c\n", 80), "a     c\nbb\n");
  EXPECT_EQ(side_by_side("a\n", "c\n", 6), "a    c\n");  // just fits
  EXPECT_EQ(side_by_side("a\n", "c\n", 3), "a\n\nc\n");
  EXPECT_TRUE(same_answer("about 0.61", "0.6"));
  EXPECT_FALSE(same_answer("46", "48"));
  EXPECT_TRUE(same_answer("0.015625", "1/64"));
  EXPECT_FALSE(same_answer("1/32", "1/64"));
  EXPECT_TRUE(same_answer("2,097,151", "2097151"));
  EXPECT_TRUE(same_answer("no, it does not", "no"));
  EXPECT_FALSE(same_answer("nothing", "no"));
  EXPECT_TRUE(same_answer("the cat", "cat"));
  EXPECT_FALSE(same_answer("0.7", "0.6"));
  EXPECT_FALSE(same_answer("6", "[6, 6]"));
  EXPECT_TRUE(same_answer("(6,6)", "[6, 6]"));
  EXPECT_TRUE(same_answer(" The Cat", "the cat"));
  EXPECT_FALSE(same_answer("", "cat"));
  EXPECT_THROW(largest_difference(Tensor(Array::zeros({2})), Tensor(Array::zeros({3}))), Error);
  EXPECT_EQ(split_row("a | b |  | d"), (std::vector<std::string>{"a", "b", "", "d"}));
}

TEST(Stage, TheCurriculumKnowsWhatIsThere) {
  std::vector<std::string> built;
  for (const lessons::Entry& entry : lessons::curriculum())
    if (entry.program != nullptr) built.push_back(entry.program);
  EXPECT_EQ(built, test::lesson_names());
  EXPECT_EQ(lessons::curriculum().size(), 31u);
  EXPECT_EQ(lessons::neighbour(31, 1), nullptr);
  EXPECT_EQ(lessons::neighbour(1, -1), nullptr);
  EXPECT_EQ(lessons::neighbour(7, 1)->number > 7, true);
  EXPECT_THROW(lessons::entry(32), Error);
}

}  // namespace
}  // namespace gradus
