// Convolution and pooling: each op a line of the table.
#include <cmath>

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

using Pool = Tensor (*)(const Tensor&, int64_t, const PoolOptions&);

void add_pool(OpTable& t, const std::string& op, Pool pool, int64_t kernel_size,
              const PoolOptions& options, const std::vector<Shape>& shapes) {
  const Function call = [=](const Tensors& in) { return pool(in[0], kernel_size, options); };
  const std::string torch =
      fmt::format("F.{}(a, {}, {}, {})", op, kernel_size,
                  options.stride == 0 ? "None" : std::to_string(options.stride), options.padding);
  const std::string title =
      fmt::format("{} size{} stride{} padding{}", op, kernel_size, options.stride, options.padding);
  for (const Shape& shape : shapes) t.add(title, call, torch, {{Input(shape, Domain::distinct)}});
}

// Ties, infinities of both signs (also a window of nothing else), and NaN, also twice in a window.
const std::vector<double> special = {0, 0,         -0.0,      1,         1,         INFINITY, 3,
                                     3, -INFINITY, -INFINITY, -INFINITY, -INFINITY, 2,        NAN,
                                     1, NAN,       4,         INFINITY,  1e30,      1e-30,    2};

void add_pool1d(OpTable& t, const std::string& op, Pool pool) {
  add_pool(t, op, pool, 2, {}, {{2, 3, 7}, {2, 3, 2}, {3, 5}, {0, 3, 5}});
  add_pool(t, op, pool, 1, {}, {{1, 1, 1}, {2, 3, 5}});
  add_pool(t, op, pool, 3, {.stride = 1}, {{2, 3, 7}});
  add_pool(t, op, pool, 3, {.stride = 1, .padding = 1}, {{2, 3, 7}, {2, 3, 1}});
  add_pool(t, op, pool, 5, {.stride = 3, .padding = 2}, {{2, 3, 11}});
  add_pool(t, op, pool, 2, {.stride = 5, .padding = 1}, {{2, 3, 7}});
  for (const int64_t stride : {1, 2, 3}) {
    const PoolOptions options{.stride = stride, .padding = 1};
    t.extreme(op, [=](const Tensors& in) { return pool(in[0], 3, options); },
              fmt::format("F.{}(a, 3, {}, 1)", op, stride), {{Input({1, 1, 21}, special)}});
  }
}

void add_pool2d(OpTable& t, const std::string& op, Pool pool) {
  add_pool(t, op, pool, 2, {}, {{2, 3, 5, 7}, {3, 2, 2}, {0, 3, 5, 7}});
  add_pool(t, op, pool, 1, {}, {{1, 1, 1, 1}});
  add_pool(t, op, pool, 3, {.stride = 1}, {{2, 3, 5, 3}});
  add_pool(t, op, pool, 3, {.stride = 1, .padding = 1}, {{2, 3, 5, 3}, {2, 3, 1, 1}});
  add_pool(t, op, pool, 3, {.stride = 2, .padding = 1}, {{2, 3, 5, 7}});
  add_pool(t, op, pool, 2, {.stride = 3, .padding = 1}, {{2, 3, 7, 5}});
  for (const int64_t stride : {1, 2}) {
    const PoolOptions options{.stride = stride, .padding = 1};
    t.extreme(op, [=](const Tensors& in) { return pool(in[0], 3, options); },
              fmt::format("F.{}(a, 3, {}, 1)", op, stride), {{Input({1, 1, 3, 7}, special)}});
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

  // An infinity and a NaN reach the windows that see them, and their weights, and nothing else.
  t.extreme("conv1d", [](const Tensors& in) { return conv1d(in[0], in[1], {}, {.padding = 1}); },
            "F.conv1d(a, b, padding=1)",
            {{Input({1, 1, 13}, {1e30, 1, 2, 0, INFINITY, 3, 4, 5, 0, 6, 0x1p-140, 0, 1e-30}),
              Input({1, 1, 3}, {0, 1, 2})},
             {Input({1, 1, 7}, {1, 2, NAN, 3, 4, 5, 6}), Input({2, 1, 2}, {0, 1, 2, NAN})}});

  add_pool1d(t, "max_pool1d", max_pool1d);
  add_pool1d(t, "avg_pool1d", avg_pool1d);
  add_pool2d(t, "max_pool2d", max_pool2d);
  add_pool2d(t, "avg_pool2d", avg_pool2d);
}

}  // namespace gradus::test
