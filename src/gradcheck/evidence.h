// What a diagnosis looks at: one input's two derivatives, and the numbers they were made from.
#pragma once

#include <optional>

#include "gradcheck/differences.h"
#include "gradus/gradcheck/diagnosis.h"

namespace gradus {

struct Evidence {
  const Function& f;
  const std::vector<NamedArray>& inputs;
  const GradcheckResult& result;
  const GradcheckGradient& gradient;

  Shape shape;    // of the input
  Shape y_shape;  // of the result
  Values x, y, w, analytic, numeric;

  Evidence(const Function& f, const std::vector<NamedArray>& inputs, const GradcheckResult& result,
           const GradcheckGradient& gradient);

  size_t count() const { return analytic.size(); }
  bool same_shape() const { return shape == y_shape; }
  // Does it explain the analytic gradient, element by element?
  bool is_analytic(const Values& predicted) const;
  // The elements that are wrong.
  std::vector<bool> wrong() const;
  // The input's derivative with other values of one input, or another cotangent; nothing if f
  // refuses them.
  std::optional<Values> differences(const std::vector<NamedArray>& others,
                                    const Values& cotangent) const {
    return differences(others, cotangent,
                       static_cast<size_t>(others[gradient.input].value.numel()));
  }
  // Whether the analytic gradient is the derivative with these values of the inputs. Most are not,
  // which a few elements show.
  bool is_analytic_at(const std::vector<NamedArray>& others) const;
  // d y / d x_k for each element k of the input, measured when it is first asked for: many
  // hypotheses are answered from it without another evaluation of f.
  const std::vector<Values>& jacobian() const;
  // What a gradient `w` that arrives makes of it: the sum over the result, for each k.
  Values pulled_back(const Values& w) const;

 private:
  // Of the first elements only.
  std::optional<Values> differences(const std::vector<NamedArray>& others, const Values& cotangent,
                                    size_t elements) const;
  mutable std::vector<Values> jacobian_;
};

using Finding = std::optional<Diagnosis>;  // its input is filled in later

// Families of hypotheses, each in a file of its own; the first finding counts.
Finding find_factor(const Evidence& e);
Finding find_power(const Evidence& e);
Finding find_masked(const Evidence& e);
Finding find_other_place(const Evidence& e);
Finding find_taken_from_elsewhere(const Evidence& e);
Finding find_jacobian(const Evidence& e);
Finding find_missing_term(const Evidence& e);
Finding find_other_gradient(const Evidence& e);
Finding find_combination(const Evidence& e);
Finding find_part(const Evidence& e);

// The positions of an array of that shape, group by group: those of a group differ in the given
// axes only, of which bit i of `axes` stands for axis i. Along one axis a group is a line.
std::vector<std::vector<size_t>> groups_over(const Shape& shape, unsigned axes);
inline std::vector<std::vector<size_t>> lines_along(const Shape& shape, int axis) {
  return groups_over(shape, 1U << axis);
}

}  // namespace gradus
