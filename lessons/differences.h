/// \file
/// Gradients by differences, for lesson 3 and what it breaks: a gradient check of two dozen lines,
/// its error for steps of all sizes, and a softmax whose way back can be chosen.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "gradus/arithmetic.h"
#include "gradus/gradcheck.h"
#include "gradus/ops.h"

namespace gradus::lessons {

using Map = std::function<Tensor(const Tensor& x)>;
using Numbers = std::vector<double>;

/// A function of one input, x, as gradcheck takes it.
inline Function of_x(const Map& f) {
  return [f](const std::vector<Tensor>& in) { return f(in[0]); };
}

// [measured]
// What central differences say about L(x) = sum(w * f(x)), one element of x after the other.
inline Tensor measured(const Map& f, const Array& x, const Array& w, double h = 1e-5) {
  Array slope = Array::zeros(x.shape(), DType::float64);
  for (int64_t k = 0; k < x.numel(); ++k) {
    const auto f_at = [&](double value) {
      Array moved = x.clone();
      moved.mutable_data<double>()[k] = value;
      return f(Tensor(moved)).value();
    };
    const double here = x.data<double>()[k];
    const Array below = f_at(here - h), above = f_at(here + h);
    const Array change = above - below;  // subtracted first, then summed
    slope.mutable_data<double>()[k] = sum(w * change).item() / (2 * h);
  }
  return Tensor(slope);
}

// What backward says.
inline Tensor by_backward(const Map& f, const Array& x, const Array& w) {
  const Tensor leaf = parameter(x.clone());
  f(leaf).backward(w);
  return Tensor(leaf.grad());
}
// [measured]

// [error]
// The largest |a - n| / max(|a|, |n|, 0.01 max|n|).
inline double worst_error(const Tensor& by_backward, const Tensor& measured) {
  const Numbers a = by_backward.value().to_vector(), n = measured.value().to_vector();
  const double floor = 0.01 * max(abs(measured)).item();
  double worst = 0;
  for (size_t k = 0; k < a.size(); ++k)
    worst =
        std::max(worst, std::abs(a[k] - n[k]) / std::max({std::abs(a[k]), std::abs(n[k]), floor}));
  return worst;
}
// [error]

// ---- steps of all sizes ----

// From 1 down, four to a power of ten.
inline Numbers steps(double smallest) {
  Numbers all;
  for (int i = 0; std::pow(10, -i / 4.0) > 0.99 * smallest; ++i)
    all.push_back(std::pow(10, -i / 4.0));
  return all;
}

enum class Way { one_sided, central };

// [v]
// How far the slope of the library's exp, measured with step h in that precision, is from exp(x):
// relative, root mean square over a thousand x between 0 and 1.
inline double slope_error(Way way, DType dtype, double h) {
  const Tensor x(linspace(0, 1, 1000, dtype)), up = x + h, down = way == Way::central ? x - h : x;
  const Tensor slope = (exp(up) - exp(down)) / (up - down);  // the step as rounding left it
  const Tensor error = to(slope, DType::float64) / exp(to(x, DType::float64)) - 1;
  return std::sqrt(mean(square(error)).item());
}
// [v]

inline Numbers slope_errors(const Numbers& h, Way way, DType dtype) {
  Numbers all;
  for (const double step : h) all.push_back(slope_error(way, dtype, step));
  return all;
}

// ---- a softmax to experiment with ----

inline Tensor sum_of_row(const Tensor& x) { return sum(x, {-1}, true); }

// [softmax]
// Softmax of each row, and a way back of our choice: from dy and y to dx.
using WayBack = std::function<Tensor(const Tensor& dy, const Tensor& y)>;
inline Map softmax_with(const WayBack& way_back) {
  return [way_back](const Tensor& x) {
    const Tensor y = softmax(x.detach());
    return record("softmax_with", y.value(), {x},
                  [way_back, y = saved(y)](const Array& dy, Inputs in) {
                    in.add(0, way_back(Tensor(dy), Tensor(*y)).value());
                  });
  };
}
// [softmax]

}  // namespace gradus::lessons
