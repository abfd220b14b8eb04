// softmax and log_softmax: what no table can say.
#include "gradus/ops/softmax.h"

#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

TEST(Softmax, OfASingleElementIsOneWithGradientZero) {
  for (const auto op : {softmax, log_softmax}) {
    const Tensor x = parameter(random_array({3, 1}));
    const Tensor y = op(x, -1);
    EXPECT_EQ(y.value().to_vector(), std::vector<double>(3, op == softmax ? 1 : 0));
    y.backward(random_array({3, 1}, 2));
    EXPECT_EQ(x.grad().to_vector(), std::vector<double>(3, 0));
  }
}

TEST(Softmax, LargeLogitsNeitherOverflowNorMoveIt) {
  const double third = static_cast<double>(1 / 3.0F);
  for (const double shift : {0.0, 1e4, -1e4, 3e38}) {
    const Tensor x(Array::of({shift, shift, -3.1e38, shift}, {4}));
    EXPECT_EQ(softmax(x).value().to_vector(), (std::vector<double>{third, third, 0, third}))
        << shift;
  }
  const Tensor y = log_softmax(Tensor(Array::of({1e4, 0, -1e4}, {3}, DType::float64)));
  EXPECT_EQ(y.value().to_vector(), (std::vector<double>{0, -1e4, -2e4}));
}

// Where softmax itself would round to 0 or 1, its logarithm keeps its digits.
TEST(LogSoftmax, IsExactWhereSoftmaxRounds) {
  for (const double gap : {10.0, 30.0, 100.0, 700.0}) {
    const std::vector<double> y =
        log_softmax(Tensor(Array::of({gap, 0}, {2}, DType::float64))).value().to_vector();
    EXPECT_NEAR(y[0], -std::log1p(std::exp(-gap)), 1e-16) << gap;
    EXPECT_NEAR(y[1], -gap - std::log1p(std::exp(-gap)), 1e-15 * gap) << gap;
  }
}

TEST(Softmax, WhereEverythingIsMaskedIsZeroAndSendsNoGradient) {
  on_every_isa([] {
    const Tensor x = parameter(
        Array::of({1, -INFINITY, 2, -INFINITY, -INFINITY, -INFINITY}, {2, 3}, DType::float64));
    const Tensor y = softmax(x);
    const double p = 1 / (1 + std::exp(1.0));
    EXPECT_NEAR(y.value().at({0, 0}), p, 1e-15);
    EXPECT_EQ(y.value().at({0, 1}), 0);
    EXPECT_EQ(y.value().select(0, 1).to_vector(), std::vector<double>(3, 0));
    y.backward(random_array({2, 3}, 3));
    EXPECT_NE(x.grad().at({0, 0}), 0);
    EXPECT_EQ(x.grad().at({0, 1}), 0);
    EXPECT_EQ(x.grad().select(0, 1).to_vector(), std::vector<double>(3, 0));
  });
}

TEST(LogSoftmax, WhereEverythingIsMaskedIsTheLogarithmOfZero) {
  on_every_isa([] {
    const Tensor x = parameter(Array::full({3}, -INFINITY, DType::float64));
    const Tensor y = log_softmax(x);
    EXPECT_EQ(y.value().to_vector(), std::vector<double>(3, -INFINITY));
    y.backward(Array::of({1, 2, 4}, {3}, DType::float64));
    EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{1, 2, 4}));
  });
}

TEST(Softmax, NaNAndPlusInfinityAreNotHidden) {
  for (const double bad : {std::nan(""), HUGE_VAL})
    for (const auto op : {softmax, log_softmax}) {
      Array x = random_array({2, 37});
      x.slice(0, 0, 1).slice(1, 5, 6).copy_from(Array::full({1, 1}, bad, DType::float64));
      const Array y = op(Tensor(x), -1).value();
      EXPECT_TRUE(std::isnan(y.at({0, 5})));
      EXPECT_FALSE(std::isnan(y.at({1, 5})));  // the other row is another softmax
    }
}

TEST(Softmax, OfNoElements) {
  EXPECT_EQ(softmax(Tensor(Array::zeros({0, 3}))).shape(), (Shape{0, 3}));
  EXPECT_EQ(softmax(Tensor(Array::zeros({3, 0}))).shape(), (Shape{3, 0}));
  EXPECT_EQ(log_softmax(Tensor(Array::zeros({3, 0})), 0).shape(), (Shape{3, 0}));
}

TEST(SoftmaxErrors, NameTheOpAndTheAxis) {
  const Tensor x(Array::zeros({2, 3}));
  EXPECT_EQ(error_of([&] { softmax(x, 2); }), "softmax: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { log_softmax(x, -3); }), "log_softmax: axis -3 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { softmax(Tensor(1.0)); }), "softmax: axis -1 of a tensor of rank 0");
  EXPECT_EQ(error_of([&] { softmax(Tensor(Array::of_indices({1}, {1}))); }),
            "softmax: needs float32 or float64, got int64");
}

}  // namespace
}  // namespace gradus::test
