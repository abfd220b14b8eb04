#include "gradus/data/tokenizer.h"

#include <algorithm>

#include "data/utf8.h"
#include "out_of_memory.h"

namespace gradus::data {
namespace {

// Calls f(character, offset) for each character of a UTF-8 text, `offset` being the place of its
// first byte.
template <class F>
void for_each_character(std::string_view text, F&& f) {
  for (size_t offset = 0; offset < text.size();) {
    const Character character = character_at(text, offset);
    check(character.is_valid,
          "tokenizer: byte {:#04x} at offset {} begins no character: this is not UTF-8 text",
          static_cast<uint8_t>(text[offset]), offset);
    f(character.code, offset);
    offset += character.length;
  }
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

CharTokenizer::CharTokenizer(std::string_view text) try {
  constexpr size_t most = 65536;  // an id takes 16 bits in encode_compactly()
  check(!text.empty(), "tokenizer: the text is empty");
  for_each_character(text, [&](char32_t character, size_t offset) {
    if (is_forbidden(character))
      fail("tokenizer: control character {} at byte {}: these bytes are no text", shown(character),
           offset);
    const auto place = std::lower_bound(characters_.begin(), characters_.end(), character);
    if (place != characters_.end() && *place == character) return;
    // Asked at once: to insert all of Unicode, last character first, would take minutes.
    check(characters_.size() < most, "tokenizer: more than {} different characters", most);
    characters_.insert(place, character);
  });
} catch (const std::bad_alloc&) {
  fail_out_of_memory("tokenizer: the characters of {} bytes", text.size());
}

std::string CharTokenizer::vocabulary() const try {
  std::string text;
  for (const char32_t character : characters_) append(text, character);
  return text;
} catch (const std::bad_alloc&) {
  fail_out_of_memory("vocabulary");
}

template <class Id>
std::vector<Id> CharTokenizer::encode_as(std::string_view text) const try {
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
} catch (const std::bad_alloc&) {
  fail_out_of_memory("encode: a text of {} bytes", text.size());
}
template std::vector<int64_t> CharTokenizer::encode_as(std::string_view) const;
template std::vector<uint16_t> CharTokenizer::encode_as(std::string_view) const;

std::string CharTokenizer::decode(std::span<const int64_t> ids) const try {
  std::string text;
  for (const int64_t id : ids) {
    check(id >= 0 && id < size(), "tokenizer: id {} in a vocabulary of {}", id, size());
    append(text, characters_[static_cast<size_t>(id)]);
  }
  return text;
} catch (const std::bad_alloc&) {
  fail_out_of_memory("decode: {} ids", ids.size());
}

std::vector<int64_t> ByteTokenizer::encode(std::string_view text) const try {
  std::vector<int64_t> ids;
  ids.reserve(text.size());
  for (const char c : text) ids.push_back(static_cast<uint8_t>(c));
  return ids;
} catch (const std::bad_alloc&) {
  fail_out_of_memory("encode: a text of {} bytes", text.size());
}

std::string ByteTokenizer::decode(std::span<const int64_t> ids) const try {
  std::string text;
  text.reserve(ids.size());
  for (const int64_t id : ids) {
    check(id >= 0 && id < size(), "tokenizer: id {} in a vocabulary of {}", id, size());
    text += static_cast<char>(id);
  }
  return text;
} catch (const std::bad_alloc&) {
  fail_out_of_memory("decode: {} ids", ids.size());
}

}  // namespace gradus::data
