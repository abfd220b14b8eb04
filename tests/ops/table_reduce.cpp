// Reduce: each op a line of the table.
#include "ops/op_table.h"

namespace gradus::test {

void reduce_cases(OpTable&) {}

}  // namespace gradus::test
