/// \file
/// What a heat map shows, worked out once for characters and for SVG.
#pragma once

#include <string>
#include <vector>

#include "gradus/viz/heatmap.h"

namespace gradus::viz {

/// The numbers, checked, and the scale they are shown on.
struct Heat {
  explicit Heat(const Heatmap& map);

  int rows, columns;
  std::vector<double> values;  ///< row-major
  std::vector<std::string> row_names, column_names;
  double low, high;
  bool diverging;  ///< low < 0 < high: the two signs have colours of their own

  double at(int row, int column) const {
    return values[static_cast<size_t>(row * columns + column)];
  }
  /// How strongly a value is shown: from 0 (at `low`) to 1; on a diverging scale from -1 to 1, and
  /// 0 is zero. What is not finite has no strength.
  double strength(double value) const;

  int decimals;  ///< of the numbers in the cells
  int exponent;  ///< the numbers in the cells are in units of 10^exponent
  /// The number in a cell: "0.60", "+0.60" on a diverging scale, "-inf".
  std::string number(double value) const;
};

}  // namespace gradus::viz
