// Every optimiser beside PyTorch's: ten steps on the same gradients
// (tests/reference/optimizers.py).
#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "gradus/io/safetensors.h"
#include "gradus/optim/optimizer.h"
#include "kernels/parallel.h"
#include "support.h"

namespace gradus::optim {
namespace {

using Parameters = std::vector<nn::NamedParameter>;

struct Case {
  std::string name;
  std::function<std::unique_ptr<Optimizer>(const Parameters&)> make;
};

template <class O, class Options>
Case on(const std::string& name, const Options& options) {
  return {name, [=](const Parameters& p) { return std::make_unique<O>(p, options); }};
}

class TorchOptimizers : public testing::TestWithParam<Case> {};

TEST_P(TorchOptimizers, TenStepsGiveTheSameParameters) {
  const io::State torch = io::load_safetensors("tests/reference/optimizers.safetensors");
  Parameters parameters;
  for (const std::string name : {"matrix", "gain"})
    parameters.emplace_back(name, parameter(torch.at("param." + name).clone()));
  const std::unique_ptr<Optimizer> optimizer = GetParam().make(parameters);
  const kernels::ScopedGrain grain(3);  // several chunks, on several threads
  const test::ScopedThreads threads(3);
  for (int64_t t = 0; t < 10; ++t) {
    for (const auto& [name, p] : parameters) {
      p.zero_grad();
      p.backward(torch.at("grad." + name).select(0, t));
    }
    optimizer->step(0.01 * static_cast<double>(1 + t % 3));
  }
  for (const auto& [name, p] : parameters)
    EXPECT_LE(test::relative_distance(p.value(), torch.at("after." + GetParam().name + "." + name)),
              1e-13)
        << name;
}

INSTANTIATE_TEST_SUITE_P(
    All, TorchOptimizers,
    testing::Values(
        on<SGD>("sgd", SGDOptions{}),
        on<SGD>("sgd_momentum", SGDOptions{.momentum = 0.9, .weight_decay = 0.1}),
        on<SGD>("sgd_nesterov", SGDOptions{.momentum = 0.8, .nesterov = true}),
        on<RMSProp>("rmsprop", RMSPropOptions{}),
        on<RMSProp>("rmsprop_momentum",
                    RMSPropOptions{
                        .alpha = 0.9, .epsilon = 0.01, .momentum = 0.7, .weight_decay = 0.2}),
        on<Adam>("adam", AdamOptions{}),
        on<Adam>("adam_decay",
                 AdamOptions{.beta1 = 0.7, .beta2 = 0.8, .epsilon = 0.1, .weight_decay = 0.3}),
        on<AdamW>("adamw", AdamWOptions{})),
    [](const auto& test) { return test.param.name; });

// Every optimiser stops and goes on as if it had not stopped.
TEST_P(TorchOptimizers, ContinuesBitForBitFromItsState) {
  const auto make = [&](const Array& value) { return Parameters{{"p", parameter(value.clone())}}; };
  const Parameters a = make(test::random_array({7, 5}));
  const auto steps = [](Optimizer& optimizer, const Parameters& p, uint64_t begin, uint64_t end) {
    for (uint64_t t = begin; t < end; ++t) {
      p[0].second.zero_grad();
      p[0].second.backward(test::random_array({7, 5}, 10 + t));
      optimizer.step(0.01);
    }
  };
  const auto first = GetParam().make(a);
  steps(*first, a, 0, 3);
  const Parameters b = make(a[0].second.value());
  const auto second = GetParam().make(b);
  second->load_state(first->state(), first->steps());
  steps(*first, a, 3, 6);
  steps(*second, b, 3, 6);
  EXPECT_TRUE(test::same_bits(a[0].second.value(), b[0].second.value()));
}

TEST(Momentum, IsKeptOnlyIfThereIsAny) {
  const Parameters p = {{"p", parameter(Array::zeros({3}))}};
  EXPECT_EQ(SGD(p).state().size(), 0U);
  EXPECT_EQ(SGD(p, {.momentum = 0.5}).state().size(), 1U);
  EXPECT_EQ(RMSProp(p).state().size(), 1U);
  EXPECT_EQ(RMSProp(p, {.momentum = 0.5}).state().size(), 2U);
}

TEST(OptimizerErrors, SayWhatIsWrongBeforeAnythingMoves) {
  const Tensor p = parameter(test::random_array({2}));
  const Array before = p.value().clone();
  using test::error_of;
  EXPECT_EQ(error_of([&] {
              SGD({{"p", p}}, {.momentum = -1});
            }),
            "sgd: momentum must be at least 0, got -1");
  EXPECT_EQ(error_of([&] {
              SGD({{"p", p}}, {.nesterov = true});
            }),
            "sgd: nesterov needs a momentum");
  EXPECT_EQ(error_of([&] {
              Adam({{"p", p}}, {.beta2 = 1});
            }),
            "adam: beta2 must lie in [0, 1), got 1");
  EXPECT_EQ(error_of([&] {
              RMSProp({{"p", p}}, {.epsilon = NAN});
            }),
            "rmsprop: epsilon must be at least 0, got nan");
  EXPECT_EQ(error_of([] { Adam({}); }), "adam: there are no parameters to step");
  EXPECT_EQ(error_of([&] {
              Adam({{"c", p.detach()}});
            }),
            "adam: c is no parameter, so it will never have a gradient");
  EXPECT_EQ(error_of([&] { Adam({{"p", p}, {"twin", p}}); }), "adam: p and twin are one parameter");
  RMSProp rmsprop({{"p", p}});
  EXPECT_EQ(error_of([&] { rmsprop.step(0.1); }),
            "rmsprop: none of its 1 parameters has a gradient: backward has not run, or the "
            "model's parameters are others now (after a conversion, say)");
  p.backward(test::random_array({2}, 2));
  EXPECT_EQ(error_of([&] { rmsprop.step(NAN); }),
            "rmsprop: the learning rate must be a number of at least 0, got nan");
  EXPECT_EQ(error_of([&] { rmsprop.step(-1); }),
            "rmsprop: the learning rate must be a number of at least 0, got -1");
  Tensor grown = p;
  const NoGrad guard;
  grown.mutable_value() = Array::zeros({5}, DType::float64);
  SGD sgd({{"grown", grown}});
  EXPECT_EQ(error_of([&] { sgd.step(0.1); }), "sgd: grown is [5], but its gradient [2]");
  EXPECT_TRUE(test::same_bits(p.value(), before));
  EXPECT_EQ(rmsprop.steps(), 0);
}

}  // namespace
}  // namespace gradus::optim
