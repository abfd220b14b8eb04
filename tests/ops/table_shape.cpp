// Shape: each op a line of the table.
#include <cmath>

#include "gradus/arithmetic.h"
#include "ops/op_table.h"

namespace gradus::test {
namespace {

using Inputs = OpTable::Inputs;

void views(OpTable& t) {
  const auto reshaped = [&](const std::string& what, const Shape& to, const std::string& torch,
                            const std::vector<Inputs>& inputs) {
    t.add("reshape " + what, on_one([=](const Tensor& x) { return reshape(x, to); }),
          "a.reshape(" + torch + ")", inputs);
  };
  reshaped("flat", {105}, "105", {{{3, 5, 7}}, {{105}}, {{15, 1, 7}}});
  reshaped("open", {5, -1, 3}, "5, -1, 3", {{{3, 5, 7}}, {{105}}});
  reshaped("ones", {1, 15, 1}, "1, 15, 1", {{{3, 5}}, {{15}}});
  reshaped("scalar", Shape{}, "()", {{{1, 1}}, {Shape{}}});
  reshaped("empty", {0, 7}, "0, 7", {{{3, 0, 5}}});
  t.add("flatten", on_one([](const Tensor& x) { return flatten(x); }), "a.flatten()",
        {{{2, 3, 5}}, {{7}}, {Shape{}}, {{1, 1}}, {{3, 0}}});
  t.add("flatten 1 2", on_one([](const Tensor& x) { return flatten(x, 1, 2); }), "a.flatten(1, 2)",
        {{{2, 3, 5}}, {{2, 3, 5, 7}}, {{2, 1, 0, 3}}});
  t.add("flatten last", on_one([](const Tensor& x) { return flatten(x, -2, -1); }),
        "a.flatten(-2, -1)", {{{2, 3, 5}}, {{3, 5}}});
  t.add("unsqueeze 0", on_one([](const Tensor& x) { return unsqueeze(x, 0); }), "a.unsqueeze(0)",
        {{{3, 5}}, {Shape{}}, {{0}}});
  t.add("unsqueeze 1", on_one([](const Tensor& x) { return unsqueeze(x, 1); }), "a.unsqueeze(1)",
        {{{3, 5}}, {{7}}});
  t.add("unsqueeze last", on_one([](const Tensor& x) { return unsqueeze(x, -1); }),
        "a.unsqueeze(-1)", {{{3, 5}}, {Shape{}}});
  t.add("squeeze", on_one([](const Tensor& x) { return squeeze(x); }), "a.squeeze()",
        {{{3, 1, 5, 1}}, {{3, 5}}, {{1, 1}}, {Shape{}}, {{1, 0}}});
  t.add("squeeze 1", on_one([](const Tensor& x) { return squeeze(x, 1); }), "a.squeeze(1)",
        {{{3, 1, 5, 1}}, {{3, 5}}});
  t.add("squeeze last", on_one([](const Tensor& x) { return squeeze(x, -1); }), "a.squeeze(-1)",
        {{{3, 1, 5, 1}}, {{1}}});

  t.add("transpose", on_one([](const Tensor& x) { return transpose(x); }), "a.transpose(-2, -1)",
        {{{3, 5}}, {{2, 3, 5}}, {{1, 5}}, {{0, 3}}});
  t.add("transpose outer", on_one([](const Tensor& x) { return transpose(x, 0, -1); }),
        "a.transpose(0, -1)", {{{3, 5, 7}}, {{2, 3, 5, 7}}});
  t.add("transpose heads", on_one([](const Tensor& x) { return transpose(x, 1, 2); }),
        "a.transpose(1, 2)", {{{2, 3, 5, 7}}});
  t.add("transpose same", on_one([](const Tensor& x) { return transpose(x, 1, 1); }),
        "a.transpose(1, 1)", {{{3, 5}}});
  const auto permuted = [&](const std::vector<int>& order, const std::string& what,
                            const std::string& torch, const Shape& shape) {
    t.add("permute " + what, on_one([=](const Tensor& x) { return permute(x, order); }),
          "a.permute(" + torch + ")", {{shape}});
  };
  permuted({2, 0, 1}, "cycle", "2, 0, 1", {3, 5, 7});
  permuted({1, 2, 0}, "back", "1, 2, 0", {3, 5, 7});
  permuted({-1, 0, -2}, "negative", "-1, 0, -2", {3, 5, 7});
  permuted({2, 0, 3, 1}, "four", "2, 0, 3, 1", {2, 3, 5, 7});
  permuted({1, 2, 0}, "empty", "1, 2, 0", {3, 0, 7});
  permuted({}, "scalar", "()", Shape{});
}

void pieces(OpTable& t) {
  const auto sliced = [&](const std::string& what, int axis, int64_t start, int64_t stop,
                          int64_t step, const std::string& torch, const Shape& shape) {
    t.add("slice " + what,
          on_one([=](const Tensor& x) { return slice(x, axis, start, stop, step); }),
          "a[" + torch + "]", {{shape}});
  };
  sliced("first axis", 0, 1, 3, 1, "1:3", {5, 3});
  sliced("last axis", -1, 2, 5, 1, "..., 2:5", {3, 7});
  sliced("step", 1, 1, 7, 2, ":, 1:7:2", {3, 7, 2});
  sliced("negative", 1, -3, -1, 1, ":, -3:-1", {3, 7});
  sliced("clamped", 0, -100, 100, 3, "-100:100:3", {7});
  sliced("everything", 0, 0, 5, 1, "0:5", {5, 3});
  sliced("nothing", 0, 2, 2, 1, "2:2", {5, 3});
  sliced("empty", 0, 1, 3, 1, "1:3", {5, 0});
  const Function overlapping = on_one([](const Tensor& x) {
    return concat({slice(x, 0, 0, 4), slice(x, 0, 3, 7), slice(x, 0, 1, 5)});
  });
  t.add("slice overlapping", overlapping, "torch.cat([a[0:4], a[3:7], a[1:5]])", {{{7}}, {{7, 3}}});
  // Heads cut out of one projection, as attention does it: (B, T, 3 H D) -> (B, H, T, D).
  const Function heads = on_one([](const Tensor& x) {
    return transpose(select(reshape(x, {2, 5, 3, 3, 2}), 2, 1), 1, 2);
  });
  t.add("reshape heads", heads, "a[..., 6:12].reshape(2, 5, 3, 2).transpose(1, 2)", {{{2, 5, 18}}});

  t.add("select first axis", on_one([](const Tensor& x) { return select(x, 0, 2); }), "a[2]",
        {{{5}}, {{3, 5, 7}}, {{3, 0}}});
  t.add("select last axis", on_one([](const Tensor& x) { return select(x, -1, -2); }), "a[..., -2]",
        {{{5}}, {{3, 5, 7}}, {{3, 2}}});
  const Function twice = on_one([](const Tensor& x) {
    return stack({select(x, 1, 0), select(x, 1, 2), select(x, 1, 0)});
  });
  t.add("select twice", twice, "torch.stack([a[:, 0], a[:, 2], a[:, 0]])", {{{5, 3}}});

  // All pieces, in another order: each must have its own place, and its own gradient.
  const auto turned = [](std::vector<Tensor> parts, int axis) {
    std::ranges::reverse(parts);
    return concat(parts, axis);
  };
  t.add("split by 2", on_one([=](const Tensor& x) { return turned(split(x, 2), 0); }),
        "torch.cat(a.split(2)[::-1])", {{{5}}, {{4, 3}}, {{7, 3, 2}}, {{1, 3}}, {{0, 3}}});
  t.add("split by 3 last axis",
        on_one([=](const Tensor& x) { return turned(split(x, 3, -1), -1); }),
        "torch.cat(a.split(3, -1)[::-1], -1)", {{{7}}, {{2, 11}}});
  t.add("split sizes", on_one([=](const Tensor& x) {
          return turned(split(x, std::vector<int64_t>{1, 0, 3, 1}, 1), 1);
        }),
        "torch.cat(a.split([1, 0, 3, 1], 1)[::-1], 1)", {{{3, 5}}, {{2, 5, 3}}});
  t.add("split last piece", on_one([](const Tensor& x) { return split(x, 2).back(); }),
        "a.split(2)[-1]", {{{5, 3}}, {{3}}});
  t.add("chunk", on_one([=](const Tensor& x) { return turned(chunk(x, 4), 0); }),
        "torch.cat(a.chunk(4)[::-1])", {{{5}}, {{4, 3}}, {{11, 2}}, {{3}}, {{0}}});
  t.add("chunk last axis", on_one([=](const Tensor& x) { return turned(chunk(x, 3, -1), -1); }),
        "torch.cat(a.chunk(3, -1)[::-1], -1)", {{{2, 7}}});

  const auto expanded = [&](const std::string& what, const Shape& to, const std::string& torch,
                            const Shape& from) {
    t.add("expand " + what, on_one([=](const Tensor& x) { return expand(x, to); }),
          "a.expand(" + torch + ")", {{from}});
  };
  expanded("column", {3, 5}, "3, 5", {3, 1});
  expanded("new axes", {2, 3, 5}, "2, 3, 5", {5});
  expanded("both", {2, 3, 5, 7}, "2, 3, 5, 7", {3, 1, 7});
  expanded("scalar", {3, 5}, "3, 5", Shape{});
  expanded("nothing", {3, 5}, "3, 5", {3, 5});
  expanded("empty", {0, 5}, "0, 5", {1, 5});
  expanded("no rows", {0, 5}, "0, 5", {0, 1});
}

void copies(OpTable& t) {
  const auto joined = [&](const std::string& title, const auto& op, int axis,
                          const std::string& torch, const std::vector<Inputs>& inputs) {
    t.add(
        title, [=](const Tensors& in) { return op(in, axis); },
        "torch." + torch + "([x for x in (" + (inputs[0].size() == 3 ? "a, b, c" : "a, b") +
            ")], " + std::to_string(axis) + ")",
        inputs);
  };
  joined("concat rows", concat, 0, "cat", {{{3, 5}, {1, 5}, {2, 5}}, {{0, 5}, {1, 5}, {2, 5}}});
  joined("concat two rows", concat, 0, "cat", {{{3}, {4}}, {{3, 5}, {3, 5}}, {{0}, {0}}});
  joined("concat columns", concat, -1, "cat", {{{3, 5}, {3, 1}, {3, 2}}, {{0, 5}, {0, 1}, {0, 2}}});
  joined("concat middle", concat, 1, "cat", {{{2, 3, 5}, {2, 1, 5}}, {{2, 3, 5}, {2, 7, 5}}});
  t.add("concat itself", on_one([](const Tensor& x) {
          return concat({x, x, x}, 1);
        }),
        "torch.cat([a, a, a], 1)", {{{3, 5}}});
  t.add("concat one", on_one([](const Tensor& x) { return concat({x}); }), "torch.cat([a])",
        {{{3, 5}}});
  joined("stack", stack, 0, "stack", {{{3, 5}, {3, 5}, {3, 5}}, {{0}, {0}, {0}}});
  joined("stack rank0", stack, 0, "stack", {{Shape{}, Shape{}}});
  joined("stack middle", stack, 1, "stack", {{{3, 5}, {3, 5}}, {{1}, {1}}});
  joined("stack last", stack, -1, "stack", {{{3, 5}, {3, 5}}});

  const auto repeated = [&](const std::string& what, const std::vector<int64_t>& times,
                            const std::string& torch, const std::vector<Inputs>& inputs) {
    t.add("repeat " + what, on_one([=](const Tensor& x) { return repeat(x, times); }),
          "a.repeat(" + torch + ")", inputs);
  };
  repeated("3", {3}, "3", {{{5}}, {Shape{}}, {{1}}});
  repeated("2x3", {2, 3}, "2, 3", {{{3, 5}}, {{5}}, {{1, 3}}, {{0, 3}}});
  repeated("0x2", {0, 2}, "0, 2", {{{3, 5}}});
  repeated("once", {1, 1}, "1, 1", {{{3, 5}}});

  const auto flipped = [&](const std::string& what, const std::vector<int>& axes,
                           const std::string& torch, const std::vector<Inputs>& inputs) {
    t.add("flip " + what, on_one([=](const Tensor& x) { return flip(x, axes); }),
          "a.flip(" + torch + ")", inputs);
  };
  flipped("first", {0}, "0", {{{5}}, {{3, 5, 7}}, {{1, 3}}, {{0, 3}}});
  flipped("middle", {1}, "1", {{{3, 5, 7}}, {{3, 0}}});
  flipped("last", {-1}, "-1", {{{3, 5}}, {{2, 3, 5, 2}}});
  flipped("two", {2, 0}, "2, 0", {{{3, 5, 7}}});
  flipped("all", {}, "tuple(range(a.dim()))", {{{3, 5}}, {Shape{}}});

  const auto padded = [&](const std::string& what, const std::vector<Padding>& paddings,
                          double value, const std::string& torch,
                          const std::vector<Inputs>& inputs) {
    t.add("pad " + what, on_one([=](const Tensor& x) { return pad(x, paddings, value); }),
          "F.pad(a, " + torch + ")", inputs);
  };
  padded("one axis", {{2, 3}}, 0, "(2, 3)", {{{5}}, {{1}}, {{0}}});
  padded("value", {{1, 0}, {0, 2}}, -1.5, "(0, 2, 1, 0), value=-1.5", {{{3, 5}}, {{3, 0}}});
  padded("three axes", {{0, 0}, {1, 2}, {3, 0}}, 7, "(3, 0, 1, 2), value=7", {{{2, 3, 5}}});
  padded("nothing", {{0, 0}, {0, 0}}, 1, "(0, 0, 0, 0), value=1", {{{3, 5}}});
  t.add("pad scalar", on_one([](const Tensor& x) { return pad(x, {}); }), "a * 1", {{Shape{}}});

  for (const int diagonal : {0, 1, -2, 9, -9}) {
    const std::string title = " " + std::string(diagonal < 0 ? "below" : "above") +
                              std::to_string(std::abs(diagonal)),
                      argument = "(" + std::to_string(diagonal) + ")";
    const std::vector<Inputs> inputs = {{{3, 5}}, {{5, 3}}, {{2, 3, 3}}, {{1, 1}}, {{3, 0}}};
    t.add("tril" + title, on_one([=](const Tensor& x) { return tril(x, diagonal); }),
          "a.tril" + argument, inputs);
    t.add("triu" + title, on_one([=](const Tensor& x) { return triu(x, diagonal); }),
          "a.triu" + argument, inputs);
  }
  const Inputs special = {Input({2, 2}, {INFINITY, NAN, -INFINITY, NAN})};
  t.extreme("tril", on_one([](const Tensor& x) { return tril(x); }), "a.tril()", {special});
  t.extreme("triu", on_one([](const Tensor& x) { return triu(x); }), "a.triu()", {special});

  // The same dtype, and through int64: then nothing arrives. (float32 is in shape_test.cpp.)
  t.add("to itself", on_one([](const Tensor& x) { return to(x, x.dtype()); }), "a.double()",
        {{{3, 5}}, {Shape{}}, {{0}}});
  t.add("to int64", on_one([](const Tensor& x) { return to(x, DType::int64); }), "a.long()",
        {{{3, 5}}});
  t.add("to int64 and back",
        on_one([](const Tensor& x) { return to(to(x, DType::int64), x.dtype()); }),
        "a.long().double()", {{{3, 5}}});
  t.add("to bool", on_one([](const Tensor& x) { return to(to(x, DType::int64), DType::boolean); }),
        "a.long().bool()", {{{3, 5}}});
}

// Made from a rule, on no input: one is there to say in which dtype.
void created(OpTable& t) {
  const auto made = [&](const std::string& title, const std::function<Array(DType)>& make,
                        const std::string& torch) {
    t.add(title, on_one([=](const Tensor& x) { return Tensor(make(x.dtype())); }), torch, {{{1}}});
  };
  const auto ranges = [&](const std::string& what, double start, double stop, double step,
                          const std::string& torch) {
    made(
        "arange " + what, [=](DType dtype) { return arange(start, stop, step, dtype); },
        "torch.arange(" + torch + ", dtype=torch.float64)");
  };
  ranges("up", 2, 9, 1, "2, 9");
  ranges("fractions", 0, 1, 0.1, "0, 1, 0.1");
  ranges("uneven", -1, 2.25, 0.75, "-1, 2.25, 0.75");
  ranges("down", 5, -3, -2, "5, -3, -2");
  ranges("none", 3, 3, 1, "3, 3");
  made(
      "arange int64", [](DType) { return arange(-3, 12, 4, DType::int64); },
      "torch.arange(-3, 12, 4)");
  for (const int count : {0, 1, 2, 5, 10, 11})
    made(
        "linspace " + std::to_string(count),
        [=](DType dtype) { return linspace(-1, 2, count, dtype); },
        "torch.linspace(-1, 2, " + std::to_string(count) + ", dtype=torch.float64)");
  made(
      "eye", [](DType dtype) { return eye(3, dtype); }, "torch.eye(3, dtype=torch.float64)");
  for (const int diagonal : {0, 1, -1}) {
    const std::string all_true = "torch.ones(3, 5, dtype=torch.bool)",
                      argument = "(" + std::to_string(diagonal) + ")";
    const std::string title = "_triangle " + std::to_string(diagonal + 1);
    made(
        "lower" + title, [=](DType) { return lower_triangle(3, 5, diagonal); },
        all_true + ".tril" + argument);
    made(
        "upper" + title, [=](DType) { return upper_triangle(3, 5, diagonal); },
        all_true + ".triu" + argument);
  }
}

}  // namespace

void shape_cases(OpTable& t) {
  views(t);
  pieces(t);
  copies(t);
  created(t);
}

}  // namespace gradus::test
