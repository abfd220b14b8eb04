/// \file
/// From text to numbers and back: what every tokenizer does, and the two that need no training.
/// gradus/data/bpe.h has the third.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::data {

/// From text to ids and back. `decode(encode(text))` is `text`, byte for byte, for every text that
/// encode() takes.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// How many tokens it knows; ids run from 0 to size() - 1.
  virtual int64_t size() const = 0;
  /// The ids of a text. \throws Error if it holds what this tokenizer has no ids for.
  virtual std::vector<int64_t> encode(std::string_view text) const = 0;
  /// The text that ids stand for. \throws Error if an id is not in [0, size()).
  virtual std::string decode(std::span<const int64_t> ids) const = 0;
  /// The same for ids in braces.
  std::string decode(std::initializer_list<int64_t> ids) const {
    return decode(std::span(ids.begin(), ids.size()));
  }
};

/// A vocabulary of characters: the distinct Unicode code points of a text, in ascending order. The
/// id of a character is its place among them, as in nanoGPT's `prepare.py` for Shakespeare.
///
///     CharTokenizer tokenizer("hello");      // vocabulary "ehlo"
///     tokenizer.encode("hole");              // 1 3 2 0
///     tokenizer.decode({1, 3, 2, 0});        // "hole"
class CharTokenizer final : public Tokenizer {
 public:
  /// The vocabulary of `text`, which is UTF-8. \throws Error if it is empty, is not UTF-8, holds a
  /// control character that no text has (anything but tab, newline, form feed and carriage return),
  /// or more than 65536 different characters.
  explicit CharTokenizer(std::string_view text);

  /// How many characters it knows.
  int64_t size() const override { return static_cast<int64_t>(characters_.size()); }
  /// All known characters as a text. A tokenizer made of it is the same tokenizer: this is what a
  /// checkpoint keeps.
  std::string vocabulary() const;

  /// The ids of a text's characters. \throws Error naming the first character that is not known.
  std::vector<int64_t> encode(std::string_view text) const override {
    return encode_as<int64_t>(text);
  }
  /// The same in a quarter of the memory, for a whole corpus. \throws Error as encode.
  std::vector<uint16_t> encode_compactly(std::string_view text) const {
    return encode_as<uint16_t>(text);
  }

  /// The text that the ids stand for, in UTF-8. \throws Error if an id is not in [0, size()).
  std::string decode(std::span<const int64_t> ids) const override;
  using Tokenizer::decode;

 private:
  template <class Id>
  std::vector<Id> encode_as(std::string_view text) const;
  std::vector<char32_t> characters_;  // ascending
};

/// Every byte is a token, its value the id: nothing to learn, and any bytes at all can be encoded.
/// An English text has one token for each character, other scripts two to four.
class ByteTokenizer final : public Tokenizer {
 public:
  /// 256.
  int64_t size() const override { return 256; }
  /// The values of the bytes.
  std::vector<int64_t> encode(std::string_view text) const override;
  /// The bytes of these values. \throws Error if an id is not in [0, 256).
  std::string decode(std::span<const int64_t> ids) const override;
  using Tokenizer::decode;
};

}  // namespace gradus::data
