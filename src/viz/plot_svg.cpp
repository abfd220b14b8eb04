#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradus/viz/plot.h"
#include "viz/axes.h"
#include "viz/text.h"

namespace gradus::viz {
namespace {

// Pixels of the picture at its natural size.
constexpr double width = 460, plot_height = 220, letter = 7.2;

// A range laid out from one pixel to another.
struct Scale {
  Range range;
  double from, to;
  double operator()(double value) const {
    return from + (value - range.low) / range.length() * (to - from);
  }
};

std::string text_at(double x, double y, const char* attributes, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, attributes,
                     escaped(printable(text)));
}

// Lines for the ticks, and their numbers.
std::string grid(const Scale& xs, const Scale& ys, const std::vector<Tick>& y_ticks,
                 const PlotOptions& options) {
  std::string svg = "<g class=\"grid\">\n";
  const auto line = [&](double x1, double y1, double x2, double y2) {
    svg += fmt::format("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>", x1, y1, x2, y2);
  };
  for (const auto& [y, label] : y_ticks) {
    line(xs.from, ys(y), xs.to, ys(y));
    svg += text_at(xs.from - 8, ys(y) + 4.5, "text-anchor=\"end\"", label);
  }
  for (const auto& [x, label] : labelled_ticks(xs.range, 6, options)) {
    line(xs(x), ys.from, xs(x), ys.from + 5);
    // The last number keeps inside the picture.
    const double half = letter * static_cast<double>(label.size()) / 2;
    svg += text_at(std::min(xs(x), width - half), ys.from + 19, "text-anchor=\"middle\"", label);
  }
  line(xs.from, ys.from, xs.to, ys.from);
  if (!options.x_label.empty())
    svg += text_at(xs.to, ys.from + 38, "text-anchor=\"end\"", options.x_label);
  return svg + "</g>\n";
}

// A line has a gap where a point cannot be drawn.
std::string path(const Series& series, const Scale& xs, const Scale& ys) {
  std::string d;
  bool joined = false;
  for (size_t i = 0; i < series.x.size(); ++i) {
    const bool drawable = is_drawable(series.x[i]) && is_drawable(series.y[i]);
    if (drawable) {
      const std::string place = fmt::format("{:.1f} {:.1f}", xs(series.x[i]), ys(series.y[i]));
      // A point without neighbours is a dot: a line of no length with round ends.
      d += joined ? "L" + place : "M" + place + "L" + place;
    }
    joined = drawable;
  }
  return d.empty() ? "" : "<path d=\"" + d + "\"/>\n";
}

// Marks, or invisible ones that a line shows where the reader points. Of a line with many points
// only some are asked for, evenly spread.
std::string marks(const Series& series, const PlotOptions& options, const Scale& xs,
                  const Scale& ys, double readout_y) {
  const std::string& x_label = options.x_label;
  const bool line = series.style == Series::Style::line;
  const size_t step = line ? (series.x.size() + 199) / 200 : 1;
  std::string svg;
  for (size_t i = 0; i < series.x.size(); i += step) {
    if (!is_drawable(series.x[i]) || !is_drawable(series.y[i])) continue;
    const std::string& name = series.labels.empty() ? series.name : series.labels[i];
    const std::string tip = escaped(
        printable(fmt::format("{}{}{}{:.6g}: {:.6g}", name, name.empty() ? "" : ", ",
                              x_label.empty() ? "" : x_label + " ", number_at(series.x[i], options),
                              number_at(series.y[i], options))));
    const double x = xs(series.x[i]), y = ys(series.y[i]);
    svg += fmt::format(
        "<g class=\"mark\" tabindex=\"-1\"><title>{0}</title>"
        "<circle class=\"near\" cx=\"{1:.1f}\" cy=\"{2:.1f}\" r=\"9\"/>"
        "<circle class=\"{3}\" cx=\"{1:.1f}\" cy=\"{2:.1f}\" r=\"4\"/>"
        "<text class=\"readout\" x=\"{4:.1f}\" y=\"{5:.1f}\">{0}</text></g>\n",
        tip, x, y, line ? "dot hidden" : "dot", xs.from, readout_y);
    if (!series.labels.empty())  // right and left in turn, for neighbours may be near
      svg += text_at(i % 2 == 0 ? x + 8 : x - 8, y + 4.5, i % 2 == 0 ? "" : "text-anchor=\"end\"",
                     series.labels[i]);
  }
  return svg;
}

// The names of the series, each after its colour, in as many lines as they need.
std::string legend(const std::vector<Series>& series, double left, double* y) {
  std::string svg;
  double x = left;
  for (size_t i = 0; i < series.size(); ++i) {
    const std::string name = printable(series[i].name);
    if (name.empty()) continue;
    const double length = 28 + letter * columns_of(name);
    if (x > left && x + length > width) {
      x = left;
      *y += 20;
    }
    svg += fmt::format("<g class=\"s{} {}\">", i % 6,
                       series[i].style == Series::Style::level ? "level" : "line");
    svg += series[i].style == Series::Style::points
               ? fmt::format("<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4\"/></g>",
                             x + 9, *y - 4.5)
               : fmt::format("<path d=\"M{0:.1f} {1:.1f}L{2:.1f} {1:.1f}\"/></g>", x, *y - 4.5,
                             x + 18);
    svg += text_at(x + 24, *y, "", name);
    x += length + 16;
  }
  if (!svg.empty()) *y += 14;
  return svg;
}

constexpr const char* style = R"(<style>
.gradus-plot text { fill: currentColor; font: 13px system-ui, sans-serif; }
.gradus-plot text.title { font-size: 15px; font-weight: 600; }
.gradus-plot .grid path { stroke: currentColor; stroke-opacity: 0.15; fill: none; }
.gradus-plot .grid text { opacity: 0.7; font-variant-numeric: tabular-nums; }
.gradus-plot .line path { stroke: currentColor; stroke-width: 2; fill: none; stroke-linecap: round; stroke-linejoin: round; }
.gradus-plot .level path { stroke: currentColor; stroke-width: 1.5; fill: none; stroke-dasharray: 2 5; stroke-linecap: round; }
.gradus-plot .s0 { color: var(--series-0, #2f74d0); } .gradus-plot .s1 { color: var(--series-1, #cf6a10); }
.gradus-plot .s2 { color: var(--series-2, #2a9159); } .gradus-plot .s3 { color: var(--series-3, #9a5ccb); }
.gradus-plot .s4 { color: var(--series-4, #c94b63); } .gradus-plot .s5 { color: var(--series-5, #178a9c); }
.gradus-plot .dot { fill: currentColor; }
.gradus-plot .near { fill: transparent; }
.gradus-plot .mark { outline: none; }
.gradus-plot .hidden, .gradus-plot .mark .readout { display: none; }
.gradus-plot .readout { font-weight: 600; pointer-events: none; }
.gradus-plot .mark:hover :is(.hidden, .readout), .gradus-plot:not(:hover) .mark:focus :is(.hidden, .readout) { display: inline; }
</style>
)";

}  // namespace

std::string plot_svg(const std::vector<Series>& given, const PlotOptions& options) {
  const std::vector<Series> series = placed(given, options);
  auto [x_range, y_range] = ranges(series);
  double y = 17;
  std::string body;
  if (!options.title.empty()) {
    body += text_at(0, y, "class=\"title\"", options.title);
    y += 26;
  }
  double height = y + 10;
  if (x_range.is_empty() && y_range.is_empty()) {
    body += text_at(0, y, "", "(no points to plot)");
  } else {
    if (x_range.is_empty()) x_range.include(0);  // levels alone
    x_range.widen();
    y_range.widen();
    const std::vector<Tick> y_ticks = labelled_ticks(y_range, 6, options);
    size_t label_width = 0;
    for (const Tick& tick : y_ticks) label_width = std::max(label_width, tick.label.size());
    const double left = letter * static_cast<double>(label_width) + 14;
    body += legend(series, left, &y);
    const Scale xs{x_range, left, width - 8}, ys{y_range, y + plot_height, y + 6};
    body += grid(xs, ys, y_ticks, options);
    const double readout_y = ys.from + 40;
    std::string all_marks;  // above all lines
    for (const bool levels : {true, false})
      for (size_t i = 0; i < series.size(); ++i) {
        const Series& s = series[i];
        if (levels != (s.style == Series::Style::level)) continue;
        if (levels) {
          if (s.y.empty() || !is_drawable(s.y[0])) continue;
          body +=
              fmt::format("<g class=\"s{} level\"><path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/></g>\n",
                          i % 6, xs.from, ys(s.y[0]), xs.to, ys(s.y[0]));
          continue;
        }
        if (s.style == Series::Style::line)
          body += fmt::format("<g class=\"s{} line\">{}</g>\n", i % 6, path(s, xs, ys));
        all_marks +=
            fmt::format("<g class=\"s{}\">\n{}</g>\n", i % 6, marks(s, options, xs, ys, readout_y));
      }
    body += all_marks;
    height = readout_y + 10;
  }
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"gradus-plot\" role=\"img\" "
             "aria-label=\"{}\" viewBox=\"0 0 {:.0f} {:.0f}\" "
             "style=\"display:block;width:100%;max-width:600px;min-width:330px\">\n",
             escaped(printable(options.title)), width, height) +
         style + body + "</svg>\n";
}

}  // namespace gradus::viz
