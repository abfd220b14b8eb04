// Hypotheses: a term is missing, or a factor, that is simple within each row.
#include <algorithm>

#include "gradcheck/evidence.h"

namespace gradus {
namespace {

using Basis = std::vector<const Values*>;

// The multiples of the basis vectors that come nearest to `target` on a line, by the normal
// equations (at most two unknowns); what they add up to is written to `fit`.
void fit_line(const std::vector<size_t>& line, const Basis& basis, const Values& target,
              Values& fit) {
  double aa = 0, ab = 0, bb = 0, at = 0, bt = 0;
  const Values& a = *basis.front();
  const Values& b = *basis.back();
  for (const size_t k : line) {
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
  for (const size_t k : line) fit[k] = s * a[k] + (basis.size() == 2 ? t * b[k] : 0);
}

// Is `target` on every line along the axis a combination of the basis, up to rounding? A line must
// be long enough for that to say something.
bool fits(const Evidence& e, int axis, const Basis& basis, const Values& base,
          const Values& target) {
  if (e.shape[axis] < static_cast<int64_t>(basis.size()) + 2) return false;
  Values fit(e.count());
  for (const auto& line : lines_along(e.shape, axis)) fit_line(line, basis, target, fit);
  for (size_t k = 0; k < fit.size(); ++k) fit[k] += base[k];
  return e.is_analytic(fit);
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
  if (e.same_shape())
    for (const double sign : {1.0, -1.0}) {
      Values with_path = e.numeric;
      for (size_t k = 0; k < e.count(); ++k) with_path[k] += sign * e.w[k];
      if (e.is_analytic(with_path))
        return finding(Cause::residual, sign < 0
                                            ? "the gradient that arrives is missing once"
                                            : "the gradient that arrives is added once too often");
    }
  for (int axis = e.shape.rank() - 1; axis >= 0; --axis) {
    if (all_wrong && fits(e, axis, {&e.numeric}, zeros, e.analytic))
      return finding(Cause::row_factor,
                     fmt::format("along axis {} every element has the same factor, each line its "
                                 "own",
                                 axis));
    if (fits(e, axis, {&ones}, e.numeric, difference))
      return finding(Cause::missing_mean,
                     fmt::format("what is wrong is the same number all along axis {}", axis));
    if (e.same_shape() && fits(e, axis, {&e.y}, e.numeric, difference))
      return finding(Cause::diagonal,
                     fmt::format("what is wrong is the forward value times one number for each "
                                 "line along axis {}",
                                 axis));
    if (fits(e, axis, {&e.x}, e.numeric, difference))
      return finding(Cause::missing_mean,
                     fmt::format("what is wrong is the input times one number for each line along "
                                 "axis {}",
                                 axis));
    if (fits(e, axis, {&ones, &e.x}, e.numeric, difference))
      return finding(Cause::missing_mean,
                     fmt::format("what is wrong is, along axis {}, a number plus a multiple of the "
                                 "input",
                                 axis));
  }
  return {};
}

}  // namespace gradus
