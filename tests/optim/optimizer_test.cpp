// Optimisers against plain loops, and gradient clipping.
#include "gradus/optim/optimizer.h"

#include <cmath>
#include <memory>

#include "gradus/arithmetic.h"
#include "gradus/ops.h"
#include "kernels/parallel.h"
#include "support.h"

namespace gradus::optim {
namespace {

using nn::NamedParameter;
using test::error_of;
using test::random_array;
using test::relative_distance;
using test::same_bits;

// A matrix, a gain, a scalar and a stack of matrices: what decays and what does not.
std::vector<NamedParameter> some_parameters(DType dtype = DType::float64) {
  return {{"matrix", parameter(random_array({7, 11}, 1, dtype))},
          {"gain", parameter(random_array({13}, 2, dtype))},
          {"scalar", parameter(random_array(Shape{}, 3, dtype))},
          {"stack", parameter(random_array({2, 3, 5}, 4, dtype))}};
}

// The gradients of one step: they differ from step to step, also in size.
void give_gradients(const std::vector<NamedParameter>& parameters, uint64_t step) {
  for (size_t i = 0; i < parameters.size(); ++i) {
    const Tensor& p = parameters[i].second;
    p.zero_grad();
    const Array g = random_array(p.shape(), 100 * step + i, p.dtype());
    p.backward(g * std::pow(10.0, static_cast<double>(step % 4) - 2));
  }
}

// ---- AdamW

struct PlainAdamW {
  explicit PlainAdamW(const Tensor& p)
      : value(p.value().to_vector()), m(value.size()), v(value.size()), decays(p.rank() >= 2) {}
  void step(const Array& gradient, double lr, int t, const AdamWOptions& o) {
    const std::vector<double> g = gradient.to_vector();
    for (size_t i = 0; i < value.size(); ++i) {
      if (decays) value[i] -= lr * o.weight_decay * value[i];
      m[i] = o.beta1 * m[i] + (1 - o.beta1) * g[i];
      v[i] = o.beta2 * v[i] + (1 - o.beta2) * g[i] * g[i];
      const double m_hat = m[i] / (1 - std::pow(o.beta1, t));
      const double v_hat = v[i] / (1 - std::pow(o.beta2, t));
      value[i] -= lr * m_hat / (std::sqrt(v_hat) + o.epsilon);
    }
  }
  std::vector<double> value, m, v;
  bool decays;
};

TEST(AdamW, IsTheAlgorithmWrittenOut) {
  for (const auto& [dtype, tolerance] :
       {std::pair{DType::float64, 1e-13}, std::pair{DType::float32, 1e-5}})
    for (const AdamWOptions& options :
         {AdamWOptions{},
          AdamWOptions{.beta1 = 0.7, .beta2 = 0.8, .epsilon = 0.1, .weight_decay = 0.5}})
      test::on_every_isa([&, dtype = dtype, tolerance = tolerance] {
        const std::vector<NamedParameter> parameters = some_parameters(dtype);
        std::vector<PlainAdamW> plain;
        for (const auto& [name, p] : parameters) plain.emplace_back(p);
        AdamW adamw(parameters, options);
        for (int t = 1; t <= 10; ++t) {
          const double lr = 0.01 * t;
          give_gradients(parameters, static_cast<uint64_t>(t));
          for (size_t i = 0; i < plain.size(); ++i)
            plain[i].step(parameters[i].second.grad(), lr, t, options);
          adamw.step(lr);
          EXPECT_EQ(adamw.steps(), t);
        }
        const std::vector<NamedArray> state = adamw.state();
        for (size_t i = 0; i < plain.size(); ++i) {
          const auto& [name, p] = parameters[i];
          const Shape shape = p.shape();
          const auto distance = [&](const Array& a, const std::vector<double>& expected) {
            return relative_distance(a, Array::of(expected, shape, DType::float64));
          };
          EXPECT_LE(distance(p.value(), plain[i].value), tolerance) << name;
          EXPECT_EQ(state[2 * i].name, "m." + name);
          EXPECT_LE(distance(state[2 * i].value, plain[i].m), tolerance) << name;
          EXPECT_EQ(state[2 * i + 1].name, "v." + name);
          EXPECT_LE(distance(state[2 * i + 1].value, plain[i].v), tolerance) << name;
        }
      });
}

TEST(AdamW, DecaysMatricesOnly) {
  const std::vector<NamedParameter> parameters = some_parameters();
  std::vector<Array> before;
  for (const auto& [name, p] : parameters) {
    before.push_back(p.value().clone());
    p.backward(Array::zeros(p.shape(), DType::float64));
  }
  AdamW(parameters, {.weight_decay = 0.25}).step(0.5);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto& [name, p] = parameters[i];
    const bool decays = name == "matrix" || name == "stack";
    EXPECT_TRUE(same_bits(p.value(), before[i] * (decays ? 1 - 0.5 * 0.25 : 1))) << name;
  }
}

TEST(AdamW, LeavesAParameterWithoutAGradientAlone) {
  const std::vector<NamedParameter> parameters = some_parameters();
  const Array before = parameters[0].second.value().clone();
  give_gradients(parameters, 1);
  parameters[0].second.zero_grad();
  AdamW adamw(parameters);
  adamw.step(0.1);
  EXPECT_TRUE(same_bits(parameters[0].second.value(), before));
  EXPECT_EQ(adamw.state()[0].value.to_vector(), std::vector<double>(77, 0));
}

TEST(AdamW, ContinuesBitForBitFromItsState) {
  const std::vector<NamedParameter> parameters = some_parameters(DType::float32);
  AdamW adamw(parameters);
  uint64_t step = 0;
  for (; step < 5; ++step) {
    give_gradients(parameters, step);
    adamw.step(0.01);
  }

  std::vector<NamedParameter> copies;
  for (const auto& [name, p] : parameters) copies.emplace_back(name, parameter(p.value().clone()));
  AdamW other(copies);
  std::vector<NamedArray> state = adamw.state();
  std::reverse(state.begin(), state.end());  // names count, not the order
  other.load_state(state, adamw.steps());
  EXPECT_EQ(other.steps(), 5);

  for (; step < 9; ++step) {
    give_gradients(parameters, step);
    give_gradients(copies, step);
    adamw.step(0.01);
    other.step(0.01);
    for (size_t i = 0; i < copies.size(); ++i)
      EXPECT_TRUE(same_bits(copies[i].second.value(), parameters[i].second.value()))
          << copies[i].first << " in step " << step;
  }
}

TEST(AdamW, AStateThatDoesNotFitIsAnErrorAndChangesNothing) {
  const std::vector<NamedParameter> parameters = some_parameters();
  AdamW adamw(parameters);
  give_gradients(parameters, 1);
  adamw.step(0.1);
  const Array before = adamw.state()[0].value.clone();

  std::vector<NamedArray> state = adamw.state();
  for (NamedArray& entry : state) entry.value = entry.value + 1;
  std::vector<NamedArray> short_of_one = state, of_another_shape = state, of_another_dtype = state;
  short_of_one.pop_back();
  of_another_shape[3].value = Array::zeros({12}, DType::float64);
  of_another_dtype[3].value = state[3].value.to(DType::float32);
  EXPECT_EQ(error_of([&] { adamw.load_state(short_of_one, 1); }),
            "adamw: the state has no v.stack");
  EXPECT_EQ(error_of([&] { adamw.load_state(of_another_shape, 1); }),
            "adamw: v.gain is float64 [12], expected float64 [13]");
  EXPECT_EQ(error_of([&] { adamw.load_state(of_another_dtype, 1); }),
            "adamw: v.gain is float32 [13], expected float64 [13]");
  EXPECT_EQ(error_of([&] { adamw.load_state(state, -1); }), "adamw: cannot continue from step -1");
  EXPECT_TRUE(same_bits(adamw.state()[0].value, before));
  EXPECT_EQ(adamw.steps(), 1);
}

// A leaf is made of the array it is given, whatever its layout; the optimiser must not assume one.
TEST(Optimizers, StepParametersInAnyMemoryLayout) {
  const Array value = random_array({7, 5}), gradient = random_array({7, 5}, 2);
  const auto stepped = [&](const Array& layout, bool adam) {
    const std::vector<NamedParameter> parameters = {{"p", parameter(layout)}};
    parameters[0].second.backward(gradient);
    if (adam)
      AdamW(parameters).step(0.1);
    else
      SGD(parameters).step(0.1);
    return parameters[0].second.value();
  };
  for (const bool adam : {true, false}) {
    const Array expected = stepped(value.clone(), adam);
    for (const Array& layout : test::in_every_layout(value)) {
      const Array actual = stepped(layout, adam);
      EXPECT_TRUE(same_bits(actual, expected)) << (adam ? "AdamW" : "SGD");
      EXPECT_TRUE(actual.shares_storage_with(layout));
    }
  }
}

// ---- SGD

TEST(SGD, StepsDownTheGradientInPlace) {
  const std::vector<NamedParameter> parameters = some_parameters();
  std::vector<Array> expected;
  give_gradients(parameters, 1);
  for (const auto& [name, p] : parameters) expected.push_back(p.value() - p.grad() * 0.25);
  parameters[1].second.zero_grad();
  expected[1] = parameters[1].second.value().clone();
  const double* place = parameters[0].second.value().data<double>();
  SGD(parameters).step(0.25);
  for (size_t i = 0; i < parameters.size(); ++i)
    EXPECT_LE(relative_distance(parameters[i].second.value(), expected[i]), 1e-15);
  EXPECT_EQ(parameters[0].second.value().data<double>(), place);
}

// A value that the graph still needs must not be stepped unnoticed.
TEST(Optimizers, AStepBetweenForwardAndBackwardIsAnError) {
  const std::vector<NamedParameter> parameters = some_parameters();
  const Tensor& p = parameters[0].second;
  give_gradients(parameters, 1);
  for (const bool adam : {true, false}) {
    const Tensor loss = sum(p * p);
    if (adam)
      AdamW(parameters).step(0.1);
    else
      SGD(parameters).step(0.1);
    EXPECT_NE(error_of([&] { loss.backward(); }).find("changed in place"), std::string::npos);
  }
}

// ---- clipping

TEST(ClipGradNorm, ScalesAllGradientsTogetherAndReturnsTheNormBefore) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const std::vector<NamedParameter> parameters = some_parameters(dtype);
    give_gradients(parameters, 3);
    parameters[1].second.zero_grad();  // one has none
    double squares = 0;
    std::vector<Array> before;
    for (const auto& [name, p] : parameters) {
      before.push_back(p.has_grad() ? p.grad().clone() : Array());
      if (!p.has_grad()) continue;
      for (const double g : p.grad().to_vector()) squares += g * g;
    }
    const double norm = std::sqrt(squares);
    EXPECT_NEAR(clip_grad_norm(parameters, 1.5), norm, 1e-13 * norm);
    for (size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i].second.has_grad()) continue;
      EXPECT_LE(relative_distance(parameters[i].second.grad(), before[i] * (1.5 / (norm + 1e-6))),
                dtype == DType::float32 ? 1e-6 : 1e-14);
    }
    EXPECT_FALSE(parameters[1].second.has_grad());
  }
}

