// Where ops meet memory in unusual ways: overlaps, repetitions, one tensor in several places,
// numbers of rank 0, axes of no elements.
#include <map>
#include <set>

#include "gradus/arithmetic.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

std::string report(const Function& f, const Arrays& inputs) {
  std::vector<NamedArray> named;
  for (const Array& input : inputs)
    named.push_back({"input " + std::to_string(named.size()), input});
  const GradcheckResult result = gradcheck("edge", f, named);
  return result.passed ? "" : result.report();
}

Array gradient_of(const std::function<Tensor(const Tensor&)>& f, const Array& x, const Array& dy) {
  const Tensor leaf = parameter(x);
  f(leaf).backward(dy);
  return leaf.grad();
}

Array ones(const Shape& shape) { return Array::full(shape, 1, DType::float64); }

// ---- writing in place

TEST(EdgesInPlace, OverlappingViewsAreReadBeforeTheyAreWritten) {
  for (const int64_t from : {0, 1})
    for (const int64_t to : {0, 1}) {
      const Array x = counting({5, 3}), before = x.clone();
      Array target = x.slice(0, to, to + 4);
      const Array source = x.slice(0, from, from + 4);
      add_in_place(target, source);
      EXPECT_TRUE(same_bits(target, before.slice(0, to, to + 4) + before.slice(0, from, from + 4)));
      const Array y = before.clone();
      y.slice(0, to, to + 4).copy_from(y.slice(0, from, from + 4));
      EXPECT_TRUE(same_bits(y.slice(0, to, to + 4), before.slice(0, from, from + 4)));
    }
}

TEST(EdgesInPlace, AnArrayMayBeAddedToOrCopiedIntoItsOwnTranspose) {
  Array x = counting({3, 3});
  const Array before = x.clone();
  add_in_place(x, x.transpose());
  EXPECT_TRUE(same_bits(x, before + before.transpose()));
  Array y = before.clone();
  y.copy_from(y.transpose());
  EXPECT_TRUE(same_bits(y, before.transpose()));
  add_in_place(y, y.slice(0, 0, 1));  // a row of y itself, repeated over y
  EXPECT_TRUE(same_bits(y, before.transpose() + before.transpose().slice(0, 0, 1)));
}

// One place cannot hold several elements: to add to each of them means nothing.
TEST(EdgesInPlace, WhatWasExpandedIsNotWrittenTo) {
  const Array row = counting({1, 3});
  for (Array target : {row.expand({2, 3}), row.transpose().expand({3, 2}),
                       Array::zeros(Shape{}, DType::float64).expand({4})}) {
    const Array before = target.clone();
    const std::string rule =
        target.shape().to_string() + ", which was expanded: its elements share memory";
    EXPECT_EQ(error_of([&] { add_in_place(target, before); }), "add: in place, into " + rule);
    EXPECT_EQ(error_of([&] { scale_in_place(target, 2); }), "mul: in place, into " + rule);
    EXPECT_EQ(error_of([&] { target.copy_from(before); }), "copy: into " + rule);
    EXPECT_TRUE(same_bits(target, before));
  }
  // Nothing is repeated where an axis of size 1 stays one, or where there are no elements.
  for (Array target : {row.expand({1, 3}), row.slice(1, 0, 0).expand({2, 0})})
    EXPECT_NO_THROW(scale_in_place(target, 2));
  EXPECT_EQ(row.to_vector(), (std::vector<double>{0, 2, 4}));
}

TEST(EdgesInPlace, WhatWasExpandedMayBeAddedToOthers) {
  Array x = counting({2, 3});
  add_in_place(x, counting({3}).expand({2, 3}));
  EXPECT_EQ(x.to_vector(), (std::vector<double>{0, 2, 4, 3, 5, 7}));
  x.copy_from(Array::scalar(7, DType::float64).expand({2, 3}));
  EXPECT_EQ(x.to_vector(), std::vector<double>(6, 7));
}

// ---- gradients that meet

