/// \file
/// Is a backward right? The ordinary gradient check on every case, and what it does not ask.
#pragma once

#include "exercises/exercise.h"
#include "gradus/viz/terminal.h"

namespace gradus::exercises {

/// One case that was tried.
struct Tried {
  Case tried;
  GradcheckResult result;  ///< of the op of the exercise
  std::string problem;     ///< what is wrong besides, or instead: an error that was thrown
  bool right() const { return result.passed && problem.empty(); }
};

/// Tries all cases. Besides the gradient check (at a kink: the library's gradient), the value must
/// be the library's; the gradient must be the same where only one input wants one, and in float32;
/// and twice as large where the op is used twice.
std::vector<Tried> try_out(const Exercise& exercise);

/// A table of the cases and, if one is wrong, all about the largest of those that are: what the
/// gradient check says, its diagnosis, and where to look.
std::string report(const std::vector<Tried>& all, const viz::Terminal& terminal);

}  // namespace gradus::exercises
