// The layers: their first values, and that they are the ops they are named after.
#include "gradus/nn/layers.h"

#include <algorithm>
#include <cmath>

#include "gradus/arithmetic.h"
#include "nn/module_check.h"

namespace gradus::nn {
namespace {

using test::error_of;
using test::parameter_names;
using test::random_array;
using test::relative_distance;
using test::same_bits;
using test::unsettle;

using Names = std::vector<std::string>;

// ---- names

TEST(Layers, NameTheirParametersAsPyTorchDoes) {
  Generator generator(1);
  Linear linear(3, 5, generator), bare(3, 5, generator, Bias::none);
  Embedding embedding(5, 3, generator);
  LayerNorm norm(3), bare_norm(3, Bias::none);
  FeedForward feed_forward(3, 12, generator);
  SwiGLU gated(3, 12, generator), biased(3, 12, generator, Bias::learned);
  RMSNorm root(3);
  EXPECT_EQ(parameter_names(linear), (Names{"weight", "bias"}));
  EXPECT_EQ(parameter_names(bare), (Names{"weight"}));
  EXPECT_EQ(parameter_names(embedding), (Names{"weight"}));
  EXPECT_EQ(parameter_names(norm), (Names{"weight", "bias"}));
  EXPECT_EQ(parameter_names(bare_norm), (Names{"weight"}));
  EXPECT_EQ(parameter_names(feed_forward),
            (Names{"linear1.weight", "linear1.bias", "linear2.weight", "linear2.bias"}));
  EXPECT_EQ(parameter_names(gated), (Names{"w1.weight", "w2.weight", "w3.weight"}));
  EXPECT_EQ(parameter_names(biased),
            (Names{"w1.weight", "w1.bias", "w2.weight", "w2.bias", "w3.weight", "w3.bias"}));
  EXPECT_EQ(parameter_names(root), (Names{"weight"}));
  EXPECT_EQ(linear.weight.shape(), (Shape{5, 3}));
  EXPECT_EQ(feed_forward.linear1.weight.shape(), (Shape{12, 3}));
  EXPECT_EQ(feed_forward.linear2.weight.shape(), (Shape{3, 12}));
}

// ---- what they compute

TEST(FeedForward, IsTwoLinearMapsWithAGeluBetween) {
  Generator generator(1);
  FeedForward f(3, 11, generator);
  const Tensor x(random_array({2, 5, 3}, 1, DType::float32));
  const Tensor expected = linear(gelu_tanh(linear(x, f.linear1.weight, f.linear1.bias)),
                                 f.linear2.weight, f.linear2.bias);
  EXPECT_TRUE(same_bits(f(x).value(), expected.value()));
}

TEST(FeedForward, TakesOneOfThreeFunctions) {
  const Tensor x(random_array({2, 5, 3}, 1, DType::float32));
  const auto with = [&](Activation activation) {
    Generator generator(1);
    return FeedForward(3, 11, generator, Bias::learned, 0, activation);
  };
  const FeedForward f = with(Activation::relu), g = with(Activation::gelu);
  EXPECT_TRUE(same_bits(f(x).value(), f.linear2(relu(f.linear1(x))).value()));
  EXPECT_TRUE(same_bits(g(x).value(), g.linear2(gelu(g.linear1(x))).value()));
}

// W2 (silu(W1 x) * W3 x), with silu(h) = h / (1 + exp(-h)) written out.
TEST(SwiGLU, IsAGateOnALinearMap) {
  Generator generator(1);
  SwiGLU f(3, 11, generator, Bias::learned);
  unsettle(f);
  const Tensor x(random_array({2, 5, 3}));
  const Tensor h = linear(x, f.w1.weight, f.w1.bias);
  const Tensor gated = h / (exp(-h) + 1.0) * linear(x, f.w3.weight, f.w3.bias);
  EXPECT_LE(relative_distance(f(x).value(), linear(gated, f.w2.weight, f.w2.bias).value()), 1e-14);
}

TEST(Norms, TakeTheirEps) {
  const Tensor x(Array::of({1, -1}, {2}));
  const std::vector<double> half = {0.5, -0.5};  // 1 / sqrt(1 + 3)
  EXPECT_EQ(LayerNorm(2, Bias::learned, 3)(x).value().to_vector(), half);
  EXPECT_EQ(RMSNorm(2, 3)(x).value().to_vector(), half);
}

TEST(RMSNorm, StartsByDividingByTheRootMeanSquare) {
  RMSNorm norm(7);
  EXPECT_EQ(norm.weight.value().to_vector(), std::vector<double>(7, 1));
  const Array y = norm(Tensor(random_array({3, 7}, 1, DType::float32) + 5)).value();
  for (int64_t i = 0; i < 3; ++i) {
    double square = 0;
    for (const double value : y.select(0, i).to_vector()) square += value * value / 7;
    EXPECT_NEAR(square, 1, 1e-5);  // the mean stays
  }
}

TEST(LayerNorm, StartsAsPlainNormalisation) {
  LayerNorm norm(7);
  const Array y = norm(Tensor(random_array({3, 7}, 1, DType::float32))).value();
  for (int64_t i = 0; i < 3; ++i) {
    double mean = 0, square = 0;
    for (const double value : y.select(0, i).to_vector()) {
      mean += value / 7;
      square += value * value / 7;
    }
    EXPECT_NEAR(mean, 0, 1e-6);
    EXPECT_NEAR(square, 1, 1e-3);  // epsilon takes a little away
  }
}

TEST(Dropout, DropsInTrainingOnly) {
  Generator generator(1);
  Dropout dropout(0.5, generator);
  const Tensor x(Array::full({1000}, 1));
  EXPECT_EQ(dropout.active_p(), 0.5);
  const std::vector<double> y = dropout(x).value().to_vector();
  EXPECT_GT(std::ranges::count(y, 0.0), 400);
  EXPECT_GT(std::ranges::count(y, 2.0), 400);
  dropout.train(false);
  const uint64_t position = generator.position();
  EXPECT_EQ(dropout.active_p(), 0);
  EXPECT_TRUE(same_bits(dropout(x).value(), x.value()));
  EXPECT_EQ(generator.position(), position);
  EXPECT_EQ(error_of([&] { Dropout(-0.1, generator); }),
            "dropout: the probability must lie in [0, 1], got -0.1");
}

// ---- first values

struct Moments {
  double mean = 0, deviation = 0, least = 0, most = 0;
};
Moments moments_of(const Tensor& x) {
  const std::vector<double> values = x.value().to_vector();
  const double n = static_cast<double>(values.size());
  Moments m{.least = values[0], .most = values[0]};
  for (const double v : values) {
    m.mean += v / n;
    m.least = std::min(m.least, v);
    m.most = std::max(m.most, v);
  }
  for (const double v : values) m.deviation += (v - m.mean) * (v - m.mean) / n;
  m.deviation = std::sqrt(m.deviation);
  return m;
}

TEST(Layers, StartWithTheDistributionThatTheirDocumentationStates) {
  Generator generator(1);
  Linear linear(100, 300, generator);
  for (const Tensor& x : {linear.weight, linear.bias}) {  // uniform in +-1/sqrt(100)
    const Moments m = moments_of(x);
    EXPECT_GE(m.least, -0.1F);
    EXPECT_LE(m.most, 0.1F);
    EXPECT_NEAR(m.mean, 0, 0.01);
    EXPECT_NEAR(m.deviation, 0.1 / std::sqrt(3), 0.005);
  }
  EXPECT_LT(moments_of(linear.weight).least, -0.0999);
  EXPECT_GT(moments_of(linear.weight).most, 0.0999);
  const Moments table = moments_of(Embedding(100, 300, generator).weight);
  EXPECT_NEAR(table.mean, 0, 0.02);
  EXPECT_NEAR(table.deviation, 1, 0.02);
  LayerNorm norm(5);
  EXPECT_EQ(norm.weight.value().to_vector(), std::vector<double>(5, 1));
  EXPECT_EQ(norm.bias.value().to_vector(), std::vector<double>(5, 0));
}

TEST(Layers, StartTheSameForTheSameSeed) {
  Generator one(5), same(5), other(6);
  const Linear a(7, 3, one), b(7, 3, same), c(7, 3, other);
  EXPECT_TRUE(same_bits(a.weight.value(), b.weight.value()));
  EXPECT_TRUE(same_bits(a.bias.value(), b.bias.value()));
  EXPECT_FALSE(same_bits(a.weight.value(), c.weight.value()));
}

TEST(Init, WritesInPlaceAndKeepsTheLeaf) {
  Generator generator(1);
  Tensor x = parameter(Array::zeros({100, 100}, DType::float64));
  const Node* leaf = x.node().get();
  const double* place = x.value().data<double>();
  init_normal(x, 0.02, generator);
  EXPECT_NEAR(moments_of(x).deviation, 0.02, 0.0005);
  init_uniform(x, 3, generator);
  EXPECT_NEAR(moments_of(x).deviation, 3 / std::sqrt(3), 0.03);
  EXPECT_LE(moments_of(x).most, 3);
  EXPECT_GE(moments_of(x).least, -3);
  EXPECT_EQ(x.node().get(), leaf);
  EXPECT_EQ(x.value().data<double>(), place);
}

}  // namespace
}  // namespace gradus::nn
