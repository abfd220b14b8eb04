// Hypotheses: part of the gradient is right.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "gradcheck/evidence.h"

namespace gradus {
namespace {

// Numbers about the wrong elements, for the end of a sentence.
std::string how_wrong(const Evidence& e, const std::vector<bool>& wrong) {
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (size_t k = 0; k < e.count(); ++k) {
    if (!wrong[k] || e.numeric[k] == 0) continue;
    least = std::min(least, e.analytic[k] / e.numeric[k]);
    most = std::max(most, e.analytic[k] / e.numeric[k]);
  }
  if (least == 0 && most == 0) return "; it is 0 there";
  if (std::abs(most - least) < 1e-5 * std::abs(most))
    return fmt::format("; it is {:.6g} times the measured one there", most);
  return "";
}

// 0 or one number times the gradient that arrives, and so is the measured one, at other places.
Finding find_other_mask(const Evidence& e) {
  if (!e.same_shape()) return {};
  double factor = 0;
  size_t differ = 0;
  for (size_t k = 0; k < e.count(); ++k) {
    const double ours = e.analytic[k] / e.w[k], measured = e.numeric[k] / e.w[k];
    for (const double ratio : {ours, measured}) {
      if (std::abs(ratio) < 1e-9) continue;
      if (factor == 0) factor = ratio;
      if (!(std::abs(ratio / factor - 1) < 1e-5)) return {};
    }
    differ += (std::abs(ours) < 1e-9) != (std::abs(measured) < 1e-9);
  }
  const auto zero = [](double v) { return v == 0; };
  if (std::none_of(e.analytic.begin(), e.analytic.end(), zero)) return {};
  return Diagnosis{{},
                   Cause::masked,
                   fmt::format("0 or {:.6g} times the gradient that arrives, as it should be, but "
                               "{} of {} elements have the wrong one of the two",
                               factor, differ, e.count())};
}

// Are the wrong ones those below some value of the input, or those above it? Or equal ones?
Finding find_one_branch(const Evidence& e, const std::vector<bool>& wrong) {
  std::vector<size_t> order(e.count());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t i, size_t j) { return e.x[i] < e.x[j]; });
  size_t changes = 0, last_change = 0;
  for (size_t i = 1; i < order.size(); ++i)
    if (wrong[order[i]] != wrong[order[i - 1]]) {
      ++changes;
      last_change = i;
    }
  if (e.count() >= 4 && changes == 1) {
    const double below = e.x[order[last_change - 1]], above = e.x[order[last_change]];
    if (below < above)
      return Diagnosis{{},
                       Cause::one_branch,
                       fmt::format("wrong where the input is {} {:.4g}{}",
                                   wrong[order[0]] ? "at most" : "at least",
                                   wrong[order[0]] ? below : above, how_wrong(e, wrong))};
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const double value = e.x[order[i]];
    const bool tied = (i > 0 && e.x[order[i - 1]] == value) ||
                      (i + 1 < order.size() && e.x[order[i + 1]] == value);
    if (wrong[order[i]] && !tied) return {};
  }
  return Diagnosis{{}, Cause::one_branch, "wrong only where elements are equal to one another"};
}

// Right at the first index of an axis, and the error grows from there.
Finding find_growing(const Evidence& e) {
  const double largest = largest_magnitude(e.numeric);
  for (int axis = 0; axis < e.shape.rank(); ++axis) {
    const auto length = static_cast<size_t>(e.shape[axis]);
    if (length < 3) continue;
    for (const bool from_end : {false, true}) {
      std::vector<double> error(length);
      for (const auto& line : lines_along(e.shape, axis))
        for (size_t j = 0; j < length; ++j) {
          const size_t k = line[from_end ? length - 1 - j : j];
          error[j] += std::abs(e.analytic[k] - e.numeric[k]);
        }
      bool grows = error[0] < 1e-5 * largest;
      for (size_t j = 1; j < length; ++j) grows = grows && error[j] > error[j - 1] + 1e-5 * largest;
      if (grows)
        return Diagnosis{{},
                         Cause::growing,
                         fmt::format("right at the {} index of axis {}, and worse from index to "
                                     "index",
                                     from_end ? "last" : "first", axis)};
    }
  }
  return {};
}

