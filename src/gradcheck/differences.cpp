#include "gradcheck/differences.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace gradus {

Probe::Probe(const Function& f, const std::vector<NamedArray>& inputs) : f_(f) {
  for (const NamedArray& input : inputs) tensors_.emplace_back(input.value.clone());
}

Values Probe::operator()() const {
  const NoGrad guard;
  return f_(tensors_).value().to_vector();
}

Values Probe::with(size_t i, int64_t k, double value) {
  const double before = set(i, k, value);
  Values result = (*this)();
  set(i, k, before);
  return result;
}

Values Probe::along(size_t i, const Values& direction, double step) {
  Values before;
  for (size_t k = 0; k < direction.size(); ++k) {
    const auto element_k = static_cast<int64_t>(k);
    before.push_back(set(i, element_k, element(i, element_k) + step * direction[k]));
  }
  Values result = (*this)();
  for (size_t k = 0; k < direction.size(); ++k) set(i, static_cast<int64_t>(k), before[k]);
  return result;
}

double Probe::element(size_t i, int64_t k) const {
  const Array& array = tensors_[i].value();
  return dispatch_float("gradcheck", array.dtype(),
                        [&]<class T> { return static_cast<double>(array.data<T>()[k]); });
}

double Probe::set(size_t i, int64_t k, double value) {
  const NoGrad guard;
  Array& array = tensors_[i].mutable_value();
  return dispatch_float("gradcheck", array.dtype(), [&]<class T> {
    return static_cast<double>(std::exchange(array.mutable_data<T>()[k], static_cast<T>(value)));
  });
}

double weighted_difference(const Values& w, const Values& plus, const Values& minus) {
  double total = 0;
  for (size_t i = 0; i < w.size(); ++i) total += w[i] * (plus[i] - minus[i]);
  return total;
}

Differences differentiate(Probe& probe, size_t input, int64_t count, const Values& y,
                          const Values& w, double relative_step) {
  Differences result;
  for (int64_t k = 0; k < count; ++k) {
    const double x = probe.element(input, k), h = relative_step * std::max(1.0, std::abs(x));
    const double up = x + h, down = x - h;  // 2h as it really is, after rounding: up - down
    const Values plus = probe.with(input, k, up), minus = probe.with(input, k, down);
    result.derivative.push_back(weighted_difference(w, plus, minus) / (up - down));
    // A step of 1 as well: the small ones may vanish in rounding where the derivative is merely
    // tiny.
    result.no_effect.push_back(plus == y && minus == y && probe.with(input, k, x + 1) == y);
  }
  return result;
}

Shape index_of(int64_t flat, const Shape& shape) {
  Shape index = shape;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return index;
}

double largest_magnitude(const Values& values) {
  double largest = 0;
  for (const double v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

double relative_error(double analytic, double numeric, double largest) {
  if (!std::isfinite(analytic) || !std::isfinite(numeric))
    return std::numeric_limits<double>::infinity();
  if (analytic == numeric) return 0;
  return std::abs(analytic - numeric) /
         std::max({std::abs(analytic), std::abs(numeric), 0.01 * largest});
}

Values gradient_of(const Tensor& leaf) {
  return leaf.has_grad() ? leaf.grad().to_vector() : Values(static_cast<size_t>(leaf.numel()), 0.0);
}

}  // namespace gradus