TEST(ClipGradNorm, LeavesSmallGradientsExactlyAlone) {
  const std::vector<NamedParameter> parameters = some_parameters();
  give_gradients(parameters, 1);
  const Array before = parameters[0].second.grad().clone();
  const double norm = clip_grad_norm(parameters, 1e6);
  EXPECT_GT(norm, 0);
  EXPECT_TRUE(same_bits(parameters[0].second.grad(), before));
  for (const auto& [name, p] : parameters) p.zero_grad();
  EXPECT_EQ(clip_grad_norm(parameters, 1), 0);
}

TEST(ClipGradNorm, ANormThatIsNotFiniteIsAnErrorAndTheGradientsStay) {
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    const std::vector<NamedParameter> parameters = some_parameters();
    give_gradients(parameters, 3);
    const Array before = parameters[0].second.grad().clone();
    parameters[2].second.backward(Array::full(Shape{}, bad, DType::float64));
    EXPECT_EQ(error_of([&] { clip_grad_norm(parameters, 1); }),
              fmt::format("clip_grad_norm: the gradient's norm is {}", bad));
    EXPECT_TRUE(same_bits(parameters[0].second.grad(), before));
  }
  EXPECT_EQ(error_of([] { clip_grad_norm({}, 0); }),
            "clip_grad_norm: the largest norm must be positive, got 0");
  EXPECT_EQ(error_of([] { clip_grad_norm({}, NAN); }),
            "clip_grad_norm: the largest norm must be positive, got nan");
}