// Wrong at one index of an axis, or right at one only.
Finding find_some_places(const Evidence& e, const std::vector<bool>& wrong) {
  for (int axis = 0; axis < e.shape.rank(); ++axis) {
    const auto length = static_cast<size_t>(e.shape[axis]);
    if (length < 2) continue;
    std::vector<bool> any(length);
    for (const auto& line : lines_along(e.shape, axis))
      for (size_t j = 0; j < length; ++j)
        if (wrong[line[j]]) any[j] = true;
    if (std::all_of(any.begin(), any.end(), [](bool b) { return b; })) continue;
    std::string indices;
    for (size_t j = 0; j < length; ++j)
      if (any[j]) indices += fmt::format("{}{}", indices.empty() ? "" : ", ", j);
    return Diagnosis{{},
                     Cause::some_places,
                     fmt::format("wrong only at index {} of axis {}, which has {}{}", indices, axis,
                                 length, how_wrong(e, wrong))};
  }
  return {};
}

// One wrong element in a line, at another index in another line: a place that was looked up.
Finding find_one_of_each_line(const Evidence& e, const std::vector<bool>& wrong) {
  for (int axis = e.shape.rank() - 1; axis >= 0; --axis) {
    if (e.shape[axis] < 4) continue;
    std::set<size_t> indices;
    size_t most = 0;
    for (const auto& line : lines_along(e.shape, axis)) {
      size_t here = 0;
      for (size_t j = 0; j < line.size(); ++j)
        if (wrong[line[j]]) {
          indices.insert(j);
          ++here;
        }
      most = std::max(most, here);
    }
    if (most == 1 && indices.size() > 1)
      return Diagnosis{{},
                       Cause::some_places,
                       fmt::format("at most one element is wrong in each line along axis {}, not "
                                   "always at the same index{}",
                                   axis, how_wrong(e, wrong))};
  }
  return {};
}

}  // namespace

// The others are right, and some of them are not 0: then the mask is.
Finding find_masked(const Evidence& e) {
  const std::vector<bool> wrong = e.wrong();
  size_t without_effect = 0;
  bool others = false;
  for (size_t k = 0; k < e.count(); ++k) {
    if (wrong[k] && !e.gradient.no_effect[k]) return {};
    without_effect += e.gradient.no_effect[k];
    others = others || !e.gradient.no_effect[k];
  }
  if (!others) return {};
  return Diagnosis{
      {},
      Cause::masked,
      fmt::format("wrong only among the {} elements that have no effect on the result: "
                  "there it must be 0",
                  without_effect)};
}

Finding find_part(const Evidence& e) {
  const std::vector<bool> wrong = e.wrong();
  if (const Finding found = find_other_mask(e)) return found;
  if (const Finding found = find_growing(e)) return found;
  if (std::all_of(wrong.begin(), wrong.end(), [](bool w) { return w; })) return {};
  if (const Finding found = find_one_branch(e, wrong)) return found;
  if (const Finding found = find_one_of_each_line(e, wrong)) return found;
  if (const Finding found = find_some_places(e, wrong)) return found;
  // That many elements are not right by chance.
  const auto count = static_cast<size_t>(std::count(wrong.begin(), wrong.end(), true));
  size_t right = 0;
  for (size_t k = 0; k < e.count(); ++k) right += !wrong[k] && e.numeric[k] != 0;
  const std::string how = how_wrong(e, wrong);
  if (how.empty() && (right < 3 || 3 * right < e.count())) return {};
  return Diagnosis{
      {},
      Cause::some_places,
      fmt::format("{} of {} elements are wrong{}, the others right", count, e.count(), how)};
}

}  // namespace gradus
