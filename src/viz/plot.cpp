#include "gradus/viz/plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "gradus/error.h"
#include "viz/axes.h"

namespace gradus::viz {
namespace {

// A range laid out over the characters of a row or, upside down, of a column. A character is `dots`
// dots long.
struct Axis {
  Range range;
  int cells, dots;
  bool flipped;

  int dot(double value) const {
    const int last = cells * dots - 1;
    const auto place = static_cast<int>(std::lround((value - range.low) / range.length() * last));
    return flipped ? last - place : place;
  }
  int cell(double value) const { return dot(value) / dots; }
};

// ---- the picture ----

// The characters of a plot, and how many dots fit into one.
struct Glyphs {
  int dots_x, dots_y;
  const char *line_key, *level_key, *point;
  const char *side, *side_tick, *corner, *bottom, *bottom_tick;
};
constexpr Glyphs unicode_glyphs = {2, 4, "⠤⠒", "⠂⠂", "●", "│", "┤", "└", "─", "┬"};
constexpr Glyphs ascii_glyphs = {1, 1, "*", "--", "o", "|", "+", "+", "-", "+"};

class Canvas {
 public:
  Canvas(int columns, int rows, const Glyphs& drawn_with, bool colour)
      : glyphs(drawn_with),
        columns_(columns),
        colour_(colour),
        cells_(static_cast<size_t>(columns * rows)) {}

  const Glyphs& glyphs;
  bool has_colour() const { return colour_; }

  // Braille patterns number the dots of a character so.
  void dot(int x, int y, int series) {
    static constexpr uint8_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    Cell& cell = at(x / glyphs.dots_x, y / glyphs.dots_y);
    cell.dots |= bits[y % glyphs.dots_y][x % glyphs.dots_x];
    cell.series = series;
  }
  // Joins two dots: as many steps as the longer side has.
  void line(int x0, int y0, int x1, int y1, int series) {
    const int steps = std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1});
    for (int i = 0; i <= steps; ++i) {
      const double t = static_cast<double>(i) / steps;
      dot(x0 + static_cast<int>(std::lround(t * (x1 - x0))),
          y0 + static_cast<int>(std::lround(t * (y1 - y0))), series);
    }
  }
  void mark(int column, int row, const char* glyph, int series) {
    at(column, row) = {0, glyph, series};
  }

  // The characters of a row up to the last that is not blank; neighbours of one colour are painted
  // together.
  std::string row(int row) {
    std::string text, run;
    int run_series = -1, last = columns_ - 1;
    while (last >= 0 && at(last, row).series < 0) --last;
    for (int column = 0; column <= last; ++column) {
      const Cell& cell = at(column, row);
      if (cell.series != run_series) text += paint(std::exchange(run, ""), run_series);
      run_series = cell.series;
      run += glyph_of(cell);
    }
    return text + paint(run, run_series);
  }
  // In the colour of a series.
  std::string paint(std::string_view text, int series) const {
    constexpr int colours[] = {36, 33, 35, 32, 34, 31};  // cyan, yellow, magenta, green, blue, red
    if (!colour_ || series < 0) return std::string(text);
    return fmt::format("\033[{}m{}\033[0m", colours[series % 6], text);
  }

 private:
  struct Cell {
    uint8_t dots = 0;
    const char* glyph = nullptr;  // instead of the dots
    int series = -1;
  };
  Cell& at(int column, int row) { return cells_[static_cast<size_t>(row * columns_ + column)]; }
  std::string glyph_of(const Cell& cell) const {
    if (cell.glyph != nullptr) return cell.glyph;
    if (cell.dots == 0) return " ";
    if (glyphs.dots_x == 1) return "*";
    // U+2800 and the dots, in UTF-8.
    return {'\xe2', static_cast<char>(0xa0 | cell.dots >> 6),
            static_cast<char>(0x80 | (cell.dots & 0x3f))};
  }

  int columns_;
  bool colour_;
  std::vector<Cell> cells_;
};

void draw(Canvas& canvas, const Series& series, int index, const Axis& xs, const Axis& ys) {
  if (series.style == Series::Style::level) {
    if (series.y.empty() || !is_drawable(series.y[0])) return;
    const bool braille = xs.dots > 1;
    for (int x = 0; x < xs.cells * xs.dots; x += xs.dots)
      if (braille)
        canvas.dot(x, ys.dot(series.y[0]), index);
      else
        canvas.mark(x, ys.cell(series.y[0]), "-", index);
    return;
  }
  bool joined = false;  // to the point before
  int last_x = 0, last_y = 0;
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (!is_drawable(series.x[i]) || !is_drawable(series.y[i])) {
      joined = false;
      continue;
    }
    const int x = xs.dot(series.x[i]), y = ys.dot(series.y[i]);
    if (series.style == Series::Style::points)
      canvas.mark(x / xs.dots, y / ys.dots,
                  series.labels.empty() ? canvas.glyphs.point : series.labels[i].c_str(), index);
    else
      canvas.line(joined ? last_x : x, joined ? last_y : y, x, y, index);
    joined = true;
    last_x = x;
    last_y = y;
  }
}

