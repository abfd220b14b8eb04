// Normalisation: what no table can say.
#include "gradus/ops/norm.h"

#include "gradus/arithmetic.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

// More rows than one chunk has, so that partial sums of the weight's gradient are combined.
TEST(LayerNorm, ManyRowsGiveTheGradientsOfTheirHalvesTogether) {
  const Shape shape{101, 331};
  const Array dy = random_array(shape, 4);
  Tensor x = parameter(random_array(shape)), weight = parameter(random_array({331}, 2)),
         bias = parameter(random_array({331}, 3));
  layer_norm(x, weight, bias).backward(dy);
  const Array dx = x.grad().clone(), dweight = weight.grad().clone(), dbias = bias.grad().clone();
  for (const Tensor& leaf : {x, weight, bias}) leaf.zero_grad();
  for (const auto& [begin, end] : {std::pair{0, 7}, std::pair{7, 101}})
    layer_norm(slice(x, 0, begin, end), weight, bias).backward(dy.slice(0, begin, end));
  EXPECT_LE(relative_distance(dx, x.grad()), 1e-14);
  EXPECT_LE(relative_distance(dweight, weight.grad()), 1e-14);
  EXPECT_LE(relative_distance(dbias, bias.grad()), 1e-14);
}

// E[x^2] - m^2 would have lost every digit in float32, and half of them in float64.
TEST(LayerNorm, ALargeMeanCostsOnlyTheDigitsOfTheInput) {
  on_every_isa([] {
    for (const auto& [dtype, tolerance] :
         {std::pair{DType::float32, 1e-6}, std::pair{DType::float64, 1e-13}}) {
      std::vector<double> far, near;
      for (const double x : random_array({3, 37}).to_vector()) {
        near.push_back(std::round(x * 64) / 64);  // exact beside 1e4 in float32 as well
        far.push_back(near.back() + 1e4);
      }
      const Tensor weight(Array::full({37}, 1, dtype));
      const Tensor a = parameter(Array::of(far, {3, 37}, dtype)),
                   b = parameter(Array::of(near, {3, 37}, dtype));
      const Tensor y = layer_norm(a, weight), z = layer_norm(b, weight);
      // A rounded mean moves all elements of a row together, by up to half a unit of 1e4.
      const double unit = dtype == DType::float32 ? 0x1p-11 : 0x1p-40;
      EXPECT_LE(relative_distance(y.value(), z.value()), tolerance + unit);
      y.backward(random_array({3, 37}, 2, dtype));
      z.backward(random_array({3, 37}, 2, dtype));
      EXPECT_LE(relative_distance(a.grad(), b.grad()), tolerance + unit);
    }
  });
}

TEST(LayerNorm, OfAConstantRowIsItsBias) {
  const Tensor x = parameter(Array::full({3, 5}, 7)), weight(Array::full({5}, 2)),
               bias(counting({5}, DType::float32));
  const Tensor y = layer_norm(x, weight, bias);
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(y.value().select(0, i).to_vector(), (std::vector<double>{0, 1, 2, 3, 4}));
  y.backward(random_array({3, 5}, 1, DType::float32));
  for (const double g : x.grad().to_vector()) EXPECT_TRUE(std::isfinite(g));
}

// What a single element lacks is variance: only the rounding of its gradient's terms is left.
TEST(LayerNorm, OfASingleElementIsItsBias) {
  const Tensor x = parameter(random_array({3, 1})), bias(random_array({1}, 2));
  const Tensor y = layer_norm(x, Tensor(random_array({1}, 3)), bias);
  EXPECT_EQ(y.value().to_vector(), std::vector<double>(3, bias.value().item()));
  y.backward(random_array({3, 1}, 4));
  for (const double g : x.grad().to_vector()) EXPECT_NEAR(g, 0, 1e-13 / std::sqrt(1e-5));
}

TEST(LayerNorm, UsesTheEpsilonThatItIsGiven) {
  const Tensor x(Array::of({-1, 1}, {1, 2}, DType::float64)),
      weight(Array::full({2}, 1, DType::float64));
  EXPECT_NEAR(layer_norm(x, weight, {}, 3).value().at({0, 1}), 0.5, 1e-16);  // 1 / sqrt(1 + 3)
}

TEST(LayerNorm, NaNStaysInItsRow) {
  Array x = random_array({3, 19});
  x.slice(0, 1, 2).slice(1, 4, 5).copy_from(Array::full({1, 1}, NAN, DType::float64));
  const Tensor y = layer_norm(Tensor(x), Tensor(Array::full({19}, 1, DType::float64)));
  for_each_index({3, 19},
                 [&](const Shape& i) { EXPECT_EQ(std::isnan(y.value().at(i)), i[0] == 1); });
}