TEST(EdgesGradients, SlicesThatOverlapAddUp) {
  const auto f = [](const Tensor& x) { return slice(x, 0, 0, 3) + slice(x, 0, 1, 4) * 10; };
  EXPECT_EQ(gradient_of(f, counting({5}), ones({3})).to_vector(),
            (std::vector<double>{1, 11, 11, 10, 0}));
  const auto g = [](const Tensor& x) {
    return slice(x, 0, 0, 3) * slice(x, 0, 1, 4) * slice(x, 0, 0, 5, 2);
  };
  EXPECT_EQ(report(on_one(g), {random_array({5})}), "");
  EXPECT_EQ(report(on_one(g), {random_array({5, 3})}), "");
}

TEST(EdgesGradients, ASliceASelectionAndTheWholeAddUp) {
  const Function g = on_one([](const Tensor& x) {
    const Tensor column = slice(x, 1, 2, 3),
                 part = index_select(x, 1, Array::of_indices({2, 0, 2}, {3}));
    return x * select(x, 0, 1) * column + part * slice(x, 0, 1, 2);
  });
  EXPECT_EQ(report(g, {random_array({3, 3})}), "");
}

TEST(EdgesGradients, OneTensorBroadcastsAgainstItself) {
  const Function outer_product = on_one([](const Tensor& x) { return unsqueeze(x, 1) * x; });
  EXPECT_EQ(report(outer_product, {random_array({5})}), "");
  const Function gram = on_one([](const Tensor& x) { return matmul(x, transpose(x)); });
  EXPECT_EQ(report(gram, {random_array({3, 5})}), "");
  EXPECT_EQ(report(gram, {random_array({2, 3, 5})}), "");
  const Function quotient =
      on_one([](const Tensor& x) { return unsqueeze(x, 0) / unsqueeze(x, 1); });
  EXPECT_EQ(report(quotient, {random_array({3, 5}) + 5}), "");
}

TEST(EdgesGradients, BothOperandsAreBroadcast) {
  const Arrays inputs = {random_array({3, 1, 5}), random_array({7, 1}, 2)};
  EXPECT_EQ(report(on_two([](const Tensor& a, const Tensor& b) { return a * b + b; }), inputs), "");
  const Array dy = ones({3, 7, 5});
  const Tensor a = parameter(inputs[0]), b = parameter(inputs[1]);
  (a + b).backward(dy);
  EXPECT_EQ(a.grad().to_vector(), std::vector<double>(15, 7));
  EXPECT_EQ(b.grad().to_vector(), std::vector<double>(7, 15));
}

TEST(EdgesGradients, OfWhatWasExpandedIsTheSum) {
  const auto f = [](const Tensor& x) { return expand(expand(x, {3, 1, 2}), {3, 5, 2}); };
  EXPECT_EQ(gradient_of(f, counting({1, 2}), ones({3, 5, 2})).to_vector(),
            (std::vector<double>{15, 15}));
  // A leaf that is itself expanded: each of its elements has a gradient of its own.
  const Tensor leaf = parameter(counting({1, 3}).expand({2, 3}));
  (leaf * leaf).backward(counting({2, 3}));
  EXPECT_EQ(leaf.grad().to_vector(), (std::vector<double>{0, 2, 8, 0, 8, 20}));
}

TEST(EdgesGradients, FindTheirWayThroughViewsOfViews) {
  const Function f = on_one([](const Tensor& x) {
    const Tensor y = slice(transpose(x), 0, 1, 5, 2);                // (2, 3)
    return reshape(permute(unsqueeze(y, 0), {2, 0, 1}), {6}) * 2.0;  // copies: no view can do it
  });
  for (const Array& layout : in_every_layout(random_array({3, 5}))) {
    EXPECT_EQ(report(f, {layout.clone()}), "");
    const Array g = gradient_of([&](const Tensor& x) { return f({x}); }, layout, counting({6}));
    EXPECT_TRUE(g.is_contiguous());
    EXPECT_TRUE(same_bits(
        g, gradient_of([&](const Tensor& x) { return f({x}); }, layout.clone(), counting({6}))));
  }
}

// ---- rank 0, and axes of no elements

