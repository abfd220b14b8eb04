/// \file
/// Gradient checks: the derivative that backward computes against the one that differences measure.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gradus/tensor.h"

namespace gradus {

/// How strictly a gradient is checked.
struct GradcheckOptions {
  double tolerance = 1e-6;  ///< on the relative error that gradcheck defines
  double step = 1e-5;       ///< h, relative to max(1, |x|)
  uint64_t seed = 1;        ///< of the random cotangent
};

/// One element of one input: what backward says and what the differences say.
struct GradcheckElement {
  std::string input;    ///< which of them: "x"
  Shape index;          ///< where in it
  double analytic = 0,  ///< what backward says
      numeric = 0;      ///< what the central difference says
  double error = 0;     ///< relative, as gradcheck defines it
};

/// Both derivatives of one input, element by element, row-major: what a diagnosis starts from.
struct GradcheckGradient {
  size_t input;                  ///< which of them
  std::vector<double> analytic;  ///< what backward says
  std::vector<double> numeric;   ///< what the central differences say
  std::vector<bool> no_effect;   ///< where no step changes the result: the derivative is exactly 0
  bool passed;                   ///< whether every element is within the tolerance
};

/// What a check found.
struct GradcheckResult {
  std::string name;                          ///< of the function
  bool passed = true;                        ///< whether every error stayed under the tolerance
  int64_t elements = 0;                      ///< how many were compared: all of them
  GradcheckElement worst;                    ///< over all inputs
  std::vector<GradcheckElement> inputs;      ///< the worst element of each input
  std::string problem;                       ///< why it failed, if not by the tolerance
  std::string overwritten;                   ///< the input that the function wrote to, if any
  std::vector<GradcheckGradient> gradients;  ///< of every input that has elements
  Array value;                               ///< f(x)
  Array cotangent;                           ///< the random w, of the same shape

  /// One line: "softmax: 35 gradients agree, worst 3.1e-10 at x[2, 4]".
  std::string summary() const;
  /// The line, and a table with the worst element of each input, analytic and numeric side by side.
  std::string report() const;
};

/// A function of the inputs, in the order in which they are given.
using Function = std::function<Tensor(const std::vector<Tensor>& inputs)>;

/// Checks the gradient of L(x) = sum(w * f(x)) with respect to every element of every input, in
/// float64, with a random w: through a plain sum many wrong gradients look right (softmax's is
/// identically zero).
///
/// The measured derivative is the central difference (L(x + h) - L(x - h)) / 2h. With a the
/// analytic and n the numeric derivative of one element, the error is
///
///     |a - n| / max(|a|, |n|, 0.01 max|n| over that input)
///
/// and must stay under the tolerance. Where no step, small or large, changes any element of f
/// (a masked position, say), the derivative is structurally zero and backward must give exactly 0.
/// A function that gives another value when called again (a dropout that draws anew) fails with
/// that reason, and so does one that writes to an input, or whose gradient of an input is another
/// while the other inputs are constants, or is not added once more by a second backward. At kinks
/// differences mean nothing: keep inputs away from them. \throws Error if an input is not float64,
/// or the result is not.
GradcheckResult gradcheck(const std::string& name, const Function& f,
                          const std::vector<NamedArray>& inputs,
                          const GradcheckOptions& options = {});

}  // namespace gradus
