#include "viz/heat.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/error.h"
#include "viz/text.h"

namespace gradus::viz {
namespace {

std::vector<std::string> names_or_numbers(const std::vector<std::string>& names, int count,
                                          const char* what) {
  check(names.empty() || std::ssize(names) == count, "heatmap: {} names for {} {}", names.size(),
        count, what);
  std::vector<std::string> result;
  for (int i = 0; i < count; ++i)
    result.push_back(names.empty() ? std::to_string(i) : printable(names[static_cast<size_t>(i)]));
  return result;
}

}  // namespace

Heat::Heat(const Heatmap& map) {
  check(map.values.rank() == 2, "heatmap: needs a matrix, got {} {}", dtype_name(map.values),
        map.values.shape());
  check(map.values.numel() > 0, "heatmap: {} has no elements", map.values.shape());
  check(map.low <= map.high, "heatmap: the scale runs from {} to {}", map.low, map.high);
  rows = static_cast<int>(map.values.size(0));
  columns = static_cast<int>(map.values.size(1));
  values = map.values.to_vector();
  row_names = names_or_numbers(map.rows, rows, "rows");
  column_names = names_or_numbers(map.columns, columns, "columns");

  low = map.low;
  high = map.high;
  double largest = 0;  // magnitude
  if (low == high) {
    low = std::numeric_limits<double>::infinity();
    high = -low;
  }
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    largest = std::max(largest, std::abs(value));
    if (map.low != map.high) continue;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  if (low > high) low = high = 0;  // nothing is finite
  diverging = low < 0 && high > 0;

  // Two decimals, as far as they say something.
  exponent = 0;
  decimals = is_floating(map.values.dtype()) ? 2 : 0;
  if (decimals > 0 && largest > 0 && (largest < 0.1 || largest >= 9999.5))
    exponent = static_cast<int>(std::floor(std::log10(largest)));
  else if (decimals > 0 && largest >= 99.95)
    decimals = largest >= 999.5 ? 0 : 1;
}

double Heat::strength(double value) const {
  if (!std::isfinite(value)) return 0;
  if (diverging) return std::clamp(value / std::max(-low, high), -1.0, 1.0);
  return high > low ? std::clamp((value - low) / (high - low), 0.0, 1.0) : 0;
}

std::string Heat::number(double value) const {
  if (!std::isfinite(value)) return fmt::format("{}", value);
  const double scaled = value / std::pow(10, exponent);
  const bool is_zero = std::abs(scaled) < 0.5 * std::pow(10, -decimals);
  if (is_zero) return fmt::format("{:.{}f}", 0.0, decimals);
  return diverging ? fmt::format("{:+.{}f}", scaled, decimals)
                   : fmt::format("{:.{}f}", scaled, decimals);
}

}  // namespace gradus::viz
