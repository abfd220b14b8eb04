#include "gradus/gradcheck/float32.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradcheck/differences.h"
#include "gradus/random.h"
#include "viz/text.h"

namespace gradus {
namespace {

bool all_finite(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

// One function in one dtype: its value, backward's gradients, and a probe for differences.
struct Side {
  Side(const Function& f, const std::vector<NamedArray>& inputs, const Values& w)
      : probe(f, inputs) {
    const EnableGrad guard;
    std::vector<Tensor> leaves;
    for (const NamedArray& input : inputs) leaves.push_back(parameter(input.value.clone()));
    const Tensor y = f(leaves);
    const DType dtype = inputs.empty() ? y.dtype() : inputs.front().value.dtype();
    check(y.dtype() == dtype, "gradcheck_float32: of {} inputs the function gives {}",
          gradus::name(dtype), gradus::name(y.dtype()));
    value = y.value().to_vector();
    if (y.requires_grad()) y.backward(Array::of(w, y.shape(), dtype));
    for (const Tensor& leaf : leaves) gradients.push_back(gradient_of(leaf));
  }
  Probe probe;
  Values value;
  std::vector<Values> gradients;
};

// A central difference of one element in both dtypes, at the same two points.
struct Measured {
  double step, numeric, truncation;
};

class Check {
 public:
  Check(const std::string& name, const Function& f, const std::vector<NamedArray>& inputs,
        const Float32Options& options)
      : options_(options), inputs_(cast(inputs, DType::float32)) {
    result_.name = name;
    result_.tolerance = options.tolerance;
    w_ = cotangent(f);
    Side single(f, inputs_, w_), twice(f, cast(inputs_, DType::float64), w_);
    single_ = &single;
    double_ = &twice;
    run();
  }
  Float32Result result() const { return result_; }

 private:
  static std::vector<NamedArray> cast(std::vector<NamedArray> inputs, DType dtype) {
    for (NamedArray& input : inputs) {
      check_floating("gradcheck_float32", input.value.dtype());
      input.value = input.value.to(dtype);
    }
    return inputs;
  }

  Values cotangent(const Function& f) const {
    std::vector<Tensor> constants;
    for (const NamedArray& input : inputs_) constants.emplace_back(input.value.clone());
    const NoGrad guard;
    Generator generator(options_.seed, 0x6772);  // a stream of its own, gradcheck's
    return randn(f(constants).shape(), generator).to_vector();
  }

  void run() {
    if (!all_finite(single_->value) || !all_finite(double_->value))
      return fail_with("the function's value is not finite");
    if (single_->probe() != single_->value)
      return fail_with("called again with the same inputs, the function gives another value");
    for (size_t i = 0; i < w_.size(); ++i)
      result_.value_size = std::max(result_.value_size, std::abs(w_[i] * single_->value[i]));
    note_rounding(single_->value, double_->value);
    std::vector<std::vector<Measured>> measured;
    for (size_t i = 0; i < inputs_.size(); ++i) measured.push_back(measure(i));
    for (size_t i = 0; i < inputs_.size(); ++i) compare(i, measured[i]);
    if (result_.elements == 0) return fail_with("there is no element to check");
    result_.passed = result_.differences_agree && result_.beside_float64;
  }

  void fail_with(const char* problem) {
    result_.passed = false;
    result_.problem = problem;
  }

  void note_rounding(const Values& rounded, const Values& exact) {
    result_.value_rounding =
        std::max(result_.value_rounding, std::abs(weighted_difference(w_, rounded, exact)));
  }

  // (L(up) - L(down)) / (up - down)
  double central(const Values& up, const Values& down, double distance) const {
    return weighted_difference(w_, up, down) / distance;
  }

  std::vector<Measured> measure(size_t input) {
    std::vector<Measured> all;
    for (int64_t k = 0; k < inputs_[input].value.numel(); ++k) {
      const double x = single_->probe.element(input, k), size = std::max(1.0, std::abs(x));
      const double h = options_.step * size, small = GradcheckOptions().step * size;
      // Points that float32 holds exactly, so that both dtypes stand on the same ones.
      const double up = static_cast<float>(x + h), down = static_cast<float>(x - h);
      const Values up32 = single_->probe.with(input, k, up),
                   down32 = single_->probe.with(input, k, down),
                   up64 = double_->probe.with(input, k, up),
                   down64 = double_->probe.with(input, k, down);
      note_rounding(up32, up64);
      note_rounding(down32, down64);
      const double limit =
          central(double_->probe.with(input, k, x + small),
                  double_->probe.with(input, k, x - small), (x + small) - (x - small));
      all.push_back({.step = (up - down) / 2,
                     .numeric = central(up32, down32, up - down),
                     .truncation = std::abs(central(up64, down64, up - down) - limit)});
    }
    return all;
  }

  void compare(size_t input, const std::vector<Measured>& measured) {
    double largest = largest_magnitude(double_->gradients[input]);
    for (const Measured& m : measured) largest = std::max(largest, std::abs(m.numeric));
    // Where nothing has any effect, what backward gives is an error of any size.
    const double unit = largest > 0 ? largest : 1;
    for (size_t k = 0; k < measured.size(); ++k) {
      const Measured& m = measured[k];
      const double a = single_->gradients[input][k], exact = double_->gradients[input][k];
      const double rounding = result_.value_rounding / m.step,
                   seen = rounding + m.truncation + options_.tolerance * unit;
      const double apart = distance(a, m.numeric), beside = distance(a, exact) / unit;
      const auto element = [&](double numeric, double error) {
        const Shape index = index_of(static_cast<int64_t>(k), inputs_[input].value.shape());
        return GradcheckElement{inputs_[input].name, index, a, numeric, error};
      };
      result_.blur = std::max(result_.blur, seen / unit);
      if (seen > 0.1 * unit) ++result_.blind;
      if (apart > seen) result_.differences_agree = false;
      if (result_.elements == 0 || apart * result_.visible > seen * result_.difference.error) {
        result_.difference = element(m.numeric, apart / unit);
        result_.visible = seen / unit;
        result_.step = m.step;
        result_.rounding = rounding / unit;
        result_.truncation = m.truncation / unit;
      }
      if (beside > options_.tolerance) result_.beside_float64 = false;
      if (result_.elements == 0 || beside > result_.beside.error)
        result_.beside = element(exact, beside);
      ++result_.elements;
    }
  }

  static double distance(double a, double b) {
    return std::isfinite(a) && std::isfinite(b) ? std::abs(a - b)
                                                : std::numeric_limits<double>::infinity();
  }

  const Float32Options& options_;
  std::vector<NamedArray> inputs_;
  Values w_;
  Side *single_ = nullptr, *double_ = nullptr;
  Float32Result result_;
};

}  // namespace

Float32Result gradcheck_float32(const std::string& name, const Function& f,
                                const std::vector<NamedArray>& inputs,
                                const Float32Options& options) {
  return Check(name, f, inputs, options).result();
}

std::string Float32Result::summary() const {
  if (!problem.empty()) return fmt::format("{}: {}", name, problem);
  return fmt::format("{}: {}; differences {:.0e}, float64 {:.0e}", name,
                     passed ? fmt::format("{} gradients agree in float32", elements)
                            : "the gradient is wrong in float32",
                     difference.error, beside.error);
}

std::string Float32Result::report() const {
  std::string text = viz::paragraph(summary(), 0);
  if (!problem.empty()) return text;
  const auto line = [&](const char* beside_what, const GradcheckElement& e, const char* verdict) {
    text +=
        fmt::format("  {:<12} {:<14} {:>15.8e} {:>15.8e} {:>8.1e}  {}\n", beside_what,
                    fmt::format("{}{}", e.input, e.index), e.analytic, e.numeric, e.error, verdict);
  };
  text += fmt::format("  {:<12} {:<14} {:>15} {:>15} {:>8}\n", "beside", "worst", "backward",
                      "the other", "error");
  line("differences", difference, differences_agree ? "right" : "WRONG");
  line("float64", beside, beside_float64 ? "right" : "WRONG");
  text += viz::paragraph(
      fmt::format(
          "Errors are parts of that input's largest derivative. Differences in float32 can see no "
          "better than {:.1e} here ({:.1e} at worst), because L, a sum of terms up to {:.1e}, is "
          "rounded by {:.1e}: over a step of {:.1e} that is {:.1e} of the derivative; the step "
          "itself leaves out {:.1e}, and backward may round as well. A smaller step is rounded "
          "more, a larger one leaves out more. Float64's gradient is compared to {:.0e}.",
          visible, blur, value_size, value_rounding, step, rounding, truncation, tolerance),
      2);
  if (blind > 0)
    text += viz::paragraph(
        fmt::format("At {} of the {} elements they see nothing: a kink is within one step, or the "
                    "derivative is lost in the rounding.",
                    blind, elements),
        2);
  if (!differences_agree && beside_float64)
    text += "  In float64 backward says the same: the formula is wrong, not the rounding.\n";
  if (differences_agree && !beside_float64)
    text += "  The differences do not see it: float32's own way loses digits.\n";
  return text;
}

}  // namespace gradus
