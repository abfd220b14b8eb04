// Comparisons, and ops that choose: each a line of the table.
#include <cmath>

#include "ops/op_table.h"

namespace gradus::test {
namespace {

// True at two places of five.
Array some(const Shape& shape) {
  std::vector<bool> bits;
  for (int64_t i = 0; i < shape.numel(); ++i) bits.push_back(i % 5 == 1 || i % 5 == 2);
  return Array::of_bools(bits, shape);
}

void where_on(OpTable& t, const std::string& title, const Shape& mask_shape,
              const std::vector<OpTable::Inputs>& inputs) {
  const Array mask = some(mask_shape);
  t.add("where " + title,
        on_two([=](const Tensor& a, const Tensor& b) { return where(mask, a, b); }),
        "torch.where(" + torch_literal(mask) + ", a, b)", inputs);
}

}  // namespace

void compare_cases(OpTable& t) {
  // The results are masks, and no gradient goes back.
  t.binary(
      "eq", [](const Tensor& a, const Tensor& b) { return Tensor(eq(a, b)); }, "a == b");
  t.binary(
      "ne", [](const Tensor& a, const Tensor& b) { return Tensor(ne(a, b)); }, "a != b");
  t.binary(
      "lt", [](const Tensor& a, const Tensor& b) { return Tensor(a < b); }, "a < b");
  t.binary(
      "le", [](const Tensor& a, const Tensor& b) { return Tensor(a <= b); }, "a <= b");
  t.binary(
      "gt", [](const Tensor& a, const Tensor& b) { return Tensor(a > b); }, "a > b");
  t.binary(
      "ge", [](const Tensor& a, const Tensor& b) { return Tensor(a >= b); }, "a >= b");
  t.unary(
      "eq number", [](const Tensor& a) { return Tensor(eq(a, -1)); }, "a == -1");
  t.unary(
      "ne number", [](const Tensor& a) { return Tensor(ne(a, -1)); }, "a != -1");
  t.unary(
      "lt number", [](const Tensor& a) { return Tensor(a < 1); }, "a < 1");
  t.unary(
      "le number", [](const Tensor& a) { return Tensor(a <= 1); }, "a <= 1");
  t.unary(
      "gt number", [](const Tensor& a) { return Tensor(a > 1); }, "a > 1");
  t.unary(
      "ge number", [](const Tensor& a) { return Tensor(a >= 1); }, "a >= 1");

  t.binary("maximum", maximum, "torch.maximum(a, b)");
  t.binary("minimum", minimum, "torch.minimum(a, b)");
  t.unary(
      "clamp", [](const Tensor& a) { return clamp(a, -1, 1); }, "a.clamp(-1, 1)");
  t.unary(
      "clamp below", [](const Tensor& a) { return clamp(a, 0, INFINITY); }, "a.clamp(0, inf)");
  t.unary(
      "clamp above", [](const Tensor& a) { return clamp(a, -INFINITY, 1); }, "a.clamp(-inf, 1)");

  where_on(t, "whole", {3, 5}, {{{3, 5}, {3, 5}}, {{3, 5}, {5}}, {{2, 3, 5}, {3, 1}}});
  where_on(t, "row", {5}, {{{3, 5}, {3, 5}}, {{5}, {5}}, {{3, 1}, {3, 5}}});
  where_on(t, "column", {3, 1}, {{{3, 5}, {3, 5}}, {{5}, Shape{}}, {{3, 1}, {3, 1}}});
  where_on(t, "larger", {7, 3, 5}, {{{3, 5}, {5}}, {Shape{}, Shape{}}});  // than both inputs
  where_on(t, "one", Shape{}, {{Shape{}, Shape{}}, {{67}, {67}}, {{0, 3}, {3}}});
  t.extreme("where",
            on_two([](const Tensor& a, const Tensor& b) { return where(some({5}), a, b); }),
            "torch.where(" + torch_literal(some({5})) + ", a, b)",
            {{Input({5}, {NAN, 1, INFINITY, -INFINITY, NAN}),
              Input({5}, {2, NAN, INFINITY, 3, INFINITY})}});
}

}  // namespace gradus::test
