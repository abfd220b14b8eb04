#include "gradus/gradcheck/curve.h"

#include <algorithm>
#include <cmath>

#include "gradcheck/differences.h"
#include "gradus/gradcheck/diagnosis.h"
#include "gradus/random.h"
#include "gradus/viz/plot.h"
#include "viz/text.h"

namespace gradus {
namespace {

// The row-major position of an index.
int64_t flat_of(const Shape& index, const Shape& shape) {
  int64_t flat = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) flat = flat * shape[axis] + index[axis];
  return flat;
}

double dot(const Values& a, const Values& b) {
  double total = 0;
  for (size_t k = 0; k < a.size(); ++k) total += a[k] * b[k];
  return total;
}

// The slope of log(remainder) over log(step), where the remainder stands clear of rounding.
double slope_of(const std::vector<double>& step, const std::vector<double>& remainder,
                double rounding) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (size_t i = 0; i < step.size(); ++i) {
    if (step[i] > 0.02 || remainder[i] < 100 * rounding) continue;
    const double lx = std::log(step[i]), ly = std::log(remainder[i]);
    n += 1;
    x += lx;
    y += ly;
    xx += lx * lx;
    xy += lx * ly;
  }
  return n < 3 ? 0 : (n * xy - x * y) / (n * xx - x * x);
}

}  // namespace

StepCurve step_curve(const Function& f, const std::vector<NamedArray>& inputs,
                     const GradcheckResult& result) {
  const auto gradient = std::find_if(
      result.gradients.begin(), result.gradients.end(),
      [&](const GradcheckGradient& g) { return inputs[g.input].name == result.worst.input; });
  check(gradient != result.gradients.end(), "step_curve: {} was not compared at any element",
        result.name);
  const size_t i = gradient->input;
  const int64_t k = flat_of(result.worst.index, inputs[i].value.shape());
  const Values w = result.cotangent.to_vector(), y = result.value.to_vector();
  Generator generator(1, 0x7461);
  const Values direction = randn(inputs[i].value.shape(), generator, DType::float64).to_vector();
  const double along = dot(gradient->analytic, direction);
  double size = std::abs(along);
  for (size_t j = 0; j < w.size(); ++j) size = std::max(size, std::abs(w[j] * y[j]));

  Probe probe(f, inputs);
  const double x = probe.element(i, k);
  const auto central = [&](double h) {
    const double up = x + h, down = x - h;
    return weighted_difference(w, probe.with(i, k, up), probe.with(i, k, down)) / (up - down);
  };
  const double limit = (4 * central(1e-3) - central(2e-3)) / 3;  // Richardson: the h^2 term is gone
  StepCurve curve;
  for (double exponent = 0; exponent >= -12; exponent -= 0.5) {
    const double h = std::pow(10, exponent), numeric = central(h);
    curve.step.push_back(h);
    curve.right_error.push_back(std::abs(numeric - limit));
    curve.error.push_back(std::abs(numeric - result.worst.analytic));
    curve.remainder.push_back(
        std::abs(weighted_difference(w, probe.along(i, direction, h), y) - h * along));
  }
  curve.slope = slope_of(curve.step, curve.remainder, 1e-16 * size);
  return curve;
}

std::string explain(const Function& f, const std::vector<NamedArray>& inputs,
                    const GradcheckResult& result, const viz::Terminal& terminal) {
  std::string text = result.report();
  for (const Diagnosis& d : diagnose(f, inputs, result))
    text += viz::paragraph(fmt::format("d{}: {}: {}.", d.input, name(d.cause), d.evidence), 2,
                           terminal.width);
  // A gradient with NaN or infinity is no number that a step could come near to.
  if (!result.problem.empty() || result.gradients.empty() || !std::isfinite(result.worst.analytic))
    return text;

  const StepCurve curve = step_curve(f, inputs, result);
  using viz::Series;
  std::vector<Series> series = {{.name = "from their own limit",
                                 .x = curve.step,
                                 .y = curve.right_error,
                                 .style = Series::Style::line}};
  if (!result.passed)
    series.push_back({.name = "from what backward says",
                      .x = curve.step,
                      .y = curve.error,
                      .style = Series::Style::points});
  text += viz::plot(series,
                    {.title = fmt::format("Distance of the differences of step h, at {}{}",
                                          result.worst.input, result.worst.index),
                     .x_label = "h",
                     .height = 10,
                     .log_log = true},
                    terminal);
  const auto say = [&](const std::string& what) {
    text += viz::paragraph(what, 2, terminal.width);
  };
  say("Large steps err by what the series leaves out (nothing, if f is a parabola), small ones by "
      "rounding.");
  if (!result.passed) say("What backward says is no limit of the differences: no step reaches it.");
  if (curve.slope == 0)
    say("Taylor's remainder is rounding error: along the line tried the function is linear.");
  else
    say(fmt::format("Taylor's remainder shrinks as h^{:.2f}: 2 is a right gradient, 1 a wrong one.",
                    curve.slope));
  return text;
}

}  // namespace gradus