TEST(ClippedStep, IsClippingAndThenAStepToTheBitAndLeavesTheGradients) {
  const auto optimizers = [](const std::vector<NamedParameter>& p) {
    std::vector<std::unique_ptr<Optimizer>> all;
    all.push_back(std::make_unique<AdamW>(p));
    all.push_back(std::make_unique<Adam>(p));
    all.push_back(std::make_unique<SGD>(p, SGDOptions{.momentum = 0.9, .nesterov = true}));
    all.push_back(std::make_unique<RMSProp>(p, RMSPropOptions{.momentum = 0.5}));
    return all;
  };
  test::on_every_isa([&] {
    for (const DType dtype : {DType::float32, DType::float64})
      for (size_t kind = 0; kind < 4; ++kind) {
        const std::vector<NamedParameter> one = some_parameters(dtype),
                                          other = some_parameters(dtype);
        const auto in_two = std::move(optimizers(one)[kind]),
                   at_once = std::move(optimizers(other)[kind]);
        bool clipped = false, spared = false;
        for (uint64_t t = 1; t <= 8; ++t) {
          give_gradients(one, t);
          give_gradients(other, t);
          one[1].second.zero_grad();  // one has none
          other[1].second.zero_grad();
          const Array before = other[0].second.grad().clone();
          const double norm = clip_grad_norm(one, 0.5);
          in_two->step(0.01);
          EXPECT_EQ(at_once->clipped_step(0.01, 0.5), norm);
          (norm > 0.5 ? clipped : spared) = true;
          EXPECT_TRUE(same_bits(other[0].second.grad(), before));
          for (size_t i = 0; i < one.size(); ++i)
            EXPECT_TRUE(same_bits(one[i].second.value(), other[i].second.value())) << one[i].first;
        }
        EXPECT_TRUE(clipped && spared);
      }
  });
}

