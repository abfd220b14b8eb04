// Compare: each op a line of the table.
#include "ops/op_table.h"

namespace gradus::test {

void compare_cases(OpTable&) {}

}  // namespace gradus::test
