/// \file
/// Curves, drawn with characters or as SVG.
#pragma once

#include <string>
#include <vector>

#include "gradus/viz/terminal.h"

namespace gradus::viz {

/// Numbers to be drawn, and how.
struct Series {
  /// How the points are drawn.
  enum class Style {
    line,    ///< neighbouring points are joined
    points,  ///< each point is marked
    level,   ///< a dotted line across the plot at y[0]; x is ignored
  };
  std::string name;           ///< for the legend; without one the series is not in it
  std::vector<double> x;      ///< where the points stand
  std::vector<double> y;      ///< their values, as many as x
  Style style = Style::line;  ///< how they are drawn
  /// For points: what stands at each of them, a letter or a number; none, or as many as points.
  std::vector<std::string> labels = {};
};

/// The frame around the series.
struct PlotOptions {
  std::string title = "";    ///< above the plot
  std::string x_label = "";  ///< under its right end
  int width = 80;            ///< columns, labels included; less if the terminal is narrower
  int height = 14;           ///< lines of the plot itself, without title and labels
  /// Both axes are logarithmic: equal distances are equal factors. What is not above 0 is left out.
  bool log_log = false;
};

/// The plot, some lines of text. Levels are drawn first, then the series in order, each over what
/// is there. Braille characters give 2 x 4 dots to a character where the terminal knows Unicode;
/// elsewhere it is plain ASCII. Points that are not finite, or beyond 1e300, are left out, and a
/// line has a gap there. \throws Error if a series has not as many x as y, or labels, or the plot
/// is smaller than 30 x 4.
std::string plot(const std::vector<Series>& series, const PlotOptions& options = {},
                 const Terminal& terminal = Terminal::standard_output());

/// The same as an SVG that scales with the page and follows its colour (`currentColor`). A point's
/// numbers are in its tooltip, and below the plot while one points at it or has tapped it; of a
/// line of more than 200 points, only of some. Colours are the page's custom properties
/// `--series-0` to
/// `--series-5`, if it has them. `width` and `height` of the options do not matter. \throws Error
/// if a series has not as many x as y.
std::string plot_svg(const std::vector<Series>& series, const PlotOptions& options = {});

}  // namespace gradus::viz
