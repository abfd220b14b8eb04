// cross_entropy: the table of cases, and what no table can say.
#include "gradus/ops/loss.h"

#include "gradus/arithmetic.h"
#include "ops/op_case.h"

namespace gradus::test {
namespace {

// Classes for `shape`, some of them twice and never all of them.
Array targets_for(const Shape& shape, int64_t classes) {
  std::vector<int64_t> targets;
  for (int64_t i = 0; i < shape.numel(); ++i) targets.push_back((5 * i + 2) % classes);
  return Array::of_indices(targets, shape);
}
Array targets_of(const Array& logits) {
  return targets_for(logits.shape().erased(logits.rank() - 1), logits.size(-1));
}

double slow_cross_entropy(const Arrays& in, const Shape&) {
  const Array targets = targets_of(in[0]);
  double total = 0, rows = 0;
  for_each_index(targets.shape(), [&](const Shape& row) {
    const Shape at_target = row.inserted(row.rank(), static_cast<int64_t>(targets.at(row)));
    double sum = 0;
    for (int64_t j = 0; j < in[0].size(-1); ++j) sum += std::exp(in[0].at(with(at_target, -1, j)));
    total += std::log(sum) - in[0].at(at_target);
    rows += 1;
  });
  return total / rows;
}

const SlowFamily losses = {
    .name = "cross_entropy",
    .op = [](const Tensors& in) { return cross_entropy(in[0], targets_of(in[0].value())); },
    .element = slow_cross_entropy,
    .shapes = {{{7}}, {{3, 5}}, {{2, 3, 7}}, {{5, 37}}, {{11, 2}}, {{2, 3, 5, 7}}}};

INSTANTIATE_TEST_SUITE_P(Loss, SlowOpTest, testing::ValuesIn(cases({losses})), case_name);

TEST(CrossEntropy, IsTheMeanOfMinusLogSoftmaxAtTheTargets) {
  for (const SlowCase& c : cases({losses})) {
    SCOPED_TRACE(c.name);
    const Function composed = [](const Tensors& in) {
      const Array targets = targets_of(in[0].value());
      Array one_hot = Array::zeros(in[0].shape(), DType::float64);
      for_each_index(targets.shape(), [&](const Shape& row) {
        const Shape place = row.inserted(row.rank(), static_cast<int64_t>(targets.at(row)));
        Array element = one_hot;
        for (const int64_t i : place) element = element.select(0, i);
        element.copy_from(Array::scalar(1, DType::float64));
      });
      return sum(log_softmax(in[0]) * Tensor(one_hot)) *
             (-1.0 / static_cast<double>(targets.numel()));
    };
    expect_same_outcome(run(c.op, inputs_of(c)), run(composed, inputs_of(c)), 1e-14);
  }
}

TEST(CrossEntropy, OfEqualLogitsIsTheLogarithmOfTheirNumber) {
  on_every_isa([] {
    for (const double logit : {0.0, 1e4, -1e4}) {
      const Tensor x = parameter(Array::full({3, 65}, logit));
      EXPECT_NEAR(cross_entropy(x, targets_for({3}, 65)).item(), std::log(65), 1e-6);
    }
  });
}

TEST(CrossEntropy, SmallGradientsKeepTheirDigits) {
  const Tensor x = parameter(Array::of({40, 0, 0}, {1, 3}, DType::float64));
  cross_entropy(x, Array::of_indices({0}, {1})).backward();
  EXPECT_NEAR(x.grad().at({0, 1}), std::exp(-40), 1e-13 * std::exp(-40));
}

TEST(CrossEntropy, OfAnImpossibleTargetIsInfiniteAndOfNaNIsNaN) {
  const Array target = Array::of_indices({1}, {1});
  const Tensor x = parameter(Array::of({0, -INFINITY, 0}, {1, 3}));
  const Tensor loss = cross_entropy(x, target);
  EXPECT_EQ(loss.item(), INFINITY);
  loss.backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{0.5, -1, 0.5}));
  EXPECT_TRUE(std::isnan(cross_entropy(Tensor(Array::of({0, 1, NAN}, {1, 3})), target).item()));
}

// More rows than one chunk has.
TEST(CrossEntropy, ManyRowsGiveTheGradientsOfEachRow) {
  const int64_t rows = 307, classes = 65;
  const Array logits = random_array({rows, classes});
  const Tensor all = parameter(logits), single = parameter(logits);
  const Array targets = targets_for({rows}, classes);
  const Tensor loss = cross_entropy(all, targets);
  loss.backward();
  double total = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const Tensor row = cross_entropy(slice(single, 0, i, i + 1), targets.slice(0, i, i + 1));
    total += row.item();
    row.backward();
  }
  EXPECT_NEAR(loss.item(), total / rows, 1e-13);
  EXPECT_LE(relative_distance(all.grad(), single.grad() / rows), 1e-14);
}

TEST(CrossEntropyErrors, NameTheRuleAndTheShapes) {
  const Tensor x(Array::zeros({2, 3}));
  const auto error = [&](const Array& targets) {
    return error_of([&] { cross_entropy(x, targets); });
  };
  EXPECT_EQ(error(Array::of_indices({1, 2, 0}, {3})),
            "cross_entropy: logits [2, 3] with targets [3]");
  EXPECT_EQ(error(Array::of_indices({1, 3}, {2})),
            "cross_entropy: target 3 (at position 1) for 3 classes");
  EXPECT_EQ(error(Array::of_indices({-1, 2}, {2})),
            "cross_entropy: target -1 (at position 0) for 3 classes");
  EXPECT_EQ(error(Array::zeros({2})), "cross_entropy: targets must be int64, got float32");
  EXPECT_EQ(error_of([&] { cross_entropy(Tensor(1.0), Array::of_indices({0}, Shape{})); }),
            "cross_entropy: logits [] with targets []");
}

}  // namespace
}  // namespace gradus::test
