#include "gradus/gradcheck/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "gradcheck/evidence.h"

namespace gradus {

std::string_view name(Cause cause) {
  switch (cause) {
    case Cause::not_finite: return "not finite";
    case Cause::overwritten: return "an input is overwritten";
    case Cause::never_added: return "never added";
    case Cause::sign: return "sign";
    case Cause::counted_twice: return "counted twice";
    case Cause::counted_once: return "half of it lost";
    case Cause::mean_or_sum: return "mean taken for a sum, or the reverse";
    case Cause::scale: return "scale lost";
    case Cause::factor: return "a constant factor";
    case Cause::row_factor: return "a factor of each row lost";
    case Cause::power: return "a power of the input or the result";
    case Cause::transposed: return "transposed";
    case Cause::misplaced: return "right numbers, wrong places";
    case Cause::swapped: return "another input's gradient";
    case Cause::broadcast: return "not summed over a broadcast";
    case Cause::dy_ignored: return "the arriving gradient ignored";
    case Cause::dy_passed_on: return "the op's own derivative missing";
    case Cause::forward_value: return "the forward value for the derivative";
    case Cause::wrong_point: return "the derivative at another point";
    case Cause::residual: return "a path straight through, lost or counted twice";
    case Cause::diagonal: return "the Jacobian cut to its diagonal";
    case Cause::missing_mean: return "a term of the whole row missing";
    case Cause::masked: return "a mask is leaking";
    case Cause::one_branch: return "wrong for some values of the input";
    case Cause::some_places: return "wrong in some places";
    case Cause::growing: return "worse from index to index";
    case Cause::nearly: return "nearly right";
    case Cause::unknown: return "no simple pattern";
  }
  return "";
}

// ---- evidence ----------------------------------------------------------------------------------

Evidence::Evidence(const Function& function, const std::vector<NamedArray>& all,
                   const GradcheckResult& found, const GradcheckGradient& g)
    : f(function),
      inputs(all),
      result(found),
      gradient(g),
      shape(all[g.input].value.shape()),
      y_shape(found.value.shape()),
      x(all[g.input].value.to_vector()),
      y(found.value.to_vector()),
      w(found.cotangent.to_vector()),
      analytic(g.analytic),
      numeric(g.numeric) {}

bool Evidence::is_analytic(const Values& predicted) const {
  if (predicted.size() != analytic.size()) return false;
  const double largest = largest_magnitude(predicted);
  for (size_t k = 0; k < analytic.size(); ++k)
    if (!(relative_error(analytic[k], predicted[k], largest) < 1e-5)) return false;
  return largest > 0;
}

std::vector<bool> Evidence::wrong() const {
  const double largest = largest_magnitude(numeric);
  std::vector<bool> wrong;
  for (size_t k = 0; k < analytic.size(); ++k)
    wrong.push_back(gradient.no_effect[k]
                        ? analytic[k] != 0
                        : relative_error(analytic[k], numeric[k], largest) > 1e-5);
  return wrong;
}

std::optional<Values> Evidence::differences(const std::vector<NamedArray>& others,
                                            const Values& cotangent, size_t elements) const {
  try {
    Probe probe(f, others);
    const Values value = probe();
    if (value.size() != cotangent.size()) return {};
    return differentiate(probe, gradient.input, static_cast<int64_t>(elements), value, cotangent,
                         GradcheckOptions{}.step)
        .derivative;
  } catch (const Error&) {
    return {};
  }
}

bool Evidence::is_analytic_at(const std::vector<NamedArray>& others) const {
  const auto first = differences(others, w, std::min<size_t>(3, count()));
  if (!first) return false;
  const double largest = largest_magnitude(analytic);
  for (size_t k = 0; k < first->size(); ++k)
    if (!(relative_error(analytic[k], (*first)[k], largest) < 1e-3)) return false;
  const auto all = differences(others, w);
  return all && is_analytic(*all);
}

const std::vector<Values>& Evidence::jacobian() const {
  if (!jacobian_.empty()) return jacobian_;
  Probe probe(f, inputs);
  for (size_t k = 0; k < count(); ++k) {
    const auto at = static_cast<int64_t>(k);
    const double up = x[k] + GradcheckOptions{}.step * std::max(1.0, std::abs(x[k])),
                 down = 2 * x[k] - up;
    Values column = probe.with(gradient.input, at, up);
    const Values minus = probe.with(gradient.input, at, down);
    for (size_t j = 0; j < column.size(); ++j) column[j] = (column[j] - minus[j]) / (up - down);
    jacobian_.push_back(std::move(column));
  }
  return jacobian_;
}

Values Evidence::pulled_back(const Values& arriving) const {
  Values pulled;
  for (const Values& column : jacobian()) {
    double total = 0;
    for (size_t j = 0; j < column.size(); ++j) total += arriving[j] * column[j];
    pulled.push_back(total);
  }
  return pulled;
}

std::vector<std::vector<size_t>> groups_over(const Shape& shape, unsigned axes) {
  std::vector<std::vector<size_t>> groups;
  std::map<int64_t, size_t> group_of;  // by the indices on the other axes
  for (int64_t k = 0; k < shape.numel(); ++k) {
    const Shape index = index_of(k, shape);
    int64_t others = 0;
    for (int axis = 0; axis < shape.rank(); ++axis)
      if ((axes >> axis & 1) == 0) others = others * shape[axis] + index[axis];
    const auto [at, is_new] = group_of.try_emplace(others, groups.size());
    if (is_new) groups.emplace_back();
    groups[at->second].push_back(static_cast<size_t>(k));
  }
  return groups;
}

// ---- one after another -------------------------------------------------------------------------

namespace {

Finding find_not_finite(const Evidence& e) {
  const auto bad = std::count_if(e.analytic.begin(), e.analytic.end(),
                                 [](double a) { return !std::isfinite(a); });
  if (bad == 0) return {};
  return Diagnosis{
      {},
      Cause::not_finite,
      fmt::format("{} of {} elements are NaN or infinite; the measured ones are finite", bad,
                  e.count())};
}

Finding find_never_added(const Evidence& e) {
  if (std::any_of(e.analytic.begin(), e.analytic.end(), [](double a) { return a != 0; })) return {};
  return Diagnosis{{}, Cause::never_added, "backward gives 0 for every element"};
}

Finding find_nearly(const Evidence& e) {
  const double largest = largest_magnitude(e.numeric);
  double worst = 0;
  for (size_t k = 0; k < e.count(); ++k)
    worst = std::max(worst, relative_error(e.analytic[k], e.numeric[k], largest));
  if (worst > 0.01) return {};
  return Diagnosis{{},
                   Cause::nearly,
                   fmt::format("at most {:.1e} away: a small constant in the wrong place, such as "
                               "an epsilon, or a step in lower precision",
                               worst)};
}

}  // namespace

std::vector<Diagnosis> diagnose(const Function& f, const std::vector<NamedArray>& inputs,
                                const GradcheckResult& result) {
  std::vector<Diagnosis> all;
  if (!result.overwritten.empty())
    all.push_back({result.overwritten, Cause::overwritten,
                   "after forward and backward it has other values than before"});
  for (const GradcheckGradient& gradient : result.gradients) {
    if (gradient.passed) continue;
    const Evidence evidence(f, inputs, result, gradient);
    Finding found;
    for (const auto find :
         {find_not_finite, find_never_added, find_factor, find_nearly, find_masked,
          find_other_place, find_jacobian, find_missing_term, find_other_gradient,
          find_taken_from_elsewhere, find_power, find_combination, find_part})
      if (!found) found = find(evidence);
    if (!found)
      found = Diagnosis{{}, Cause::unknown, "none of the known mistakes explains every element"};
    found->input = inputs[gradient.input].name;
    all.push_back(*found);
  }
  return all;
}

}  // namespace gradus
