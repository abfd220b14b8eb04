// Elementwise ops: each a line of the table.
#include "ops/op_table.h"

namespace gradus::test {

void elementwise_cases(OpTable& t) {
  t.unary("exp", exp, "a.exp()");
  t.unary("log", log, "a.log()", Domain::positive);
  t.unary("sqrt", sqrt, "a.sqrt()", Domain::positive);
  t.unary("tanh", tanh, "a.tanh()");
  t.unary("relu", relu, "a.relu()");
  t.unary("gelu_tanh", gelu_tanh, "F.gelu(a, approximate='tanh')");
  t.numbers_instead_of_nan("gelu_tanh", "the slope at infinity is its limit, 1 or 0");
  t.unary("neg", neg, "-a");

  t.binary("add", add, "a + b");
  t.binary("sub", sub, "a - b");
  t.binary("mul", mul, "a * b");
  t.binary("div", div, "a / b", Domain::nonzero);
}

}  // namespace gradus::test
