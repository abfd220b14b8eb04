/// \file
/// What the program's output is shown on, and numbers as people write them.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace gradus::viz {

/// What may be printed.
struct Terminal {
  bool live = false;     ///< somebody watches: a line can be written over
  bool colour = false;   ///< colours are understood and wanted
  bool unicode = false;  ///< UTF-8 is understood; otherwise print ASCII
  int width = 80;        ///< columns

  /// What the program's standard output is now.
  static Terminal standard_output();
};

/// Derives it from facts: whether the output is a terminal, its columns (0 if unknown), and the
/// environment, a function from a variable's name to its value or nullptr. No colour where NO_COLOR
/// is set (https://no-color.org); neither colour nor live lines if TERM is unset or "dumb"; Unicode
/// if LC_ALL, else LC_CTYPE, else LANG names UTF-8.
Terminal describe_terminal(bool is_terminal, int columns,
                           const std::function<const char*(const char*)>& environment);

/// How many columns a UTF-8 text takes, one for each character.
int columns_of(std::string_view text);
/// The beginning of a text that fits into so many columns.
std::string_view cut_to(std::string_view text, int columns);

/// The text with a line break instead of a space wherever a line would be longer than that; a word
/// that is longer stays whole.
std::string wrapped(std::string_view text, int columns);

/// A large number in short: "7", "36 k", "1.2 M", "12 G". Two digits, three from 100 up.
std::string format_count(double count);
/// A stretch of time in seconds: "0:21", "12:05", "1 h 02 min", "3 d 04 h"; "?" if it is no time.
std::string format_duration(double seconds);

}  // namespace gradus::viz
