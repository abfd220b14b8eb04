// Hypotheses: not all of the Jacobian was applied to the gradient that arrives, or not its
// transpose.
#include "gradcheck/evidence.h"

namespace gradus {
namespace {

// Backward multiplies by the transposed Jacobian, JT w. For a result of the input's shape J w is
// just as easily written.
Finding find_untransposed(const Evidence& e) {
  const double h = GradcheckOptions{}.step;
  Probe probe(e.f, e.inputs);
  const Values plus = probe.along(e.gradient.input, e.w, h),
               minus = probe.along(e.gradient.input, e.w, -h);
  Values product;
  for (size_t k = 0; k < e.count(); ++k) product.push_back((plus[k] - minus[k]) / (2 * h));
  if (!e.is_analytic(product)) return {};
  return Diagnosis{{},
                   Cause::transposed,
                   "it is the Jacobian times the gradient that arrives; the transposed one is "
                   "needed"};
}

// Each element of the result as if it depended on the input at its own place only.
Finding find_diagonal(const Evidence& e) {
  const double h = GradcheckOptions{}.step;
  const size_t i = e.gradient.input;
  Probe probe(e.f, e.inputs);
  Values product;
  for (size_t k = 0; k < e.count(); ++k) {
    const auto at = static_cast<int64_t>(k);
    const double x = probe.element(i, at), up = x + h, down = x - h;
    product.push_back(e.w[k] * (probe.with(i, at, up)[k] - probe.with(i, at, down)[k]) /
                      (up - down));
  }
  if (!e.is_analytic(product)) return {};
  return Diagnosis{{},
                   Cause::diagonal,
                   "as if every element of the result depended on the input at its own place only"};
}

// What only the first or the last index of an axis of the result sends back.
Finding find_one_share(const Evidence& e) {
  for (int axis = 0; axis < e.y_shape.rank(); ++axis) {
    if (e.y_shape[axis] < 2) continue;
    for (const bool last : {true, false}) {
      Values share(e.w.size(), 0.0);
      for (const std::vector<size_t>& line : lines_along(e.y_shape, axis)) {
        const size_t k = last ? line.back() : line.front();
        share[k] = e.w[k];
      }
      const auto measured = e.differences(e.inputs, share);
      if (measured && e.is_analytic(*measured))
        return Diagnosis{{},
                         Cause::broadcast,
                         fmt::format("only what the {} index of axis {} of the result sends back "
                                     "has arrived",
                                     last ? "last" : "first", axis)};
    }
  }
  return {};
}

}  // namespace

Finding find_jacobian(const Evidence& e) {
  if (e.same_shape() && e.count() > 1)
    for (const auto find : {find_untransposed, find_diagonal})
      if (const Finding found = find(e)) return found;
  return find_one_share(e);
}

}  // namespace gradus
