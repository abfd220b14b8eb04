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

/// The series as they are placed: on logarithmic axes a point stands at its logarithms.
std::vector<Series> placed(std::vector<Series> series, const PlotOptions& options);
/// The number that stands at a place of an axis.
inline double number_at(double place, const PlotOptions& options) {
  return options.log_log ? std::pow(10, place) : place;
}

/// A place of an axis, and the number that is written there.
struct Tick {
  double at;
  std::string label;
};
/// About so many of them at most; on a logarithmic axis the powers of ten, every other or every
/// third if there are too many, and 2 and 5 times these where there is room.
std::vector<Tick> labelled_ticks(const Range& range, int pieces, const PlotOptions& options);

/// The distance of the ticks that cuts a range into at most so many pieces: 1, 2 or 5 times a power
/// of ten.
double tick_step(const Range& range, int pieces);
/// The multiples of `step` in a range.
std::vector<double> ticks(const Range& range, double step);
/// With as many decimals as tell neighbouring ticks apart.
std::string tick_label(double value, double step);

}  // namespace gradus::viz
