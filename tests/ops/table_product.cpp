// Products of matrices: each op a line of the table.
#include <cmath>

#include "ops/op_table.h"

namespace gradus::test {

void product_cases(OpTable& t) {
  t.add("matmul", on_two(matmul), "a @ b",
        {{{3, 5}, {5, 7}},
         {{1, 5}, {5, 1}},
         {{3, 1}, {1, 7}},
         {{7, 19}, {19, 23}},
         {{13, 3}, {3, 37}},
         {{19, 37}, {37, 23}},
         {{2, 3, 5}, {2, 5, 7}},
         {{2, 3, 5}, {5, 7}},
         {{3, 5}, {2, 5, 7}},
         {{3, 1, 5, 7}, {2, 7, 3}},
         {{2, 1, 3, 5}, {7, 5, 3}},
         {{1, 3, 5}, {2, 5, 7}},
         {{2, 3, 5}, {1, 5, 7}},
         {{2, 3, 5, 7}, {7, 2}},
         {{17, 3, 2}, {17, 2, 5}},  // many small ones
         {{5}, {5}},
         {{3, 5}, {5}},
         {{5}, {5, 7}},
         {{2, 3, 5}, {5}},
         {{5}, {2, 5, 7}},
         {{3, 3}, {3, 3}},
         {{0, 5}, {5, 3}},
         {{3, 0}, {0, 5}},
         {{0, 3, 5}, {5, 7}}});
  // A row that is next to nothing, one of large numbers, one with an infinity and one with NaN:
  // each reaches its own row of the product.
  const Input rows({4, 3}, {0x1p-140, 0, 1e-30, 1e30, 0, 3e30, INFINITY, 1, 2, 1, NAN, 3});
  t.extreme("matmul", on_two(matmul), "a @ b", {{rows, {3, 5}}, {rows, {3}}, {{7, 4}, rows}});
  t.add("matmul itself", on_one([](const Tensor& x) { return matmul(x, x); }), "a @ a",
        {{{5, 5}}, {{3, 5, 5}}});
  t.add("outer", on_two(outer), "a.outer(b)",
        {{{3}, {5}}, {{5}, {5}}, {{1}, {67}}, {{0}, {3}}, {{3}, {0}}});
  const Function with_bias = [](const Tensors& in) { return linear(in[0], in[1], in[2]); };
  t.add("linear bias", with_bias, "F.linear(a, b, c)",
        {{{3, 5}, {7, 5}, {7}},
         {{2, 3, 5}, {7, 5}, {7}},
         {{5}, {3, 5}, {3}},
         {{37, 19}, {23, 19}, {23}},
         {{13, 3}, {37, 3}, {37}},
         {{1, 1}, {1, 1}, {1}},
         {{0, 5}, {3, 5}, {3}}});
  const Function without_bias = [](const Tensors& in) { return linear(in[0], in[1]); };
  t.add("linear", without_bias, "F.linear(a, b)",
        {{{3, 5}, {7, 5}},
         {{2, 3, 5}, {7, 5}},
         {{5}, {3, 5}},
         {{5, 5}, {5, 5}},
         {{3, 0}, {5, 0}},
         {{1, 5}, {1, 5}},
         {{7, 19}, {23, 19}},
         {{2, 3, 5, 7}, {11, 7}}});
  t.extreme("linear", without_bias, "F.linear(a, b)", {{rows, {37, 3}}, {{7, 3}, rows}});
  // A tied weight: its gradient collects both uses.
  t.add("linear twice",
        on_two([](const Tensor& x, const Tensor& w) { return linear(linear(x, w), w); }),
        "F.linear(F.linear(a, b), b)", {{{3, 5}, {5, 5}}, {{2, 3, 5}, {5, 5}}});
}

}  // namespace gradus::test
