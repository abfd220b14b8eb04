// Modules beside PyTorch's: its state loaded as it is, the same results and gradients, and the same
// names in a file. tests/reference/README.md says what transformer.safetensors holds.
#include <functional>
#include <set>

#include "gradus/io/safetensors.h"
#include "gradus/nn/transformer.h"
#include "io/temporary.h"
#include "nn/module_check.h"

namespace gradus::nn {
namespace {

using test::relative_distance;

const io::State& torch() {
  static const io::State state = io::load_safetensors("tests/reference/transformer.safetensors");
  return state;
}

std::vector<NamedArray> state_of_case(const std::string& name) {
  const std::string prefix = name + "/state/";
  std::vector<NamedArray> state;
  for (const NamedArray& entry : torch().arrays)
    if (entry.name.starts_with(prefix))
      state.push_back({entry.name.substr(prefix.size()), entry.value});
  return state;
}

using Call = std::function<Tensor(const Tensor& x, const Tensor& memory)>;

// What the module makes of PyTorch's inputs, and every gradient.
void expect_what_torch_gives(const std::string& name, Module& module, const Call& call) {
  SCOPED_TRACE(name);
  module.to(DType::float64);
  module.load_state(state_of_case(name));
  test::on_every_isa([&] {
    module.zero_grad();
    const Array* given = torch().find(name + "/memory");
    const Tensor x = parameter(torch().at(name + "/x")),
                 memory = given == nullptr ? Tensor() : parameter(*given);
    const Tensor y = call(x, memory);
    y.backward(torch().at(name + "/dy"));
    EXPECT_LE(relative_distance(y.value(), torch().at(name + "/y")), 1e-10);
    EXPECT_LE(relative_distance(x.grad(), torch().at(name + "/dx")), 1e-10);
    if (given != nullptr) {
      EXPECT_LE(relative_distance(memory.grad(), torch().at(name + "/dmemory")), 1e-10);
    }
    for (const auto& [parameter, tensor] : module.named_parameters())
      EXPECT_LE(relative_distance(tensor.grad(), torch().at(name + "/grad/" + parameter)), 1e-10)
          << parameter;
  });
}

// Saved by Gradus, the file has PyTorch's names and shapes and the same numbers, and loads again.
void expect_saved_under_torchs_names(const std::string& name, Module& module) {
  const test::TemporaryDirectory directory;
  io::save_safetensors(directory / "state.safetensors", {module.state(), {}});
  const io::State saved = io::load_safetensors(directory / "state.safetensors");
  const std::vector<NamedArray> expected = state_of_case(name);
  EXPECT_EQ(saved.arrays.size(), expected.size());
  for (const NamedArray& entry : expected) {
    const Array* value = saved.find(entry.name);
    ASSERT_NE(value, nullptr) << entry.name;
    EXPECT_TRUE(test::same_bits(*value, entry.value)) << entry.name;
  }
  module.load_state(saved.arrays);
}

void expect_torchs_module(const std::string& name, Module& module, const Call& call) {
  expect_what_torch_gives(name, module, call);
  expect_saved_under_torchs_names(name, module);
}

const std::vector<int64_t> lengths = {5, 2, 4}, memory_lengths = {7, 6, 1};

TEST(TorchModules, MultiHeadAttention) {
  Generator generator(1);
  const AttentionOptions causal{.causal = true},
      padded{.mask = key_padding_mask(memory_lengths, 7)};
  MultiHeadAttention biased(10, 2, generator), plain(10, 2, generator, Bias::none);
  expect_torchs_module("attention", biased,
                       [&](const Tensor& x, const Tensor&) { return biased(x); });
  expect_torchs_module("attention_causal", plain,
                       [&](const Tensor& x, const Tensor&) { return plain(x, causal); });
  expect_torchs_module("attention_across", biased,
                       [&](const Tensor& x, const Tensor& memory) { return biased(x, memory); });
  expect_torchs_module("attention_padded", plain, [&](const Tensor& x, const Tensor& memory) {
    return plain(x, memory, padded);
  });
}

BlockConfig config(NormPosition norm, Activation activation, Bias bias = Bias::learned) {
  return {
      .width = 10, .heads = 2, .hidden = 11, .bias = bias, .norm = norm, .activation = activation};
}

TEST(TorchModules, TransformerEncoderLayer) {
  Generator generator(1);
  const AttentionOptions padded{.mask = key_padding_mask(lengths, 5)};
  for (const auto& [name, block_config] :
       {std::pair{"encoder_pre_relu", config(NormPosition::pre, Activation::relu)},
        {"encoder_post_gelu", config(NormPosition::post, Activation::gelu)},
        {"encoder_pre_gelu_tanh", config(NormPosition::pre, Activation::gelu_tanh, Bias::none)},
        {"encoder_post_relu", config(NormPosition::post, Activation::relu, Bias::none)}}) {
    TransformerBlock block(block_config, generator);
    expect_torchs_module(name, block,
                         [&](const Tensor& x, const Tensor&) { return block(x, padded); });
  }
}

TEST(TorchModules, TransformerDecoderLayer) {
  Generator generator(1);
  const AttentionOptions padded{.mask = key_padding_mask(memory_lengths, 7)};
  for (const auto& [name, block_config] :
       {std::pair{"decoder_pre_gelu", config(NormPosition::pre, Activation::gelu)},
        {"decoder_post_relu", config(NormPosition::post, Activation::relu)}}) {
    DecoderBlock block(block_config, generator);
    expect_torchs_module(name, block, [&](const Tensor& x, const Tensor& memory) {
      return block(x, memory, padded);
    });
  }
}

TEST(TorchModules, RMSNorm) {
  RMSNorm norm(10);
  expect_torchs_module("rms_norm", norm, [&](const Tensor& x, const Tensor&) { return norm(x); });
}

TEST(TorchModules, T5sBucketsOfDistances) {
  for (const bool bidirectional : {true, false}) {
    const Array& buckets = torch().at(bidirectional ? "buckets/both" : "buckets/past");
    for (int64_t distance = -300; distance <= 300; ++distance)
      EXPECT_EQ(relative_bucket(distance, {.bidirectional = bidirectional}),
                buckets.at({distance + 300}))
          << distance;
  }
}

}  // namespace
}  // namespace gradus::nn
