// What all modules do by way of visit(): names, counting, conversion, state.
#include "gradus/nn/module.h"

#include "gradus/nn/layers.h"
#include "nn/module_check.h"

namespace gradus::nn {
namespace {

using test::error_of;
using test::parameter_names;
using test::random_array;
using test::same_bits;
using test::state_of;

// A network with children, children in a row, a parameter of its own, and a tied weight.
class Net : public Module {
 public:
  explicit Net(Generator& generator)
      : embedding(5, 3, generator),
        norm(3),
        head(3, 5, generator, Bias::none),
        scale(parameter(Array::full({1}, 2))) {
    for (int i = 0; i < 2; ++i) layers.emplace_back(3, 3, generator);
    head.weight = embedding.weight;
  }
  void visit(Visitor& visitor) override {
    visitor("embedding", embedding);
    visitor("layers", layers);
    visitor("norm", norm);
    visitor("head", head);
    visitor("scale", scale);
  }
  Tensor operator()(const Array& tokens) const {
    Tensor x = embedding(tokens) * scale;
    for (const Linear& layer : layers) x = relu(layer(x));
    return head(norm(x));
  }
  Embedding embedding;
  std::vector<Linear> layers;
  LayerNorm norm;
  Linear head;
  Tensor scale;
};

const std::vector<std::string> names = {
    "embedding.weight", "layers.0.weight", "layers.0.bias", "layers.1.weight",
    "layers.1.bias",    "norm.weight",     "norm.bias",     "scale"};

TEST(Module, NamesItsParametersByTheirPathsATiedOneOnce) {
  Generator generator(1);
  Net net(generator);
  EXPECT_EQ(parameter_names(net), names);
  EXPECT_EQ(net.parameter_count(), 15 + 2 * (9 + 3) + 3 + 3 + 1);
}

TEST(Module, IsMovedWithItsParameters) {
  static_assert(!std::is_copy_constructible_v<Net>, "a copy would share its weights");
  Generator generator(1);
  Net net(generator);
  const Node* weight = net.embedding.weight.node().get();
  Net moved = std::move(net);
  EXPECT_EQ(moved.embedding.weight.node().get(), weight);
  EXPECT_EQ(parameter_names(moved), names);
}

TEST(Module, ForgetsItsGradients) {
  Generator generator(1);
  Net net(generator);
  const auto backward = [&] { sum(net(Array::of_indices({1, 4, 1}, {3}))).backward(); };
  backward();
  for (const auto& [name, parameter] : net.named_parameters())
    EXPECT_TRUE(parameter.has_grad()) << name;
  net.zero_grad();
  for (const auto& [name, parameter] : net.named_parameters())
    EXPECT_FALSE(parameter.has_grad()) << name;
}

TEST(Module, IsConvertedAndTiedWeightsStayTied) {
  Generator generator(1);
  Net net(generator);
  const Array tokens = Array::of_indices({0, 3}, {2});
  const Array before = net(tokens).value();
  sum(net(tokens)).backward();
  net.to(DType::float64);
  EXPECT_EQ(net.embedding.weight.node(), net.head.weight.node());
  EXPECT_EQ(parameter_names(net), names);
  for (const auto& [name, parameter] : net.named_parameters()) {
    EXPECT_EQ(parameter.dtype(), DType::float64) << name;
    EXPECT_TRUE(parameter.node()->is_leaf()) << name;
    EXPECT_FALSE(parameter.has_grad()) << name;
  }
  EXPECT_LE(test::relative_distance(net(tokens).value(), before), 1e-6);
  net.to(DType::float32);
  EXPECT_TRUE(same_bits(net(tokens).value(), before));
}

TEST(Module, SwitchesItselfAndAllChildrenToEvaluationAndBack) {
  struct Outer : Module {
    explicit Outer(Generator& g) : inner(3, 5, g, Bias::none, 0.5) {}
    void visit(Visitor& visitor) override { visitor("inner", inner); }
    FeedForward inner;
  };
  Generator generator(1);
  Outer outer(generator);
  const Tensor x(random_array({7, 3}, 1, DType::float32));
  const auto draws = [&] {
    const uint64_t before = generator.position();
    outer.inner(x);
    return generator.position() > before;
  };
  EXPECT_TRUE(outer.is_training() && outer.inner.is_training() && draws());
  outer.train(false);
  EXPECT_TRUE(!outer.is_training() && !outer.inner.is_training() && !draws());
  outer.train();
  EXPECT_TRUE(outer.is_training() && outer.inner.is_training() && draws());
}

// ---- state

TEST(LoadState, CopiesValuesIntoTheParametersThatAreThere) {
  Generator generator(1), other(2);
  Net net(generator), source(other);
  const Node* leaf = net.embedding.weight.node().get();
  std::vector<NamedArray> state = state_of(source);
  std::reverse(state.begin(), state.end());  // names count, not the order
  net.load_state(state);
  const Array tokens = Array::of_indices({1, 4, 1}, {3});
  EXPECT_TRUE(same_bits(net(tokens).value(), source(tokens).value()));
  EXPECT_EQ(net.embedding.weight.node().get(), leaf);  // an optimiser's handle still holds
  EXPECT_EQ(net.head.weight.node().get(), leaf);
  EXPECT_FALSE(net.embedding.weight.value().shares_storage_with(state.back().value));
}

TEST(LoadState, ListsEveryDifferenceAndChangesNothing) {
  Generator generator(1), other(2);
  Net net(generator), source(other);
  const std::vector<NamedArray> before = state_of(net);
  std::vector<NamedArray> state = state_of(source);
  std::erase_if(state, [](const NamedArray& entry) { return entry.name == "layers.0.bias"; });
  for (NamedArray& entry : state) {
    if (entry.name == "layers.1.weight") entry.value = Array::zeros({3, 4});
    if (entry.name == "norm.bias") entry.value = entry.value.to(DType::float64);
  }
  state.push_back({"head.weight", Array::zeros({5, 3})});  // tied: saved under its first name
  EXPECT_EQ(error_of([&] { net.load_state(state); }),
            "load: the state does not fit the model:"
            "\n  layers.0.bias [3] is missing"
            "\n  layers.1.weight is float32 [3, 4], the model's is float32 [3, 3]"
            "\n  norm.bias is float64 [3], the model's is float32 [3]"
            "\n  \"head.weight\" [5, 3] is not part of the model");
  const std::vector<NamedArray> after = state_of(net);
  for (size_t i = 0; i < before.size(); ++i)
    EXPECT_TRUE(same_bits(after[i].value, before[i].value)) << before[i].name;
}

}  // namespace
}  // namespace gradus::nn
