#include "gradus/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "gradcheck/differences.h"
#include "gradus/random.h"
#include "viz/text.h"

namespace gradus {
namespace {

GradcheckElement compare(const NamedArray& input, const Values& analytic,
                         const Differences& numeric) {
  const double largest = largest_magnitude(numeric.derivative);
  GradcheckElement worst{input.name, index_of(0, input.value.shape()), 0, 0, -1};
  for (size_t k = 0; k < analytic.size(); ++k) {
    const double a = analytic[k], n = numeric.derivative[k];
    double error = relative_error(a, n, largest);
    if (numeric.no_effect[k] && std::isfinite(a)) error = a == 0 ? 0 : 1;
    if (error > worst.error)
      worst = {input.name, index_of(static_cast<int64_t>(k), input.value.shape()), a, n, error};
  }
  return worst;
}

// Whether `a` is `factor` times `b`, up to rounding.
bool is_multiple(const Values& a, double factor, const Values& b) {
  const double slack = 1e-12 * std::abs(factor) * largest_magnitude(b);
  for (size_t k = 0; k < a.size(); ++k)
    if (!(std::abs(a[k] - factor * b[k]) <= slack)) return false;
  return true;
}

// A gradient depends neither on which other inputs want one, nor on what has arrived before it.
// Says what is wrong, if anything is; the leaves have been through backward once.
std::string wrong_in_company(const Function& f, const std::vector<NamedArray>& inputs,
                             const std::vector<Tensor>& leaves, const Array& cotangent) {
  std::vector<Values> once;
  for (const Tensor& leaf : leaves) once.push_back(gradient_of(leaf));
  const auto go_back = [&](const std::vector<Tensor>& x) {
    if (const Tensor y = f(x); y.requires_grad()) y.backward(cotangent);
  };
  go_back(leaves);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!is_multiple(gradient_of(leaves[i]), 2, once[i]))
      return fmt::format("a second backward does not add the gradient of {} once more",
                         inputs[i].name);
  for (size_t i = 0; i < inputs.size() && inputs.size() > 1; ++i) {
    std::vector<Tensor> x;
    for (const NamedArray& input : inputs) x.emplace_back(input.value);
    x[i] = parameter(inputs[i].value.clone());
    go_back(x);
    if (!is_multiple(gradient_of(x[i]), 1, once[i]))
      return fmt::format("while the other inputs are constants, the gradient of {} is another",
                         inputs[i].name);
  }
  return {};
}

}  // namespace

GradcheckResult gradcheck(const std::string& name, const Function& f,
                          const std::vector<NamedArray>& inputs, const GradcheckOptions& options) {
  for (const NamedArray& input : inputs)
    check(input.value.dtype() == DType::float64, "gradcheck: {} of {} must be float64, got {}",
          input.name, name, gradus::name(input.value.dtype()));
  GradcheckResult result{.name = name,
                         .worst = {},
                         .inputs = {},
                         .problem = {},
                         .overwritten = {},
                         .gradients = {},
                         .value = {},
                         .cotangent = {}};

  // Backward, with inputs that no op can have changed under our hands.
  std::vector<Tensor> leaves;
  for (const NamedArray& input : inputs) leaves.push_back(parameter(input.value.clone()));
  const EnableGrad guard;
  const Tensor y = f(leaves);
  check(y.dtype() == DType::float64, "gradcheck: {} must give float64, got {}", name,
        gradus::name(y.dtype()));
  constexpr uint64_t stream = 0x6772;  // its own: an input drawn with the same seed is no cotangent
  Generator generator(options.seed, stream);
  const Array cotangent = randn(y.shape(), generator, DType::float64);
  if (y.requires_grad()) y.backward(cotangent);

  const auto problem = [&](const std::string& what) {
    result.passed = false;
    result.problem = what;
    return result;
  };
  const Values values = y.value().to_vector(), w = cotangent.to_vector();
  result.value = y.value();
  result.cotangent = cotangent;
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
    return problem("the function's value is not finite");
  for (size_t i = 0; i < inputs.size(); ++i)
    if (leaves[i].value().to_vector() != inputs[i].value.to_vector()) {
      result.overwritten = inputs[i].name;
      return problem("the function writes to an input, which is not its own");
    }
  Probe probe(f, inputs);
  if (probe() != values)
    return problem("called again with the same inputs, the function gives another value");
  result.worst.error = -1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int64_t count = inputs[i].value.numel();
    if (count == 0) continue;
    const Values analytic = gradient_of(leaves[i]);
    const Differences numeric = differentiate(probe, i, count, values, w, options.step);
    const GradcheckElement worst = compare(inputs[i], analytic, numeric);
    result.gradients.push_back({.input = i,
                                .analytic = analytic,
                                .numeric = numeric.derivative,
                                .no_effect = numeric.no_effect,
                                .passed = worst.error <= options.tolerance});
    result.elements += count;
    result.inputs.push_back(worst);
    if (worst.error > result.worst.error) result.worst = worst;
    if (worst.error > options.tolerance) result.passed = false;
  }
  if (result.elements == 0) return problem("there is no element to check");
  if (!result.passed) return result;
  const std::string wrong = wrong_in_company(f, inputs, leaves, cotangent);
  return wrong.empty() ? result : problem(wrong);
}

std::string GradcheckResult::summary() const {
  if (!problem.empty()) return fmt::format("{}: {}", name, problem);
  return fmt::format("{}: {}, worst {:.1e} at {}{}", name,
                     passed ? fmt::format("{} gradients agree", elements) : "the gradient is wrong",
                     worst.error, worst.input, worst.index);
}

std::string GradcheckResult::report() const {
  std::string text = viz::paragraph(summary(), 0);
  if (inputs.empty()) return text;
  text += fmt::format("  {:<21} {:>16} {:>16} {:>9} {:>9}\n", "worst element of each", "analytic",
                      "numeric", "ratio", "error");
  for (const GradcheckElement& e : inputs) {
    std::string place = fmt::format("{}{}", e.input, e.index);
    if (place.size() > 21) text += "  " + std::exchange(place, "") + "\n";
    text +=
        fmt::format("  {:<21} {:>16.9e} {:>16.9e} {:>9} {:>9.1e}\n", place, e.analytic, e.numeric,
                    e.numeric == 0 ? "-" : fmt::format("{:.4g}", e.analytic / e.numeric), e.error);
  }
  return text;
}

}  // namespace gradus
