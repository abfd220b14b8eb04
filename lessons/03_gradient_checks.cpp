/*! \page lesson_03 Lesson 3: Gradient checks

\lessonhead
\needs \ref lesson_02 "lesson 2", and Taylor's series: f(x + h) in powers of h.
\verbs
- `gradcheck(name, f, inputs)`: backward against differences, each element
- `diagnose(f, inputs, result)`: what is wrong with a gradient, from its numbers
- `step_curve(f, inputs, result)`: the error against the step, and Taylor's slope

\builds a gradient check of two dozen lines, and shows what can fool it.
\usedlater at the end of every lesson; and in `make gradcheck OP=softmax`, which checks the
library's own ops in seconds.
\endlessonhead

A wrong gradient does not crash. The loss falls, only less than it could, and one looks for the
reason everywhere else. But a gradient makes a claim that can be measured: for each element k of x
it is the limit of

\f[ \frac{L(x + h e_k) - L(x)}{h} \qquad\text{as } h \to 0, \f]

\f$e_k\f$ being 1 at k and 0 elsewhere. So move x, call the function again, and compare. All the
rest is about making the answer mean something: how far to move, in what precision, how to look at
many outputs at once, how close is close.

\section lesson_03_step How far to move

\beside
In the difference of \f$f(x + h)\f$ and \f$f(x - h)\f$ the even powers of h cancel. What is left
beside the slope is \f$\frac{h^2}{6} f'''\f$, where the one-sided difference has
\f$\frac{h}{2} f''\f$. \source{slopes}

\output{03_gradient_checks.1}

Rounding adds its share: each value of f is known to about \f$\epsilon \lvert f \rvert\f$, and the
difference is divided by h. So the error of the central difference is about

\f[ E(h) = \frac{h^2}{6} \lvert f''' \rvert + \frac{\epsilon \lvert f \rvert}{h}, \qquad
    E'(h) = 0 \;\text{ at }\; h = \left(\frac{3 \epsilon \lvert f \rvert}{\lvert f''' \rvert}
    \right)^{1/3} . \f]

On logarithmic axes a power of h is a straight line, and the power is its slope; the sum of these
two is a V. For the one-sided difference the same steps give a square root.

\beside
The V, measured. x + h is rounded, too, so what is divided by is the step that was really taken.
\sourceof{differences.h,v}

\output{03_gradient_checks.2}

\picture{03_gradient_checks-the-v-error-of-the-slope,To the right of the lowest point the series
rules\, to the left the rounding.}

\output{03_gradient_checks.3}

\picture{03_gradient_checks-central-differences-in-two-precisions,The right branches are one: the
series knows nothing of precision. The left ones are nearly nine powers of ten apart.}

\section lesson_03_probe Many outputs at once

\beside
The check: what differences say of each element of x, and what backward says. Values are subtracted
before they are summed: two large sums would lose in rounding what is looked for.
\sourceof{differences.h,measured}

\beside
A softmax whose way back can be chosen. The lesson tries six.
\sourceof{differences.h,softmax}

\snippet this ways

\output{03_gradient_checks.4}

\section lesson_03_error How close is close

\output{03_gradient_checks.5}

\papernote Many checks, PyTorch's among them, ask for
\f$\lvert a - n \rvert \le a_{tol} + r_{tol} \lvert n \rvert\f$ with two fixed numbers. The first
means something only if one knows how large the gradients are; here the largest of them sets it.

\section lesson_03_kinks Where there is no slope

\output{03_gradient_checks.6}

\section lesson_03_taylor The remainder of Taylor's series

\beside
A limit on an error has to be chosen. Here a whole number decides: the power with which R falls.
\source{taylor}

\output{03_gradient_checks.7}

Why it says nothing in float32: if g is wrong by a share \f$\delta\f$, R is about
\f$\delta h \lvert g \cdot v \rvert + c h^2 + \epsilon \lvert L \rvert\f$. To be seen, the first
term must be above the two others, so h must lie between \f$\epsilon / \delta\f$ and \f$\delta\f$,
up to constants. There is such an h only where \f$\delta\f$ is above \f$\sqrt{\epsilon}\f$: 3e-4 in
float32, 1.5e-8 in float64.

\section lesson_03_named Caught and named

\output{03_gradient_checks.8}

\picture{03_gradient_checks-distance-of-the-differences-of-step-h,The differences come near to a
limit of their own\, and not to what backward says.}

\section lesson_03_blind What it cannot see

\output{03_gradient_checks.9}

\section lesson_03_edit Proof, and your turn

\output{03_gradient_checks.10}

\output{03_gradient_checks.11}

\program{03_gradient_checks}
*/
#include <algorithm>
#include <cmath>

