/// \file
/// Why a gradient is wrong: a likely cause, from what the two derivatives have to do with each
/// other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gradus/gradcheck.h"

namespace gradus {

/// A kind of mistake. Each is recognised by its traces in the numbers alone; what the op is, nobody
/// looks at.
enum class Cause {
  not_finite,     ///< NaN or infinity
  overwritten,    ///< the op writes to its input
  never_added,    ///< zero everywhere: this input's gradient is never added
  sign,           ///< -1 times the right gradient
  counted_twice,  ///< twice the right gradient
  counted_once,   ///< half of it: a factor 2 lost, or one of two shares
  mean_or_sum,    ///< N times or 1/N of it, N being a size: a mean taken for a sum, or the reverse
  scale,          ///< sqrt(N) times it or 1/sqrt(N) of it: a scale lost or used twice
  factor,         ///< some other constant times it
  row_factor,     ///< a factor for each row: a scale of the row lost, such as 1/sigma
  power,          ///< the input or the result to a power, as a factor too many or lost
  transposed,     ///< the right gradient with two axes exchanged, or a Jacobian not transposed
  misplaced,      ///< the right numbers in the wrong places: reversed or shifted along an axis
  swapped,        ///< the gradient of another input
  broadcast,      ///< used for many elements of the result: not summed over all of them
  dy_ignored,     ///< as if the gradient that arrives were 1 everywhere
  dy_passed_on,   ///< the gradient that arrives, unchanged: the op's own derivative is missing
  forward_value,  ///< made of the forward value where the derivative belongs
  wrong_point,    ///< the derivative at another point: of the result, or of a value changed since
  residual,  ///< right but for the gradient that arrives: a path straight through, lost or twice
  diagonal,  ///< the Jacobian's diagonal alone, or right but for y times a number for each row
  missing_mean,  ///< right but for terms that are constant in a row, or multiples of the input
  masked,        ///< not zero where the input has no effect: a mask is leaking, or another one
  one_branch,    ///< right for some values of the input only: one branch, or ties, or a clamp
  some_places,   ///< right at some indices only
  growing,       ///< right at the beginning of an axis, then worse and worse: a recurrence
  nearly,        ///< less than 1 % away everywhere: a small constant in the wrong place
  unknown        ///< no simple pattern
};
/// A few words: "counted twice".
std::string_view name(Cause cause);

/// What a diagnosis found for one input.
struct Diagnosis {
  std::string input;             ///< whose gradient is wrong
  Cause cause = Cause::unknown;  ///< the likely mistake
  std::string evidence;          ///< what of the numbers says so, in one line
};

/// For each input whose gradient is wrong, the first mistake that explains it. A hypothesis
/// predicts the analytic gradient from the measured one, from the forward value and from the
/// gradient that arrived, and counts if it is right to 1e-5 at *every* element; only where none
/// does, a mistake in part of the elements is looked for.
std::vector<Diagnosis> diagnose(const Function& f, const std::vector<NamedArray>& inputs,
                                const GradcheckResult& result);

}  // namespace gradus
