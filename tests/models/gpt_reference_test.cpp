// GPT beside PyTorch's training step: tests/reference/README.md says what the files hold.
#include <gtest/gtest.h>

#include <string_view>

#include "gradus/io/safetensors.h"
#include "gradus/models/gpt.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"
#include "support.h"

namespace gradus::models {
namespace {

using test::relative_distance;

class Reference : public testing::TestWithParam<nn::Bias> {
 protected:
  Reference()
      : state(io::load_safetensors(GetParam() == nn::Bias::learned
                                       ? "tests/reference/gpt_bias.safetensors"
                                       : "tests/reference/gpt.safetensors")),
        generator(1),
        model({.vocabulary = 11,
               .context = 7,
               .layers = 2,
               .heads = 3,
               .width = 15,
               .bias = GetParam()},
              generator) {}

  // Gives the model the reference's parameters in this precision.
  void start(DType dtype) {
    model.to(dtype);
    std::vector<NamedArray> parameters;
    for (const NamedArray& entry : state.arrays)
      if (entry.name.starts_with("param."))
        parameters.push_back({entry.name.substr(6), entry.value.to(dtype)});
    model.load_state(parameters);
  }
  Tensor loss() { return model.loss(state.at("input"), state.at("target")); }
  double number(const std::string& name, int64_t i) { return state.at(name).at({i}); }

  io::State state;
  Generator generator;
  GPT model;
};

// "To 1e-10" is meant relative to the largest element of each tensor: a gradient's small elements
// are sums in which larger ones cancel.
TEST_P(Reference, LossAndGradientsAreThoseOfPyTorch) {
  test::on_every_isa([&] {
    for (const auto& [dtype, loss_tolerance, tolerance, suffix] :
         {std::tuple{DType::float64, 1e-10, 1e-10, ""}, {DType::float32, 1e-5, 1e-5, "32"}}) {
      start(dtype);
      const Tensor actual = loss();
      actual.backward();
      const double expected = state.at("loss" + std::string(suffix)).item();
      EXPECT_NEAR(actual.item(), expected, loss_tolerance * expected);
      for (const auto& [name, parameter] : model.named_parameters()) {
        // Both precisions against the exact gradients, which are float64's.
        EXPECT_LE(relative_distance(parameter.grad(), state.at("grad." + name)), tolerance) << name;
        EXPECT_LE(relative_distance(parameter.grad(),
                                    state.at("grad" + std::string(suffix) + "." + name)),
                  tolerance)
            << name;
      }
    }
  });
}

TEST_P(Reference, TenStepsOfAdamWGiveTheParametersOfPyTorch) {
  start(DType::float64);
  const std::vector<nn::NamedParameter> parameters = model.named_parameters();
  optim::AdamW adamw(parameters,
                     {.beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8, .weight_decay = 0.1});
  const optim::WarmupCosine schedule{.peak = 1e-3, .floor = 1e-4, .warmup = 3, .total = 10};
  for (int64_t step = 0; step < 10; ++step) {
    model.zero_grad();
    const Tensor now = loss();
    now.backward();
    const double norm = optim::clip_grad_norm(parameters, 1);
    adamw.step(schedule(step));
    EXPECT_NEAR(now.item(), number("losses", step), 1e-10) << step;
    EXPECT_NEAR(norm, number("norms", step), 1e-10) << step;
    EXPECT_NEAR(schedule(step), number("rates", step), 1e-15) << step;
  }
  EXPECT_GT(number("norms", 0), 1);  // clipping acted, and then it did not
  EXPECT_LT(number("norms", 9), 1);
  for (const auto& [name, parameter] : parameters)
    EXPECT_LE(relative_distance(parameter.value(), state.at("after." + name)), 1e-10) << name;
}

INSTANTIATE_TEST_SUITE_P(PyTorch, Reference, testing::Values(nn::Bias::none, nn::Bias::learned),
                         [](const auto& test) {
                           return test.param == nn::Bias::none ? "without_bias" : "with_bias";
                         });

}  // namespace
}  // namespace gradus::models
