/// \file
/// The table of modules, and of tensors that several ops use: what `make gradcheck` and the tests
/// check beside the table of ops.
#pragma once

#include <string>
#include <vector>

#include "gradus/gradcheck.h"

namespace gradus::test {

/// A function whose gradients are checked, and where.
struct CheckCase {
  std::string name;                ///< "TransformerBlock_pre_bias"
  std::string op;                  ///< what `make gradcheck OP=` calls it: "TransformerBlock"
  Function call;                   ///< gives the same result in each call
  std::vector<NamedArray> inputs;  ///< x, and every parameter
};
inline void PrintTo(const CheckCase& c, std::ostream* out) { *out << c.name; }

/// All of them. Names of modules begin with a capital; a name of an op adds a case to that op.
/// "reuse" is no module: there a tensor is used several times, so that its gradient is a sum; that
/// is autograd's work alone.
const std::vector<CheckCase>& module_table();

}  // namespace gradus::test
