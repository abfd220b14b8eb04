/// \file
/// How the error of a derivative depends on the step: two curves that tell a right gradient from a
/// wrong one without any tolerance.
#pragma once

#include <string>
#include <vector>

#include "gradus/gradcheck.h"
#include "gradus/viz/terminal.h"

namespace gradus {

/// What steps of many sizes say about the worst element of a check, and about the gradient as a
/// whole.
struct StepCurve {
  std::vector<double> step;   ///< h, from 1 down to 1e-12
  std::vector<double> error;  ///< |(L(x + h) - L(x - h)) / 2h - analytic|, of the worst element
  /// The same beside the derivative that the differences themselves tend to (extrapolated from
  /// steps of 2e-3 and 1e-3): the V that `error` has where the gradient is right.
  std::vector<double> right_error;
  /// What the tangent misses, R(h) = |L(x + h d) - L(x) - h g.d|, along a random direction d of the
  /// worst element's input, g being what backward says.
  std::vector<double> remainder;
  /// The exponent p of R(h) ~ h^p: 2 where g is right (the parabola is left), 1 where it is wrong.
  /// 0 where R is rounding error at every step: the function is linear along d and g is right.
  double slope = 0;
};
/// Measures both.
StepCurve step_curve(const Function& f, const std::vector<NamedArray>& inputs,
                     const GradcheckResult& result);

/// Everything about one check: its report; if it failed, for each wrong input the likely cause and
/// its evidence; the curve of the worst element's error, and the slope of the remainder.
std::string explain(const Function& f, const std::vector<NamedArray>& inputs,
                    const GradcheckResult& result,
                    const viz::Terminal& terminal = viz::Terminal::standard_output());

}  // namespace gradus
