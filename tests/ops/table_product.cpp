// Products of matrices: each op a line of the table.
#include "ops/op_table.h"

namespace gradus::test {

void product_cases(OpTable& t) {
  t.add("matmul", on_two(matmul), "a @ b",
        {{{3, 5}, {5, 7}},
         {{1, 5}, {5, 1}},
         {{19, 37}, {37, 23}},
         {{2, 3, 5}, {2, 5, 7}},
         {{2, 3, 5}, {5, 7}},
         {{3, 5}, {2, 5, 7}},
         {{3, 1, 5, 7}, {2, 7, 3}},
         {{5}, {5}},
         {{3, 5}, {5}},
         {{5}, {5, 7}},
         {{2, 3, 5}, {5}},
         {{5}, {2, 5, 7}},
         {{3, 3}, {3, 3}},
         {{0, 5}, {5, 3}},
         {{3, 0}, {0, 5}},
         {{0, 3, 5}, {5, 7}}});
  const Function with_bias = [](const Tensors& in) { return linear(in[0], in[1], in[2]); };
  t.add("linear bias", with_bias, "F.linear(a, b, c)",
        {{{3, 5}, {7, 5}, {7}},
         {{2, 3, 5}, {7, 5}, {7}},
         {{5}, {3, 5}, {3}},
         {{37, 19}, {23, 19}, {23}},
         {{1, 1}, {1, 1}, {1}},
         {{0, 5}, {3, 5}, {3}}});
  const Function without_bias = [](const Tensors& in) { return linear(in[0], in[1]); };
  t.add("linear", without_bias, "F.linear(a, b)",
        {{{3, 5}, {7, 5}}, {{2, 3, 5}, {7, 5}}, {{5}, {3, 5}}, {{5, 5}, {5, 5}}, {{3, 0}, {5, 0}}});
}

}  // namespace gradus::test
