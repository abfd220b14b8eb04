// layer_norm: the table of cases, and what no table can say.
#include "gradus/ops/norm.h"

#include "ops/op_case.h"

namespace gradus::test {
namespace {

double slow_layer_norm(const Arrays& in, const Shape& index) {
  const int64_t n = in[0].size(-1);
  const auto x = [&](int64_t j) { return in[0].at(with(index, -1, j)); };
  double mean = 0, variance = 0;
  for (int64_t j = 0; j < n; ++j) mean += x(j) / static_cast<double>(n);
  for (int64_t j = 0; j < n; ++j)
    variance += (x(j) - mean) * (x(j) - mean) / static_cast<double>(n);
  const double weight = in[1].at({index[-1]}), bias = in.size() > 2 ? in[2].at({index[-1]}) : 0;
  return (x(index[-1]) - mean) / std::sqrt(variance + 1e-5) * weight + bias;
}

INSTANTIATE_TEST_SUITE_P(
    LayerNorm, SlowOpTest,
    testing::ValuesIn(cases({
        {.name = "layer_norm",
         .op = [](const Tensors& in) { return layer_norm(in[0], in[1]); },
         .element = slow_layer_norm,
         .shapes = {{{3, 5}, {5}}, {{2, 3, 7}, {7}}, {{5}, {5}}, {{3, 37}, {37}}}},
        {.name = "layer_norm_bias",
         .op = [](const Tensors& in) { return layer_norm(in[0], in[1], in[2]); },
         .element = slow_layer_norm,
         .shapes =
             {{{3, 5}, {5}, {5}}, {{2, 3, 7}, {7}, {7}}, {{5}, {5}, {5}}, {{13, 19}, {19}, {19}}}},
    })),
    case_name);

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

TEST(LayerNormErrors, NameTheRuleAndTheShapes) {
  const auto zeros = [](const Shape& shape) { return Tensor(Array::zeros(shape)); };
  EXPECT_EQ(error_of([&] {
              layer_norm(zeros({2, 3}), zeros({2}));
            }),
            "layer_norm: x [2, 3] with a weight of shape [2]");
  EXPECT_EQ(error_of([&] {
              layer_norm(zeros({2, 3}), zeros({3}), zeros({1}));
            }),
            "layer_norm: x [2, 3] with a bias of shape [1]");
  EXPECT_EQ(error_of([&] {
              layer_norm(zeros({2, 3}), Tensor(random_array({3})));
            }),
            "layer_norm: x is float32, but the weight float64");
}

}  // namespace
}  // namespace gradus::test
