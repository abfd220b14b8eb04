/// \file
/// Formulas, written once, for the terminal and for a page.
///
/// The notation is the one people type, and the small core of AsciiMath:
///
///     a letter, a word, a number      x   softmax   d_model   10^{-5}
///     below and above                 x_i   K^T   h_{t-1}   sum_{j=1}^n   x'
///     sqrt(...)  frac(a, b)  a / b    a root, a fraction, a fraction in one line
///     bar(x)  hat(x)  tilde(x)        a mark above
///     alpha ... omega, Gamma ...      Greek letters, by their names
///     dot odot otimes oplus times *   products and the like
///     <= >= != ~~ << >> in prop ~     relations
///     -> <- => := ... +- ||           arrows and other signs
///     sum prod partial nabla infty RR forall
///     "text"                          words that are not part of the formula
///
/// Brackets are ( ) and [ ]; { } only groups.
#pragma once

#include <string>
#include <string_view>

namespace gradus::viz {

/// A line of text: "softmax(Q Kᵀ / √d_k) V" in Unicode, "softmax(Q K^T / sqrt(d_k)) V" in ASCII.
/// Digits below and short exponents above are characters of their own where Unicode has them; an
/// index of letters stays as it is written in code, "d_k". \throws Error if brackets or groups do
/// not match, or something is missing: "math: nothing closes the ( in: softmax(x".
std::string math_text(std::string_view formula, bool unicode = true);

/// A `<math>` element (MathML Core, which browsers draw themselves), on a line of its own or
/// within a sentence. \throws Error as above.
std::string math_html(std::string_view formula, bool own_line = true);

}  // namespace gradus::viz
