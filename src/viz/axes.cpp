#include "viz/axes.h"

#include <fmt/format.h>

#include <algorithm>

#include "gradus/error.h"

namespace gradus::viz {

void Range::widen() {
  const double magnitude = std::max(std::abs(low), std::abs(high));
  if (length() >= std::max(1e-6 * magnitude, 1e-300)) return;
  const double half = magnitude > 1e-300 ? magnitude / 2 : 0.5;
  low -= half;
  high += half;
}

std::pair<Range, Range> ranges(const std::vector<Series>& series) {
  Range xs, ys;
  for (const Series& s : series) {
    if (s.style == Series::Style::level) {
      if (!s.y.empty() && is_drawable(s.y[0])) ys.include(s.y[0]);
      continue;
    }
    check(s.x.size() == s.y.size(), "plot: \"{}\" has {} x and {} y", s.name, s.x.size(),
          s.y.size());
    for (size_t i = 0; i < s.x.size(); ++i)
      if (is_drawable(s.x[i]) && is_drawable(s.y[i])) {
        xs.include(s.x[i]);
        ys.include(s.y[i]);
      }
  }
  return {xs, ys};
}

std::vector<Series> placed(std::vector<Series> series, const PlotOptions& options) {
  for (Series& s : series) {
    check(s.labels.empty() || s.labels.size() == s.x.size(), "plot: \"{}\" has {} x and {} labels",
          s.name, s.x.size(), s.labels.size());
    if (!options.log_log) continue;
    for (auto* values : {&s.x, &s.y})
      for (double& value : *values)
        value = value > 0 ? std::log10(value) : std::numeric_limits<double>::quiet_NaN();
  }
  return series;
}

std::vector<Tick> labelled_ticks(const Range& range, int pieces, const PlotOptions& options) {
  std::vector<Tick> result;
  if (!options.log_log) {
    const double step = tick_step(range, pieces);
    for (const double at : ticks(range, step)) result.push_back({at, tick_label(at, step)});
    return result;
  }
  const bool has_room = 3 * range.length() <= pieces;
  const double stride = std::max(1.0, std::ceil(range.length() / pieces - 1e-9));
  for (double power = std::floor(range.low / stride) * stride; power <= range.high; power += stride)
    for (const double factor : {1, 2, 5}) {
      const double at = power + std::log10(factor);
      if (at < range.low - 1e-9 || at > range.high + 1e-9 || (factor > 1 && !has_room)) continue;
      result.push_back({at, fmt::format("{:.6g}", factor * std::pow(10, power))});
    }
  return result;
}

double tick_step(const Range& range, int pieces) {
  const double least = range.length() / pieces;
  const double power = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1, 2, 5})
    if (factor * power >= least * (1 - 1e-9)) return factor * power;
  return 10 * power;
}

std::vector<double> ticks(const Range& range, double step) {
  std::vector<double> result;
  for (double i = std::ceil(range.low / step - 1e-6); i <= range.high / step + 1e-6; ++i)
    result.push_back(i * step);
  return result;
}

std::string tick_label(double value, double step) {
  if (std::abs(value) < step / 2) value = 0;
  if (std::abs(value) >= 1e6 || step < 1e-6) return fmt::format("{:.6g}", value);
  const int decimals = std::max(0, static_cast<int>(-std::floor(std::log10(step) + 1e-9)));
  return fmt::format("{:.{}f}", value, decimals);
}

}  // namespace gradus::viz