TEST(ClippedStep, AnErrorChangesNothing) {
  const std::vector<NamedParameter> parameters = some_parameters();
  AdamW adamw(parameters);
  EXPECT_NE(error_of([&] { adamw.clipped_step(0.1, 1); }).find("has a gradient"),
            std::string::npos);
  give_gradients(parameters, 3);
  parameters[2].second.backward(Array::full(Shape{}, std::nan(""), DType::float64));
  const Array before = parameters[0].second.value().clone();
  EXPECT_EQ(error_of([&] { adamw.clipped_step(0.1, 1); }),
            "clip_grad_norm: the gradient's norm is nan");
  EXPECT_EQ(error_of([&] { adamw.clipped_step(0.1, 0); }),
            "clip_grad_norm: the largest norm must be positive, got 0");
  EXPECT_TRUE(same_bits(parameters[0].second.value(), before));
  EXPECT_EQ(adamw.steps(), 0);
}

TEST(Optimizer, MovesParametersOfAnySizeTheSameWayOnAnyNumberOfThreads) {
  const kernels::ScopedGrain grain(100);  // chunks that begin and end inside parameters
  std::vector<std::vector<Array>> results;
  for (const int threads : {1, 2, 3}) {
    const test::ScopedThreads scope(threads);
    std::vector<NamedParameter> parameters;
    for (const int64_t size : {1, 99, 100, 101, 7, 1000, 1})
      parameters.push_back({fmt::format("p{}", parameters.size()),
                            parameter(random_array({size}, static_cast<uint64_t>(size)))});
    AdamW adamw(parameters);
    give_gradients(parameters, 3);
    const double norm = adamw.clipped_step(0.1, 1);
    std::vector<Array> values = {Array::scalar(norm, DType::float64)};
    for (const auto& [name, p] : parameters) values.push_back(p.value());
    for (size_t i = 0; !results.empty() && i < values.size(); ++i)
      EXPECT_TRUE(same_bits(values[i], results.front()[i])) << threads << " threads, array " << i;
    results.push_back(values);
  }
}

}  // namespace
}  // namespace gradus::optim
