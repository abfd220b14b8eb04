/// \file
/// A matrix as a picture: each element a cell, the larger the darker.
#pragma once

#include <string>
#include <vector>

#include "gradus/array.h"
#include "gradus/viz/terminal.h"

namespace gradus::viz {

/// What is drawn: a matrix, the names of its axes, and what each row and column stands for.
struct Heatmap {
  std::string title;
  Array values;                            ///< (rows, columns), float32 or float64
  std::string row_axis, column_axis;       ///< "query", "key"
  std::vector<std::string> rows, columns;  ///< one name each, or none: 0, 1, 2, ...
  double low = 0, high = 0;                ///< the lightest and the darkest value; equal: the
                                           ///< matrix's own extremes
};

/// Text of at most `terminal.width` columns: in each cell the number, two decimals, over a block
/// whose shade (a colour where the terminal has colours, one of the characters " ░▒▓█" beside the
/// number where it has not, " .:+#" in ASCII) says how large it is. Where the numbers do not fit,
/// only the shades. \throws Error if `values` is not a matrix, or the names are not one for each
/// row or column.
std::string heatmap(const Heatmap& map, const Terminal& terminal = Terminal::standard_output());

/// The same as an SVG that scales with the page, follows its colour (`currentColor`), and says the
/// value of a cell in a tooltip: "query sat, key cat: 0.602".
std::string heatmap_svg(const Heatmap& map);

}  // namespace gradus::viz
