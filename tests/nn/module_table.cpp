#include "nn/module_table.h"

#include "gradus/models/gpt.h"
#include "gradus/nn/convolution.h"
#include "gradus/nn/recurrent.h"
#include "nn/module_check.h"

namespace gradus::test {
namespace {

using nn::Bias;
using nn::NormPosition;
using Tensors = std::vector<Tensor>;
using Named = std::vector<NamedArray>;

const auto both_biases = {Bias::none, Bias::learned};
const auto both_norms = {NormPosition::pre, NormPosition::post};

std::string word(Bias bias) { return bias == Bias::none ? "" : "_bias"; }
std::string word(NormPosition norm) { return norm == NormPosition::pre ? "_pre" : "_post"; }
std::string word(double dropout) { return dropout > 0 ? "_dropout" : ""; }

Named x_of(const Shape& shape) { return {{"x", random_array(shape, 4)}}; }

Array some_mask(const Shape& shape) {
  std::vector<bool> bits;
  for (int64_t i = 0; i < shape.numel(); ++i) bits.push_back(i % 3 != 1);
  return Array::of_bools(bits, shape);
}

// The table being filled. Modules live as long as their cases; each has a generator of its own,
// which is set back before each call, so that dropout draws the same masks.
class Table {
 public:
  // The module that `make` makes of a generator, as `call` calls it.
  template <class Make, class Call>
  void add(const std::string& op, const std::string& words, const Named& x, Make make, Call call) {
    const auto generator = std::make_shared<Generator>(1);
    const auto module = std::shared_ptr<decltype(make(*generator))>(
        new auto(make(*generator)));  // NOLINT: a module may not be movable
    unsettle(*module);
    const uint64_t position = generator->position();
    auto [inputs, function] =
        module_function(*module, x, [module, generator, position, call](const Tensors& in) {
          generator->set_position(position);
          return call(*module, in);
        });
    cases.push_back({op + words, op, std::move(function), std::move(inputs)});
  }
  // A module of one tensor.
  template <class Make>
  void add(const std::string& op, const std::string& words, const Named& x, Make make) {
    add(op, words, x, make, [](const auto& module, const Tensors& in) { return module(in[0]); });
  }
  void reuse(const std::string& words, const Named& x, const Function& call) {
    cases.push_back({"reuse_" + words, "reuse", call, x});
  }

