// Recurrent networks: PyTorch's numbers, names, and that a layer is its cell step by step.
#include "gradus/nn/recurrent.h"

#include <map>

#include "gradus/io/safetensors.h"
#include "io/temporary.h"
#include "nn/module_check.h"

namespace gradus::nn {
namespace {

using test::error_of;
using test::random_array;
using test::relative_distance;
using test::same_bits;

using Names = std::vector<std::string>;
using Results = std::map<std::string, Tensor>;

// ---- PyTorch's numbers (tests/reference/recurrent.py)

const io::State& torch() {
  static const io::State state = io::load_safetensors("tests/reference/recurrent.safetensors");
  return state;
}

std::vector<NamedArray> torch_state(const std::string& module) {
  std::vector<NamedArray> state;
  for (const NamedArray& entry : torch().arrays)
    if (const std::string start = module + ".state."; entry.name.starts_with(start))
      state.push_back({entry.name.substr(start.size()), entry.value});
  return state;
}

// Loads PyTorch's weights under its names into a module, runs it and goes backward: results and
// gradients are PyTorch's. So they are after a way through a file.
template <class Module, class Run>
void expect_what_torch_gives(const std::string& name, Run run) {
  const std::vector<NamedArray> state = torch_state(name);
  Generator generator(1);
  Module module(5, 11, generator);
  module.to(DType::float64);
  ASSERT_EQ(test::parameter_names(module).size(), 4U);
  module.load_state(state);

  std::map<std::string, Tensor> in;
  for (const std::string key : {"x", "h", "c"})
    if (const Array* value = torch().find(name + ".in." + key)) in[key] = parameter(*value);
  const Results results = run(module, in);
  Tensor loss(0, DType::float64);
  for (const auto& [key, result] : results) {
    EXPECT_LE(relative_distance(result.value(), torch().at(name + ".out." + key)), 1e-10) << key;
    loss = loss + sum(result * Tensor(torch().at(name + ".dy." + key)));
  }
  loss.backward();
  const auto expect_gradient = [&](const std::string& key, const Tensor& leaf) {
    EXPECT_LE(relative_distance(leaf.grad(), torch().at(name + ".grad." + key)), 1e-10) << key;
  };
  for (const auto& [key, leaf] : in) expect_gradient(key, leaf);
  for (const auto& [key, leaf] : module.named_parameters()) expect_gradient(key, leaf);

  const test::TemporaryDirectory directory;
  io::save_safetensors(directory / "module.safetensors", {module.state(), {}});
  Module other(5, 11, generator);
  other.to(DType::float64);
  other.load_state(io::load_safetensors(directory / "module.safetensors").arrays);
  for (const auto& [key, result] : run(other, in))
    EXPECT_TRUE(same_bits(result.value(), results.at(key).value())) << key;
}

Results of(const LSTMState& state) { return {{"h", state.h}, {"c", state.c}}; }

TEST(Recurrent, CellsGiveWhatPyTorchGives) {
  test::on_every_isa([] {
    expect_what_torch_gives<RNNCell>("rnn_cell", [](const RNNCell& cell, auto& in) {
      return Results{{"h", cell(in["x"], in["h"])}};
    });
    expect_what_torch_gives<LSTMCell>("lstm_cell", [](const LSTMCell& cell, auto& in) {
      return of(cell(in["x"], {in["h"], in["c"]}));
    });
  });
}

TEST(Recurrent, LayersGiveWhatPyTorchGives) {
  test::on_every_isa([] {
    expect_what_torch_gives<RNN>("rnn", [](const RNN& rnn, auto& in) {
      const RNN::Result result = rnn(in["x"], in["h"]);
      return Results{{"y", result.output}, {"h", result.h}};
    });
    expect_what_torch_gives<LSTM>("lstm", [](const LSTM& lstm, auto& in) {
      const LSTM::Result result = lstm(in["x"], {in["h"], in["c"]});
      Results results = of(result.state);
      results["y"] = result.output;
      return results;
    });
  });
}

// ---- what a layer is

TEST(Recurrent, ALayerIsItsCellStepByStep) {
  Generator generator(2);
  const LSTM lstm(3, 5, generator);
  const Tensor x(random_array({2, 7, 3}, 1, DType::float32));
  const LSTM::Result all = lstm(x);
  LSTMState state;
  for (int64_t t = 0; t < 7; ++t) {
    state = lstm.cell(Tensor(x.value().select(1, t)), state);
    EXPECT_LE(relative_distance(all.output.value().select(1, t), state.h.value()), 1e-6) << t;
  }
  EXPECT_LE(relative_distance(all.state.c.value(), state.c.value()), 1e-6);
}

TEST(Recurrent, WithoutAStateItIsZero) {
  Generator generator(3);
  const LSTM lstm(3, 5, generator);
  const RNN rnn(3, 5, generator);
  const Tensor x(random_array({2, 7, 3}, 1, DType::float32)), zero(Array::zeros({2, 5}));
  EXPECT_TRUE(same_bits(lstm(x).output.value(), lstm(x, {zero, zero}).output.value()));
  EXPECT_TRUE(same_bits(rnn(x).output.value(), rnn(x, zero).output.value()));
}

TEST(Recurrent, NamesItsParametersAsPyTorchDoes) {
  Generator generator(1);
  RNNCell rnn_cell(3, 5, generator);
  LSTMCell bare(3, 5, generator, Bias::none);
  LSTM lstm(3, 5, generator);
  EXPECT_EQ(test::parameter_names(rnn_cell),
            (Names{"weight_ih", "weight_hh", "bias_ih", "bias_hh"}));
  EXPECT_EQ(test::parameter_names(bare), (Names{"weight_ih", "weight_hh"}));
  EXPECT_EQ(test::parameter_names(lstm),
            (Names{"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"}));
  EXPECT_EQ(lstm.cell.weight_ih.shape(), (Shape{20, 3}));
  EXPECT_EQ(lstm.cell.weight_hh.shape(), (Shape{20, 5}));
}

TEST(Recurrent, StartsUniformWithinOneOverTheRootOfHidden) {
  Generator generator(1);
  LSTMCell cell(3, 64, generator);
  for (const auto& [name, parameter] : cell.named_parameters()) {
    double largest = 0;
    for (const double x : parameter.value().to_vector()) largest = std::max(largest, std::abs(x));
    EXPECT_LE(largest, 0.125) << name;
    EXPECT_GE(largest, 0.12) << name;
  }
}

TEST(Recurrent, ErrorsNameTheLayerTheRuleAndTheShapes) {
  Generator generator(1);
  const RNN rnn(3, 5, generator);
  const LSTM lstm(3, 5, generator);
  const auto zeros = [](const Shape& shape) { return Tensor(Array::zeros(shape)); };
  EXPECT_EQ(error_of([&] {
              rnn(zeros({2, 3}));
            }),
            "rnn: an input of shape [2, 3], it must have rank 3 and 3 features");
  EXPECT_EQ(error_of([&] {
              lstm.cell(zeros({2, 4}));
            }),
            "lstm: an input of shape [2, 4], it must have rank 2 and 3 features");
  EXPECT_EQ(error_of([&] {
              lstm(zeros({2, 0, 3}));
            }),
            "lstm: a sequence without elements, [2, 0, 3]");
  EXPECT_EQ(error_of([&] {
              rnn(zeros({2, 7, 3}), zeros({1, 5}));
            }),
            "rnn: a state of shape [1, 5], it must be [2, 5]");
  EXPECT_THROW(LSTMCell(3, 0, generator), Error);
}

}  // namespace
}  // namespace gradus::nn
