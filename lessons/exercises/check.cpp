#include "exercises/check.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gradus/gradcheck/curve.h"
#include "gradus/gradcheck/diagnosis.h"
#include "gradus/viz/table.h"

namespace gradus::exercises {
namespace {

// How an op is run: which of its inputs want a gradient, how often it is used, in which numbers.
struct Way {
  std::optional<size_t> only = {};  // all, if none is named
  int times = 1;
  DType dtype = DType::float64;
};

// The gradients of sum(dy * f(inputs)), zeros where none arrived.
std::vector<Array> gradients(const Function& f, const Case& c, const Array& dy,
                             const Way& way = {}) {
  Tensors inputs;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const Array x = c.inputs[i].value.clone().to(way.dtype);
    inputs.push_back(way.only.value_or(i) == i ? parameter(x) : Tensor(x));
  }
  for (int time = 0; time < way.times; ++time) {
    const Tensor y = f(inputs);
    if (y.requires_grad()) y.backward(dy.to(way.dtype));
  }
  std::vector<Array> all;
  for (const Tensor& x : inputs)
    all.push_back(x.has_grad() ? x.grad().to(DType::float64)
                               : Array::zeros(x.shape(), DType::float64));
  return all;
}

bool agree(const Array& a, const Array& b, double tolerance) {
  if (a.shape() != b.shape()) return false;
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  double largest = 0;
  for (const double v : y) largest = std::max(largest, std::abs(v));
  return std::equal(x.begin(), x.end(), y.begin(), [&](double u, double v) {
    return u == v || std::abs(u - v) <= tolerance * largest;
  });
}

// What was not asked yet: float32, and at a kink, where there was no gradient check, whether a
// gradient depends on which other inputs want one, or takes the place of what has arrived.
std::string other_problem(const Case& c, const Array& dy, const std::vector<Array>& right) {
  for (size_t i = 0; i < right.size(); ++i) {
    const std::string& name = c.inputs[i].name;
    if (c.kink && !agree(gradients(c.yours, c, dy, {.only = i})[i], right[i], 1e-12))
      return fmt::format("d{} is another one where only {} wants a gradient", name, name);
    if (c.kink && !agree(gradients(c.yours, c, dy, {.times = 2})[i], 2 * right[i], 1e-12))
      return fmt::format(
          "used twice, the op must add to d{} twice: something writes where it should add", name);
    if (!agree(gradients(c.yours, c, dy, {.dtype = DType::float32})[i], right[i], 1e-3))
      return fmt::format("d{} is another one in float32", name);
  }
  return {};
}

// At a kink: the library's gradient, or a message.
std::string problem_at_kink(const Case& c, const Array& dy, const std::vector<Array>& found) {
  const std::vector<Array> right = gradients(c.library, c, dy);
  for (size_t i = 0; i < right.size(); ++i)
    if (!agree(found[i], right[i], 1e-10))
      return fmt::format(
          "at a kink nothing can be measured. Agreed is, as in PyTorch, for dy =\n{}\n"
          "d{} =\n{}\nand yours is\n{}",
          dy.to_string(), c.inputs[i].name, right[i].to_string(), found[i].to_string());
  return {};
}

Tried try_case(const Case& c) {
  Tried t{.tried = c, .result = {}, .problem = {}};
  try {
    Tensors inputs, again;
    for (const NamedArray& input : c.inputs) {
      inputs.emplace_back(input.value.clone());
      again.emplace_back(input.value);
    }
    const Array y = c.yours(inputs).value(), right = c.library(again).value();
    if (!agree(y, right, 1e-10)) {
      t.problem = "the value y is not what it was: the forward has been changed";
      return t;
    }
    if (c.kink) {
      Generator generator(1);
      t.result.cotangent = randn(y.shape(), generator, DType::float64);
    } else {
      t.result = gradcheck(c.name, c.yours, c.inputs);
    }
    if (!t.result.passed) return t;
    const Array& dy = t.result.cotangent;
    const std::vector<Array> found = gradients(c.yours, c, dy);
    if (c.kink) {
      t.problem = problem_at_kink(c, dy, found);
      for (const Array& dx : found) t.result.elements += dx.numel();
    }
    if (t.problem.empty()) t.problem = other_problem(c, dy, found);
  } catch (const std::exception& error) {
    t.problem = error.what();
  }
  return t;
}

std::string shapes(const Case& c) {
  std::string text;
  for (const NamedArray& input : c.inputs)
    text += (text.empty() ? "" : " ") + input.value.shape().to_string();
  return text;
}

// What in a closure the numbers point at.
std::string_view where_to_look(Cause cause) {
  switch (cause) {
    case Cause::never_added: return "is there an in.add for this input, and is it reached?";
    case Cause::sign: return "follow the minus signs through the chain rule once more.";
    case Cause::counted_twice: return "is the same share added twice, or a factor 2 too much?";
    case Cause::mean_or_sum: return "over how many elements is summed, and is it divided by them?";
    case Cause::scale: return "each factor of the forward comes back in the backward, once.";
    case Cause::row_factor: return "a number of each row multiplies y: it multiplies dx, too.";
    case Cause::transposed: return "which operand of the product is transposed, and its order.";
    case Cause::swapped: return "the numbers of the inputs in in.add(i, ...).";
    case Cause::broadcast: return "sum over every axis along which the input was repeated.";
    case Cause::dy_ignored: return "by the chain rule each slope is multiplied by dy.";
    case Cause::dy_passed_on: return "dy is still to be multiplied by the slope of this op.";
    case Cause::forward_value: return "the slope belongs here, not the value.";
    case Cause::diagonal:
    case Cause::missing_mean: return "each x moves every y of its row: sum over all of them.";
    case Cause::masked: return "what had no influence on y gets exactly 0.";
    case Cause::one_branch:
    case Cause::some_places: return "which elements are wrong, and what do they have in common?";
    default: return "";
  }
}

std::string explain_case(const Tried& t, const viz::Terminal& terminal) {
  std::string text = explain(t.tried.yours, t.tried.inputs, t.result, terminal);
  std::string looks;
  for (const Diagnosis& d : diagnose(t.tried.yours, t.tried.inputs, t.result))
    if (const std::string_view look = where_to_look(d.cause); !look.empty())
      looks += fmt::format("Look at d{}: {}\n", d.input, look);
  return text + (looks.empty() ? "" : "\n" + looks);
}

// The first problem, in words, and the largest case whose gradient was measured and found wrong.
std::string explain_wrong(const std::vector<Tried>& all, const viz::Terminal& terminal) {
  const Tried *problem = nullptr, *largest = nullptr;
  for (const Tried& t : all) {
    if (!t.problem.empty() && problem == nullptr) problem = &t;
    if (!t.result.passed && (largest == nullptr || t.result.elements > largest->result.elements))
      largest = &t;
  }
  std::string text;
  if (problem != nullptr)
    text = viz::wrapped(fmt::format("{}: {}\n", problem->tried.name, problem->problem), 80);
  if (problem != nullptr && largest != nullptr) text += "\n";
  return largest == nullptr ? text : text + explain_case(*largest, terminal);
}

}  // namespace

std::vector<Tried> try_out(const Exercise& exercise) {
  std::vector<Tried> all;
  for (const Case& c : exercise.cases) all.push_back(try_case(c));
  return all;
}

std::string report(const std::vector<Tried>& all, const viz::Terminal& terminal) {
  viz::TableRows rows = {{"case", "shapes", "elements", "worst error", "verdict"}};
  int64_t elements = 0;
  for (const Tried& t : all) {
    rows.push_back({t.tried.name, shapes(t.tried), fmt::format("{}", t.result.elements),
                    t.result.inputs.empty() ? "-" : fmt::format("{:.1e}", t.result.worst.error),
                    t.right() ? "right" : "WRONG"});
    elements += t.result.elements;
  }
  const std::string text = viz::table(rows, terminal.unicode) + "\n";
  if (!std::all_of(all.begin(), all.end(), [](const Tried& t) { return t.right(); }))
    return text + explain_wrong(all, terminal);
  return text + fmt::format("Right: {} cases, {} gradients.\n", all.size(), elements);
}

}  // namespace gradus::exercises