TEST(LayerNorm, OfNoRows) {
  const Tensor weight = parameter(Array::full({5}, 1));
  const Tensor y = layer_norm(Tensor(Array::zeros({2, 0, 5})), weight);
  EXPECT_EQ(y.shape(), (Shape{2, 0, 5}));
  y.backward(Array::zeros({2, 0, 5}));
  EXPECT_EQ(weight.grad().to_vector(), std::vector<double>(5, 0));
}

// Without a mean to take away, and with the same weight, rms_norm is what layer_norm makes of rows
// whose mean is 0.
TEST(RmsNorm, IsLayerNormWhereTheMeanIsZero) {
  Array x = random_array({3, 37});
  x = x - sum(x, {1}, true) / 37;
  const Array weight = random_array({37}, 2);
  EXPECT_LE(relative_distance(rms_norm(Tensor(x), Tensor(weight)).value(),
                              layer_norm(Tensor(x), Tensor(weight)).value()),
            1e-14);
}

TEST(RmsNorm, CanBeCheckedByHand) {
  const Tensor x(Array::of({1, -7, 0, 0}, {2, 2}, DType::float64));
  // mean(x^2) + eps = (1 + 49) / 2 + 39 = 8 * 8
  EXPECT_EQ(rms_norm(x, {}, 39).value().to_vector(), (std::vector<double>{0.125, -0.875, 0, 0}));
}

TEST(BatchNorm, NormalisesEachChannelOverTheBatch) {
  // Channel 0 holds 1, 3, 5, 7, of mean 4 and variance 5; channel 1 holds 2 everywhere.
  const Array x = Array::of({1, 3, 2, 2, 5, 7, 2, 2}, {2, 2, 2}, DType::float64);
  const BatchStatistics s = batch_statistics(x);
  EXPECT_EQ(s.mean.to_vector(), (std::vector<double>{4, 2}));
  EXPECT_EQ(s.variance.to_vector(), (std::vector<double>{5, 0}));
  const Tensor y = batch_norm(Tensor(x), {}, {}, 4);
  EXPECT_EQ(y.value().to_vector(), (std::vector<double>{-1, -1.0 / 3, 0, 0, 1.0 / 3, 1, 0, 0}));
  EXPECT_TRUE(same_bits(batch_norm(Tensor(x), s, {}, {}, 4).value(), y.value()));
}

TEST(BatchNorm, ALargeMeanCostsOnlyTheDigitsOfTheInput) {
  Array x = Array(random_array({5, 3, 7}) * 64).to(DType::int64).to(DType::float32) / 64;
  const Array near = batch_norm(Tensor(x)).value(), far = batch_norm(Tensor(x + 1e4)).value();
  // A rounded mean moves all elements of a channel together, by up to half a unit of 1e4.
  EXPECT_LE(relative_distance(far, near), 1e-6 + 0x1p-11);
  EXPECT_LE(relative_distance(batch_statistics(x + 1e4).variance, batch_statistics(x).variance),
            1e-6);
}

TEST(NormErrors, NameTheRuleAndTheShapes) {
  const auto zeros = [](const Shape& shape) { return Tensor(Array::zeros(shape)); };
  EXPECT_EQ(error_of([&] {
              layer_norm(zeros({2, 3}), zeros({2}));
            }),
            "layer_norm: x [2, 3] needs a weight of shape [3], got [2]");
  EXPECT_EQ(error_of([&] {
              layer_norm(zeros({2, 3}), zeros({3}), zeros({1}));
            }),
            "layer_norm: x [2, 3] needs a bias of shape [3], got [1]");
  EXPECT_EQ(error_of([&] {
              layer_norm(zeros({2, 3}), Tensor(random_array({3})));
            }),
            "layer_norm: x is float32, but the weight float64");
  EXPECT_EQ(error_of([&] {
              rms_norm(zeros({2, 3}), zeros({2}));
            }),
            "rms_norm: x [2, 3] needs a weight of shape [3], got [2]");
  EXPECT_EQ(error_of([&] { rms_norm(Tensor(1.0)); }),
            "rms_norm: x needs at least one axis, got []");
  EXPECT_EQ(error_of([&] {
              batch_norm(zeros({2, 3}), zeros({2}));
            }),
            "batch_norm: x [2, 3] needs a weight of shape [3], got [2]");
  EXPECT_EQ(error_of([&] { batch_norm(zeros({3})); }),
            "batch_norm: x needs the axes (N, C, ...), got [3]");
  EXPECT_EQ(error_of([&] {
              batch_norm(zeros({1, 3, 1}));
            }),
            "batch_norm: needs more than one element in each channel, got x [1, 3, 1]");
  EXPECT_EQ(error_of([&] {
              batch_norm(zeros({5, 3}), batch_statistics(random_array({5, 2})));
            }),
            "batch_norm: x float32 [5, 3] needs a mean and a variance of shape [3], got float64 "
            "[2]");
  EXPECT_EQ(error_of([&] {
              batch_statistics(Array::of_indices({1, 2}, {2, 1}));
            }),
            "batch_statistics: needs float32 or float64, got int64");
}

}  // namespace
}  // namespace gradus::test
