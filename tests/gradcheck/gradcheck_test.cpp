// The gradient check itself: it lets right gradients pass, and finds planted wrong ones.
#include "gradus/gradcheck.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradus/arithmetic.h"
#include "gradus/ops.h"
#include "support.h"

namespace gradus {
namespace {

using test::error_of;
using test::random_array;

// x^2, element by element, with the given gradient.
template <class Gradient>
Tensor square(const Tensor& x, Gradient gradient) {
  return record("square", x.value() * x.value(), {x},
                [x = saved(x), gradient](const Array& dy, Inputs in) {
                  in.add(0, gradient(dy, *x));  // dx = dy 2 x, if it is right
                });
}

Array right_gradient(const Array& dy, const Array& x) { return dy * x * 2; }

template <class Gradient>
GradcheckResult check_square(Gradient gradient) {
  return gradcheck("square", [=](const auto& in) { return square(in[0], gradient); },
                   {{"x", random_array({3, 5})}});
}

TEST(Gradcheck, LetsARightGradientPass) {
  const GradcheckResult result = check_square(right_gradient);
  EXPECT_TRUE(result.passed) << result.report();
  EXPECT_EQ(result.elements, 15);
  EXPECT_LT(result.worst.error, 1e-8);
  EXPECT_EQ(result.problem, "");
  EXPECT_EQ(result.summary().rfind("square: 15 gradients agree, worst ", 0), 0) << result.summary();
}

TEST(Gradcheck, ComparesEveryElementOfEveryInput) {
  const GradcheckResult result =
      gradcheck("affine", [](const auto& in) { return in[0] * in[1] + in[2]; },
                {{"x", random_array({3, 5}, 1)},
                 {"scale", random_array({5}, 2)},
                 {"shift", random_array({}, 3)}});
  EXPECT_TRUE(result.passed) << result.report();
  EXPECT_EQ(result.elements, 15 + 5 + 1);
  ASSERT_EQ(result.inputs.size(), 3);
  EXPECT_EQ(result.inputs[1].input, "scale");
}

TEST(Gradcheck, FindsAWrongGradient) {
  const struct {
    const char* mistake;
    Array (*gradient)(const Array& dy, const Array& x);
  } cases[] = {
      {"half of it", [](const Array& dy, const Array& x) { return dy * x; }},
      {"a part in a hundred thousand",
       [](const Array& dy, const Array& x) { return dy * x * 2.00002; }},
      {"the sign", [](const Array& dy, const Array& x) { return dy * x * -2; }},
      {"zero", [](const Array& dy, const Array&) { return dy * 0; }},
      {"no dy", [](const Array&, const Array& x) { return x * 2; }},
      {"transposed",
       [](const Array& dy, const Array& x) { return (dy * x * 2).transpose().reshape(x.shape()); }},
  };
  for (const auto& [mistake, gradient] : cases) {
    const GradcheckResult result = check_square(gradient);
    EXPECT_FALSE(result.passed) << mistake << "\n" << result.report();
    EXPECT_EQ(result.summary().rfind("square: the gradient is wrong, worst ", 0), 0)
        << result.summary();
  }
}

TEST(Gradcheck, NamesTheOneElementThatIsWrong) {
  const GradcheckResult result = check_square([](const Array& dy, const Array& x) {
    const Array dx = right_gradient(dy, x);
    dx.slice(0, 2, 3).slice(1, 3, 4).copy_from(Array::full({1, 1}, 7, DType::float64));
    return dx;
  });
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.worst.input, "x");
  EXPECT_EQ(result.worst.index, (Shape{2, 3}));
  EXPECT_EQ(result.worst.analytic, 7);
  // The numbers, side by side, against the derivative of sum(w x^2) with the check's own w.
  Generator cotangent(1, 0x6772);  // the stream of gradcheck.cpp
  const double w = randn({3, 5}, cotangent, DType::float64).at({2, 3});
  const double x = random_array({3, 5}, 1).at({2, 3});
  EXPECT_NEAR(result.worst.numeric, 2 * w * x, 1e-8);
  const std::string report = result.report();
  EXPECT_NE(report.find(fmt::format("x[2, 3] {:>30.9e} {:>16.9e} {:>9.4g} {:>9.1e}", 7.0,
                                    result.worst.numeric, 7.0 / result.worst.numeric,
                                    result.worst.error)),
            std::string::npos)
      << report;
  EXPECT_NE(report.find("at x[2, 3]\n"), std::string::npos) << report;
}

TEST(Gradcheck, FindsAnInputThatGotNothing) {
  const auto forgets_b = [](const std::vector<Tensor>& in) {
    return record("mul", in[0].value() * in[1].value(), {in[0], in[1]},
                  [b = saved(in[1])](const Array& dy, Inputs inputs) { inputs.add(0, dy * *b); });
  };
  const GradcheckResult result =
      gradcheck("mul", forgets_b, {{"a", random_array({3}, 1)}, {"b", random_array({3}, 2)}});
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.worst.input, "b");
  EXPECT_EQ(result.worst.error, 1);
  EXPECT_LT(result.inputs[0].error, 1e-8);  // a is right, and the table says so
}

