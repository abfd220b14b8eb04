/// \file
/// Gradient checks in float32: what differences can see there, and what they cannot.
#pragma once

#include <string>
#include <vector>

#include "gradus/gradcheck.h"

namespace gradus {

/// How a gradient is checked in float32.
struct Float32Options {
  double step = 4e-3;       ///< h, relative to max(1, |x|): about the cube root of 6e-8
  double tolerance = 1e-5;  ///< on the distance from float64's gradient: 170 roundings of float32
  uint64_t seed = 1;        ///< of the random cotangent
};

/// What a check in float32 found. All errors are relative to the largest derivative of the input
/// that they were found in: beside it, float32 sees nothing of an element ten thousand times
/// smaller.
struct Float32Result {
  std::string name;      ///< of the function
  bool passed = true;    ///< whether both comparisons passed
  int64_t elements = 0;  ///< how many were compared: all of them
  std::string problem;   ///< why it failed, if not by numbers

  bool differences_agree = true;  ///< no distance is more than the differences themselves err by
  GradcheckElement difference;  ///< where a is furthest from n, measured by what can be seen there
  double visible = 0;           ///< the error below which differences see nothing at this element
  double blur = 0;              ///< the same where it is worst
  int64_t blind = 0;            ///< elements where it is above 0.1, as at a kink within one step
  double step = 0;              ///< h at the element of `difference`,
  double rounding = 0;          ///< the part of `visible` that comes from rounding: e / h
  double truncation = 0;        ///< and the part that the step itself leaves out
  double value_rounding = 0;    ///< e: how far L was from its value in float64, at worst
  double value_size = 0;        ///< the largest |w * f|, whose rounding that is

  double tolerance = 0;        ///< of the comparison with float64
  bool beside_float64 = true;  ///< no distance from float64's gradient exceeds the tolerance
  GradcheckElement beside;     ///< the worst of these; `numeric` is float64's gradient

  /// One line: "softmax: 35 gradients agree in float32; differences 4e-05, float64 2e-07".
  std::string summary() const;
  /// The line, both comparisons, and why differences cannot do better.
  std::string report() const;
};

/// Checks in float32, at the inputs rounded to float32, the gradient of L(x) = sum(w * f(x)) in two
/// ways.
///
/// Against central differences that are measured in float32 as well. Their error is not guessed: f
/// is evaluated in float64 at the same points, too. With e the largest |L32 - L64| met anywhere,
/// rounding moves a difference by at most e / h; what the step leaves out, T, is the distance of
/// float64's difference with this step from one with a step of 1e-5. |a - n| may be as large as
/// e / h + T, plus the tolerance for backward's own rounding, and no larger. No step makes that sum
/// small: e / h grows where T ~ h^2 shrinks, and at its best it is near 6e-8 to the power 2/3, some
/// 1e-5, times the size of the terms of L.
///
/// And against the gradient that backward gives in float64. That is much sharper, but finds only
/// what float32 alone does wrong, not a wrong formula: that one the differences must find, or
/// gradcheck. \throws Error if an input is not of a floating dtype, or f does not take both.
Float32Result gradcheck_float32(const std::string& name, const Function& f,
                                const std::vector<NamedArray>& inputs,
                                const Float32Options& options = {});

}  // namespace gradus
