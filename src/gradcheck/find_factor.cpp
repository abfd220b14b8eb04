// Hypotheses: the whole gradient has been multiplied by one number.
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

}  // namespace

Finding find_factor(const Evidence& e) {
  double products = 0, squares = 0;
  for (size_t k = 0; k < e.count(); ++k) {
    products += e.analytic[k] * e.numeric[k];
    squares += e.numeric[k] * e.numeric[k];
  }
  if (squares == 0) return {};
  const double factor = products / squares;
  Values scaled = e.numeric;
  for (double& s : scaled) s *= factor;
  if (!e.is_analytic(scaled)) return {};

  const auto is = [&](double value) { return std::abs(factor / value - 1) < 1e-5; };
  const auto finding = [&](Cause cause, const std::string& meaning) {
    return Diagnosis{
        {},
        cause,
        fmt::format("every element is {:.6g} times the measured one{}", factor, meaning)};
  };
  if (is(-1)) return finding(Cause::sign, "");
  if (is(2)) return finding(Cause::counted_twice, "");
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
  return finding(Cause::factor, "");
}

}  // namespace gradus
