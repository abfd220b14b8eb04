#include "gradus/data/tokenizer.h"

#include <algorithm>
#include <bit>

#include "gradus/error.h"

namespace gradus::data {
namespace {

// Calls f(character, offset) for each character of a UTF-8 text, `offset` being the place of its
// first byte. The number of leading ones in the first byte says how many bytes there are:
//
//     0xxxxxxx
//     110xxxxx 10xxxxxx
//     1110xxxx 10xxxxxx 10xxxxxx
//     11110xxx 10xxxxxx 10xxxxxx 10xxxxxx
//
// A character has one spelling, the shortest; halves of UTF-16 pairs (surrogates) are none.
template <class F>
void for_each_character(std::string_view text, F&& f) {
  constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};  // that needs so many bytes
  for (size_t offset = 0; offset < text.size();) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[offset + i]); };
    const int ones = std::countl_one(byte(0));
    const size_t length = ones == 0 ? 1 : static_cast<size_t>(ones);
    bool valid = ones != 1 && ones <= 4 && length <= text.size() - offset;
    char32_t character = byte(0) & (0xff >> ones);
    for (size_t i = 1; valid && i < length; ++i) {
      valid = byte(i) >> 6 == 0b10;
      character = character << 6 | (byte(i) & 0x3f);
    }
    valid = valid && character >= smallest[length] && character <= 0x10ffff &&
            (character < 0xd800 || character > 0xdfff);
    check(valid, "tokenizer: byte {:#04x} at offset {} begins no character: this is not UTF-8 text",
          byte(0), offset);
    f(character, offset);
    offset += length;
  }
}

void append(std::string& text, char32_t character) {
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

bool is_forbidden(char32_t c) {
  return c == 0x7f || (c < 0x20 && c != '\t' && c != '\n' && c != '\f' && c != '\r');
}

// A character for an error message: 'x', or its number if it cannot be seen.
std::string shown(char32_t character) {
  std::string text;
  append(text, character);
  const std::string number = fmt::format("U+{:04X}", static_cast<uint32_t>(character));
  if (character <= 0x20 || (character >= 0x7f && character <= 0xa0)) return number;
  return character < 0x80 ? fmt::format("'{}'", text) : fmt::format("'{}' ({})", text, number);
}

std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char c : text) line += c == '\n' ? "\\n" : c == '\t' ? "\\t" : std::string(1, c);
  return line;
}

}  // namespace

CharTokenizer::CharTokenizer(std::string_view text) {
  check(!text.empty(), "tokenizer: the text is empty");
  for_each_character(text, [&](char32_t character, size_t offset) {
    if (is_forbidden(character))
      fail("tokenizer: control character {} at byte {}: these bytes are no text", shown(character),
           offset);
    const auto place = std::lower_bound(characters_.begin(), characters_.end(), character);
    if (place == characters_.end() || *place != character) characters_.insert(place, character);
  });
  check(characters_.size() <= 65536, "tokenizer: {} different characters, at most 65536 fit",
        characters_.size());
}

std::string CharTokenizer::vocabulary() const {
  std::string text;
  for (const char32_t character : characters_) append(text, character);
  return text;
}

template <class Id>
std::vector<Id> CharTokenizer::encode_as(std::string_view text) const {
  std::vector<Id> ids;
  ids.reserve(text.size());
  for_each_character(text, [&](char32_t character, size_t offset) {
    const auto place = std::lower_bound(characters_.begin(), characters_.end(), character);
    if (place == characters_.end() || *place != character)
      fail("tokenizer: {} at byte {} is not among the {} known characters{}", shown(character),
           offset, size(), size() <= 128 ? ": " + on_one_line(vocabulary()) : "");
    ids.push_back(static_cast<Id>(place - characters_.begin()));
  });
  return ids;
}
template std::vector<int64_t> CharTokenizer::encode_as(std::string_view) const;
template std::vector<uint16_t> CharTokenizer::encode_as(std::string_view) const;

std::string CharTokenizer::decode(std::span<const int64_t> ids) const {
  std::string text;
  for (const int64_t id : ids) {
    check(id >= 0 && id < size(), "tokenizer: id {} in a vocabulary of {}", id, size());
    append(text, characters_[static_cast<size_t>(id)]);
  }
  return text;
}

}  // namespace gradus::data
