/// \file
/// A matrix as a picture: each element a cell, the larger the stronger its shade.
#pragma once

#include <string>
#include <vector>

#include "gradus/array.h"
#include "gradus/viz/terminal.h"

namespace gradus::viz {

/// What is drawn: a matrix, the names of its axes, and what each row and column stands for.
struct Heatmap {
  std::string title;                 ///< above the picture
  Array values;                      ///< (rows, columns), of any dtype
  std::string row_axis;              ///< what a row is: "query"
  std::string column_axis;           ///< what a column is: "key"
  std::vector<std::string> rows;     ///< one name for each row, or none: 0, 1, 2, ...
  std::vector<std::string> columns;  ///< the same for the columns
  double low = 0;   ///< the value shown weakest; if it equals `high`: the matrix's smallest
  double high = 0;  ///< the value shown strongest
};

/// Text of at most `terminal.width` columns: in each cell the number over a block whose shade says
/// how large it is, a colour where the terminal has colours, otherwise one of the characters
/// " ░▒▓█" (" .:*#" in ASCII) beside the number. Where low < 0 < high, zero is neutral, negative
/// numbers are blue, positive ones orange, and each has its sign.
///
/// Numbers have two decimals, fewer from 100 up; if all are below 0.1, or one is above 9999, they
/// are in units of a power of ten, which the last line names. Numbers that are not finite have no
/// shade. Where the numbers do not fit there are only shades, and a scale below; where not even
/// those fit, the columns follow each other in several bands. \throws Error if `values` is no
/// matrix or is empty, if there are names but not one for each row or column, or if low > high.
std::string heatmap(const Heatmap& map, const Terminal& terminal = Terminal::standard_output());

/// The same as an SVG that scales with the page, follows its colour (`currentColor`), and says the
/// value of a cell in a tooltip, and below the map while one points at the cell or has tapped it:
/// "query sat, key cat: 0.602". Its blue and its orange are the page's custom properties `--heat`
/// and `--heat-positive`, if it has them. \throws Error as above.
std::string heatmap_svg(const Heatmap& map);

}  // namespace gradus::viz
