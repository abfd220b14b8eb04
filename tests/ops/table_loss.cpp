// Losses: each op a line of the table.
#include <cmath>

#include "ops/op_table.h"

namespace gradus::test {
namespace {

using Inputs = OpTable::Inputs;

struct NamedReduction {
  Reduction value;
  std::string name;
};
const std::vector<NamedReduction> reductions = {
    {Reduction::mean, "mean"}, {Reduction::sum, "sum"}, {Reduction::none, "none"}};

// Classes for `shape`, some of them twice and never all of them, every third of them -100 if some
// are to be ignored.
Array targets_for(const Shape& shape, int64_t classes, bool some_ignored) {
  std::vector<int64_t> targets;
  for (int64_t i = 0; i < shape.numel(); ++i)
    targets.push_back(some_ignored && i % 3 == 1 ? -100 : (5 * i + 2) % classes);
  return Array::of_indices(targets, shape);
}

// PyTorch has the classes on axis 1.
void add_cross_entropy(OpTable& t, const Input& logits, const Array& targets,
                       const CrossEntropyOptions& options, const std::string& reduction,
                       bool extreme = false) {
  const Function call = [=](const Tensors& in) { return cross_entropy(in[0], targets, options); };
  const std::string torch =
      fmt::format("F.cross_entropy({}, {}, ignore_index={}, label_smoothing={}, reduction='{}')",
                  logits.shape.rank() < 3 ? "a" : "a.movedim(-1, 1)", torch_literal(targets),
                  options.ignore_index, options.label_smoothing, reduction);
  const std::string title =
      fmt::format("cross_entropy {}{}", reduction, options.label_smoothing > 0 ? " smoothed" : "");
  if (extreme)
    t.extreme(title, call, torch, {{logits}});
  else
    t.add(title, call, torch, {{logits}});
}

void add_cross_entropies(OpTable& t) {
  for (const Shape& shape :
       std::vector<Shape>{{7}, {3, 5}, {2, 3, 7}, {5, 37}, {11, 2}, {2, 3, 5, 7}, {3, 1}}) {
    const Array targets = targets_for(shape.erased(shape.rank() - 1), shape[-1], false);
    add_cross_entropy(t, shape, targets, {}, "mean");
  }
  const Array some = targets_for({7}, 5, true);
  const Array deep = targets_for({2, 3}, 5, true);
  for (const auto& [reduction, name] : reductions)
    for (const double smoothing : {0.0, 0.125}) {
      const CrossEntropyOptions options{.label_smoothing = smoothing, .reduction = reduction};
      add_cross_entropy(t, Shape{7, 5}, some, options, name);
      add_cross_entropy(t, Shape{2, 3, 5}, deep, options, name);
    }
  // The mean of no rows is NaN.
  add_cross_entropy(t, Shape{0, 5}, Array::of_indices({}, {0}), {}, "mean", true);
  add_cross_entropy(t, Shape{0, 5}, Array::of_indices({}, {0}), {.reduction = Reduction::sum},
                    "sum");
  // A class can be ignored as well; and all rows.
  add_cross_entropy(t, Shape{3, 5}, Array::of_indices({2, 0, 4}, {3}), {.ignore_index = 0}, "mean");
  add_cross_entropy(t, Shape{2, 5}, Array::of_indices({-100, -100}, {2}),
                    {.reduction = Reduction::sum}, "sum");
  add_cross_entropy(t, Shape{2, 5}, Array::of_indices({-100, -100}, {2}), {}, "mean", true);

  const Input rows({7, 3}, {1e4,  -1e4,      0,          //
                            -1e4, 1e4,       5,          //
                            30,   0,         -30,        //
                            0,    0,         -INFINITY,  //
                            1,    NAN,       2,          //
                            0,    -INFINITY, 1,          //
                            3,    INFINITY,  1});
  const Array targets = Array::of_indices({0, 0, 1, 1, 1, 1, 2}, {7});
  for (const double smoothing : {0.0, 0.125})
    add_cross_entropy(t, rows, targets,
                      {.label_smoothing = smoothing, .reduction = Reduction::none}, "none", true);
}

using Loss = Tensor (*)(const Tensor&, const Tensor&, Reduction);

void add_loss(OpTable& t, const std::string& op, Loss loss, Domain x, Domain z,
              const std::vector<double>& special_x, const std::vector<double>& special_z) {
  for (const auto& [reduction, name] : reductions) {
    const Function call = [=, r = reduction](const Tensors& in) { return loss(in[0], in[1], r); };
    const std::string torch = fmt::format("F.{}(a, b, reduction='{}')", op, name);
    t.add(op + " " + name, call, torch,
          {{Input({3, 5}, x), Input({3, 5}, z)},
           {Input({2, 3, 7}, x), Input({2, 3, 7}, z)},
           {Input({1, 1}, {0.75}), Input({1, 1}, {0.3125})},
           {Input(Shape{}, {1.25}), Input(Shape{}, {0.375})}});
    // The mean of nothing is NaN, no number to compare with anything but PyTorch's.
    if (reduction != Reduction::mean)
      t.add(op + " " + name, call, torch, {{{0, 3}, {0, 3}}});
    else if (op == "mse_loss")
      t.extreme(op + " " + name, call, torch, {{{0, 3}, {0, 3}}});
  }
  const auto n = static_cast<int64_t>(special_x.size());
  t.extreme(op, [=](const Tensors& in) { return loss(in[0], in[1], Reduction::none); },
            fmt::format("F.{}(a, b, reduction='none')", op),
            {{Input({n}, special_x), Input({n}, special_z)}});
}

}  // namespace

void loss_cases(OpTable& t) {
  add_cross_entropies(t);

  const double inf = INFINITY;
  add_loss(t, "mse_loss", mse_loss, Domain::all, Domain::all,  //
           {0, 1e4, 1e-30, 0x1p-140, inf, inf, NAN, 1}, {0, -1e4, 0, 0, 1, inf, 1, NAN});
  add_loss(t, "l1_loss", l1_loss, Domain::all, Domain::all,  //
           {0, 1e4, 1e-30, 0x1p-140, inf, -inf, 1}, {0, -1e4, 0, 0, 1, 1, inf});
  // Of small losses, and of their slopes, PyTorch's own sums lose digits: loss_test.cpp pins those.
  add_loss(t, "binary_cross_entropy_with_logits", binary_cross_entropy_with_logits, Domain::all,
           Domain::unit,  //
           {0, 1e4, -1e4, 1e4, -1e4, 20, -20, 0x1p-140, 1e4, inf, -inf, inf, NAN, 1},
           {0, 1, 1, 0, 0, 0.5, 1, 0.5, 0.5, 0.5, 0.5, 1, 0, NAN});
  add_loss(t, "kl_div", kl_div, Domain::unit, Domain::unit,  //
           {-1e4, -1, 0, -1e-30, -inf, -1, -inf, NAN, -1}, {0.5, 1, 1, 0.25, 0.5, 0, 0, 0.5, NAN});
  t.numbers_instead_of_nan(
      "kl_div",
      "a target of 0 adds 0, even to a log-probability of -inf; its own gradient is -inf");
  t.add("kl_div batchmean",
        on_two([](const Tensor& x, const Tensor& p) { return kl_div(x, p, Reduction::batchmean); }),
        "F.kl_div(a, b, reduction='batchmean')",
        {{Input({3, 5}, Domain::unit), Input({3, 5}, Domain::unit)}});

  // A vector that is constant, or has a single element, has a direction but no gradient: no case.
  const auto cosine = [&](int axis, const std::vector<Inputs>& inputs) {
    t.add(
        fmt::format("cosine_similarity axis{}{}", axis < 0 ? "_minus" : "", std::abs(axis)),
        [=](const Tensors& in) { return cosine_similarity(in[0], in[1], axis); },
        fmt::format("F.cosine_similarity(a, b, dim={})", axis), inputs);
  };
  cosine(0, {{{7}, {7}}, {{3, 5}, {3, 5}}, {{3, 5}, {3, 1}}, {{3, 0}, {3, 0}}, {{0, 3}, {0, 3}}});
  cosine(1, {{{3, 5}, {3, 5}}, {{2, 3, 7}, {2, 3, 7}}, {{3, 5}, {1, 5}}, {{1, 5}, {1, 5}}});
  cosine(-1, {{{2, 3, 7}, {2, 3, 7}}, {{2, 3, 5}, {3, 5}}, {{5}, {3, 5}}});
  cosine(-2, {{{2, 3, 7}, {2, 3, 7}}, {{3, 5}, {2, 3, 5}}});
  // Its gradient is not what differences say: PyTorch lets it pass the maximum with eps.
  t.extreme("cosine_similarity eps",
            on_two([](const Tensor& a, const Tensor& b) { return cosine_similarity(a, b, 1, 3); }),
            "F.cosine_similarity(a, b, dim=1, eps=3)", {{{3, 5}, {3, 5}}});
  t.extreme("cosine_similarity",
            on_two([](const Tensor& a, const Tensor& b) { return cosine_similarity(a, b, 1); }),
            "F.cosine_similarity(a, b, dim=1)",
            {{Input({7, 2}, {0, 0, 1e-9, 2e-9, 1e-9, 0, 1e10, -2e10, NAN, 1, inf, 1, 0, 0}),
              Input({7, 2}, {1, 2, 3, 4, 0, 1e-12, 3e10, 1e10, 1, 2, 3, 4, 0, 0})}});
}

}  // namespace gradus::test
