#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "gradus/viz/heatmap.h"
#include "viz/heat.h"
#include "viz/text.h"

namespace gradus::viz {
namespace {

// How wide a character is about, in the 13 px that all text but the title has.
constexpr double letter = 7.4;

// Pixels of the picture at its natural size.
struct Layout {
  double cell_width, cell_height;
  double left, top;           // where the first cell is
  bool numbers;               // in the cells
  bool slanted;               // the column names
  int row_step, column_step;  // every so many rows and columns have a name
};

int longest(const std::vector<std::string>& names, int limit) {
  int columns = 1;
  for (const std::string& name : names) columns = std::max(columns, columns_of(name));
  return std::min(columns, limit);
}
constexpr int row_limit = 24, column_limit = 16;  // characters of a name; the tooltip has the rest

Layout lay_out(const Heatmap& map, const Heat& heat) {
  Layout layout{};
  size_t number = 0;
  for (const double value : heat.values) number = std::max(number, heat.number(value).size());
  layout.numbers = heat.columns <= 16;
  if (layout.numbers) {
    layout.cell_width = std::max(46.0, letter * static_cast<double>(number) + 16);
    layout.cell_height = 34;
  } else {
    layout.cell_width = layout.cell_height = std::clamp(900.0 / heat.columns, 3.0, 26.0);
  }
  const int columns = longest(heat.column_names, column_limit);
  layout.column_step = static_cast<int>(std::ceil(15 / layout.cell_width));
  layout.row_step = static_cast<int>(std::ceil(15 / layout.cell_height));
  layout.slanted = letter * columns > layout.cell_width * layout.column_step - 4;
  const double down = map.row_axis.empty() ? 0 : letter * (columns_of(map.row_axis) + 2);
  layout.left = 14 + std::max(letter * longest(heat.row_names, row_limit), down);
  layout.top = (map.title.empty() ? 4 : 30) + (map.column_axis.empty() ? 0 : 20) +
               (layout.slanted ? 0.8 * letter * columns + 12 : 20);
  return layout;
}

std::string text_at(double x, double y, const char* attributes, const std::string& text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" {}>{}</text>\n", x, y, attributes,
                     escaped(text));
}

std::string names(const Heatmap& map, const Heat& heat, const Layout& layout) {
  std::string svg;
  for (int i = 0; i < heat.rows; i += layout.row_step)
    svg += text_at(layout.left - 8, layout.top + (i + 0.5) * layout.cell_height + 4.5,
                   "text-anchor=\"end\"",
                   shortened(heat.row_names[static_cast<size_t>(i)], row_limit, true));
  for (int j = 0; j < heat.columns; j += layout.column_step) {
    const std::string name =
        shortened(heat.column_names[static_cast<size_t>(j)], column_limit, true);
    const double x = layout.left + (j + 0.5) * layout.cell_width, y = layout.top - 7;
    svg += layout.slanted
               ? text_at(0, 0,
                         fmt::format("transform=\"translate({:.1f} {:.1f}) rotate(-55)\"", x + 4, y)
                             .c_str(),
                         name)
               : text_at(x, y, "text-anchor=\"middle\"", name);
  }
  if (!map.column_axis.empty())
    svg += text_at(layout.left, map.title.empty() ? 16 : 42, "class=\"axis\"",
                   printable(map.column_axis) + " →");
  if (!map.row_axis.empty())
    svg += text_at(layout.left - 8, layout.top - 7, "class=\"axis\" text-anchor=\"end\"",
                   printable(map.row_axis) + " ↓");
  return svg;
}

// "query sat, key cat: 0.602"
std::string tooltip(const Heatmap& map, const Heat& heat, int i, int j) {
  const auto side = [](const std::string& axis, const std::string& name) {
    return axis.empty() ? name : printable(axis) + " " + name;
  };
  return fmt::format("{}, {}: {:.4g}", side(map.row_axis, heat.row_names[static_cast<size_t>(i)]),
                     side(map.column_axis, heat.column_names[static_cast<size_t>(j)]),
                     heat.at(i, j));
}

std::string cell(const Heatmap& map, const Heat& heat, const Layout& layout, int i, int j,
                 double readout_y) {
  const double value = heat.at(i, j), strength = heat.strength(value);
  const double x = layout.left + j * layout.cell_width, y = layout.top + i * layout.cell_height;
  const double gap = layout.cell_width > 8 ? 1.5 : 0;
  const std::string tip = tooltip(map, heat, i, j);
  std::string svg = fmt::format(
      "<g class=\"{}\" tabindex=\"-1\"><title>{}</title>"
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
      "fill-opacity=\"{:.3f}\"/>",
      heat.diverging && strength > 0 ? "cell warm" : "cell", escaped(tip), x, y,
      layout.cell_width - gap, layout.cell_height - gap, std::abs(strength));
  if (layout.numbers)
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\"{}>{}</text>",
                       x + (layout.cell_width - gap) / 2, y + layout.cell_height / 2 + 4,
                       std::abs(strength) > 0.75 ? " class=\"strong\"" : "", heat.number(value));
  if (heat.rows * heat.columns <= 4096)
    svg += fmt::format("<text class=\"readout\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>", layout.left,
                       readout_y, escaped(tip));
  return svg + "</g>\n";
}

