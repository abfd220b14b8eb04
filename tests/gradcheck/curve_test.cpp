// The two curves that tell a right gradient from a wrong one without a tolerance.
#include "gradus/gradcheck/curve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <sstream>

#include "gradus/arithmetic.h"
#include "gradus/ops.h"
#include "support.h"

namespace gradus {
namespace {

using test::random_array;

// x^3 with `factor` times its gradient.
Function cube(double factor) {
  return [factor](const std::vector<Tensor>& in) {
    const Array x = in[0].value();
    return record("cube", x * x * x, {in[0]}, [=](const Array& dy, Inputs inputs) {
      inputs.add(0, dy * x * x * (3 * factor));
    });
  };
}

struct Checked {
  Function f;
  std::vector<NamedArray> inputs = {{"x", random_array({3, 5})}};
  GradcheckResult result;
  explicit Checked(const Function& function) : f(function), result(gradcheck("f", f, inputs)) {}
};

TEST(StepCurve, TheRemainderOfARightGradientIsAParabola) {
  const Checked c(cube(1));
  const StepCurve curve = step_curve(c.f, c.inputs, c.result);
  EXPECT_NEAR(curve.slope, 2, 0.1);
  // The V: neither the largest nor the smallest steps come nearest.
  const auto best = std::min_element(curve.error.begin(), curve.error.end());
  EXPECT_LT(*best, 1e-8);
  EXPECT_GT(curve.error.front(), 1e-2);
  EXPECT_GT(curve.error.back(), 1e3 * *best);
}

TEST(StepCurve, TheRemainderOfAWrongGradientIsALine) {
  const Checked c(cube(1.01));
  const StepCurve curve = step_curve(c.f, c.inputs, c.result);
  EXPECT_NEAR(curve.slope, 1, 0.2);
  // No V: no step comes near. The differences themselves have one all the same.
  EXPECT_GT(*std::min_element(curve.error.begin(), curve.error.end()),
            1e-3 * std::abs(c.result.worst.numeric));
  EXPECT_LT(*std::min_element(curve.right_error.begin(), curve.right_error.end()), 1e-8);
}

TEST(StepCurve, OfALinearFunctionNothingRemains) {
  const Checked c([](const std::vector<Tensor>& in) { return in[0] * 3.0; });
  EXPECT_EQ(step_curve(c.f, c.inputs, c.result).slope, 0);
}

TEST(Explain, SaysWhatIsWrongAndShowsIt) {
  const viz::Terminal terminal{.width = 80};
  const Checked wrong(cube(-1));
  const std::string text = explain(wrong.f, wrong.inputs, wrong.result, terminal);
  for (const char* part : {"the gradient is wrong", "dx: sign: every element is -1 times",
                           "from what backward says", "shrinks as h^1"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
  const Checked infinite(cube(std::numeric_limits<double>::infinity()));
  const std::string nothing_to_draw =
      explain(infinite.f, infinite.inputs, infinite.result, terminal);
  EXPECT_NE(nothing_to_draw.find("dx: not finite"), std::string::npos) << nothing_to_draw;
  EXPECT_EQ(nothing_to_draw.find("shrinks as"), std::string::npos) << nothing_to_draw;
  const Checked right(cube(1));
  const std::string fine = explain(right.f, right.inputs, right.result, terminal);
  EXPECT_NE(fine.find("15 gradients agree"), std::string::npos) << fine;
  EXPECT_EQ(fine.find("from what backward says"), std::string::npos) << fine;
}

// A mistake whose evidence is long, in a function whose name is.
TEST(Explain, NothingIsWiderThanTheTerminal) {
  const std::vector<NamedArray> inputs = {{"a_long_name_of_an_input", random_array({2, 3, 5}, 1)},
                                          {"another", random_array({2, 3, 5}, 2)}};
  for (const double factor : {1.0, 2.0, -1.0, 30.0, 0.37}) {
    for (const bool whole : {true, false}) {
      const Function f = [=](const std::vector<Tensor>& in) {
        const Array a = in[0].value(), b = in[1].value();
        return record("mul", a * b, {in[0], in[1]}, [=](const Array& dy, Inputs inputs_of) {
          inputs_of.add(0, whole ? dy * b * factor : dy * b * b * factor);
          inputs_of.add(1, dy * a * factor);
        });
      };
      const std::string name = "a_function_with_a_name_of_many_words_that_say_what_it_computes";
      std::istringstream text(explain(f, inputs, gradcheck(name, f, inputs), {.width = 80}));
      for (std::string line; std::getline(text, line);)
        EXPECT_LE(viz::columns_of(line), 80) << line;
    }
  }
}

}  // namespace
}  // namespace gradus
