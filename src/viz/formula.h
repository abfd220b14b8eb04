/// \file
/// A formula, taken apart.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradus::viz {

/// A piece of a formula; `parts` is what it consists of.
struct Formula {
  enum class Kind {
    row,       ///< the parts side by side
    word,      ///< letters: a variable, a function, the name of a Greek letter
    number,    ///< digits
    op,        ///< an operator: "+", "<=", "sum"
    text,      ///< "..." as it is
    fence,     ///< a row in brackets; `text` is the opening one
    root,      ///< sqrt of a row
    fraction,  ///< frac of two rows
    accent,    ///< a row with a mark above; `text` is its name, "bar"
    scripts,   ///< base, what is below (an empty row if nothing), what is above
  };
  Kind kind = Kind::row;
  std::string text = "";  ///< as written
  std::vector<Formula> parts = {};
  bool spaced = false;  ///< a space stands before it
};

/// \throws Error if brackets do not match, or something needed is missing.
Formula parse_formula(std::string_view source);

}  // namespace gradus::viz
