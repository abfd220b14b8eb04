// Hypotheses: the whole gradient has been multiplied by one number, or by powers of numbers that
// are at hand.
#include <algorithm>
#include <cmath>
#include <set>

#include "gradcheck/evidence.h"

namespace gradus {
namespace {

// What a factor could have come from: the sizes of the axes of the input and of the result, and the
// products of neighbouring ones.
std::set<int64_t> sizes(const Evidence& e) {
  std::set<int64_t> all;
  const auto take = [&](const Shape& shape) {
    for (int from = 0; from < shape.rank(); ++from) {
      int64_t product = 1;
      for (int to = from; to < shape.rank(); ++to) {
        product *= shape[to];
        if (product > 1) all.insert(product);
      }
    }
  };
  take(e.y_shape);
  for (const NamedArray& input : e.inputs) take(input.value.shape());
  return all;
}

// The number that makes these values the analytic gradient, if one does.
std::optional<double> factor_of(const Evidence& e, const Values& values) {
  double products = 0, squares = 0;
  for (size_t k = 0; k < e.count(); ++k) {
    products += e.analytic[k] * values[k];
    squares += values[k] * values[k];
  }
  if (!(squares > 0) || !std::isfinite(squares)) return {};
  Values scaled = values;
  for (double& s : scaled) s *= products / squares;
  if (!e.is_analytic(scaled)) return {};
  return products / squares;
}

}  // namespace

Finding find_factor(const Evidence& e) {
  const std::optional<double> found = factor_of(e, e.numeric);
  if (!found) return {};
  const double factor = *found;

  const auto is = [&](double value) { return std::abs(factor / value - 1) < 1e-5; };
  const auto finding = [&](Cause cause, const std::string& meaning) {
    return Diagnosis{
        {},
        cause,
        fmt::format("every element is {:.6g} times the measured one{}", factor, meaning)};
  };
  if (is(-1)) return finding(Cause::sign, "");
  if (is(2)) return finding(Cause::counted_twice, "");
  if (is(0.5)) return finding(Cause::counted_once, ": a factor 2 is lost, or one of two shares");
  for (const double sign : {1.0, -1.0})
    for (const int64_t size : sizes(e)) {
      const auto n = static_cast<double>(size);
      const std::string of = fmt::format(", {} being a number of elements", size);
      if (is(sign * n)) return finding(Cause::mean_or_sum, of + ": a division by it is missing");
      if (is(sign / n)) return finding(Cause::mean_or_sum, of + ": divided by it once too often");
      if (is(sign * std::sqrt(n)) || is(sign / std::sqrt(n)))
        return finding(Cause::scale, fmt::format(": the square root of {}, or 1 over it", size));
      if (is(sign * (n - 1) / n) || is(sign * n / (n - 1)))
        return finding(Cause::mean_or_sum, fmt::format(": {} taken for {}", size - 1, size));
    }
  // Of one or two elements any number is a multiple; and 1.0001 times is nearly right.
  if (e.count() < 3 || std::abs(factor - 1) < 0.01) return {};
  return finding(Cause::factor, "");
}

Finding find_power(const Evidence& e) {
  if (e.count() < 4) return {};
  const auto is_power_of = [&](const Values& base, const std::string& base_name) -> Finding {
    for (const int power : {1, -1, 2, -2, 3, -3}) {
      Values scaled = e.numeric;
      for (size_t k = 0; k < e.count(); ++k) scaled[k] *= std::pow(base[k], power);
      if (const auto factor = factor_of(e, scaled))
        return Diagnosis{{},
                         Cause::power,
                         fmt::format("every element is {:.6g} times the measured one times {} to "
                                     "the power {}",
                                     *factor, base_name, power)};
    }
    return {};
  };
  for (const NamedArray& input : e.inputs)
    if (input.value.shape() == e.shape)
      if (const Finding found = is_power_of(input.value.to_vector(), input.name)) return found;
  return e.same_shape() ? is_power_of(e.y, "the result") : Finding{};
}

}  // namespace gradus
