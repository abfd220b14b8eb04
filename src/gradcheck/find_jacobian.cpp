// Hypotheses: not all of the Jacobian was applied to the gradient that arrives, or not its
// transpose.
#include "gradcheck/evidence.h"

namespace gradus {
namespace {

// Backward multiplies by the transposed Jacobian, JT w. For a result of the input's shape J w is
// just as easily written.
Finding find_untransposed(const Evidence& e) {
  Values product(e.count(), 0.0);
  for (size_t k = 0; k < e.count(); ++k)
    for (size_t j = 0; j < e.count(); ++j) product[j] += e.jacobian()[k][j] * e.w[k];
  if (!e.is_analytic(product)) return {};
  return Diagnosis{{},
                   Cause::transposed,
                   "it is the Jacobian times the gradient that arrives; the transposed one is "
                   "needed"};
}

// Each element of the result as if it depended on the input at its own place only.
Finding find_diagonal(const Evidence& e) {
  Values product;
  for (size_t k = 0; k < e.count(); ++k) product.push_back(e.w[k] * e.jacobian()[k][k]);
  if (!e.is_analytic(product)) return {};
  return Diagnosis{{},
                   Cause::diagonal,
                   "as if every element of the result depended on the input at its own place only"};
}

// What an axis of the result sends back if only one index of each `group` neighbours counts: of all
// of them, or of as many as share a part of the input.
Values one_of_each(const Evidence& e, int axis, size_t group, bool last) {
  Values share(e.w.size(), 0.0);
  for (const std::vector<size_t>& line : lines_along(e.y_shape, axis))
    for (size_t j = last ? group - 1 : 0; j < line.size(); j += group)
      share[line[j]] = e.w[line[j]];
  return share;
}

Finding find_one_share(const Evidence& e) {
  for (int axis = 0; axis < e.y_shape.rank(); ++axis) {
    const auto length = static_cast<size_t>(e.y_shape[axis]);
    for (size_t group = length; group > 1; --group)
      for (const bool last : {true, false}) {
        if (length % group != 0) continue;
        if (!e.is_analytic(e.pulled_back(one_of_each(e, axis, group, last)))) continue;
        const std::string of_groups =
            group < length ? fmt::format(" of every {} neighbours", group) : "";
        return Diagnosis{{},
                         Cause::broadcast,
                         fmt::format("only what the {} index{} along axis {} of the result sends "
                                     "back has arrived",
                                     last ? "last" : "first", of_groups, axis)};
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
