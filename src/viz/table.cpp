#include "gradus/viz/table.h"

#include <algorithm>
#include <cctype>

#include "gradus/viz/terminal.h"
#include "viz/text.h"

namespace gradus::viz {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// "7", "-0.25", "+1.2e-05", "12:05", "85 %", "36 k", "1.5 ms", "nan": what belongs to the right.
bool is_number(std::string_view cell) {
  if (!cell.empty() && (cell[0] == '-' || cell[0] == '+')) cell.remove_prefix(1);
  if (cell == "nan" || cell == "inf") return true;
  if (cell.empty() || !(is_digit(cell[0]) || cell[0] == '.')) return false;
  const size_t end = std::min(cell.find_first_not_of("0123456789.,:eE+-"), cell.size());
  std::string_view unit = cell.substr(end);
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  return unit.size() <= 3 && unit.find_first_of(" 0123456789") == unit.npos;
}

// Says nothing about the alignment of its column.
bool is_blank(std::string_view cell) { return cell.empty() || cell == "-" || cell == "–"; }

// A column goes to the right if it has numbers and, below the header, nothing else.
std::vector<bool> numeric_columns(const TableRows& rows) {
  std::vector<bool> numbers, words;
  for (size_t i = 0; i < rows.size(); ++i) {
    numbers.resize(std::max(numbers.size(), rows[i].size()));
    words.resize(numbers.size());
    for (size_t j = 0; i > 0 && j < rows[i].size(); ++j) {
      if (is_blank(rows[i][j])) continue;
      (is_number(rows[i][j]) ? numbers : words)[j] = true;
    }
  }
  for (size_t j = 0; j < numbers.size(); ++j) numbers[j] = numbers[j] && !words[j];
  return numbers;
}

}  // namespace

std::string table(const TableRows& rows, bool unicode) {
  const std::vector<bool> right = numeric_columns(rows);
  if (right.empty()) return "";
  std::vector<int> widths(right.size());
  for (const auto& row : rows)
    for (size_t j = 0; j < row.size(); ++j)
      widths[j] = std::max(widths[j], columns_of(printable(row[j])));
  int length = -2;
  for (const int width : widths) length += width + 2;

  std::string text;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string line;
    for (size_t j = 0; j < rows[i].size(); ++j) {
      const std::string cell = printable(rows[i][j]);
      line += "  " + (right[j] ? right_aligned(cell, widths[j]) : left_aligned(cell, widths[j]));
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    if (i > 0) continue;
    text += "  ";
    for (int column = 0; column < length; ++column) text += unicode ? "─" : "-";
    text += "\n";
  }
  return text;
}

std::string table_html(const TableRows& rows) {
  const std::vector<bool> right = numeric_columns(rows);
  std::string html = "<table>\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string tag = i == 0 ? "th" : "td";
    html += i == 0 ? "<thead><tr>" : "<tr>";
    for (size_t j = 0; j < right.size(); ++j)
      html += "<" + tag + (right[j] ? " class=\"number\">" : ">") +
              (j < rows[i].size() ? escaped(rows[i][j]) : "") + "</" + tag + ">";
    html += i == 0 ? "</tr></thead>\n<tbody>\n" : "</tr>\n";
  }
  return html + (rows.empty() ? "" : "</tbody>\n") + "</table>\n";
}

}  // namespace gradus::viz
