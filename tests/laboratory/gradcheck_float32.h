// make gradcheck OP=softmax DTYPE=float32
#pragma once

#include <vector>

#include "nn/module_table.h"

namespace gradus::test {

// Checks the cases in float32, prints a line for each and what the worst of them says, and returns
// the exit code: 0 if all are right, 1 if not.
int check_in_float32(const std::vector<CheckCase>& cases, bool one_op);

}  // namespace gradus::test
