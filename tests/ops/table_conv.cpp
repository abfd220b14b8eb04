// Convolution and pooling: each op a line of the table.
#include "ops/op_table.h"

namespace gradus::test {
namespace {

using Inputs = OpTable::Inputs;
using Conv = Tensor (*)(const Tensor&, const Tensor&, const Tensor&, const ConvOptions&);

void add_conv(OpTable& t, const std::string& op, Conv conv, const ConvOptions& options,
              const std::vector<Inputs>& inputs) {
  const std::string choices = fmt::format("stride={}, padding={}", options.stride, options.padding);
  const std::string title =
      fmt::format("{} stride{} padding{}", op, options.stride, options.padding);
  for (const Inputs& one : inputs) {
    const bool with_bias = one.size() == 3;
    t.add(title,
          [=](const Tensors& in) {
            return conv(in[0], in[1], with_bias ? in[2] : Tensor(), options);
          },
          fmt::format("F.{}(a, b, {}, {})", op, with_bias ? "c" : "None", choices), {one});
  }
}

}  // namespace

void conv_cases(OpTable& t) {
  const auto add_conv1d = [&](const ConvOptions& options, const std::vector<Inputs>& inputs) {
    add_conv(t, "conv1d", conv1d, options, inputs);
  };
  add_conv1d({}, {{{2, 3, 7}, {5, 3, 3}, {5}},
                  {{2, 3, 7}, {5, 3, 3}},
                  {{3, 5, 11}, {2, 5, 1}, {2}},
                  {{1, 1, 1}, {1, 1, 1}, {1}},
                  {{3, 1, 7}, {5, 1, 7}, {5}},
                  {{3, 3, 3}, {3, 3, 3}},
                  {{0, 3, 7}, {5, 3, 3}, {5}}});
  add_conv1d({.padding = 1}, {{{2, 3, 7}, {5, 3, 3}, {5}}, {{2, 1, 1}, {3, 1, 3}, {3}}});
  add_conv1d({.padding = 5}, {{{2, 3, 3}, {5, 3, 2}, {5}}, {{2, 3, 1}, {2, 3, 7}}});
  add_conv1d({.stride = 2}, {{{2, 3, 7}, {5, 3, 3}, {5}}, {{2, 3, 7}, {5, 3, 2}}});
  add_conv1d({.stride = 3, .padding = 2}, {{{2, 3, 11}, {5, 3, 5}, {5}}, {{2, 3, 11}, {5, 3, 2}}});
  add_conv1d({.stride = 11, .padding = 7}, {{{2, 3, 5}, {2, 3, 3}}});

  const auto add_conv2d = [&](const ConvOptions& options, const std::vector<Inputs>& inputs) {
    add_conv(t, "conv2d", conv2d, options, inputs);
  };
  add_conv2d({}, {{{2, 3, 5, 7}, {5, 3, 3, 2}, {5}},
                  {{2, 3, 5, 7}, {5, 3, 2, 3}},
                  {{2, 5, 3, 5}, {3, 5, 1, 1}, {3}},
                  {{1, 1, 1, 1}, {1, 1, 1, 1}, {1}},
                  {{1, 1, 7, 1}, {2, 1, 3, 1}},
                  {{3, 2, 3, 3}, {2, 2, 3, 3}, {2}},
                  {{3, 3, 3, 3}, {3, 3, 3, 3}},
                  {{0, 3, 5, 7}, {5, 3, 3, 3}, {5}}});
  add_conv2d({.padding = 1},
             {{{2, 3, 5, 3}, {5, 3, 3, 3}, {5}}, {{2, 3, 1, 1}, {2, 3, 3, 3}, {2}}});
  add_conv2d({.padding = 3}, {{{2, 3, 3, 5}, {2, 3, 2, 1}, {2}}});
  add_conv2d({.stride = 2}, {{{2, 3, 5, 7}, {5, 3, 2, 2}, {5}}, {{2, 3, 7, 5}, {3, 3, 3, 3}}});
  add_conv2d({.stride = 2, .padding = 1}, {{{2, 3, 5, 7}, {5, 3, 3, 3}, {5}}});
  add_conv2d({.stride = 3, .padding = 2}, {{{2, 3, 7, 5}, {2, 3, 2, 5}, {2}}});
  add_conv2d({.stride = 9, .padding = 5}, {{{2, 3, 3, 5}, {2, 3, 3, 3}}});
}

}  // namespace gradus::test
