// Losses: what no table can say.
#include "gradus/ops/loss.h"

#include "gradus/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

// Classes for `shape`, some of them twice and never all of them.
Array targets_for(const Shape& shape, int64_t classes) {
  std::vector<int64_t> targets;
  for (int64_t i = 0; i < shape.numel(); ++i) targets.push_back((5 * i + 2) % classes);
  return Array::of_indices(targets, shape);
}

TEST(CrossEntropy, IsTheMeanOfMinusLogSoftmaxAtTheTargets) {
  for (const Shape& shape : std::vector<Shape>{{7}, {3, 5}, {2, 3, 7}, {5, 37}}) {
    const Array targets = targets_for(shape.erased(shape.rank() - 1), shape[-1]);
    Array one_hot = Array::zeros(shape, DType::float64);
    for_each_index(targets.shape(), [&](const Shape& row) {
      Array element = one_hot;
      for (const int64_t i : row) element = element.select(0, i);
      element.select(0, static_cast<int64_t>(targets.at(row)))
          .copy_from(Array::scalar(1, DType::float64));
    });
    const Function fused = [&](const Tensors& in) { return cross_entropy(in[0], targets); };
    const Function composed = [&](const Tensors& in) {
      return sum(log_softmax(in[0]) * Tensor(one_hot)) / -static_cast<double>(targets.numel());
    };
    const Arrays logits = {random_array(shape)};
    expect_same_outcome(run(fused, logits), run(composed, logits), 1e-14);
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

TEST(CrossEntropy, IgnoredRowsDoNotCountWhateverTheyHold) {
  const Array logits = random_array({3, 5});
  Array spoilt = logits.clone();
  spoilt.select(0, 1).copy_from(Array::full({5}, NAN, DType::float64));
  for (const int64_t ignored : {-100, 4}) {
    const Tensor all = parameter(spoilt), some = parameter(logits);
    const CrossEntropyOptions options{.ignore_index = ignored};
    const Tensor loss = cross_entropy(all, Array::of_indices({3, ignored, 2}, {3}), options);
    const Tensor first = cross_entropy(slice(some, 0, 0, 1), Array::of_indices({3}, {1})),
                 last = cross_entropy(slice(some, 0, 2, 3), Array::of_indices({2}, {1}));
    EXPECT_NEAR(loss.item(), (first.item() + last.item()) / 2, 1e-15);
    loss.backward();
    (first + last).backward();
    EXPECT_LE(relative_distance(all.grad(), some.grad() / 2), 1e-15);
  }
}

TEST(CrossEntropy, OfNoRowIsNaNWithNoGradient) {
  const Tensor x = parameter(random_array({2, 5}));
  const Tensor loss = cross_entropy(x, Array::of_indices({-100, -100}, {2}));
  EXPECT_TRUE(std::isnan(loss.item()));
  loss.backward();
  EXPECT_EQ(x.grad().to_vector(), std::vector<double>(10, 0));
}

// Tells where the gradient of each node lies in memory.
struct WatchGradients : Trace {
  void on_backward(const Node& node, const Array& gradient) override {
    if (std::string_view(node.op) == "neg") place = gradient.data<float>();
  }
  const float* place = nullptr;
};

// A gradient as large as the logits is written over them only where nobody is left who could look.
TEST(CrossEntropy, TheGradientTakesTheLogitsPlaceOnlyWhereNobodyHoldsThem) {
  const Array targets = random_indices({37}, 41), start = random_array({37, 41}, 3, DType::float32);
  enum Holder { nobody, the_caller, a_view };
  std::vector<Array> gradients;
  for (const Holder holder : {nobody, the_caller, a_view}) {
    const Tensor w = parameter(start.clone());
    Tensor logits = neg(w);
    const Tensor loss = cross_entropy(logits, targets);
    const float* place = logits.value().data<float>();
    const Array before = logits.value().clone();
    const Array view = holder == a_view ? logits.value().slice(0, 5, 6) : Array();
    if (holder != the_caller) logits = {};
    WatchGradients watch;
    loss.backward();
    ASSERT_NE(watch.place, nullptr);
    EXPECT_EQ(watch.place == place, holder == nobody) << holder;
    if (holder == the_caller) {
      EXPECT_TRUE(same_bits(logits.value(), before));
    }
    if (holder == a_view) {
      EXPECT_TRUE(same_bits(view, before.slice(0, 5, 6)));
    }
    gradients.push_back(w.grad());
  }
  for (const Array& gradient : gradients) EXPECT_TRUE(same_bits(gradient, gradients.front()));
}

TEST(BinaryCrossEntropy, KeepsItsDigitsForLogitsOfEverySize) {
  const auto expect = [](double x, double z, double loss, double slope) {
    const Tensor logit = parameter(Array::scalar(x, DType::float64));
    const Tensor y =
        binary_cross_entropy_with_logits(logit, Tensor(Array::scalar(z, DType::float64)));
    EXPECT_DOUBLE_EQ(y.item(), loss) << x << ", " << z;
    y.backward();
    EXPECT_DOUBLE_EQ(logit.grad().item(), slope) << x << ", " << z;
  };
  for (const double x : {0.5, 5.0, 30.0, 700.0, 1e4}) {
    const double small = std::log1p(std::exp(-x)), sigmoid = 1 / (1 + std::exp(x));
    expect(x, 1, small, -sigmoid);
    expect(-x, 0, small, sigmoid);
    expect(x, 0, x + small, 1 - sigmoid);
    expect(-x, 1, x + small, sigmoid - 1);
  }
}

TEST(L1Loss, TheGradientOfEqualNumbersIsZero) {
  const Tensor x = parameter(Array::of({1, 2, 3}, {3}, DType::float64)),
               z = parameter(Array::of({1, 5, 1}, {3}, DType::float64));
  const Tensor loss = l1_loss(x, z, Reduction::sum);
  EXPECT_EQ(loss.item(), 5);
  loss.backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{0, -1, 1}));
  EXPECT_EQ(z.grad().to_vector(), (std::vector<double>{0, 1, -1}));
}

