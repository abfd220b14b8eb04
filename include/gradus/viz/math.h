/// \file
/// Formulas, written once, for the terminal and for a page.
///
/// The notation is the one people type, and the small core of AsciiMath: letters and words, `_` and
/// `^` with a character, a word or a {group}, `sqrt(...)`, `a / b` as a line of text and
/// `frac(a, b)` as a fraction, `sum_{j}`, `bar(x)`, `d_k`, `Q K^T`, `dot`, `odot`, `<=`, `!=`,
/// `->`, `in`, and the names of Greek letters.
#pragma once

#include <string>
#include <string_view>

namespace gradus::viz {

/// A line of text: "softmax(Q Kᵀ / √d_k) V" in Unicode, "softmax(Q K^T / sqrt(d_k)) V" in ASCII.
/// \throws Error if brackets or groups do not match.
std::string math_text(std::string_view formula, bool unicode = true);

/// A `<math>` element (MathML Core, which browsers draw themselves), on a line of its own or
/// within a sentence. \throws Error as above.
std::string math_html(std::string_view formula, bool own_line = true);

}  // namespace gradus::viz
