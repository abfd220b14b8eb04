/// \file
/// What kind of character a character is.
#pragma once

#include <cstdint>

namespace gradus::data {

/// The kinds that GPT-2's words are made of.
enum class Kind : uint8_t {
  other,   ///< a symbol, a mark, a control character, or a number that stands for no character
  letter,  ///< general category L
  number,  ///< general category N
  space,   ///< property White_Space
};

/// The kind of a character in Unicode 16.0.
Kind kind_of(char32_t character);

}  // namespace gradus::data
