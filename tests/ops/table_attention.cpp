// Attention: each op a line of the table.
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

// PyTorch takes one mask: a bool one, or numbers to be added.
std::string torch_mask(const Array& mask) { return "attn_mask=" + torch_literal(mask); }

using Cases = std::vector<OpTable::Inputs>;

const Cases any_lengths = {{{3, 5}, {3, 5}, {3, 5}},
                           {{2, 5, 3}, {2, 7, 3}, {2, 7, 11}},
                           {{2, 3, 7, 5}, {2, 3, 5, 5}, {2, 3, 5, 1}},
                           {{1, 3, 1, 5}, {1, 3, 7, 5}, {1, 3, 7, 5}},
                           {{2, 19, 3}, {2, 37, 3}, {2, 37, 5}},
                           {{2, 0, 3}, {2, 5, 3}, {2, 5, 7}},
                           {{2, 5, 3}, {2, 0, 3}, {2, 0, 7}},
                           {{0, 3, 5}, {0, 3, 5}, {0, 3, 7}}};
const Cases batch_2_heads_3 = {{{2, 3, 5, 3}, {2, 3, 11, 3}, {2, 3, 11, 7}}};
// Six heads of queries, and one, two or three of keys and values.
const Cases grouped = {{{2, 6, 5, 3}, {2, 2, 7, 3}, {2, 2, 7, 5}},
                       {{6, 5, 3}, {3, 7, 3}, {3, 7, 5}},
                       {{1, 6, 5, 3}, {1, 1, 5, 3}, {1, 1, 5, 3}}};

// The queries, keys and values of `shapes`, and a bias.
Cases with_bias(const Cases& shapes, const Shape& bias) {
  Cases result = shapes;
  for (OpTable::Inputs& inputs : result) inputs.emplace_back(bias);
  return result;
}

struct AttentionLine {
  OpTable& t;
  // `arguments` are what PyTorch is told of the options. A fourth input is the bias.
  void operator()(const std::string& label, const AttentionOptions& options,
                  const std::string& arguments, const Cases& cases, bool extreme = false) const {
    const Function call = [=](const Tensors& in) {
      AttentionOptions o = options;
      if (in.size() > 3) o.bias = in[3];
      return scaled_dot_product_attention(in[0], in[1], in[2], o);
    };
    const std::string torch = "F.scaled_dot_product_attention(a, b, c" +
                              (arguments.empty() ? "" : ", " + arguments) + ")",
                      title = "scaled_dot_product_attention" + (label.empty() ? "" : " " + label);
    extreme ? t.extreme(title, call, torch, cases) : t.add(title, call, torch, cases);
  }
};

void attention_lines(OpTable& t) {
  const AttentionLine line{t};
  const AttentionOptions causal{.causal = true};
  line("", {}, "", any_lengths);
  line("scale", {.scale = 0.7}, "scale=0.7", batch_2_heads_3);
  line("causal", causal, "is_causal=True", any_lengths);
  t.add("scaled_dot_product_attention itself",
        on_one([=](const Tensor& x) { return scaled_dot_product_attention(x, x, x, causal); }),
        "F.scaled_dot_product_attention(a, a, a, is_causal=True)", {{{5, 3}}, {{2, 3, 5, 7}}});

  for (const Shape& shape :
       std::vector<Shape>{{5, 11}, {1, 1, 5, 11}, {2, 1, 1, 11}, {2, 3, 5, 11}, {5, 1}}) {
    const Array mask = attention_mask(shape);
    line("mask", {.mask = mask}, torch_mask(mask), batch_2_heads_3);
  }
  const Array strided = attention_mask({1, 11, 5}).transpose(),
              padding = key_padding_mask({11, 4}, 11);
  line("mask strided", {.mask = strided}, torch_mask(strided), batch_2_heads_3);
  line("mask padding", {.mask = padding}, torch_mask(padding), batch_2_heads_3);
  const Array mask = attention_mask({2, 1, 5, 11});
  line("causal mask", {.causal = true, .mask = mask}, torch_mask(mask) + ".tril()",
       batch_2_heads_3);

  line("grouped", {}, "enable_gqa=True", grouped);
  line("grouped causal", causal, "is_causal=True, enable_gqa=True", grouped);

  for (const Shape& shape : std::vector<Shape>{{5, 11}, {3, 5, 11}, {2, 1, 1, 11}, {2, 3, 5, 11}})
    line("bias", {}, "attn_mask=d", with_bias(batch_2_heads_3, shape));
  line("bias", {}, "attn_mask=d",
       {{{5, 5}, {5, 5}, {5, 5}, {5, 5}}, {{1, 3}, {1, 3}, {1, 5}, {1, 1}}});
  line("bias scale", {.scale = 0.7}, "attn_mask=d, scale=0.7", with_bias(batch_2_heads_3, {5, 11}));
  const std::string future = "torch.ones(5, 11).tril().logical_not()";
  line("bias causal", causal, "attn_mask=d.masked_fill(" + future + ", -inf)",
       with_bias(batch_2_heads_3, {3, 5, 11}));
  line("bias mask", {.mask = mask}, "attn_mask=d.masked_fill(~" + torch_literal(mask) + ", -inf)",
       with_bias(batch_2_heads_3, {3, 5, 11}));
  line("bias grouped", {}, "attn_mask=d, enable_gqa=True",
       {{{2, 6, 5, 3}, {2, 2, 7, 3}, {2, 2, 7, 5}, {6, 1, 7}}});

  // Scores of 1e4; biases that hide a key, all keys, or all but one key.
  const Input far({3, 2}, {100, 0, 0, 100, -100, 100}), values({4, 3});
  const Input keys({4, 2}, {100, 3, 40, 60, 7, -100, -50, 100});
  line("large", {.scale = 1}, "scale=1", {{far, keys, values}}, true);
  line("large causal", {.causal = true, .scale = 1}, "is_causal=True, scale=1",
       {{far, keys, values}}, true);
  const Input biases({3, 4}, {0, -INFINITY, 0, 1, -INFINITY, -INFINITY, -INFINITY, -INFINITY,
                              -INFINITY, -INFINITY, 1e4, -INFINITY});
  line("hidden", {}, "attn_mask=d", {{{3, 2}, {4, 2}, values, biases}}, true);
  const Input broken({3, 2}, {1, 2, NAN, 1, INFINITY, 1});
  line("", {}, "", {{broken, {4, 2}, values}}, true);
}

