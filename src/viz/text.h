/// \file
/// Text on its way into a picture.
#pragma once

#include <string>
#include <string_view>

namespace gradus::viz {

/// Control characters as people write them, so that a token "\n" breaks no line: "\\n", "\\x1b".
std::string printable(std::string_view text);

/// Padded with spaces on the left, or on the right, to so many columns.
std::string right_aligned(std::string_view text, int columns);
std::string left_aligned(std::string_view text, int columns);

/// Cut to so many columns; the last one then says that something is missing.
std::string shortened(std::string_view text, int columns, bool unicode);

/// Wrapped and each line moved to the right by `margin`, all within so many columns; ends with a
/// line break.
std::string paragraph(std::string_view text, int margin, int columns = 80);

/// For HTML and SVG, in text and in attributes: & < > " and ' as entities. Control characters,
/// which neither allows, are written like `printable` does, except tab and line feed.
std::string escaped(std::string_view text);

}  // namespace gradus::viz