TEST(KLDiv, IsZeroBetweenEqualsAndWhereTheTargetIsZero) {
  const Tensor p = parameter(Array::of({0.5, 0.5, 0, 0}, {1, 4}, DType::float64));
  const Tensor log_q = parameter(Array::of(
      {std::log(0.5), std::log(0.25), std::log(0.25), -INFINITY}, {1, 4}, DType::float64));
  EXPECT_EQ(kl_div(log(Tensor(p.value())), p.detach(), Reduction::sum).item(), 0);
  const Tensor loss = kl_div(log_q, p, Reduction::batchmean);
  EXPECT_NEAR(loss.item(), 0.5 * std::log(2), 1e-16);
  loss.backward();
  EXPECT_EQ(log_q.grad().to_vector(), (std::vector<double>{-0.5, -0.5, 0, 0}));
  EXPECT_EQ(p.grad().at({0, 2}), -INFINITY);
}

TEST(CosineSimilarity, CanBeCheckedByHand) {
  const Tensor a = parameter(Array::of({3, 4, 0, 0, 2, 0}, {3, 2}, DType::float64)),
               b = parameter(Array::of({4, 3, 1, 1, 7, 0}, {3, 2}, DType::float64));
  const Tensor y = cosine_similarity(a, b);
  EXPECT_NEAR(y.value().at({0}), 24.0 / 25, 1e-15);
  EXPECT_EQ(y.value().at({1}), 0);  // with nothing there is no angle
  EXPECT_EQ(y.value().at({2}), 1);
  y.backward(Array::full({3}, 1, DType::float64));
  // (b / |b| - cos a / |a|) / |a|, at right angles to a; it is 1 / eps where a is 0.
  EXPECT_NEAR(a.grad().at({0, 0}), (0.8 - 0.96 * 0.6) / 5, 1e-15);
  EXPECT_NEAR(a.grad().at({0, 1}), (0.6 - 0.96 * 0.8) / 5, 1e-15);
  EXPECT_NEAR(a.grad().at({1, 0}), std::sqrt(0.5) / 1e-8, 1e-6);
}

TEST(LossErrors, NameTheRuleAndTheShapes) {
  const Tensor x(Array::zeros({2, 3})), y(Array::zeros({3})), z(random_array({2, 3}));
  EXPECT_EQ(error_of([&] { mse_loss(x, y); }),
            "mse_loss: input and target must have one shape, got [2, 3] and [3]");
  EXPECT_EQ(error_of([&] { kl_div(x, z); }), "kl_div: dtypes differ: float32 and float64");
  EXPECT_EQ(error_of([&] { l1_loss(Tensor(1.0), Tensor(2.0), Reduction::batchmean); }),
            "l1_loss: batchmean needs an axis to count, got a loss of shape []");
  EXPECT_EQ(error_of([&] { cosine_similarity(x, Tensor(Array::zeros({2}))); }),
            "cosine_similarity: shapes [2, 3] and [2] do not broadcast");
  EXPECT_EQ(error_of([&] { cosine_similarity(y, y); }),
            "cosine_similarity: axis 1 of a tensor of rank 1");
  EXPECT_EQ(error_of([&] { cosine_similarity(x, z); }),
            "cosine_similarity: needs float32 or float64, the same for both, got float32 and "
            "float64");
  EXPECT_EQ(error_of([&] {
              cross_entropy(x, Array::of_indices({0, 1}, {2}), {.label_smoothing = 1.5});
            }),
            "cross_entropy: label_smoothing must lie in [0, 1], got 1.5");
}

TEST(CrossEntropyErrors, NameTheRuleAndTheShapes) {
  const Tensor x(Array::zeros({2, 3}));
  const auto error = [&](const Array& targets) {
    return error_of([&] { cross_entropy(x, targets); });
  };
  EXPECT_EQ(error(Array::of_indices({1, 2, 0}, {3})),
            "cross_entropy: logits [2, 3], the classes on the last axis, need targets [2], got "
            "[3]");
  EXPECT_EQ(error(Array::of_indices({1, 3}, {2})),
            "cross_entropy: target 3 (at position 1) for 3 classes");
  EXPECT_EQ(error(Array::of_indices({-1, 2}, {2})),
            "cross_entropy: target -1 (at position 0) for 3 classes");
  EXPECT_EQ(error(Array::zeros({2})), "cross_entropy: targets must be int64, got float32");
  EXPECT_EQ(error(Array()), "cross_entropy: targets must be int64, got no array");
  EXPECT_EQ(error_of([&] { cross_entropy(Tensor(1.0), Array::of_indices({0}, Shape{})); }),
            "cross_entropy: logits must be (..., classes), got []");
}

}  // namespace
}  // namespace gradus::test
