// Reduce: each op a line of the table.
#include <fmt/ranges.h>
#include <cmath>

#include "ops/op_table.h"

namespace gradus::test {
namespace {

using Reduce = std::function<Tensor(const Tensor&, const Axes&, bool)>;

// One reduction, written with {dim} and {keepdim} for PyTorch: over each axis and each pair of
// axes, with keepdim and without; over the neighbours and the others of four; over nothing.
class Reduction {
 public:
  Reduction(OpTable& table, const std::string& title, const Reduce& call, const std::string& torch,
            Domain domain = Domain::all, int64_t fewest = 0)
      : t_(table), title_(title), call_(call), torch_(torch), domain_(domain), fewest_(fewest) {
    for (const bool keepdim : {false, true}) {
      for (const Axes& axes :
           std::vector<Axes>{{}, {0}, {1}, {2}, {-2}, {0, 1}, {1, 2}, {-1, 0}, {2, 0, 1}})
        add(axes, keepdim, {2, 3, 5});
      add({}, keepdim, Shape{});
      add({1, 3}, keepdim, {2, 3, 1, 5});
    }
    for (const Shape& shape : {Shape{1}, Shape{67}}) add({0}, false, shape);
    add({2, 1}, false, {2, 3, 5, 2});
    add({0, 3}, true, {2, 3, 5, 2});
    for (const int axis : {0, 1}) add({axis}, false, {37, 3});
    add({1}, false, {5, 1});
    add({0}, true, {1, 5});
    add({1}, false, {0, 3});
    add({0, 2}, true, {2, 0, 3});
  }

  // Over no elements at all, where that has a meaning.
  Reduction& of_nothing() {
    add({0}, false, {0, 3});
    add({}, true, {3, 0});
    return *this;
  }
  // These numbers, summed along the last axis.
  Reduction& extreme(const Shape& shape, const std::vector<double>& values) {
    t_.extreme(title_, on_one([f = call_](const Tensor& x) { return f(x, {-1}, false); }),
               expression({-1}, false), {{Input(shape, values)}});
    return *this;
  }

 private:
  static std::string expression_of(const std::string& torch, const Axes& axes, bool keepdim) {
    std::string dim = axes.empty() ? "tuple(range(a.dim()))" : fmt::format("{}", axes[0]);
    if (axes.size() > 1) dim = fmt::format("({})", fmt::join(axes, ", "));
    return fmt::format(fmt::runtime(torch), fmt::arg("dim", dim),
                       fmt::arg("keepdim", keepdim ? "True" : "False"));
  }
  std::string expression(const Axes& axes, bool keepdim) const {
    return expression_of(torch_, axes, keepdim);
  }
  void add(const Axes& axes, bool keepdim, const Shape& shape) {
    std::string label = axes.empty() ? " all" : " axis";
    for (const int axis : axes)
      label += axis < 0 ? fmt::format("m{}", -axis) : fmt::format("{}", axis);
    if (keepdim) label += " keepdim";
    int64_t n = axes.empty() ? shape.numel() : 1;
    for (const int axis : axes) n *= shape[axis];
    (t_.*(n < fewest_ ? &OpTable::extreme : &OpTable::add))(
        title_ + label,
        on_one([f = call_, axes, keepdim](const Tensor& x) { return f(x, axes, keepdim); }),
        expression(axes, keepdim), {{Input(shape, domain_)}});
  }