  std::vector<CheckCase> cases;
};

void layers(Table& t) {
  for (const Bias bias : both_biases) {
    for (const Shape& shape : {Shape{3, 5}, Shape{2, 3, 5}}) {
      const Named x = x_of(shape);
      const std::string words = word(bias) + (shape.rank() == 3 ? "_batch" : "");
      t.add("Linear", words, x, [=](Generator& g) { return nn::Linear(5, 7, g, bias); });
      t.add("LayerNorm", words, x, [=](Generator&) { return nn::LayerNorm(5, bias); });
      for (const auto& [name, f] : {std::pair{"_relu", nn::Activation::relu},
                                    {"_gelu", nn::Activation::gelu},
                                    {"_gelu_tanh", nn::Activation::gelu_tanh}})
        t.add("FeedForward", name + words, x,
              [bias, f = f](Generator& g) { return nn::FeedForward(5, 11, g, bias, 0, f); });
      t.add("SwiGLU", words, x, [=](Generator& g) { return nn::SwiGLU(5, 11, g, bias); });
      if (bias == Bias::none) t.add("RMSNorm", words, x, [](Generator&) { return nn::RMSNorm(5); });
    }
    t.add("Conv1d", word(bias), x_of({2, 3, 7}),
          [=](Generator& g) { return nn::Conv1d(3, 5, 2, g, {.stride = 2, .padding = 1}, bias); });
    t.add("Conv2d", word(bias), x_of({2, 2, 5, 4}),
          [=](Generator& g) { return nn::Conv2d(2, 3, 3, g, {.stride = 2, .padding = 1}, bias); });
  }
  t.add("FeedForward", "_dropout", x_of({3, 5}),
        [](Generator& g) { return nn::FeedForward(5, 11, g, Bias::learned, 0.4); });
  const Array ids = Array::of_indices({3, 0, 3, 6, 3, 1}, {2, 3});
  t.add(
      "Embedding", "", {}, [](Generator& g) { return nn::Embedding(7, 5, g); },
      [ids](const auto& embedding, const Tensors&) { return embedding(ids); });
}

void recurrent(Table& t) {
  const NamedArray x{"x", random_array({2, 3}, 1)}, h{"h", random_array({2, 5}, 2)},
      c{"c", random_array({2, 5}, 3)}, sequence{"x", random_array({2, 3, 3}, 1)};
  const auto both = [](const nn::LSTMState& s) { return concat({s.h, s.c}, 1); };
  for (const Bias bias : both_biases) {
    t.add(
        "RNNCell", word(bias), {x, h}, [=](Generator& g) { return nn::RNNCell(3, 5, g, bias); },
        [](const auto& cell, const Tensors& in) { return cell(in[0], in[1]); });
    t.add(
        "LSTMCell", word(bias), {x, h, c},
        [=](Generator& g) { return nn::LSTMCell(3, 5, g, bias); },
        [=](const auto& cell, const Tensors& in) {
          return both(cell(in[0], {in[1], in[2]}));
        });
    t.add(
        "RNN", word(bias), {sequence, h}, [=](Generator& g) { return nn::RNN(3, 5, g, bias); },
        [](const auto& rnn, const Tensors& in) { return rnn(in[0], in[1]).output; });
    t.add(
        "LSTM", word(bias), {sequence, h, c}, [=](Generator& g) { return nn::LSTM(3, 5, g, bias); },
        [=](const auto& lstm, const Tensors& in) {
          return both(lstm(in[0], {in[1], in[2]}).state);
        });
  }
}

const AttentionOptions causal{.causal = true};

void attention(Table& t) {
  const auto with = [](const AttentionOptions& options) {
    return [options](const auto& module, const Tensors& in) { return module(in[0], options); };
  };
  const auto across = [](const AttentionOptions& options) {
    return
        [options](const auto& module, const Tensors& in) { return module(in[0], in[1], options); };
  };
  const Named x = x_of({2, 5, 6});
  const Named both = {x[0], {"memory", random_array({2, 7, 6}, 5)}};
  const std::string op = "MultiHeadAttention";
  for (const Bias bias : both_biases) {
    for (const int64_t heads : {1, 3}) {
      const auto make = [=](Generator& g) { return nn::MultiHeadAttention(6, heads, g, bias); };
      const std::string words = fmt::format("_{}{}", heads, word(bias));
      t.add(op, "_full" + words, x, make, with({}));
      t.add(op, "_causal" + words, x, make, with(causal));
      t.add(op, "_masked" + words, x, make, with({.mask = some_mask({2, 1, 5, 5})}));
    }
    const auto make = [=](Generator& g) { return nn::MultiHeadAttention(6, 3, g, bias); };
    t.add(op, "_across" + word(bias), both, make, across({}));
    t.add(op, "_across_padded" + word(bias), both, make,
          across({.mask = key_padding_mask({7, 2}, 7)}));
  }
  for (const int64_t kv_heads : {1, 2, 3})
    t.add(
        op, fmt::format("_rotary_{}_shared", kv_heads), x_of({2, 5, 12}),
        [=](Generator& g) {
          return nn::MultiHeadAttention({.width = 12,
                                         .heads = 6,
                                         .kv_heads = kv_heads,
                                         .bias = Bias::none,
                                         .rotary = nn::RotaryPosition{.base = 100}},
                                        g);
        },
        with(causal));

  for (const NormPosition norm : both_norms)
    for (const Bias bias : both_biases)
      for (const double dropout : {0.0, 0.3}) {
        const nn::BlockConfig config = {
            .width = 6, .heads = 3, .hidden = 11, .bias = bias, .dropout = dropout, .norm = norm};
        const std::string words = word(norm) + word(bias) + word(dropout);
        t.add(
            "TransformerBlock", words, x,
            [=](Generator& g) { return nn::TransformerBlock(config, g); }, with(causal));
        if (dropout > 0)
          t.add(
              "DecoderBlock", words, both,
              [=](Generator& g) { return nn::DecoderBlock(config, g); },
              across({.mask = key_padding_mask({7, 2}, 7)}));
      }
}

// Its head is the embedding again: two shares reach that gradient.
void gpt(Table& t) {
  const Array tokens = Array::of_indices({3, 0, 5, 6, 3, 1}, {2, 3});
  for (const NormPosition norm : both_norms)
    for (const Bias bias : both_biases)
      for (const double dropout : {0.0, 0.3})
        t.add(
            "GPT", word(norm) + word(bias) + word(dropout), {},
            [=](Generator& g) {
              return models::GPT({.vocabulary = 7,
                                  .context = 5,
                                  .layers = 2,
                                  .heads = 3,
                                  .width = 6,
                                  .bias = bias,
                                  .dropout = dropout,
                                  .norm = norm},
                                 g);
            },
            [tokens](const auto& model, const Tensors&) { return model(tokens); });
}

// Gradients of one tensor that arrive from several ops: whole, through views, summed over a
// broadcast, and in an order of their own.
void reuse(Table& t) {
  const Named x = {{"x", random_array({3, 5}, 1)}};
  const Named matrix = {{"x", random_array({5, 5}, 1)}};
  const Named pair = {x[0], {"w", random_array({5, 5}, 2)}};
  const Named row = {x[0], {"b", random_array({5}, 2)}};
  t.reuse("twice_in_one_op", x, [](const Tensors& in) { return in[0] * in[0]; });
  t.reuse("thrice", x, [](const Tensors& in) { return in[0] * tanh(in[0]) + square(in[0]); });
  t.reuse("residual", pair, [](const Tensors& in) { return in[0] + tanh(matmul(in[0], in[1])); });
  t.reuse("residual_of_a_residual", pair, [](const Tensors& in) {
    const Tensor y = in[0] + tanh(matmul(in[0], in[1]));
    return y + tanh(matmul(y, in[1]));
  });
  t.reuse("transposed", matrix,
          [](const Tensors& in) { return matmul(in[0], transpose(in[0], 0, 1)); });
  t.reuse("view_and_whole", matrix,
          [](const Tensors& in) { return transpose(tanh(in[0]), 0, 1) + in[0]; });
  t.reuse("broadcast_and_whole", row,
          [](const Tensors& in) { return in[0] * in[1] + tanh(in[1]); });
  t.reuse("two_slices", x,
          [](const Tensors& in) { return slice(in[0], 1, 0, 3) * slice(in[0], 1, 2, 5); });
  t.reuse("slice_and_whole", x,
          [](const Tensors& in) { return in[0] * sum(slice(in[0], 1, 1, 3), {1}, true); });
  t.reuse("tied_weight", pair,
          [](const Tensors& in) { return linear(tanh(linear(in[0], in[1])), in[1]); });
  t.reuse("recurrence", pair, [](const Tensors& in) {
    Tensor h = in[0];
    for (int step = 0; step < 4; ++step) h = tanh(matmul(h, in[1]) + in[0]);
    return h;
  });
}

// Cases of ops that tests/ops/table_*.cpp lack: without PyTorch's numbers.
void ops(Table& t) {
  // Rounding to float32 hides the small steps of differences, but not where x is as small as they
  // are. The way back to float64 is none of the library's: of two wrong signs nobody would know.
  const auto widened = [](const Tensor& x) {
    return record("widened", x.value().to(DType::float64), {x},
                  [](const Array& dy, Inputs in) { in.add(0, dy.to(DType::float32)); });
  };
  t.cases.push_back({"to_float32",
                     "to",
                     [=](const Tensors& in) { return widened(to(in[0], DType::float32)); },
                     {{"x", random_array({3, 5}, 1) * 1e-6}}});
  // More images than chunks, each of which sums a gradient of the weight of its own.
  t.cases.push_back({"conv1d_many_images",
                     "conv1d",
                     [](const Tensors& in) { return conv1d(in[0], in[1], {}); },
                     {{"x", random_array({19, 1, 3}, 1)}, {"weight", random_array({3, 1, 2}, 2)}}});
  for (const double exponent : {1.0, 2.0})
    t.cases.push_back({fmt::format("pow_number_{}", exponent),
                       "pow",
                       [=](const Tensors& in) { return pow(in[0], exponent); },
                       {{"x", random_array({3, 5}, 1)}}});
}

}  // namespace

const std::vector<CheckCase>& module_table() {
  static const std::vector<CheckCase> cases = [] {
    Table table;
    for (const auto fill : {layers, recurrent, attention, gpt, reuse, ops}) fill(table);
    return table.cases;
  }();
  return cases;
}

}  // namespace gradus::test