// The pairs (p, q) turned by the angles t; `positions` is a PyTorch expression, (..., T).
std::string torch_rotary(const std::string& positions, RotaryPairs pairs, double base = 10000) {
  const bool interleaved = pairs == RotaryPairs::interleaved;
  const std::string members =
      interleaved ? "a[..., 0::2], a[..., 1::2]" : "*a.unflatten(-1, (2, -1)).unbind(-2)";
  const std::string join =
      interleaved ? "torch.stack((y, z), -1).flatten(-2)" : "torch.cat((y, z), -1)";
  const std::string angles =
      positions + ".double().unsqueeze(-1) * " + fmt::format("{}", base) +
      " ** (-torch.arange(0, a.shape[-1], 2, dtype=torch.float64) / a.shape[-1])";
  return "(lambda y, z: " + join +
         ")(*(lambda p, q, t: (p * t.cos() - q * t.sin(), p * t.sin() + q * t.cos()))(" + members +
         ", " + angles + "))";
}

void rotary_lines(OpTable& t) {
  const auto line = [&](const std::string& label, const RotaryOptions& options,
                        const std::string& torch, const std::vector<OpTable::Inputs>& inputs) {
    t.add("rotary_embedding " + label,
          on_one([=](const Tensor& x) { return rotary_embedding(x, options); }), torch, inputs);
  };
  const std::vector<OpTable::Inputs> shapes = {{{5, 6}},        {{2, 3, 7, 10}}, {{3, 1, 2}},
                                               {{1, 1, 5, 34}}, {{3, 0, 6}},     {{3, 5, 0}}};
  for (const RotaryPairs pairs : {RotaryPairs::interleaved, RotaryPairs::halves}) {
    const std::string label = pairs == RotaryPairs::halves ? "halves" : "interleaved";
    line(label, {.pairs = pairs}, torch_rotary("torch.arange(a.shape[-2])", pairs), shapes);
    line(label + " start", {.start = 11, .base = 500, .pairs = pairs},
         torch_rotary("(11 + torch.arange(a.shape[-2]))", pairs, 500), {{{2, 3, 5, 6}}});
    for (const Shape& shape : std::vector<Shape>{{5}, {2, 1, 5}, {3, 1}, {2, 3, 5}, Shape{}}) {
      std::vector<int64_t> numbers;
      for (int64_t i = 0; i < shape.numel(); ++i) numbers.push_back(7 * i % 31 - 3);
      const Array positions = Array::of_indices(numbers, shape);
      line(label + " positions", {.positions = positions, .pairs = pairs},
           torch_rotary(torch_literal(positions), pairs), {{{2, 3, 5, 6}}});
    }
  }
  t.extreme("rotary_embedding", on_one([](const Tensor& x) { return rotary_embedding(x); }),
            torch_rotary("torch.arange(a.shape[-2])", RotaryPairs::interleaved),
            {{Input({3, 4}, {1e30, -1e30, 0, 0, 1e4, 1e-30, 0x1p-140, 1, 1, NAN, 1, 2})}});
}

}  // namespace

void attention_cases(OpTable& t) {
  attention_lines(t);
  rotary_lines(t);
}

}  // namespace gradus::test
