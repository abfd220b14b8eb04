#include "gradus/viz/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace gradus::viz {

Terminal Terminal::standard_output() {
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return describe_terminal(::isatty(STDOUT_FILENO) == 1, known ? size.ws_col : 0,
                           [](const char* name) { return std::getenv(name); });
}

Terminal describe_terminal(bool is_terminal, int columns,
                           const std::function<const char*(const char*)>& environment) {
  const auto variable = [&](const char* name) {
    const char* value = environment(name);
    return std::string(value == nullptr ? "" : value);
  };
  Terminal terminal;
  const std::string type = variable("TERM");
  terminal.live = is_terminal && !type.empty() && type != "dumb";
  terminal.colour = terminal.live && variable("NO_COLOR").empty();

  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (std::string locale = variable(name); !locale.empty()) {
      for (char& c : locale) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      terminal.unicode = locale.find("UTF-8") != locale.npos || locale.find("UTF8") != locale.npos;
      break;
    }

  if (columns <= 0) columns = std::atoi(variable("COLUMNS").c_str());
  if (columns > 0) terminal.width = std::clamp(columns, 20, 1000);
  return terminal;
}

namespace {
// Every byte of a UTF-8 character but the first is 10xxxxxx.
bool begins_character(char byte) { return (static_cast<uint8_t>(byte) & 0xc0) != 0x80; }
}  // namespace

int columns_of(std::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), begins_character));
}

std::string_view cut_to(std::string_view text, int columns) {
  size_t end = 0;
  for (; end < text.size(); ++end)
    if (begins_character(text[end]) && columns-- <= 0) break;
  return text.substr(0, end);
}

std::string wrapped(std::string_view text, int columns) {
  std::string result;
  int line = 0;  // columns that the current line has
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, end);
    if (line + columns_of(word) > columns && !result.empty() && result.back() == ' ') {
      result.back() = '\n';
      line = 0;
    }
    result += word;
    line += columns_of(word);
    if (end == text.size()) break;
    result += text[end];
    line = text[end] == '\n' ? 0 : line + 1;
    text.remove_prefix(end + 1);
  }
  return result;
}

std::string format_count(double count) {
  if (!std::isfinite(count)) return fmt::format("{}", count);
  const char* unit = "kMGTPE";
  // What would round to 1000 of a unit is 1.0 of the next.
  double shown = count;
  bool scaled = false;
  for (; std::abs(shown) >= 999.5 && *unit != '\0'; ++unit, scaled = true) shown /= 1000;
  const bool fraction = std::abs(shown) < 9.95 && (scaled || shown != std::round(shown));
  const std::string digits = fmt::format("{:.{}f}", shown, fraction ? 1 : 0);
  return scaled ? digits + " " + unit[-1] : digits;
}

std::string format_duration(double seconds) {
  if (!(seconds >= 0 && seconds < 1e12)) return "?";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  const int64_t minutes = whole / 60, hours = minutes / 60, days = hours / 24;
  if (days > 0) return fmt::format("{} d {:02} h", days, hours % 24);
  if (hours > 0) return fmt::format("{} h {:02} min", hours, minutes % 60);
  return fmt::format("{}:{:02}", minutes, whole % 60);
}

}  // namespace gradus::viz
