/// \file
/// What the two kinds of plot share: ranges, ticks and their labels.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gradus/viz/plot.h"

namespace gradus::viz {

inline bool is_drawable(double value) { return std::abs(value) <= 1e300; }  // false for NaN

/// The numbers from low to high; at first none.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;

  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool is_empty() const { return low > high; }
  double length() const { return high - low; }
  /// So long that its numbers differ in print.
  void widen();
};

/// The ranges of x and of y that hold every point that can be drawn. \throws Error if a series has
/// not as many x as y.
std::pair<Range, Range> ranges(const std::vector<Series>& series);

/// The distance of the ticks that cuts a range into at most so many pieces: 1, 2 or 5 times a power
/// of ten.
double tick_step(const Range& range, int pieces);
/// The multiples of `step` in a range.
std::vector<double> ticks(const Range& range, double step);
/// With as many decimals as tell neighbouring ticks apart.
std::string tick_label(double value, double step);

}  // namespace gradus::viz
