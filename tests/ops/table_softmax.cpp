// Softmax: each op a line of the table.
#include <cmath>

#include "ops/op_table.h"

namespace gradus::test {

void softmax_cases(OpTable& t) {
  t.along_axis("softmax", softmax, "a.softmax({})");
  t.along_axis("log_softmax", log_softmax, "a.log_softmax({})");

  // Large, equal and tiny logits; one that is far ahead; some that are masked; one NaN; one
  // infinity; and, in the last row, nothing but masked ones.
  const Input rows({9, 5}, {1e4,       1e4 + 1,   -1e4,      9999,      10002,      //
                            -1e4,      -1e4,      -10001,    -10003,    -10005,     //
                            0x1p-140,  0,         1e-30,     -1e-30,    -0x1p-140,  //
                            3e38,      1,         2,         -3e38,     0,          //
                            -INFINITY, 1,         -INFINITY, 2,         0.5,        //
                            -INFINITY, 3,         -INFINITY, -INFINITY, -INFINITY,  //
                            1,         NAN,       2,         3,         4,          //
                            1,         2,         INFINITY,  3,         -INFINITY,  //
                            -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY});
  t.extreme("softmax", on_one([](const Tensor& x) { return softmax(x); }), "a.softmax(-1)",
            {{rows}});
  t.extreme("log_softmax", on_one([](const Tensor& x) { return log_softmax(x); }),
            "a.log_softmax(-1)", {{rows}});
  t.numbers_instead_of_nan(
      "softmax",
      "where all logits are -inf, everything is masked: the result and the gradient are 0");
  t.numbers_instead_of_nan(
      "log_softmax", "where all logits are -inf the result is -inf, the logarithm of softmax's 0");
}

}  // namespace gradus::test
