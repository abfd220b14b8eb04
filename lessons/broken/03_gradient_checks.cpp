/// \file
/// Lesson 3, broken on purpose. Each function has the correct line and the broken one beside it.
#include "../differences.h"
#include "../lesson.h"
#include "gradus/gradcheck/curve.h"

namespace gradus::lessons {
namespace {

const char* verdict(bool passes) { return passes ? "passes" : "wrong"; }

// ---- the probe ----

// LayerNorm of each row, its backward with or without the term of the standard deviation.
Map norm_of_rows(bool all_terms) {
  return [all_terms](const Tensor& x) {
    const Tensor d = x.detach() - mean(x.detach(), {-1}, true);
    const Tensor r = rsqrt(mean(square(d), {-1}, true) + 1e-5);
    return record("norm_of_rows", (d * r).value(), {x},
                  [all_terms, h = saved(d * r), r = saved(r)](const Array& dy, Inputs in) {
                    const Tensor g(dy), H(*h);
                    const Tensor without = g - mean(g, {-1}, true);
                    const Tensor dx = all_terms ? without - H * mean(g * H, {-1}, true) : without;
                    in.add(0, (Tensor(*r) * dx).value());
                  });
  };
}

void sum_probe(Lesson& lesson) {
  lesson.equation("\"correct:\" L = sum(w * f(x)),   \"broken:\" L = sum(f(x))");
  lesson.say(
      R"(LayerNorm's backward has three terms (lesson 12). Someone leaves out the last, and checks
      through a plain sum. Largest |backward - differences|:)");
  const Array x = lesson.randn({7, 5}), w = lesson.randn({7, 5}),
              ones = Array::full({7, 5}, 1, DType::float64);
  const auto distance = [&](bool all_terms, const Array& probe) {
    const Map f = norm_of_rows(all_terms);
    return largest_difference(by_backward(f, x, probe), measured(f, x, probe));
  };
  const auto cells = [](double d) {
    return d < 1e-6 ? std::string("< 1e-6") : fmt::format("{:.3f}", d);
  };
  lesson.table(
      {{"dx", "correct probe: random w", "broken probe: sum"},
       row("r (g - mean(g) - h mean(g h)) | {} | {}", cells(distance(true, w)),
           cells(distance(true, ones))),
       row("r (g - mean(g)) | {} | {}", cells(distance(false, w)), cells(distance(false, ones)))});
  lesson.symptom("through the sum, the wrong backward passes", distance(false, ones) < 1e-6);
  lesson.trained({1e-8, 1e-6});  // differences have a last digit that depends on the machine
  lesson.caught("norm_of_rows", of_x(norm_of_rows(false)), {{"x", x}});
  const Tensor h = norm_of_rows(true)(Tensor(x)), dx = by_backward(norm_of_rows(false), x, w);
  lesson.symptom("it has a component along h, though to stretch a row changes nothing",
                 norm(sum_of_row(dx * h)).item() > 0.1);
  lesson.say(
      R"(A plain sum asks about one direction only: how much all outputs together grow. Where the
      outputs of a row always have the same sum, nothing can be learned from it.)");
}

// ---- the step ----

void step_too_small(Lesson& lesson) {
  lesson.equation("\"correct:\" h = 10^{-5},   \"broken:\" h = 10^{-12}");
  lesson.say(
      R"(The smaller the step, the better the slope, someone thinks. The library's softmax, whose
      gradient is right, checked with steps of several sizes; the limit is 1e-6:)");
  const Function f = of_x([](const Tensor& x) { return softmax(x); });
  const std::vector<NamedArray> inputs{{"x", lesson.randn({7, 5})}};
  lesson.unchecked();  // rounding errors are the machine's own
  viz::TableRows rows{{"h", "worst error", ""}};
  Numbers errors;
  GradcheckResult broken;
  for (const double h : {1e-1, 1e-3, 1e-5, 1e-7, 1e-12}) {
    broken = gradus::gradcheck("softmax", f, inputs, {.step = h});
    errors.push_back(broken.worst.error);
    rows.push_back(row("{:g} | {:.0e} | {}", h, errors.back(), verdict(broken.passed)));
  }
  lesson.table(rows);
  lesson.trained({0, 0});
  lesson.symptom("with h = 1e-12 a right gradient looks wrong, by rounding alone",
                 errors.back() > 1e-5 && errors[2] < 1e-6);
  lesson.symptom("with h = 0.1 too, by what the series leaves out", errors[0] > 1e-5);

  lesson.symptom("Taylor's remainder has slope 2: the gradient is right, look at the check",
                 std::abs(step_curve(f, inputs, broken).slope - 2) < 0.05);
  lesson.say(
      R"(A wrong gradient is wrong by the same amount at every step; an error that moves with h is
      the check's own.)");
}

// ---- one side ----

// gelu(x) = x P(x), P being the normal distribution: dx = dy (P(x) + x p(x)), p its density.
Map gelu_with(double one_over_root_of_two_pi) {
  return [c = one_over_root_of_two_pi](const Tensor& x) {
    const Tensor t = x.detach(),
                 slope = 0.5 * (1 + erf(t * std::sqrt(0.5))) + c * t * exp(-0.5 * square(t));
    return record("gelu_with", gelu(t).value(), {x},
                  [slope = saved(slope)](const Array& dy, Inputs in) { in.add(0, dy * *slope); });
  };
}

// As `measured` of the lesson.
Tensor measured_one_sided(const Map& f, const Array& x, const Array& w, double h = 1e-5) {
  Array slope = Array::zeros(x.shape(), DType::float64);
  const Array here = f(Tensor(x)).value();
  for (int64_t k = 0; k < x.numel(); ++k) {
    Array moved = x.clone();
    moved.mutable_data<double>()[k] += h;
    const Array change = f(Tensor(moved)).value() - here;          // correct: f(x + h) - f(x - h)
    slope.mutable_data<double>()[k] = sum(w * change).item() / h;  // correct: / (2 * h)
  }
  return Tensor(slope);
}

void one_sided(Lesson& lesson) {
  lesson.equation(
      "\"correct:\" (f(x + h) - f(x - h)) / (2 h),   \"broken:\" (f(x + h) - f(x)) / h");
  lesson.say(
      R"(It saves half the calls. Two backwards of gelu: one right, one in which someone typed
      1/√(2π) as 0.39894. h = 1e-5, worst relative error as `gradcheck` counts it:)");
  const Map right = gelu_with(1 / std::sqrt(2 * std::acos(-1.0))), rounded = gelu_with(0.39894);
  // Around -0.75 gelu is flattest.
  const Array x = linspace(-2, 2, 33, DType::float64), w = Array::full({33}, 1, DType::float64);
  const auto error = [&](const Map& f, bool central) {
    return worst_error(by_backward(f, x, w),
                       central ? measured(f, x, w) : measured_one_sided(f, x, w));
  };
  lesson.trained({0, 0.5});
  const double right_one = error(right, false), right_two = error(right, true),
               wrong_one = error(rounded, false), wrong_two = error(rounded, true);
  lesson.table({{"backward", "correct: central", "broken: one-sided"},
                row("right | {} | {:.0e}", right_two < 1e-6 ? "< 1e-6" : "wrong", right_one),
                row("0.39894 | {:.0e} | {:.0e}", wrong_two, wrong_one)});
  lesson.symptom("the right gradient is above the limit of 1e-6", right_one > 1e-6);
  lesson.symptom("a limit that lets it through lets the wrong one through as well",
                 wrong_one < 2 * right_one);
  lesson.symptom("central differences tell them apart, by a factor of more than 1000",
                 wrong_two > 1000 * right_two);
  lesson.say(
      R"(That is how a limit grows to 1e-3, and what a check then is worth. The error of one side
      is $h/2 f''$: it belongs to the check, not to the gradient.)");
}

// ---- precision ----

// LayerNorm of each row; backward takes eps under the root, as forward does, or leaves it out.
Map norm_with(double eps_of_backward) {
  return [eps_of_backward](const Tensor& x) {
    const Tensor t = x.detach(), d = t - mean(t, {-1}, true), v = mean(square(d), {-1}, true);
    const Tensor y = d * rsqrt(v + 1e-6), r = rsqrt(v + eps_of_backward);
    return record("norm_with", y.value(), {x},
                  [h = saved(d * r), r = saved(r)](const Array& dy, Inputs in) {
                    const Tensor g(dy), H(*h);
                    const Tensor dx = g - mean(g, {-1}, true) - H * mean(g * H, {-1}, true);
                    in.add(0, (Tensor(*r) * dx).value());
                  });
  };
}

// As `measured` of the lesson, but in float32.
Tensor measured_in_float32(const Map& f, const Array& x, const Array& w, double h) {
  const Array narrow = x.to(DType::float32);  // correct: float64 all the way
  Array slope = Array::zeros(x.shape(), DType::float64);
  for (int64_t k = 0; k < x.numel(); ++k) {
    const auto moved_by = [&](float step) {
      Array moved = narrow.clone();
      moved.mutable_data<float>()[k] += step;
      return moved;
    };
    const Array up = moved_by(static_cast<float>(h)), down = moved_by(static_cast<float>(-h));
    const Array change = f(Tensor(up)).value() - f(Tensor(down)).value();
    const double both = double{up.data<float>()[k]} - double{down.data<float>()[k]};
    slope.mutable_data<double>()[k] = sum(w * change.to(DType::float64)).item() / both;
  }
  return Tensor(slope);
}

void float32(Lesson& lesson) {
  lesson.say(
      R"(LayerNorm divides by √(σ² + eps). Someone's backward leaves out eps, 1e-6. Worst relative
      error of the right gradient and of that one, with the step that suits each precision and its
      neighbours:)");
  const Array x = lesson.randn({7, 5}).to(DType::float32).to(DType::float64),
              w = lesson.randn({7, 5});
  const Map right = norm_with(1e-6), wrong = norm_with(0);
  const Tensor a = by_backward(right, x, w), b = by_backward(wrong, x, w);
  lesson.unchecked();
  viz::TableRows rows{{"h", "correct, float64: right", "wrong", "broken, float32: right", "wrong"}};
  double apart_64 = 0, apart_32 = 0;
  for (const double h : {1e-1, 1e-2, 1e-3, 1e-4, 1e-5}) {
    const Tensor n_64 = measured(right, x, w, h), n_32 = measured_in_float32(right, x, w, h);
    rows.push_back(row("{:g} | {:.0e} | {:.0e} | {:.0e} | {:.0e}", h, worst_error(a, n_64),
                       worst_error(b, n_64), worst_error(a, n_32), worst_error(b, n_32)));
    apart_64 = std::max(apart_64, worst_error(b, n_64) / worst_error(a, n_64));
    apart_32 = std::max(apart_32, worst_error(b, n_32) / worst_error(a, n_32));
  }
  lesson.table(rows);
  lesson.trained({0, 0.5});
  lesson.symptom("in float32 no step tells the two apart, to a factor of 1.5", apart_32 < 1.5);
  lesson.symptom("in float64 they are a factor of more than 1000 apart", apart_64 > 1000);
  lesson.trained({1e-8, 1e-2});
  lesson.caught("norm_with", of_x(wrong), {{"x", x}});
  lesson.say("Does it matter? A row of equal numbers, as padding often is:");
  const Array flat = Array::full({1, 5}, 1, DType::float64), dy = lesson.randn({1, 5});
  const auto first_of_dx = [&](const Map& f) {
    return by_backward(f, flat, dy).value().data<double>()[0];
  };
  const bool lost = std::isnan(first_of_dx(wrong));
  lesson.table({{"dx of a row of ones", "first element"},
                row("correct | {:.2f}", first_of_dx(right)),
                row("without eps | {}", lost ? "NaN" : "a number")});
  lesson.symptom("without eps it is not a number", lost);
}

// ---- a function that is not one ----

void dropout_redraws(Lesson& lesson) {
  lesson.say(
      R"(Dropout sets each element to 0 with probability 1/2 and doubles the others. `correct`
      draws from the same seed at each call, `broken` goes on drawing from one generator:)");
  const Map correct = [](const Tensor& x) {
    Generator generator(7);
    return dropout(x, 0.5, generator);
  };
  const auto going_on = std::make_shared<Generator>(7);
  const Map broken = [going_on](const Tensor& x) { return dropout(x, 0.5, *going_on); };
  const Array x = lesson.randn({5}), one = Array::full({5}, 1, DType::float64);
  const Tensor a = by_backward(correct, x, one), b = by_backward(broken, x, one);
  const Tensor n_a = measured(correct, x, one), n_b = measured(broken, x, one);
  viz::TableRows rows{
      {"element", "correct: backward", "differences", "broken: backward", "differences"}};
  const auto at = [](const Tensor& t, int64_t k) { return t.value().data<double>()[k]; };
  for (int64_t k = 0; k < 5; ++k)
    rows.push_back(row("{} | {:.3f} | {:.3f} | {:.0f} | {:.0f}", k, at(a, k), at(n_a, k), at(b, k),
                       at(n_b, k)));
  lesson.table(rows);
  lesson.symptom("differences of 10 000 and more: two masks, divided by 2e-5",
                 max(abs(n_b)).item() > 1e4);
  const GradcheckResult result = gradus::gradcheck("dropout", of_x(broken), {{"x", x}});
  lesson.text(viz::wrapped(result.summary(), 76));
  lesson.symptom("gradcheck calls the function twice, and says why it refuses",
                 !result.passed && !result.problem.empty());
  lesson.gradcheck("dropout, one seed", of_x(correct), {{"x", lesson.randn({7, 5})}});
  lesson.say(
      R"(Whatever a function keeps between calls makes it another function: generators, running
      means, caches. Make each call begin alike, or nothing is being differentiated.)");
}

}  // namespace

std::vector<Break> breaks() {
  return {
      {"sum-probe", "The gradient is checked through sum(f(x)), without a random w.", sum_probe},
      {"step-too-small", "The step is 1e-12, to come nearer to the limit.", step_too_small},
      {"one-sided", "The differences are one-sided.", one_sided},
      {"float32", "The differences are taken in float32.", float32},
      {"dropout-redraws", "The function draws random numbers anew at each call.", dropout_redraws}};
}

}  // namespace gradus::lessons