#include "differences.h"
#include "gradus/gradcheck/curve.h"
#include "gradus/gradcheck/diagnosis.h"
#include "lesson.h"

namespace gradus::lessons {
namespace {

// ---- one number ----

// [slopes]
using Function1 = std::function<double(double)>;
double one_sided(const Function1& f, double x, double h) { return (f(x + h) - f(x)) / h; }
double central(const Function1& f, double x, double h) { return (f(x + h) - f(x - h)) / (2 * h); }
// [slopes]

// ---- sections ----

// The exponent p of y ~ x^p between two points.
double exponent(double x_0, double y_0, double x_1, double y_1) {
  return std::log(y_1 / y_0) / std::log(x_1 / x_0);
}
bool near(double a, double b, double tolerance) { return std::abs(a - b) <= tolerance; }

void one_slope(Lesson& lesson) {
  lesson.section("A slope, measured");
  lesson.say(
      R"(Whether a gradient is right can be measured: move x by a small h, and see how far f
      moves. At x = 2, $f(x) = x^3$ has the slope $3 x^2 = 12$. Two ways to measure it, and what
      Taylor's series says of each:)");
  lesson.equation("f(x + h) = f(x) + h f'(x) + h^2/2 f''(x) + h^3/6 f'''(x) + ...");
  lesson.equation("(f(x + h) - f(x)) / h = f'(x) + h/2 f''(x) + ...");
  lesson.equation("(f(x + h) - f(x - h)) / (2 h) = f'(x) + h^2/6 f'''(x) + ...");
  lesson.say(
      R"(In the central difference all even powers cancel. Here $f'' = 12$ and $f''' = 6$, so the
      errors should be 6 h (and h² more) and h²:)");
  const Function1 f = [](double x) { return x * x * x; };
  viz::TableRows rows{{"h", "one-sided", "error", "central", "error"}};
  bool as_derived = true;
  for (const double h : {1.0, 0.1, 0.01, 0.001}) {
    const double one = one_sided(f, 2, h), two = central(f, 2, h);
    rows.push_back(row("{} | {:.6f} | {:.6f} | {:.6f} | {:.6f}", h, one, one - 12, two, two - 12));
    as_derived = as_derived && near(one - 12, 6 * h + h * h, 1e-9) && near(two - 12, h * h, 1e-9);
  }
  lesson.table(rows);
  lesson.check("the errors are 6 h + h² and h²", as_derived);
  lesson.predict("Ten times smaller a step: by what is the central error divided?", "100",
                 "It is h². One-sided it would be 10, for the same two calls of f.");
}

struct Lowest {
  double h, error;
};
Lowest lowest(const Numbers& h, const Numbers& error) {
  const auto at = std::min_element(error.begin(), error.end()) - error.begin();
  return {h[static_cast<size_t>(at)], error[static_cast<size_t>(at)]};
}
bool within_factor(double a, double b, double factor) { return a < b * factor && b < a * factor; }
viz::Series curve(const char* name, const Numbers& x, const Numbers& y) {
  return {.name = name, .x = x, .y = y};
}

constexpr double eps_64 = 0x1p-52, eps_32 = 0x1p-23;

void v_curve(Lesson& lesson) {
  lesson.section("Why not the smallest step");
  lesson.say(
      R"(Numbers are rounded: float64 keeps 52 bits, so f(x + h) is known to about $epsilon =
      2^-52$ of its size. That error does not shrink with h, but it is divided by h. In the
      difference's numerator the leading digits cancel, and the error is what is left. So, up to
      constants:)");
  lesson.equation("\"one-sided:\" h + epsilon / h,   \"central:\" h^2 + epsilon / h");
  lesson.predict("Where is the central error least, that is, where is $h^2 = epsilon / h$?",
                 fmt::format("{:.1e}", std::cbrt(eps_64)),
                 fmt::format("The cube root of {:.1e}. One-sided it is the square root, {:.1e}.",
                             eps_64, std::sqrt(eps_64)));
  lesson.say(
      R"(Now measured, on the library's `exp`: all its derivatives are equal, so no constant
      hides. Relative error, root mean square over a thousand x between 0 and 1:)");
  const Numbers h = steps(1e-12), one = slope_errors(h, Way::one_sided, DType::float64),
                two = slope_errors(h, Way::central, DType::float64);
  lesson.trained({0, 0.5});  // rounding errors are those of the machine's exp
  viz::TableRows rows{{"h", "one-sided", "central"}};
  for (size_t i = 0; i < h.size(); i += 8)
    rows.push_back(row("{:g} | {:.1e} | {:.1e}", h[i], one[i], two[i]));
  lesson.table(rows);
  lesson.unchecked();
  lesson.plot(
      {curve("one-sided", h, one), curve("central", h, two)},
      {.title = "The V: error of the slope", .x_label = "h", .height = 12, .log_log = true});
  const Lowest best_one = lowest(h, one), best_two = lowest(h, two);
  lesson.table({{"", "best h: predicted", "measured", "least error: predicted", "measured"},
                row("one-sided | {0:.1e} | {1:.1e} | {0:.1e} | {2:.1e}", std::sqrt(eps_64),
                    best_one.h, best_one.error),
                row("central | {:.1e} | {:.1e} | {:.1e} | {:.1e}", std::cbrt(eps_64), best_two.h,
                    std::pow(eps_64, 2.0 / 3), best_two.error)});
  lesson.trained({0, 0.5});
  // Places in h: 4 is 0.1, 8 is 0.01, 16 is 1e-4, 36 is 1e-9, 48 is 1e-12.
  lesson.check("on the right, slope 1 one-sided and 2 central: the series",
               near(exponent(h[8], one[8], h[16], one[16]), 1, 0.02) &&
                   near(exponent(h[4], two[4], h[16], two[16]), 2, 0.02));
  lesson.check("on the left, slope -1 for both: the rounding",
               near(exponent(h[36], one[36], h[48], one[48]), -1, 0.1) &&
                   near(exponent(h[32], two[32], h[48], two[48]), -1, 0.1));
  lesson.check("the best steps are within a factor of 4 of the prediction, the errors of 10",
               within_factor(best_one.h, std::sqrt(eps_64), 4) &&
                   within_factor(best_two.h, std::cbrt(eps_64), 4) &&
                   within_factor(best_one.error, std::sqrt(eps_64), 10) &&
                   within_factor(best_two.error, std::pow(eps_64, 2.0 / 3), 10));
  lesson.say(
      "`gradcheck` takes central differences and h = 1e-5, times |x| where that is above 1.");
}

void single_precision(Lesson& lesson) {
  lesson.section("Why in float64");
  lesson.say(
      R"(float32 keeps 23 bits: $epsilon = 2^-23$, about {:.1e}. The same V, on the same x, far
      shallower:)",
      eps_32);
  lesson.predict("What is about the best error that central differences reach in float32?",
                 fmt::format("{:.1e}", std::pow(eps_32, 2.0 / 3)),
                 fmt::format("The step is the cube root, {:.0e}, and the error its square.",
                             std::cbrt(eps_32)));
  const Numbers h = steps(1e-12), h_32 = steps(1e-6),
                wide = slope_errors(h, Way::central, DType::float64),
                narrow = slope_errors(h_32, Way::central, DType::float32);
  lesson.unchecked();
  lesson.plot({curve("float32", h_32, narrow), curve("float64", h, wide)},
              {.title = "Central differences in two precisions",
               .x_label = "h",
               .height = 12,
               .log_log = true});
  const Lowest best = lowest(h, wide), best_32 = lowest(h_32, narrow);
  lesson.table({{"", "best h", "least error"},
                row("float64 | {:.1e} | {:.1e}", best.h, best.error),
                row("float32 | {:.1e} | {:.1e}", best_32.h, best_32.error)});
  lesson.trained({0, 0.5});
  lesson.check("float32: best h and least error within a factor of 10 of the prediction",
               within_factor(best_32.h, std::cbrt(eps_32), 10) &&
                   within_factor(best_32.error, std::pow(eps_32, 2.0 / 3), 10));
  lesson.check("its best is more than 10 000 times worse than float64's",
               best_32.error > 1e4 * best.error);
  lesson.say(
      R"(A mistake of one part in a million drowns in that (`--break=float32`). The formula of a
      gradient is the same in both precisions: it is checked in float64 and used in float32. How
      little float32 sees of an op, `make gradcheck OP=softmax DTYPE=float32` shows.)");
}

// [ways]
const std::vector<std::pair<const char*, WayBack>> ways_back{
    {"y (dy - Σ y dy)",
     [](const Tensor& dy, const Tensor& y) { return y * (dy - sum_of_row(y * dy)); }},
    {"0", [](const Tensor& dy, const Tensor&) { return 0 * dy; }},
    {"2 y (dy - Σ y dy)",
     [](const Tensor& dy, const Tensor& y) { return 2 * y * (dy - sum_of_row(y * dy)); }},
    {"-y (dy - Σ y dy)",
     [](const Tensor& dy, const Tensor& y) { return -y * (dy - sum_of_row(y * dy)); }},
    {"y (dy - mean(dy))",
     [](const Tensor& dy, const Tensor& y) { return y * (dy - mean(dy, {-1}, true)); }},
    {"y dy", [](const Tensor& dy, const Tensor& y) { return y * dy; }}};
// [ways]

void probes(Lesson& lesson) {
  lesson.section("Many numbers, one probe");
  lesson.say(
      R"(A tensor has many outputs, and backward starts from one number. So check a sum of them, L
      = sum(w * f(x)), with fixed weights w: dy = w. One walk back, and two calls of f for each
      element of x. But which w? All ones, a plain sum, is the obvious choice. Take softmax:)");
  lesson.equation("y_i = e^{x_i} / sum_{j} e^{x_j},   dx_i = y_i (dy_i - sum_{j} y_j dy_j)");
  lesson.predict("What is the gradient of sum(softmax(x))?", "0",
                 "Each row sums to 1, whatever x is: nothing changes.");
  lesson.say(
      R"(So five wrong ways back against the right one, through the sum, and through a random w.
      Largest |backward - differences| of a softmax of 3 rows of 5:)");
  const Array x = lesson.randn({3, 5}), ones = Array::full({3, 5}, 1, DType::float64),
              w = lesson.randn({3, 5});
  viz::TableRows rows{{"dx", "sum", "", "random w", ""}};
  Numbers by_sum, by_w;
  for (const auto& [name, way_back] : ways_back) {
    const auto distance = [&, f = softmax_with(way_back)](const Array& probe) {
      return largest_difference(by_backward(f, x, probe), measured(f, x, probe));
    };
    by_sum.push_back(distance(ones));
    by_w.push_back(distance(w));
    const auto shown = [](double d) {
      return d < 1e-6 ? std::string("< 1e-6 | passes") : fmt::format("{:.3f} | wrong", d);
    };
    rows.push_back(row("{} | {} | {}", name, shown(by_sum.back()), shown(by_w.back())));
  }
  lesson.table(rows);
  const auto passes = [](double d) { return d < 1e-6; };
  lesson.check("through sum, four of the five wrong ones pass",
               std::count_if(by_sum.begin(), by_sum.end(), passes) == 5 && !passes(by_sum.back()));
  lesson.check("through a random w, only the right one does",
               std::count_if(by_w.begin(), by_w.end(), passes) == 1 && passes(by_w.front()));
  lesson.say(
      R"(Through the sum every dy is 1, and any way back that makes 0 of that passes, even one
      that does nothing. LayerNorm's rows sum to 0 whatever x is, so its check is as blind
      (`--break=sum-probe`). That a random w misses a mistake has probability 0; `gradcheck` draws
      one.)");
}

// x³, and a backward that gives 0 where x is tiny.
Tensor cube(const Tensor& x) {
  const Array slope = 3.0 * x.value() * x.value();
  const Array tiny = lt(slope, Array::scalar(1e-8, DType::float64));
  return record("cube", x.value() * x.value() * x.value(), {x},
                [slope = saved(masked_fill(slope, tiny, 0))](const Array& dy, Inputs in) {
                  in.add(0, dy * *slope);
                });
}

void how_far(Lesson& lesson) {
  lesson.section("How far apart is wrong?");
  lesson.say(
      R"(Gradients may be 1e8 or 1e-8, so their difference counts relative to their size. But not
      to the size of each element alone. Take $x^3$ at three x, with h = 1e-5; $h^2 f''' / 6 =
      1e-10$ is missing everywhere. a is what backward says, n what the differences say:)");
  const Array x = Array::of({1, 1e-3, 1e-5}, {3}, DType::float64),
              one = Array::full({3}, 1, DType::float64);
  const Map f = [](const Tensor& t) { return t * t * t; };
  const Numbers a = by_backward(f, x, one).value().to_vector(),
                n = measured(f, x, one).value().to_vector();
  const double floor = 0.01 * *std::max_element(n.begin(), n.end());
  viz::TableRows rows{{"x", "a", "n", "|a - n| / max(a, n)", "with the floor"}};
  lesson.trained({0, 0.5});
  Numbers without, with;
  for (size_t k = 0; k < a.size(); ++k) {
    without.push_back(std::abs(a[k] - n[k]) / std::max(a[k], n[k]));
    with.push_back(std::abs(a[k] - n[k]) / std::max({a[k], n[k], floor}));
    rows.push_back(row("{} | {:.2e} | {:.2e} | {:.2g} | {:.2g}", x.data<double>()[k], a[k], n[k],
                       without[k], with[k]));
  }
  lesson.table(rows);
  lesson.say(
      R"(All three a are right, and the last looks 25 % wrong: the slope there is hardly larger
      than what the difference misses. So `gradcheck` divides by no less than 1 % of the largest n
      of that input:)");
  lesson.equation("\"error\" = |a - n| / max(|a|, |n|, 0.01 max |n|)   <=   10^{-6}");
  lesson.check("without the floor two right elements fail, with it none",
               without[0] < 1e-6 && without[1] > 1e-6 && without[2] > 0.1 &&
                   *std::max_element(with.begin(), with.end()) < 1e-6);
  lesson.say(
      R"(The price: an element below a hundred-millionth of the largest could be anything. A cube
      whose backward gives 0 where the slope is under 1e-8:)");
  const auto passes = [](const Array& at) {
    return gradus::gradcheck("cube", of_x(cube), {{"x", at}}).passed;
  };
  lesson.check("beside an x of 1 it passes", passes(x));
  lesson.check("alone, that element is caught", !passes(x.slice(0, 2, 3)));
  lesson.say("So check with inputs of one size.");
}

void kinks(Lesson& lesson) {
  lesson.section("Kinks");
  lesson.say(
      R"(Differences assume a slope. At a corner there are two, one for each side, and the central
      difference gives their mean, which need not be of any use. The library's choice beside it:)");
  const double h = 1e-5;
  const Map maximum = [](const Tensor& x) { return max(x); };
  struct Kink {
    const char* name;
    Map f;
    Numbers x;
  };
  const std::vector<Kink> all{{"relu(x) at 0", [](const Tensor& x) { return relu(x); }, {0}},
                              {"|x| at 0", [](const Tensor& x) { return abs(x); }, {0}},
                              {"max of (3, 3, 1)", maximum, {3, 3, 1}},
                              {"max of (3, 3, 3)", maximum, {3, 3, 3}}};
  viz::TableRows rows{{"first element of", "left", "right", "central", "Gradus"}};
  std::vector<Numbers> by_hand, ours;
  for (const Kink& kink : all) {
    const Array x = Array::of(kink.x, {static_cast<int64_t>(kink.x.size())}, DType::float64);
    const Shape y_shape = kink.f(Tensor(x)).shape();
    const Array one = Array::full(y_shape, 1, DType::float64);
    const auto moved = [&](double step) {
      Array there = x.clone();
      there.mutable_data<double>()[0] += step;
      return sum(kink.f(Tensor(there))).item();
    };
    by_hand.push_back(measured(kink.f, x, one, h).value().to_vector());
    ours.push_back(by_backward(kink.f, x, one).value().to_vector());
    rows.push_back(row("{} | {:.3f} | {:.3f} | {:.3f} | {:.3f}", kink.name,
                       (moved(0) - moved(-h)) / h, (moved(h) - moved(0)) / h, by_hand.back()[0],
                       ours.back()[0]));
  }
  lesson.table(rows);
  const auto total = [](const Numbers& v) {
    return sum(Tensor(Array::of(v, {static_cast<int64_t>(v.size())}, DType::float64))).item();
  };
  lesson.say(
      R"(Raise all of (3, 3, 3) by h, and the maximum rises by h: a gradient must sum to 1.)");
  lesson.check("three ties: the differences sum to 3/2, the library's shares to 1",
               near(total(by_hand[3]), 1.5, 1e-6) && near(total(ours[3]), 1, 1e-12));
  lesson.check("relu at 0 and |x| at 0 have slope 0 exactly, as in PyTorch",
               ours[0][0] == 0 && ours[1][0] == 0);
  lesson.say(
      R"(No check by differences can say whether that is right: it is a choice. The library's
      tests demand each by its exact value, and keep kinks away from gradient checks. A step also
      must not cross one. relu at x = 3e-6 has slope 1:)");
  const Array close = Array::of({3e-6}, {1}, DType::float64);
  const auto checked = [&](double step) {
    return gradus::gradcheck("relu", of_x(all[0].f), {{"x", close}}, {.step = step});
  };
  const GradcheckResult across = checked(1e-5), beside = checked(1e-6);
  const auto ratio = [](const GradcheckResult& r) { return r.worst.numeric / r.worst.analytic; };
  lesson.table({{"h", "differences / backward", ""},
                row("1e-05 | {:.3f} | {}", ratio(across), across.passed ? "passes" : "wrong"),
                row("1e-06 | {:.3f} | {}", ratio(beside), beside.passed ? "passes" : "wrong")});
  lesson.check("a right gradient looks wrong where the step crosses the kink",
               !across.passed && beside.passed);
}

// [taylor]
// |L(x + h v) - L(x) - h g.v| for L(x) = sum(w f(x)): what the tangent misses.
double remainder(const Map& f, const Array& x, const Array& w, const Array& v, const Array& g,
                 double h) {
  const Array change = f(Tensor(x + v * h)).value() - f(Tensor(x)).value();
  return std::abs(sum(w * change).item() - h * sum(g * v).item());
}
// [taylor]

// Root mean square over 20 random directions.
double remainder_in(DType dtype, const Map& f, const Array& x, const Array& w, const Array& g,
                    double h) {
  Generator directions(5);
  double squares = 0;
  for (int i = 0; i < 20; ++i)
    squares += std::pow(
        remainder(f, x.to(dtype), w.to(dtype), randn(x.shape(), directions, dtype), g.to(dtype), h),
        2);
  return std::sqrt(squares / 20);
}

void taylor(Lesson& lesson) {
  lesson.section("Without a tolerance: Taylor's remainder");
  lesson.say(
      R"(Another question to the same L: go along a line, in some direction v, and take away the
      tangent. If g is the gradient, the parabola is left; if it is not, a straight line is:)");
  lesson.equation("R(h) = |L(x + h v) - L(x) - h g dot v|");
  lesson.equation("\"right:\" R ~ h^2,   \"wrong:\" R ~ h");
  lesson.say(
      R"(No limit to choose, and one call of f for each h however large x is. But it says only
      that g is wrong, not where. Softmax again; the wrong g is 1 % too large:)");
  const Map f = [](const Tensor& x) { return softmax(x); };
  const Array x = lesson.randn({3, 5}), w = lesson.randn({3, 5}), v = lesson.randn({3, 5});
  const Array g = by_backward(f, x, w).value(), wrong = g * 1.01;
  viz::TableRows rows{{"h", "R: right", "R: 1 % too large"}};
  Numbers h, of_right, of_wrong;
  for (int i = 1; i <= 6; ++i) {
    h.push_back(std::pow(10, -i));
    of_right.push_back(remainder(f, x, w, v, g, h.back()));
    of_wrong.push_back(remainder(f, x, w, v, wrong, h.back()));
    rows.push_back(row("{:.0e} | {:.1e} | {:.1e}", h.back(), of_right.back(), of_wrong.back()));
  }
  lesson.trained({0, 0.2});
  lesson.table(rows);
  const auto slope = [&](const Numbers& r) { return exponent(h[2], r[2], h[4], r[4]); };
  lesson.check("between 1e-3 and 1e-5 the right one falls as h², the wrong one as h",
               near(slope(of_right), 2, 0.05) && near(slope(of_wrong), 1, 0.05));
  lesson.say("It says nothing in three cases. A straight line: f is linear along v.");
  const Map linear = [m = Tensor(lesson.randn({5, 4}))](const Tensor& t) { return matmul(t, m); };
  const Array w_4 = lesson.randn({3, 4}), g_4 = by_backward(linear, x, w_4).value();
  lesson.check("x M: the remainder is rounding at h = 0.1 already, there is no parabola to see",
               remainder(linear, x, w_4, v, g_4, 0.1) < 1e-14);
  lesson.say("A v that does not see the mistake, at a right angle to it.");
  const Array skewed = g + 1.0, level = v - mean(Tensor(v)).value();  // sum(level) = 0
  const auto slope_along = [&](const Array& direction) {
    return exponent(1e-3, remainder(f, x, w, direction, skewed, 1e-3), 1e-5,
                    remainder(f, x, w, direction, skewed, 1e-5));
  };
  lesson.check("g + 1: slope 1 along a random v, and 2 along one whose elements sum to 0",
               near(slope_along(v), 1, 0.05) && near(slope_along(level), 2, 0.05));
  lesson.say(
      R"(And float32: R must be seen between its own h² and the rounding of L, and from one to the
      other there is little room. The gradient a ten-thousandth too large, root mean square over
      20 directions, R of the wrong g divided by R of the right one:)");
  viz::TableRows precisions{{"h", "float64", "float32"}};
  double most[2] = {0, 0};
  for (int i = 1; i <= 6; ++i) {
    const double step = std::pow(10, -i);
    double ratio[2];
    for (const int p : {0, 1}) {
      const DType dtype = p == 0 ? DType::float64 : DType::float32;
      ratio[p] =
          remainder_in(dtype, f, x, w, g * 1.0001, step) / remainder_in(dtype, f, x, w, g, step);
      most[p] = std::max(most[p], ratio[p]);
    }
    precisions.push_back(row("{:.0e} | {:.2f} | {:.2f}", step, ratio[0], ratio[1]));
  }
  lesson.table(precisions);
  lesson.check("in float32 the two are never a factor of 1.5 apart, in float64 more than 50",
               most[1] < 1.5 && most[0] > 50);
}

void caught_and_named(Lesson& lesson) {
  lesson.section("A mistake, caught and named");
  lesson.say(
      R"(Put together, this is `gradcheck`: float64, central differences, a random w, the error
      with its floor. Someone takes the denominator of softmax for a constant, as in exp(x) / t,
      and writes dx = y dy:)");
  const Function f = of_x(softmax_with(ways_back.back().second));
  const std::vector<NamedArray> inputs{{"x", lesson.randn({3, 5})}};
  const GradcheckResult result = gradus::gradcheck("softmax, dx = y dy", f, inputs);
  lesson.trained({1e-8, 1e-6});  // differences have a last digit that depends on the machine
  lesson.text(result.report());
  lesson.check("the check catches it", !result.passed);
  lesson.say(
      R"(One element tells little. `diagnose` takes all of them and tries one hypothesis after the
      other: each predicts, from x, y, dy and the differences, what backward would say, and counts
      only if it is right at every element:)");
  const std::vector<Diagnosis> found = diagnose(f, inputs, result);
  for (const Diagnosis& d : found)
    lesson.text(viz::wrapped(fmt::format("d{}: {}: {}.", d.input, name(d.cause), d.evidence), 76));
  lesson.check("it names one cause, and it is the planted one",
               found.size() == 1 && found[0].cause == Cause::diagonal);
  lesson.say(
      R"(That is the term to add, y times one number for each row: -y Σ y dy. (In the matrix of
      all slopes, $partial y_i / partial x_j = [i = j] y_i - y_i y_j$, only the diagonal matrix of
      the y was taken.) Now the two curves, of the worst element's error and of the remainder:)");
  const StepCurve steps = step_curve(f, inputs, result);
  lesson.unchecked();
  lesson.plot({curve("from their own limit", steps.step, steps.right_error),
               {.name = "from what backward says",
                .x = steps.step,
                .y = steps.error,
                .style = viz::Series::Style::points}},
              {.title = "Distance of the differences of step h",
               .x_label = "h",
               .height = 10,
               .log_log = true});
  lesson.trained({0, 0.02});
  lesson.check(
      fmt::format("no step comes near what backward says, and the remainder has slope {:.2f}",
                  steps.slope),
      *std::min_element(steps.error.begin(), steps.error.end()) > 1e-3 &&
          near(steps.slope, 1, 0.05));
  lesson.say("The other wrong ways back of section 4, and what it makes of them:");
  viz::TableRows rows{{"dx", "diagnosis"}};
  std::vector<Cause> causes;
  for (const auto& [way, way_back] : ways_back) {
    const Function g = of_x(softmax_with(way_back));
    const GradcheckResult checked = gradus::gradcheck(way, g, inputs);
    if (checked.passed) continue;
    causes.push_back(diagnose(g, inputs, checked).front().cause);
    rows.push_back({way, std::string(name(causes.back()))});
  }
  lesson.table(rows);
  lesson.check("never added, counted twice, sign",
               causes.size() == 5 && causes[0] == Cause::never_added &&
                   causes[1] == Cause::counted_twice && causes[2] == Cause::sign);
  lesson.say(
      R"(The mean for the weighted sum gets the name of y dy: both are wrong by y times one number
      for each row. The evidence is exact, the name is a likely cause.)");
}

void blind(Lesson& lesson) {
  lesson.section("What no gradient check sees");
  lesson.say(
      R"(The right gradient of a wrong function.  Softmax over the wrong axis, a loss without its
      minus, a mask that shows too much: differences follow the function that is there.)");
  const auto passes = [](const Map& f, const Array& x) {
    return gradus::gradcheck("f", of_x(f), {{"x", x}}).passed;
  };
  const Array x = lesson.randn({3, 5});
  lesson.check("softmax over columns, taken for rows, passes",
               passes([](const Tensor& t) { return softmax(t, 0); }, x));
  lesson.say("What the inputs never reach.  A relu that lets all of dy through:");
  const Map careless = [](const Tensor& t) {
    return record("careless", relu(t.detach()).value(), {t},
                  [](const Array& dy, Inputs in) { in.add(0, dy); });
  };
  lesson.check("with positive inputs it passes, with random ones it is caught",
               passes(careless, abs(Tensor(x)).value()) && !passes(careless, x));
  lesson.say(
      R"(Against the first, the library's values are compared with PyTorch's; against the second,
      each op is checked on a table of shapes and numbers. And the checks are checked: `make
      museum` plants mistakes in the library, one by one, and all must be caught. `make puzzle
      N=1` plants one in a copy of a file, for you to find; `make exercise N=1` has you write a
      backward.)");
}

void teach(Lesson& lesson) {
  one_slope(lesson);
  v_curve(lesson);
  single_precision(lesson);
  probes(lesson);
  how_far(lesson);
  kinks(lesson);
  taylor(lesson);
  caught_and_named(lesson);
  blind(lesson);
  const auto check = [&](const char* name, const Map& f) {
    lesson.gradcheck(name, of_x(f), {{"x", lesson.randn({3, 5})}});
  };
  check("exp", [](const Tensor& x) { return exp(x); });
  check("softmax", [](const Tensor& x) { return softmax(x); });
  check("softmax_with the right way back", softmax_with(ways_back.front().second));
  check("x x x", [](const Tensor& x) { return x * x * x; });
  lesson.change_one_line({
      {"In lessons/differences.h, `measured`: one-sided, `f_at(here + h) - f_at(here)`, and divide "
       "by h.",
       "Sections 5 and 6 complain: with h = 1e-5, a right gradient is off by more than 1e-6.",
       "make lesson-03"},
      {"In src/ops/reduce_max.cpp, `share_among_ties`: give each tie all of it, `dy` for `dy / k`.",
       "The gradient check passes, for it keeps away from ties; section 6 complains.",
       "make gradcheck OP=amax; make lesson-03"},
      {"In src/ops/elementwise.cpp, `masked_fill`: hand on all of `dy`, without filling it with 0.",
       "It names the mistake: the op's own derivative is missing, what it gave is the gradient "
       "that "
       "arrives.",
       "make gradcheck OP=masked_fill"},
  });
}

}  // namespace
}  // namespace gradus::lessons

int main(int argc, char** argv) {
  using namespace gradus::lessons;
  return run(argc, argv, {.number = 3, .seconds = 0.1, .quick_seconds = 0.1}, teach);
}
