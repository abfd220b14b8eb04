#include "viz/text.h"

#include <fmt/format.h>

#include "gradus/viz/terminal.h"

namespace gradus::viz {
namespace {

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

std::string spaces(int columns) {
  return std::string(static_cast<size_t>(std::max(columns, 0)), ' ');
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n')
      result += "\\n";
    else if (c == '\t')
      result += "\\t";
    else if (is_control(c))
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      result += c;
  }
  return result;
}

std::string right_aligned(std::string_view text, int columns) {
  return spaces(columns - columns_of(text)).append(text);
}

std::string left_aligned(std::string_view text, int columns) {
  return std::string(text) + spaces(columns - columns_of(text));
}

std::string shortened(std::string_view text, int columns, bool unicode) {
  if (columns_of(text) <= columns) return std::string(text);
  return std::string(cut_to(text, columns - 1)) + (unicode ? "…" : "~");
}

std::string paragraph(std::string_view text, int margin, int columns) {
  std::string result = spaces(margin);
  for (const char c : wrapped(text, columns - margin))
    result += c == '\n' ? "\n" + spaces(margin) : std::string(1, c);
  return result + "\n";
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      case '\n':
      case '\t': result += c; break;
      default: result += is_control(c) ? printable({&c, 1}) : std::string(1, c);
    }
  }
  return result;
}

}  // namespace gradus::viz
