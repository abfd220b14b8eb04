#include "gradus/viz/heatmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viz/heat.h"
#include "viz/text.h"

namespace gradus::viz {
namespace {

// How cells are laid out over the columns of the terminal.
struct Layout {
  int margin;    // columns of the row names
  int cell;      // columns of a cell, the gap to the next one included
  int number;    // columns of a number; 0: only shades
  int shades;    // shade characters in a cell, where there is no colour
  int per_band;  // so many columns of the matrix stand side by side; the others follow below
};

int widest(const std::vector<std::string>& names) {
  int columns = 0;
  for (const std::string& name : names) columns = std::max(columns, columns_of(name));
  return columns;
}

Layout lay_out(const Heat& heat, int axis_columns, const Terminal& terminal) {
  Layout layout{};
  layout.margin = std::clamp(std::max(widest(heat.row_names), axis_columns), 1, terminal.width / 4);
  for (const double value : heat.values)
    layout.number = std::max(layout.number, static_cast<int>(heat.number(value).size()));
  const int room = terminal.width - layout.margin - 4;  // indented by two, two after the names
  const int name = std::min(widest(heat.column_names), 10) + 2, number = layout.number;
  const int share = room / heat.columns;

  layout.shades = 2;
  const int roomy = number + (terminal.colour ? 2 : 5), tight = number + (terminal.colour ? 1 : 2);
  if (share >= roomy) {
    layout.cell = std::clamp(name, roomy, share);
  } else if (share >= tight) {
    layout.cell = share;
    layout.shades = 1;
  } else {
    layout.number = 0;
    layout.cell = layout.shades = share >= 2 || heat.diverging ? 2 : 1;
  }
  layout.per_band = std::clamp(room / layout.cell, 1, heat.columns);
  return layout;
}

// Backgrounds of xterm's 256 colours, from weak to strong, each with a foreground that can be read
// on it; both are set, so that the terminal's own colours do not matter.
struct Colour {
  int background, foreground;
};
constexpr Colour blues[] = {{255, 240}, {189, 238}, {153, 236}, {117, 16}, {75, 16},
                            {32, 231},  {26, 231},  {19, 231},  {17, 231}};
constexpr Colour oranges[] = {{255, 240}, {224, 238}, {223, 236}, {216, 16}, {215, 16},
                              {208, 16},  {202, 16},  {166, 231}, {130, 231}};

std::string painted(const std::string& text, double strength, bool diverging) {
  const auto level = static_cast<size_t>(std::lround(std::abs(strength) * 8));
  const Colour colour = (diverging && strength > 0 ? oranges : blues)[level];
  return fmt::format("\033[48;5;{};38;5;{}m{}\033[0m", colour.background, colour.foreground, text);
}

// The character that stands for a strength: one for each quarter, and none up to a twentieth.
const char* shade(double strength, bool unicode) {
  static constexpr const char* blocks[] = {" ", "░", "▒", "▓", "█"};
  static constexpr const char* ascii[] = {" ", ".", ":", "*", "#"};
  const double size = std::abs(strength);
  const auto level =
      size < 0.05 ? size_t{0} : std::min<size_t>(4, 1 + static_cast<size_t>(4 * size));
  return (unicode ? blocks : ascii)[level];
}

std::string cell(const Heat& heat, double value, const Layout& layout, const Terminal& terminal) {
  const double strength = heat.strength(value);
  const std::string number = layout.number > 0 ? heat.number(value) : "";
  if (terminal.colour) {
    // The sign is in the colour.
    const std::string text = number.empty() ? std::string(static_cast<size_t>(layout.cell), ' ')
                                            : right_aligned(number, layout.cell - 1) + " ";
    return painted(text, strength, heat.diverging);
  }
  std::string block;
  for (int i = 0; i < layout.shades; ++i) block += shade(strength, terminal.unicode);
  if (!number.empty()) {
    if (layout.shades > 1) block += " ";
    return right_aligned(block + right_aligned(number, layout.number), layout.cell);
  }
  if (!heat.diverging) return block;
  const bool blank = shade(strength, terminal.unicode)[0] == ' ';
  return shade(strength, terminal.unicode) + std::string(blank ? " " : strength < 0 ? "-" : "+");
}

// The names above columns [begin, end): in one line where there are numbers; otherwise cells are
// too narrow for that, and names are written downwards, a character a line.
std::vector<std::string> column_heads(const Heat& heat, const Layout& layout, int begin, int end,
                                      const Terminal& terminal) {
  const auto name = [&](int j) { return heat.column_names[static_cast<size_t>(j)]; };
  std::vector<std::string> lines(1);
  if (layout.number > 0) {
    const int inset = terminal.colour ? 1 : 0;  // of the number at the cell's right edge
    for (int j = begin; j < end; ++j)
      lines[0] += right_aligned(shortened(name(j), layout.cell - 1, terminal.unicode),
                                layout.cell - (j == begin ? inset : 0));
    return lines;
  }
  int height = 1;
  for (int j = begin; j < end; ++j) height = std::max(height, std::min(columns_of(name(j)), 12));
  lines.assign(static_cast<size_t>(height), "");
  for (int j = begin; j < end; ++j) {
    std::string rest = right_aligned(shortened(name(j), height, terminal.unicode), height);
    for (std::string& line : lines) {
      const std::string letter(cut_to(rest, 1));
      rest.erase(0, letter.size());
      line += left_aligned(letter, layout.cell);
    }
  }
  return lines;
}

// What the shades mean, or what the numbers are counted in.
std::string legend(const Heat& heat, const Layout& layout, const Terminal& terminal) {
  const auto line = [&](const std::string& text, int columns) {
    const int indent = layout.margin + 4 + columns <= terminal.width ? layout.margin + 4 : 2;
    return right_aligned("", indent) + text + "\n";
  };
  if (layout.number > 0) {
    if (heat.exponent == 0) return "";
    const std::string units = fmt::format("in units of 1e{:+03}", heat.exponent);
    return line(units, columns_of(units));
  }
  const int first = heat.diverging ? -4 : 0;
  const double most = std::max(-heat.low, heat.high);
  const std::string low = fmt::format("{:.2g}", heat.diverging ? -most : heat.low),
                    high = fmt::format("{:.2g}", heat.diverging ? most : heat.high);
  const int columns = columns_of(low) + columns_of(high) + 2;
  const int each = columns + 2 * (5 - first) + 2 <= terminal.width ? 2 : 1;
  if (columns + each * (5 - first) + 2 > terminal.width) return "";  // no room for it
  std::string shades;
  for (int i = first; i <= 4; ++i) {
    const double strength = 0.24 * i;  // one in each quarter
    const char* block = terminal.colour ? " " : shade(strength, terminal.unicode);
    const std::string text = each == 2 ? fmt::format("{0}{0}", block) : block;
    shades += terminal.colour ? painted(text, strength, heat.diverging) : text;
  }
  return line(low + " " + shades + " " + high, columns + each * (5 - first));
}

std::string without_trailing_spaces(const std::string& line) {
  return line.substr(0, line.find_last_not_of(' ') + 1);
}

}  // namespace

std::string heatmap(const Heatmap& map, const Terminal& terminal) {
  const Heat heat(map);
  const auto axis = [&](const std::string& name, const char* arrow, const char* ascii) {
    return name.empty() ? "" : printable(name) + " " + (terminal.unicode ? arrow : ascii);
  };
  const std::string down = axis(map.row_axis, "↓", "v");
  const Layout layout = lay_out(heat, columns_of(down), terminal);
  const std::string right = shortened(axis(map.column_axis, "→", "->"),
                                      terminal.width - layout.margin - 5, terminal.unicode);
  const auto beside = [&](const std::string& name, const std::string& rest) {
    return without_trailing_spaces(
               "  " +
               right_aligned(shortened(name, layout.margin, terminal.unicode), layout.margin) +
               "  " + rest) +
           "\n";
  };

  std::string text;
  if (!map.title.empty()) text = paragraph(printable(map.title), 2, terminal.width);
  for (int begin = 0; begin < heat.columns; begin += layout.per_band) {
    const int end = std::min(heat.columns, begin + layout.per_band);
    if (!right.empty()) text += beside("", (layout.number > 0 ? " " : "") + right);
    const auto heads = column_heads(heat, layout, begin, end, terminal);
    for (const std::string& line : heads) text += beside(&line == &heads.back() ? down : "", line);
    for (int i = 0; i < heat.rows; ++i) {
      std::string cells;
      for (int j = begin; j < end; ++j) cells += cell(heat, heat.at(i, j), layout, terminal);
      text += beside(heat.row_names[static_cast<size_t>(i)], cells);
    }
  }
  return text + legend(heat, layout, terminal);
}

}  // namespace gradus::viz