// What the colours mean, from the weakest to the strongest.
std::string legend(const Heat& heat, double x, double y) {
  const double most = std::max(-heat.low, heat.high);
  const std::string low = fmt::format("{:.3g}", heat.diverging ? -most : heat.low);
  const std::string high = fmt::format("{:.3g}", heat.diverging ? most : heat.high);
  std::string svg = text_at(x, y + 11, "class=\"axis\"", low);
  x += letter * static_cast<double>(low.size()) + 8;
  for (int i = heat.diverging ? -4 : 0; i <= 4; ++i, x += 15)
    svg += fmt::format(
        "<g class=\"{}\"><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"14\" height=\"14\" "
        "fill-opacity=\"{:.2f}\"/></g>",
        heat.diverging && i > 0 ? "warm" : "cool", x, y, std::abs(i) / 4.0);
  svg += text_at(x + 7, y + 11, "class=\"axis\"", high);
  if (heat.exponent != 0)
    svg += text_at(x + 7 + letter * static_cast<double>(high.size() + 2), y + 11, "class=\"axis\"",
                   fmt::format("numbers in units of 1e{:+03}", heat.exponent));
  return svg;
}

// --heat and --heat-positive are the page's colours, if it has some.
constexpr const char* style = R"(<style>
.gradus-heatmap text { fill: currentColor; font: 13px system-ui, sans-serif; }
.gradus-heatmap text.title { font-size: 15px; font-weight: 600; }
.gradus-heatmap text.axis { opacity: 0.7; }
.gradus-heatmap rect { stroke: currentColor; stroke-opacity: 0.13; fill: var(--heat, #2166ac); }
.gradus-heatmap .warm rect { fill: var(--heat-positive, #b8530c); }
.gradus-heatmap .cell { outline: none; }
.gradus-heatmap .cell text { pointer-events: none; font-variant-numeric: tabular-nums; }
.gradus-heatmap .cell .strong { fill: #fff; }
.gradus-heatmap .cell .readout { display: none; font-weight: 600; }
.gradus-heatmap .cell:hover rect, .gradus-heatmap .cell:focus rect { stroke-opacity: 1; stroke-width: 2; }
.gradus-heatmap .cell:hover .readout, .gradus-heatmap:not(:hover) .cell:focus .readout { display: inline; }
</style>
)";

}  // namespace

std::string heatmap_svg(const Heatmap& map) {
  const Heat heat(map);
  const Layout layout = lay_out(map, heat);
  const double right = layout.left + heat.columns * layout.cell_width,
               bottom = layout.top + heat.rows * layout.cell_height;
  const double overhang =
      layout.slanted ? 0.6 * letter * longest(heat.column_names, column_limit) : 0;
  // The title, the longest tooltip and the legend need some width as well.
  const double width =
      std::max({right + overhang, layout.left + 260.0, 8.5 * columns_of(map.title) + 8});
  const double height = bottom + 50;

  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"gradus-heatmap\" role=\"img\" "
      "aria-label=\"{}\" viewBox=\"0 0 {:.0f} {:.0f}\" "
      "style=\"display:block;width:100%;max-width:{:.0f}px;min-width:{:.0f}px\">\n",
      escaped(printable(map.title)), width, height, width, std::min(0.75 * width, width - 20));
  svg += style;
  if (!map.title.empty()) svg += text_at(0, 17, "class=\"title\"", printable(map.title));
  svg += names(map, heat, layout);
  for (int i = 0; i < heat.rows; ++i)
    for (int j = 0; j < heat.columns; ++j) svg += cell(map, heat, layout, i, j, bottom + 43);
  return svg + legend(heat, layout.left, bottom + 12) + "</svg>\n";
}

}  // namespace gradus::viz
