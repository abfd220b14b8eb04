// Index: each op a line of the table.
#include "ops/op_table.h"

namespace gradus::test {
namespace {

using Indices = std::vector<int64_t>;

void look_ups(OpTable& t) {
  // x and the indices of each case. Those of the other axes may be fewer than x has.
  const auto gathered = [&](int axis, const Shape& x, const Indices& values, const Shape& shape) {
    const Array indices = Array::of_indices(values, shape);
    const std::string literal = torch_literal(indices), along = " axis" + std::to_string(axis + 3);
    t.add("gather" + along, on_one([=](const Tensor& a) { return gather(a, axis, indices); }),
          fmt::format("a.gather({}, {})", axis, literal), {{x}});
    t.add("scatter_add" + along, on_two([=](const Tensor& a, const Tensor& b) {
            return scatter_add(a, axis, indices, b);
          }),
          fmt::format("a.scatter_add({}, {}, b)", axis, literal), {{x, shape}});
  };
  gathered(0, {5}, {4, 0, 4, 4}, {4});
  gathered(-1, {1}, {0, 0, 0}, {3});
  gathered(0, {3, 5}, {2, 0, 1, 1, 2, 2, 2, 0, 0, 2}, {2, 5});
  gathered(1, {3, 5}, {4, 0, 0, 1, 1, 3}, {3, 2});
  gathered(-2, {3, 5}, {2, 2, 0, 2, 0, 1}, {2, 3});     // only 3 of the 5 columns
  gathered(-1, {3, 5}, {4, 4, 4, 1, 0, 3, 2}, {1, 7});  // only the first row
  gathered(1, {2, 3, 5}, {2, 0, 1, 0, 2, 2, 2, 2}, {2, 2, 2});
  gathered(0, {2, 3, 5}, {1, 1, 0, 1, 0, 0}, {3, 1, 2});
  gathered(0, {3, 5}, {}, {0, 5});
  gathered(1, {0, 5}, {}, {0, 2});

  const auto selected = [&](int axis, const Indices& values, const std::vector<Shape>& shapes) {
    const Array indices = Array::of_indices(values, {static_cast<int64_t>(values.size())});
    for (const Shape& shape : shapes)
      t.add("index_select axis" + std::to_string(axis + 3),
            on_one([=](const Tensor& a) { return index_select(a, axis, indices); }),
            fmt::format("a.index_select({}, {})", axis, torch_literal(indices)), {{shape}});
  };
  selected(0, {3, 0, 3, 3, 1}, {{5}, {5, 3}, {5, 3, 2}, {4, 1}, {4, 0}});
  selected(1, {2, 2, 0, 1, 2}, {{2, 3}, {2, 3, 5}, {0, 3}});
  selected(-1, {4, 0, 0}, {{3, 5}, {2, 3, 5}});
  selected(-2, {1, 1}, {{3, 2, 5}});
  selected(0, {}, {{3, 5}});
  selected(1, {0, 0}, {{3, 1}});

  for (const int classes : {3, 5}) {
    const Array indices = Array::of_indices({2, 0, 1, 2}, {2, 2});
    t.add("one_hot " + std::to_string(classes),
          on_one([=](const Tensor& a) { return Tensor(one_hot(indices, classes, a.dtype())); }),
          fmt::format("F.one_hot({}, {}).double()", torch_literal(indices), classes), {{{1}}});
  }
}

void embeddings(OpTable& t) {
  const auto looked_up = [&](const std::string& what, const Indices& values, const Shape& shape,
                             const std::vector<OpTable::Inputs>& tables) {
    const Array indices = Array::of_indices(values, shape);
    t.add("embedding " + what,
          on_one([=](const Tensor& table) { return embedding(table, indices); }),
          "F.embedding(" + torch_literal(indices) + ", a)", tables);
  };
  looked_up("once", {3, 0, 6}, {3}, {{{7, 5}}, {{7, 1}}, {{11, 37}}});
  looked_up("repeated", {2, 5, 2, 2, 0, 5}, {2, 3}, {{{7, 5}}, {{7, 19}}});
  looked_up("one", {4}, Shape{}, {{{7, 3}}});
  looked_up("deep", {1, 0, 1, 1, 0, 1}, {1, 3, 2, 1}, {{{2, 5}}});
  looked_up("none", {}, {2, 0}, {{{5, 3}}, {{0, 3}}});
  // A tied table, used at both ends of a model.
  const Array ids = Array::of_indices({2, 0, 2}, {3});
  t.add("embedding tied",
        on_one([=](const Tensor& table) { return linear(embedding(table, ids), table); }),
        "F.linear(F.embedding(" + torch_literal(ids) + ", a), a)", {{{5, 3}}});
}

}  // namespace

void index_cases(OpTable& t) {
  look_ups(t);
  embeddings(t);
}

}  // namespace gradus::test
