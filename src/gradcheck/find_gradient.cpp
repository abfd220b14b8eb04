// Hypotheses: another quantity stands where this input's derivative should.
#include <functional>

#include "gradcheck/evidence.h"

namespace gradus {
namespace {

Values product(const Values& a, const Values& b) {
  Values result = a;
  for (size_t k = 0; k < a.size(); ++k) result[k] *= b[k];
  return result;
}

}  // namespace

Finding find_other_gradient(const Evidence& e) {
  const auto finding = [](Cause cause, const std::string& evidence) {
    return Diagnosis{{}, cause, evidence};
  };
  const std::string& own = e.inputs[e.gradient.input].name;
  for (const GradcheckGradient& other : e.result.gradients)
    if (other.input != e.gradient.input && e.is_analytic(other.numeric))
      return finding(Cause::swapped,
                     fmt::format("it is the gradient of {}", e.inputs[other.input].name));
  if (e.same_shape()) {
    if (e.is_analytic(e.w)) return finding(Cause::dy_passed_on, "it is the gradient that arrives");
    if (e.is_analytic(e.y)) return finding(Cause::forward_value, "it is the forward value");
    if (e.is_analytic(product(e.w, e.y)))
      return finding(Cause::forward_value, "it is the arriving gradient times the forward value");
    if (e.is_analytic(product(e.w, e.x)))
      return finding(Cause::forward_value,
                     fmt::format("it is the arriving gradient times {} itself", own));
  }
  if (e.is_analytic(e.pulled_back(Values(e.w.size(), 1.0))))
    return finding(Cause::dy_ignored, "it is the derivative of the plain sum of the result");

  // The derivative where some input has another value: the result's, or another input's.
  for (size_t moved = 0; moved < e.inputs.size(); ++moved) {
    const auto at = [&](const Array& value) {
      std::vector<NamedArray> others = e.inputs;
      others[moved].value = value.clone();
      return e.is_analytic_at(others);
    };
    const Shape& shape = e.inputs[moved].value.shape();
    const auto explain = [&](const std::string& what) {
      return finding(Cause::wrong_point,
                     fmt::format("it is right where {} is {}", e.inputs[moved].name, what));
    };
    if (shape == e.y_shape && at(e.result.value)) return explain("the result");
    for (size_t j = 0; j < e.inputs.size(); ++j)
      if (j != moved && e.inputs[j].value.shape() == shape && at(e.inputs[j].value))
        return explain(e.inputs[j].name);
    for (const double constant : {0.0, 1.0})
      if (at(Array::full(shape, constant, DType::float64)))
        return explain(fmt::format("{} everywhere", constant));
  }
  return {};
}

}  // namespace gradus
