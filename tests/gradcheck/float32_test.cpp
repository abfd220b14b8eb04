// The gradient check in float32: how much it sees, that it says how little that is, and that it
// finds the mistakes that matter all the same.
#include "gradus/gradcheck/float32.h"

#include <gtest/gtest.h>

#include <sstream>

#include "gradus/arithmetic.h"
#include "gradus/ops.h"
#include "support.h"

namespace gradus {
namespace {

using test::error_of;
using test::random_array;
using Tensors = std::vector<Tensor>;

// tanh(x) + x * mean(x), with the given gradient: two terms from one, a sum from the other.
template <class Gradient>
Float32Result check_function(Gradient gradient) {
  const Function f = [=](const Tensors& in) {
    const Array x = in[0].value(), t = tanh(in[0].detach()).value();
    const double n = static_cast<double>(x.numel());
    const Array average = sum(x) / n;
    return record("f", t + x * average, {in[0]}, [=](const Array& dy, Inputs inputs) {
      const Array slope = t * t * -1 + 1;
      inputs.add(0, gradient(dy * slope, dy * average,
                             Array::full(x.shape(), 1, x.dtype()) * (sum(dy * x) / n)));
    });
  };
  return gradcheck_float32("f", f, {{"x", random_array({3, 5})}});
}

TEST(GradcheckFloat32, LetsARightGradientPassAndSaysWhatItCannotSee) {
  const Float32Result r =
      check_function([](const Array& a, const Array& b, const Array& c) { return a + b + c; });
  EXPECT_TRUE(r.passed) << r.report();
  EXPECT_EQ(r.elements, 15);
  // Differences are a thousand times blunter than the comparison with float64, and know it.
  EXPECT_LT(r.difference.error, r.visible);
  EXPECT_GT(r.blur, 1e-5);
  EXPECT_LT(r.blur, 1e-2);
  EXPECT_LT(r.beside.error, 1e-6);
  EXPECT_NE(r.report().find("can see no better than"), std::string::npos) << r.report();
}

TEST(GradcheckFloat32, FindsMistakesOfTheFormula) {
  using Gradient = Array (*)(const Array&, const Array&, const Array&);
  const std::pair<const char*, Gradient> mistakes[] = {
      {"twice", [](const Array& a, const Array& b, const Array& c) { return (a + b + c) * 2; }},
      {"half", [](const Array& a, const Array& b, const Array& c) { return (a + b + c) * 0.5; }},
      {"sign", [](const Array& a, const Array& b, const Array& c) { return (a + b + c) * -1; }},
      {"no tanh", [](const Array&, const Array& b, const Array& c) { return b + c; }},
      {"no mean", [](const Array& a, const Array&, const Array& c) { return a + c; }},
      {"no sum", [](const Array& a, const Array& b, const Array&) { return a + b; }},
      {"1 %", [](const Array& a, const Array& b, const Array& c) { return (a + b + c) * 1.01; }},
      {"zero", [](const Array& a, const Array&, const Array&) { return a * 0; }}};
  for (const auto& [mistake, gradient] : mistakes) {
    const Float32Result r = check_function(gradient);
    EXPECT_FALSE(r.passed) << mistake << "\n" << r.report();
    EXPECT_FALSE(r.differences_agree) << mistake << "\n" << r.report();
    EXPECT_TRUE(r.beside_float64) << "both dtypes make the same mistake";
    EXPECT_NE(r.report().find("the formula is wrong"), std::string::npos) << r.report();
  }
}

// Too small for any difference in float32, and no mistake of float64's.
TEST(GradcheckFloat32, FindsDigitsThatOnlyFloat32Loses) {
  const Function f = [](const Tensors& in) {
    const Array y = exp(in[0].detach()).value();
    return record("exp", y, {in[0]}, [y](const Array& dy, Inputs inputs) {
      inputs.add(0, dy * y * (y.dtype() == DType::float32 ? 1.00002 : 1));
    });
  };
  const Float32Result r = gradcheck_float32("exp", f, {{"x", random_array({3, 5})}});
  EXPECT_FALSE(r.passed);
  EXPECT_TRUE(r.differences_agree) << r.report();
  EXPECT_FALSE(r.beside_float64) << r.report();
  EXPECT_NE(r.report().find("float32's own way loses digits"), std::string::npos) << r.report();
}

// relu's kink at 0, a thousandth away: the step of 0.004 goes across.
TEST(GradcheckFloat32, SaysWhereAKinkBlindsIt) {
  const Float32Result r = gradcheck_float32("relu", [](const Tensors& in) { return relu(in[0]); },
                                            {{"x", Array::of({1e-3}, {1}, DType::float64)}});
  EXPECT_TRUE(r.passed) << r.report();
  EXPECT_EQ(r.blind, 1);
  EXPECT_NE(r.report().find("a kink"), std::string::npos) << r.report();
}

TEST(GradcheckFloat32, NamesWhatIsNoNumberAndNoFunction) {
  const auto problem = [](const Function& f, double x) {
    return gradcheck_float32("f", f, {{"x", Array::of({x}, {1}, DType::float64)}}).problem;
  };
  EXPECT_EQ(problem([](const Tensors& in) { return exp(in[0]); }, 100),
            "the function's value is not finite");
  double count = 0;
  EXPECT_EQ(problem([&](const Tensors& in) { return in[0] * ++count; }, 1),
            "called again with the same inputs, the function gives another value");
  EXPECT_NE(error_of([] {
              gradcheck_float32("f", [](const Tensors& in) { return in[0]; },
                                {{"x", Array::of_indices({1}, {1})}});
            }).find("int64"),
            std::string::npos);
}

TEST(GradcheckFloat32, NoLineOfAReportIsWiderThan80Columns) {
  for (const double factor : {1.0, 2.0}) {
    std::istringstream text(check_function([=](const Array& a, const Array& b, const Array& c) {
                              return (a + b + c) * factor;
                            }).report());
    for (std::string line; std::getline(text, line);) EXPECT_LE(line.size(), 80u) << line;
  }
}

}  // namespace
}  // namespace gradus