TEST(EdgesRank0, EveryOpThatTakesAnyShapeTakesANumber) {
  using F = std::function<Tensor(const Tensor&)>;
  const std::map<std::string, F> ops = {
      {"sum", [](const Tensor& x) { return sum(x); }},
      {"mean", [](const Tensor& x) { return mean(x, {}, true); }},
      {"variance", [](const Tensor& x) { return variance(x, {}, false, 0); }},
      {"norm", [](const Tensor& x) { return norm(x); }},
      {"logsumexp", [](const Tensor& x) { return logsumexp(x); }},
      {"amax", [](const Tensor& x) { return amax(x); }},
      {"min", [](const Tensor& x) { return min(x); }},
      {"reshape", [](const Tensor& x) { return reshape(x, Shape{}); }},
      {"permute", [](const Tensor& x) { return permute(x, {}); }},
      {"expand",
       [](const Tensor& x) {
         return sum(expand(x, {2, 3}));
       }},
      {"squeeze", [](const Tensor& x) { return squeeze(unsqueeze(x, -1)); }},
      {"flatten", [](const Tensor& x) { return select(flatten(x), 0, 0); }},
      {"flip", [](const Tensor& x) { return flip(x); }},
      {"pad", [](const Tensor& x) { return pad(x, {}); }},
      {"repeat", [](const Tensor& x) { return repeat(x, {}); }},
      {"stack",
       [](const Tensor& x) {
         return sum(stack({x, x}));
       }},
      {"to", [](const Tensor& x) { return to(to(x, DType::float32), DType::float64); }}};
  for (const auto& [op, f] : ops) {
    const Tensor y = f(parameter(Array::scalar(1.5, DType::float64)));
    EXPECT_EQ(y.rank(), 0) << op;
    const Array g = gradient_of(f, Array::scalar(1.5, DType::float64), ones(Shape{}));
    EXPECT_EQ(g.shape(), Shape{}) << op;
    EXPECT_EQ(g.item(), op == "variance" ? 0 : op == "expand" ? 6 : op == "stack" ? 2 : 1) << op;
  }
}

TEST(EdgesRank0, AnAxisOfANumberIsAnError) {
  const Tensor x(1.5);
  EXPECT_EQ(error_of([&] { sum(x, {0}); }), "sum: axis 0 of a tensor of rank 0");
  EXPECT_EQ(error_of([&] { cumsum(x, 0); }), "cumsum: axis 0 of a tensor of rank 0");
  EXPECT_EQ(error_of([&] { max(x, -1); }), "max: axis -1 of a tensor of rank 0");
  EXPECT_EQ(error_of([&] { slice(x, 0, 0, 1); }), "slice: axis 0 of a tensor of rank 0");
  EXPECT_EQ(error_of([&] { select(x, 0, 0); }), "select: axis 0 of a tensor of rank 0");
  EXPECT_EQ(error_of([&] { split(x, 1); }), "split: axis 0 of a tensor of rank 0");
  EXPECT_EQ(error_of([&] { concat({x, x}); }), "concat: axis 0 of a tensor of rank 0");
  EXPECT_EQ(error_of([&] { gather(x, 0, Array::of_indices({0}, Shape{})); }),
            "gather: axis 0 of a tensor of rank 0");
}

// Each op on a tensor without elements: the table must have such a case of it.
TEST(EdgesEmpty, EveryOpHasACaseWithAnAxisOfSizeZero) {
  const std::set<std::string> made_of_no_tensor = {"arange",         "linspace",       "eye",
                                                   "lower_triangle", "upper_triangle", "one_hot",
                                                   "argmax",         "argmin"};
  std::map<std::string, bool> has_empty;
  for (const OpCase& c : op_table()) {
    bool& found = has_empty[c.op];
    for (const Input& input : c.inputs) found |= input.shape.numel() == 0;
  }
  for (const auto& [op, found] : has_empty)
    EXPECT_TRUE(found || made_of_no_tensor.contains(op)) << op;
}

}  // namespace
}  // namespace gradus::test