// Where there is no colour, several curves are told apart by letters: "a" for the first; null if it
// is the only one.
const char* letter_of(const std::vector<Series>& series, size_t i, const Canvas& canvas) {
  static constexpr const char* letters[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
  const auto is_line = [](const Series& s) { return s.style == Series::Style::line; };
  const auto before =
      std::count_if(series.begin(), series.begin() + static_cast<std::ptrdiff_t>(i), is_line);
  if (canvas.has_colour() || !is_line(series[i]) || before >= std::ssize(letters)) return nullptr;
  if (std::count_if(series.begin(), series.end(), is_line) < 2) return nullptr;
  return letters[before];
}

// The letters stand on the curves, each at another place from left to right.
void draw_letters(Canvas& canvas, const std::vector<Series>& series, const Axis& xs,
                  const Axis& ys) {
  for (size_t i = 0; i < series.size(); ++i) {
    const char* letter = letter_of(series, i, canvas);
    if (letter == nullptr || series[i].x.empty()) continue;
    const size_t at = series[i].x.size() * (i + 1) / (series.size() + 1);
    if (!is_drawable(series[i].x[at]) || !is_drawable(series[i].y[at])) continue;
    canvas.mark(xs.cell(series[i].x[at]), ys.cell(series[i].y[at]), letter, static_cast<int>(i));
  }
}

std::string legend(const std::vector<Series>& series, const Canvas& canvas) {
  std::string text;
  for (size_t i = 0; i < series.size(); ++i) {
    if (series[i].name.empty()) continue;
    const char* key = series[i].style == Series::Style::points  ? canvas.glyphs.point
                      : series[i].style == Series::Style::level ? canvas.glyphs.level_key
                                                                : canvas.glyphs.line_key;
    if (const char* letter = letter_of(series, i, canvas); letter != nullptr) key = letter;
    text +=
        (text.empty() ? "" : "   ") + canvas.paint(key, static_cast<int>(i)) + " " + series[i].name;
  }
  return text;
}

// The horizontal axis: a rule with ticks, and below it their numbers where there is room.
std::string x_axis(const Axis& xs, int margin, const Glyphs& glyphs, const PlotOptions& options) {
  std::vector<const char*> rule(static_cast<size_t>(xs.cells), glyphs.bottom);
  std::string numbers;
  for (const auto& [x, label] : labelled_ticks(xs.range, std::max(1, xs.cells / 12), options)) {
    rule[static_cast<size_t>(xs.cell(x))] = glyphs.bottom_tick;
    const int length = static_cast<int>(label.size());
    const int start = std::min(margin + xs.cell(x) - length / 2, margin + xs.cells - length);
    if (start <= std::ssize(numbers) && !numbers.empty()) continue;
    numbers.resize(static_cast<size_t>(start), ' ');
    numbers += label;
  }
  std::string text = std::string(static_cast<size_t>(margin - 1), ' ') + glyphs.corner;
  for (const char* piece : rule) text += piece;
  return text + "\n" + numbers + "\n";
}

}  // namespace

std::string plot(const std::vector<Series>& given, const PlotOptions& options,
                 const Terminal& terminal) {
  const int width = std::min(options.width, terminal.width), rows = options.height;
  check(width >= 30 && rows >= 4, "plot: {} x {} characters, at least 30 x 4 are needed", width,
        rows);
  std::string text = options.title.empty() ? "" : options.title + "\n";
  const std::vector<Series> series = placed(given, options);
  auto [x_range, y_range] = ranges(series);
  if (x_range.is_empty()) return text + "(no points to plot)\n";
  x_range.widen();
  y_range.widen();

  const Glyphs& glyphs = terminal.unicode ? unicode_glyphs : ascii_glyphs;
  const Axis ys{y_range, rows, glyphs.dots_y, true};
  std::vector<std::string> labels(static_cast<size_t>(rows));
  size_t label_width = 0;
  for (const auto& [y, label] : labelled_ticks(y_range, std::max(3, rows / 2), options)) {
    labels[static_cast<size_t>(ys.cell(y))] = label;
    label_width = std::max(label_width, label.size());
  }
  const int margin = static_cast<int>(label_width) + 2;
  const Axis xs{x_range, width - margin, glyphs.dots_x, false};

  Canvas canvas(xs.cells, rows, glyphs, terminal.colour);
  for (const bool levels : {true, false})
    for (size_t i = 0; i < series.size(); ++i)
      if (levels == (series[i].style == Series::Style::level))
        draw(canvas, series[i], static_cast<int>(i), xs, ys);
  draw_letters(canvas, series, xs, ys);
  if (const std::string keys = legend(series, canvas); !keys.empty())
    text += std::string(static_cast<size_t>(margin), ' ') + keys + "\n";
  for (int row = 0; row < rows; ++row) {
    const std::string& label = labels[static_cast<size_t>(row)];
    text += fmt::format("{:>{}} {}{}\n", label, label_width,
                        label.empty() ? glyphs.side : glyphs.side_tick, canvas.row(row));
  }
  text += x_axis(xs, margin, glyphs, options);
  if (!options.x_label.empty()) text += fmt::format("{:>{}}\n", options.x_label, width);
  return text;
}

}  // namespace gradus::viz
