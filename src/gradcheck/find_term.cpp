// Hypotheses: a term is missing, or a factor, that is simple within each row.
#include <algorithm>
#include <bit>

#include "gradcheck/evidence.h"

namespace gradus {
namespace {

using Basis = std::vector<const Values*>;

// The multiples of the basis vectors that come nearest to `target` on a group, by the normal
// equations (at most two unknowns); what they add up to is written to `fit`.
void fit_group(const std::vector<size_t>& group, const Basis& basis, const Values& target,
               Values& fit) {
  double aa = 0, ab = 0, bb = 0, at = 0, bt = 0;
  const Values& a = *basis.front();
  const Values& b = *basis.back();
  for (const size_t k : group) {
    aa += a[k] * a[k];
    ab += a[k] * b[k];
    bb += b[k] * b[k];
    at += a[k] * target[k];
    bt += b[k] * target[k];
  }
  double s = aa > 0 ? at / aa : 0, t = 0;
  if (basis.size() == 2 && aa * bb - ab * ab > 1e-12 * aa * bb) {
    const double determinant = aa * bb - ab * ab;
    s = (at * bb - bt * ab) / determinant;
    t = (bt * aa - at * ab) / determinant;
  }
  for (const size_t k : group) fit[k] = s * a[k] + (basis.size() == 2 ? t * b[k] : 0);
}

// Is `target` in every group a combination of the basis, up to rounding? A group must be large
// enough for that to say something.
bool fits(const Evidence& e, const std::vector<std::vector<size_t>>& groups, const Basis& basis,
          const Values& base, const Values& target) {
  if (groups.front().size() < basis.size() + 2) return false;
  Values fit(e.count());
  for (const auto& group : groups) fit_group(group, basis, target, fit);
  for (size_t k = 0; k < fit.size(); ++k) fit[k] += base[k];
  return e.is_analytic(fit);
}

// "axis 1", "axes 0, 2".
std::string names_of(unsigned axes, int rank) {
  std::string names;
  for (int axis = 0; axis < rank; ++axis)
    if (axes >> axis & 1) names += fmt::format("{}{}", names.empty() ? "" : ", ", axis);
  return (names.size() == 1 ? "axis " : "axes ") + names;
}

// All sets of axes, the larger ones first: what holds along several axes says more. Then the last
// axes before the first.
std::vector<unsigned> sets_of_axes(int rank) {
  std::vector<unsigned> sets;
  for (unsigned set = (1U << rank) - 1; set > 0; --set) sets.push_back(set);
  std::stable_sort(sets.begin(), sets.end(),
                   [](unsigned a, unsigned b) { return std::popcount(a) > std::popcount(b); });
  return sets;
}

// The gradient that arrives is missing, or is there once too often; if the result is a single
// number, also its share in a mean over the input.
Finding find_residual(const Evidence& e) {
  if (largest_magnitude(e.numeric) == 0 || (!e.same_shape() && e.w.size() != 1)) return {};
  std::vector<double> shares = {1};
  if (!e.same_shape()) shares.push_back(1 / static_cast<double>(e.count()));
  for (const double share : shares)
    for (const double sign : {1.0, -1.0}) {
      Values with_path = e.numeric;
      for (size_t k = 0; k < e.count(); ++k)
        with_path[k] += sign * share * e.w[e.same_shape() ? k : 0];
      if (e.is_analytic(with_path))
        return Diagnosis{{},
                         Cause::residual,
                         sign < 0 ? "the gradient that arrives is missing once"
                                  : "the gradient that arrives is added once too often"};
    }
  return {};
}

}  // namespace

Finding find_missing_term(const Evidence& e) {
  const auto finding = [](Cause cause, const std::string& evidence) {
    return Diagnosis{{}, cause, evidence};
  };
  Values difference = e.analytic;
  for (size_t k = 0; k < e.count(); ++k) difference[k] -= e.numeric[k];
  const Values ones(e.count(), 1.0), zeros(e.count(), 0.0);

  const std::vector<bool> wrong = e.wrong();
  const bool all_wrong = std::all_of(wrong.begin(), wrong.end(), [](bool w) { return w; });
  if (const Finding residual = find_residual(e)) return residual;
  for (const unsigned axes : sets_of_axes(e.shape.rank())) {
    const auto groups = groups_over(e.shape, axes);
    const auto fit = [&](const Basis& basis, const Values& base, const Values& target) {
      return fits(e, groups, basis, base, target);
    };
    const std::string along = names_of(axes, e.shape.rank());
    if (all_wrong && groups.size() > 1 && fit({&e.numeric}, zeros, e.analytic))
      return finding(Cause::row_factor,
                     fmt::format("along {} every element has the same factor, another one at each "
                                 "other index",
                                 along));
    if (fit({&ones}, e.numeric, difference))
      return finding(Cause::missing_mean,
                     fmt::format("what is wrong is the same number all along {}", along));
    if (e.same_shape() && fit({&e.y}, e.numeric, difference))
      return finding(
          Cause::diagonal,
          fmt::format("what is wrong is the forward value times one number along {}", along));
    if (fit({&e.x}, e.numeric, difference))
      return finding(Cause::missing_mean,
                     fmt::format("what is wrong is the input times one number along {}", along));
    if (fit({&ones, &e.x}, e.numeric, difference))
      return finding(Cause::missing_mean,
                     fmt::format("what is wrong is, along {}, a number plus a multiple of the "
                                 "input",
                                 along));
  }
  return {};
}

Finding find_combination(const Evidence& e) {
  if (!e.same_shape()) return {};
  const Values zeros(e.count(), 0.0);
  for (int axis = e.shape.rank() - 1; axis >= 0; --axis)
    if (fits(e, lines_along(e.shape, axis), {&e.w, &e.y}, zeros, e.analytic))
      return Diagnosis{{},
                       Cause::forward_value,
                       fmt::format("along axis {} it is a multiple of the gradient that arrives "
                                   "plus a multiple of the forward value",
                                   axis)};
  return {};
}

}  // namespace gradus
