/// \file
/// Is the gradient of a random program right?
#pragma once

#include <cstdint>

#include "fuzz/graph/program.h"

namespace gradus::test::fuzz {

/// What was done with the programs so far.
struct GraphCounts {
  int64_t programs = 0;
  int64_t steps = 0;
  int64_t derivatives = 0;  ///< compared with differences, and in agreement
  int64_t skipped = 0;      ///< derivatives that differences cannot measure; see check_gradients
  int64_t constant = 0;     ///< programs whose loss depends on no leaf with elements
};

/// Checks a program.
///
/// The loss is sum(w y) over all outputs y with a random w. Backward runs twice, on two graphs: the
/// bits must agree. Every leaf's gradient has its shape and finite numbers; leaves that the loss
/// does not depend on, and constants, have none. Then derivatives are measured by differences,
/// along one direction in the space of all leaves and for two elements of each leaf:
///
///     d = (4 D(h) - D(2h)) / 3,  D(h) = (L(x + h v) - L(x - h v)) / 2h
///
/// whose error falls with h^4; D(h) alone, if that agrees already. Backward's number a must satisfy
/// |a - d| <= 1e-6 max(|a|, |d|, 0.01 times the largest a of that leaf; for the direction, the
/// largest share of one element in a), or be within what rounding does to a difference, some 1e-10
/// of the outputs. Where it does not, and d itself is another number at h / 2, 0.7 h or 1.3 h by
/// a tenth of the allowed difference or more, the differences say nothing and the derivative counts
/// as skipped: an op between two kinks, or far from linear. It does so too where a is no further
/// from d than ten times what rounding does to a: that shows when w is multiplied by 3, 5 and 7,
/// and the gradients are divided by it. \throws Finding if the gradient is wrong.
void check_gradients(const Program& program, GraphCounts& counts);

}  // namespace gradus::test::fuzz