TEST(Gradcheck, AGradientThatIsNotFiniteFails) {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    const GradcheckResult result = check_square([=](const Array& dy, const Array& x) {
      const Array dx = right_gradient(dy, x);
      dx.select(0, 1).select(0, 0).copy_from(Array::scalar(bad, DType::float64));
      return dx;
    });
    EXPECT_FALSE(result.passed);
    EXPECT_EQ(result.worst.index, (Shape{1, 0})) << result.report();
  }
}

TEST(Gradcheck, ANonFiniteGradientStaysTheWorst) {
  // The element after it, and the input after it, are merely wrong.
  const GradcheckResult result =
      gradcheck("two",
                [](const std::vector<Tensor>& in) {
                  return record("add", in[0].value() + in[1].value(), {in[0], in[1]},
                                [](const Array& dy, Inputs inputs) {
                                  Array da = dy.clone();
                                  da.mutable_data<double>()[0] = std::nan("");
                                  inputs.add(0, da);
                                  inputs.add(1, dy * 2);
                                });
                },
                {{"a", random_array({3}, 1)}, {"b", random_array({3}, 2)}});
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.worst.input, "a");
  EXPECT_TRUE(std::isnan(result.worst.analytic));
}

TEST(Gradcheck, AStructuralZeroIsExactlyZero) {
  // x[1] is masked and has no influence; the planted gradient there is far below any tolerance.
  const Array mask = Array::of_bools({false, true, false}, {3});
  const auto masked = [=](double leak) {
    return gradcheck("masked",
                     [=](const std::vector<Tensor>& in) {
                       return record("masked", masked_fill(in[0].value(), mask, 0), {in[0]},
                                     [=](const Array& dy, Inputs inputs) {
                                       inputs.add(0, masked_fill(dy, mask, leak));
                                     });
                     },
                     {{"x", random_array({3})}});
  };
  EXPECT_TRUE(masked(0).passed);
  const GradcheckResult leaking = masked(1e-12);
  EXPECT_FALSE(leaking.passed);
  EXPECT_EQ(leaking.worst.index, (Shape{1}));
}

TEST(Gradcheck, AZeroSlopeThatIsNotStructuralNeedsNoExactZero) {
  // (x - 1)(x + 1) at 0: both steps give the same value, but not that at 0 itself.
  const GradcheckResult result = gradcheck(
      "even",
      [](const std::vector<Tensor>& in) {
        return square(
            in[0], [](const Array& dy, const Array& x) { return right_gradient(dy, x) + 1e-12; });
      },
      {{"x", Array::of({0, 3}, {2}, DType::float64)}});
  EXPECT_TRUE(result.passed) << result.report();
}

TEST(Gradcheck, SmallGradientsAreMeasuredAgainstALargeOne) {
  // The error is relative to at least a hundredth of the input's largest derivative.
  const auto with_error = [](double error) {
    return gradcheck("square",
                     [=](const std::vector<Tensor>& in) {
                       return square(in[0], [=](const Array& dy, const Array& x) {
                         Array dx = right_gradient(dy, x);
                         dx.mutable_data<double>()[0] += error;
                         return dx;
                       });
                     },
                     {{"x", Array::of({1e-9, 1}, {2}, DType::float64)}});
  };
  EXPECT_TRUE(with_error(1e-10).passed);  // a twentieth of that element's own derivative
  EXPECT_FALSE(with_error(1e-7).passed);
}

TEST(Gradcheck, SeesWhatAPlainSumWouldHide) {
  // Softmax's rows sum to 1, so through sum() its gradient is zero and a zero backward looks right.
  const auto zero_backward = [](const std::vector<Tensor>& in) {
    const NoGrad guard;
    const Array y = softmax(in[0]).value();
    const EnableGrad again;
    return record("softmax", y, {in[0]},
                  [](const Array& dy, Inputs inputs) { inputs.add(0, dy * 0); });
  };
  EXPECT_FALSE(gradcheck("softmax", zero_backward, {{"x", random_array({2, 3})}}).passed);
  EXPECT_TRUE(gradcheck("sum of softmax",
                        [&](const auto& in) { return sum(zero_backward(in)) + sum(in[0]); },
                        {{"x", random_array({2, 3})}})
                  .passed);
}