  OpTable& t_;
  std::string title_;
  Reduce call_;
  std::string torch_;
  Domain domain_;
  int64_t fewest_;  // elements that make an ordinary number; of fewer it is NaN or infinite
};

Reduce with_correction(Tensor (*f)(const Tensor&, const Axes&, bool, int), int correction) {
  return [=](const Tensor& x, const Axes& axes, bool keepdim) {
    return f(x, axes, keepdim, correction);
  };
}

Reduce norm_of(double p) {
  return [=](const Tensor& x, const Axes& axes, bool keepdim) { return norm(x, axes, keepdim, p); };
}

// amax, max of everything, max along an axis and argmax; and so for "min".
void extreme_cases(OpTable& t, const std::string& op, const Reduce& over_axes,
                   Tensor (*all)(const Tensor&),
                   ValuesAndIndices (*along)(const Tensor&, int, bool),
                   Array (*index)(const Tensor&, int, bool)) {
  const Domain distinct = Domain::distinct;
  const Input ties({3, 4}, {3, 1, 3, -1, 3, -INFINITY, 2, INFINITY, INFINITY, 0, 0.0, -0.0});
  const Input nans({2, 3}, {1, NAN, NAN, NAN, 1, 2});
  const auto values = [=](int axis, bool keepdim) {
    return on_one([=](const Tensor& x) { return along(x, axis, keepdim).values; });
  };
  Reduction(t, "a" + op, over_axes, "a.a" + op + "({dim}, {keepdim})", distinct);
  t.extreme("a" + op, on_one([=](const Tensor& x) { return over_axes(x, {1}, false); }),
            "a.a" + op + "(1)", {{ties}});
  t.add(op, on_one(all), "a." + op + "()",
        {{Input({3, 5}, distinct)}, {Input({1}, distinct)}, {Input(Shape{}, distinct)}});
  t.extreme(op, on_one(all), "a." + op + "()", {{ties}, {nans}});
  for (const Shape& shape : std::vector<Shape>{{5}, {67}, {3, 5}, {2, 3, 5}, {1, 5}, {3, 1}})
    for (int axis = -1; axis < shape.rank(); ++axis)
      for (const bool keepdim : {false, true}) {
        const std::string label = (axis < 0 ? std::string(" last") : fmt::format(" axis{}", axis)) +
                                  (keepdim ? " keepdim" : "");
        const std::string call = fmt::format("{}({}, {})", op, axis, keepdim ? "True" : "False");
        t.add(op + label, values(axis, keepdim), "a." + call + ".values",
              {{Input(shape, distinct)}});
        t.add("arg" + op + label,
              on_one([=](const Tensor& x) { return Tensor(index(x, axis, keepdim)); }),
              "a.arg" + call, {{Input(shape, distinct)}});
      }
  t.add(op + " axis1", values(1, false), "a." + op + "(1).values", {{{0, 3}}});
  t.extreme(op + " axis1", values(1, false), "a." + op + "(1).values", {{ties}, {nans}});
  t.extreme("arg" + op, on_one([=](const Tensor& x) { return Tensor(index(x, 1, false)); }),
            "a.arg" + op + "(1)", {{ties}, {nans}});
}

}  // namespace

void reduce_cases(OpTable& t) {
  const Reduce total = [](const Tensor& x, const Axes& axes, bool keepdim) {
    return sum(x, axes, keepdim);
  };
  Reduction(t, "sum", total, "a.sum({dim}, {keepdim})")
      .of_nothing()
      .extreme({2, 3}, {1e30, 2e30, 1, INFINITY, 1, -1e30})
      .extreme({2, 3}, {INFINITY, -INFINITY, 0, 1, NAN, 2});
  Reduction(t, "mean", mean, "a.mean({dim}, {keepdim})", Domain::all, 1)
      .of_nothing()
      .extreme({3, 2}, {1e30, 3e30, INFINITY, 1, NAN, 2});

  // Around 10,000 the squares have no digits left for the variance.
  const std::vector<double> around_1e4 = {10001, 9999.5, 10002, 9998,  10000.25,
                                          9997,  9999,   10003, 10000, 9998.5};
  const std::string var = "a.var({dim}, correction=1, keepdim={keepdim})",
                    std = "a.std({dim}, correction=1, keepdim={keepdim})";
  Reduction(t, "variance", with_correction(variance, 1), var, Domain::all, 2)
      .of_nothing()
      .extreme({2, 5}, around_1e4)
      .extreme({3, 3}, {2, 2, 2, 1e10, 2e10, -1e10, NAN, 1, 2})
      .extreme({2, 1}, {2, 3});
  t.add("variance biased", on_one([](const Tensor& x) { return variance(x, {1}, false, 0); }),
        "a.var(1, correction=0)", {{{3, 5}}, {{3, 1}}});
  t.add("variance correction 3", on_one([](const Tensor& x) { return variance(x, {0}, true, 3); }),
        "a.var(0, correction=3, keepdim=True)", {{{5, 3}}});
  t.extreme("variance correction 4",
            on_one([](const Tensor& x) { return variance(x, {0}, false, 4); }),
            "a.var(0, correction=4)", {{Input({4}, {1, 3, 3, 2})}});
  Reduction(t, "standard_deviation", with_correction(standard_deviation, 1), std, Domain::all, 2)
      .of_nothing()
      .extreme({2, 5}, around_1e4)
      .extreme({2, 3}, {2, 2, 2, NAN, 1, 2})
      .extreme({2, 1}, {2, 3});
  t.add("standard_deviation biased",
        on_one([](const Tensor& x) { return standard_deviation(x, {0}, false, 0); }),
        "a.std(0, correction=0)", {{{3, 5}}});

  for (const auto& [p, text] : {std::pair{1.0, "1"}, {2.0, "2"}, {3.0, "3"}, {INFINITY, "inf"}}) {
    Reduction norms(t, "norm p" + std::string(text), norm_of(p),
                    fmt::format("torch.linalg.vector_norm(a, {}, {{dim}}, {{keepdim}})", text),
                    std::isinf(p) ? Domain::distinct : Domain::nonzero);
    if (!std::isinf(p)) norms.of_nothing();
    norms.extreme({3, 3}, {0, 0, 0, 3, -4, 0, 1e10, -1e10, 1})
        .extreme({4, 3}, {INFINITY, 1, 2, -INFINITY, INFINITY, 1, NAN, 1, -2, 1e-10, 0, 0});
  }

  t.extreme("logsumexp", on_one([](const Tensor& x) { return logsumexp(x, {1}); }),
            "a.logsumexp(1)",
            {{Input({6, 3}, {1000, 999, -1000, -1000, -1001, -1002,  //
                             -INFINITY, -INFINITY, -INFINITY, 5, 2, -INFINITY, 1e4, 1e4, -1e30,
                             1e-30, NAN, 0})}});
  t.numbers_instead_of_nan("logsumexp", "where all x are -inf none has an influence: gradient 0");
  Reduction(t, "logsumexp", logsumexp, "torch.logsumexp(a, {dim} if a.dim() else 0, {keepdim})",
            Domain::all, 1)
      .of_nothing();
  t.along_axis("cumsum", cumsum, "a.cumsum({})");
  t.extreme("cumsum", on_one([](const Tensor& x) { return cumsum(x, 1); }), "a.cumsum(1)",
            {{Input({3, 4}, {1, INFINITY, 2, -INFINITY, 1, NAN, 2, 3, 1e30, 1, -1e30, 1})}});

  extreme_cases(t, "max", amax, max, max, argmax);
  extreme_cases(t, "min", amin, min, min, argmin);
}

}  // namespace gradus::test
