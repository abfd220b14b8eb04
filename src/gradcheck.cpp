#include "gradus/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/arithmetic.h"
#include "gradus/random.h"

namespace gradus {
namespace {

using Values = std::vector<double>;

// The function without its graph, one input element at a time moved.
class Probe {
 public:
  Probe(const Function& f, const std::vector<NamedArray>& inputs) : f_(f) {
    for (const NamedArray& input : inputs) tensors_.emplace_back(input.value.clone());
  }
  Values operator()() const {
    const NoGrad guard;
    return f_(tensors_).value().to_vector();
  }
  // The result with element k of input i set to `value`; the element is put back.
  Values with(size_t i, int64_t k, double value) {
    const double before = set(i, k, value);
    Values result = (*this)();
    set(i, k, before);
    return result;
  }
  double element(size_t i, int64_t k) const { return tensors_[i].value().data<double>()[k]; }

 private:
  double set(size_t i, int64_t k, double value) {
    const NoGrad guard;
    return std::exchange(tensors_[i].mutable_value().mutable_data<double>()[k], value);
  }
  const Function& f_;
  std::vector<Tensor> tensors_;
};

// sum(w (plus - minus)): the difference of the two losses, without subtracting two large sums.
double weighted_difference(const Values& w, const Values& plus, const Values& minus) {
  double total = 0;
  for (size_t i = 0; i < w.size(); ++i) total += w[i] * (plus[i] - minus[i]);
  return total;
}

struct Numeric {
  Values derivative;
  std::vector<bool> structural_zero;  // no step changed any element of the result
};

Numeric differentiate(Probe& probe, size_t input, int64_t count, const Values& y, const Values& w,
                      double relative_step) {
  Numeric result;
  for (int64_t k = 0; k < count; ++k) {
    const double x = probe.element(input, k), h = relative_step * std::max(1.0, std::abs(x));
    const double up = x + h, down = x - h;  // 2h as it really is, after rounding: up - down
    const Values plus = probe.with(input, k, up), minus = probe.with(input, k, down);
    result.derivative.push_back(weighted_difference(w, plus, minus) / (up - down));
    // A step of 1 as well: the small ones may vanish in rounding where the derivative is merely
    // tiny.
    result.structural_zero.push_back(plus == y && minus == y && probe.with(input, k, x + 1) == y);
  }
  return result;
}

Shape index_of(int64_t flat, const Shape& shape) {
  Shape index = shape;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return index;
}

GradcheckElement compare(const NamedArray& input, const Values& analytic, const Numeric& numeric) {
  double largest = 0;
  for (const double n : numeric.derivative) largest = std::max(largest, std::abs(n));
  GradcheckElement worst{input.name, index_of(0, input.value.shape()), 0, 0, -1};
  for (size_t k = 0; k < analytic.size(); ++k) {
    const double a = analytic[k], n = numeric.derivative[k];
    double error =
        a == n ? 0 : std::abs(a - n) / std::max({std::abs(a), std::abs(n), 0.01 * largest});
    if (numeric.structural_zero[k]) error = a == 0 ? 0 : 1;
    if (!std::isfinite(a) || !std::isfinite(n)) error = std::numeric_limits<double>::infinity();
    if (error > worst.error)
      worst = {input.name, index_of(static_cast<int64_t>(k), input.value.shape()), a, n, error};
  }
  return worst;
}

}  // namespace

GradcheckResult gradcheck(const std::string& name, const Function& f,
                          const std::vector<NamedArray>& inputs, const GradcheckOptions& options) {
  for (const NamedArray& input : inputs)
    check(input.value.dtype() == DType::float64, "gradcheck: {} of {} must be float64, got {}",
          input.name, name, gradus::name(input.value.dtype()));
  GradcheckResult result{.name = name, .worst = {}, .inputs = {}, .problem = {}};

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

  const auto problem = [&](const char* what) {
    result.passed = false;
    result.problem = what;
    return result;
  };
  const Values values = y.value().to_vector(), w = cotangent.to_vector();
  if (!std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); }))
    return problem("the function's value is not finite");
  Probe probe(f, inputs);
  if (probe() != values)
    return problem("called again with the same inputs, the function gives another value");
  result.worst.error = -1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const int64_t count = inputs[i].value.numel();
    if (count == 0) continue;
    const Values analytic = leaves[i].has_grad() ? leaves[i].grad().to_vector()
                                                 : Values(static_cast<size_t>(count), 0.0);
    const GradcheckElement worst =
        compare(inputs[i], analytic, differentiate(probe, i, count, values, w, options.step));
    result.elements += count;
    result.inputs.push_back(worst);
    if (worst.error > result.worst.error) result.worst = worst;
    if (worst.error > options.tolerance) result.passed = false;
  }
  return result.elements > 0 ? result : problem("there is no element to check");
}

std::string GradcheckResult::summary() const {
  if (!problem.empty()) return fmt::format("{}: {}", name, problem);
  return fmt::format("{}: {}, worst {:.1e} at {}{}", name,
                     passed ? fmt::format("{} gradients agree", elements) : "the gradient is wrong",
                     worst.error, worst.input, worst.index);
}

std::string GradcheckResult::report() const {
  std::string text = summary() + "\n";
  if (inputs.empty()) return text;
  text += fmt::format("  {:<24} {:>16} {:>16} {:>9}\n", "worst element of each", "analytic",
                      "numeric", "error");
  for (const GradcheckElement& e : inputs)
    text += fmt::format("  {:<24} {:>16.9e} {:>16.9e} {:>9.1e}\n",
                        fmt::format("{}{}", e.input, e.index), e.analytic, e.numeric, e.error);
  return text;
}

}  // namespace gradus