TEST(Gradcheck, AFunctionThatDrawsAnewFailsWithThatReason) {
  Generator generator(1);
  const GradcheckResult result =
      gradcheck("dropout", [&](const auto& in) { return dropout(in[0], 0.5, generator); },
                {{"x", random_array({50})}});
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.summary(),
            "dropout: called again with the same inputs, the function gives another value");
  EXPECT_EQ(result.report(), result.summary() + "\n");
}

TEST(Gradcheck, AValueThatIsNotFiniteFailsWithThatReason) {
  const GradcheckResult result = gradcheck("log", [](const auto& in) { return log(in[0]); },
                                           {{"x", Array::of({1, -1}, {2}, DType::float64)}});
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.summary(), "log: the function's value is not finite");
}

// Right as long as both inputs want a gradient.
TEST(Gradcheck, AGradientThatDependsOnWhoElseWantsOneFails) {
  const auto product = [](const std::vector<Tensor>& in) {
    return record("product", in[0].value() * in[1].value(), {in[0], in[1]},
                  [a = saved(in[0]), b = saved(in[1])](const Array& dy, Inputs inputs) {
                    if (inputs.wants(1)) inputs.add(0, dy * *b);
                    if (inputs.wants(1)) inputs.add(1, dy * *a);
                  });
  };
  const GradcheckResult result = gradcheck(
      "product", product, {{"a", random_array({3, 5}, 1)}, {"b", random_array({3, 5}, 2)}});
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.problem, "while the other inputs are constants, the gradient of a is another");
}

// Right as long as nothing has arrived before.
TEST(Gradcheck, AGradientThatTakesThePlaceOfAnotherFails) {
  const auto copy = [](const std::vector<Tensor>& in) {
    return record("copy", in[0].value() + 0, {in[0]},
                  [](const Array& dy, Inputs inputs) { inputs.buffer(0).copy_from(dy); });
  };
  const GradcheckResult result = gradcheck("copy", copy, {{"x", random_array({3, 5})}});
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.problem, "a second backward does not add the gradient of x once more");
}

TEST(Gradcheck, AResultThatForgotItsGraphFails) {
  const GradcheckResult result = gradcheck(
      "detached", [](const auto& in) { return in[0].detach() * 2; }, {{"x", random_array({3})}});
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.worst.analytic, 0);
}

TEST(Gradcheck, AnInputWithoutElementsIsPassedOver) {
  const auto f = [](const std::vector<Tensor>& in) { return concat({in[0], in[1]}, 0); };
  const Array none({0, 3}, DType::float64);
  const GradcheckResult result =
      gradcheck("concat", f, {{"none", none}, {"x", random_array({2, 3})}});
  EXPECT_TRUE(result.passed) << result.report();
  EXPECT_EQ(result.elements, 6);
  EXPECT_EQ(result.worst.input, "x");
}

TEST(Gradcheck, NothingToCompareIsAFailure) {
  const GradcheckResult result = gradcheck("neg", [](const auto& in) { return -in[0]; },
                                           {{"x", Array({0, 3}, DType::float64)}});
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.summary(), "neg: there is no element to check");
}

TEST(Gradcheck, ReadsItsInputsInAnyLayoutAndLeavesThemAlone) {
  const Array a = random_array({3, 5});
  for (const Array& x : test::in_every_layout(a)) {
    const uint64_t before = x.storage().version();
    EXPECT_TRUE(gradcheck("tanh", [](const auto& in) { return tanh(in[0]); }, {{"x", x}}).passed);
    EXPECT_EQ(x.storage().version(), before);
  }
}

TEST(Gradcheck, WorksUnderNoGrad) {
  const NoGrad guard;
  EXPECT_TRUE(check_square(right_gradient).passed);
}

TEST(Gradcheck, NeedsFloat64) {
  EXPECT_EQ(
      error_of([] {
        gradcheck("tanh", [](const auto& in) { return tanh(in[0]); }, {{"x", Array::zeros({2})}});
      }),
      "gradcheck: x of tanh must be float64, got float32");
  EXPECT_EQ(error_of([] {
              gradcheck("narrow",
                        [](const auto& in) { return Tensor(in[0].value().to(DType::float32)); },
                        {{"x", random_array({2})}});
            }),
            "gradcheck: narrow must give float64, got float32");
}

}  // namespace
}  // namespace gradus
