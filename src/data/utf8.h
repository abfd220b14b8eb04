/// \file
/// Characters of UTF-8.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gradus::data {

/// A character of a text, or a byte that is none.
struct Character {
  char32_t code;  ///< U+FFFD, the replacement character, for a byte that begins no character
  size_t length;  ///< in bytes
  bool is_valid;
};

/// The character at the byte `offset` of a text. The number of leading ones in its first byte says
/// how many bytes it has:
///
///     0xxxxxxx
///     110xxxxx 10xxxxxx
///     1110xxxx 10xxxxxx 10xxxxxx
///     11110xxx 10xxxxxx 10xxxxxx 10xxxxxx
///
/// A character has one spelling, the shortest; halves of UTF-16 pairs (surrogates) are none.
inline Character character_at(std::string_view text, size_t offset) {
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};  // that needs so many bytes
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[offset + i]); };
  const int ones = std::countl_one(byte(0));
  if (ones == 0) return {byte(0), 1, true};
  const auto length = static_cast<size_t>(ones);
  bool valid = ones != 1 && ones <= 4 && length <= text.size() - offset;
  char32_t code = byte(0) & (0xff >> ones);
  for (size_t i = 1; valid && i < length; ++i) {
    valid = byte(i) >> 6 == 0b10;
    code = code << 6 | (byte(i) & 0x3f);
  }
  valid = valid && code >= smallest[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return valid ? Character{code, length, true} : Character{0xfffd, 1, false};
}

/// Whether all of the text is UTF-8.
inline bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const Character character = character_at(text, i);
    if (!character.is_valid) return false;
    i += character.length;
  }
  return true;
}

/// Appends a character.
inline void append(std::string& text, char32_t character) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  const auto put_rest = [&](int shift) { put(0x80 | (character >> shift & 0x3f)); };
  if (character < 0x80) return put(character);
  if (character < 0x800) {
    put(0xc0 | character >> 6);
  } else if (character < 0x10000) {
    put(0xe0 | character >> 12);
    put_rest(6);
  } else {
    put(0xf0 | character >> 18);
    put_rest(12);
    put_rest(6);
  }
  put_rest(0);
}

}  // namespace gradus::data
