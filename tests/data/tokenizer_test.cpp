#include "gradus/data/tokenizer.h"

#include <gtest/gtest.h>

#include "data/utf8.h"
#include "support.h"

namespace gradus::data {
namespace {

using test::error_of;
using Ids = std::vector<int64_t>;

TEST(CharTokenizer, IdsAreThePlacesOfTheSortedCharacters) {
  const CharTokenizer tokenizer("hello\n");
  EXPECT_EQ(tokenizer.vocabulary(), "\nehlo");
  EXPECT_EQ(tokenizer.size(), 5);
  EXPECT_EQ(tokenizer.encode("hole\n"), (Ids{2, 4, 3, 1, 0}));
  EXPECT_EQ(tokenizer.encode_compactly("hole\n"), (std::vector<uint16_t>{2, 4, 3, 1, 0}));
  EXPECT_EQ(tokenizer.decode({2, 4, 3, 1, 0}), "hole\n");
  EXPECT_EQ(tokenizer.encode(""), Ids{});
  EXPECT_EQ(tokenizer.decode(Ids{}), "");
}

// One to four bytes a character, and the first and last of each length.
TEST(CharTokenizer, UnicodeComesBackAsItWent) {
  const std::string text =
      "\x7e\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff "
      "\u00e9\u20ac\u732b\U0001f600\r\f\t";
  const CharTokenizer tokenizer(text);
  EXPECT_EQ(tokenizer.size(), 17);
  const Ids ids = tokenizer.encode(text);
  EXPECT_EQ(std::ssize(ids), 17);
  EXPECT_EQ(tokenizer.decode(ids), text);
  EXPECT_EQ(
      tokenizer.vocabulary(),
      "\t\f\r "
      "~\u0080\u00e9\u07ff\u0800\u20ac\u732b\ud7ff\ue000\uffff\U00010000\U0001f600\U0010ffff");
}

TEST(CharTokenizer, IsRestoredFromItsVocabulary) {
  const CharTokenizer tokenizer("na\u00efve \u732b, caf\u00e9\n");
  const CharTokenizer restored(tokenizer.vocabulary());
  EXPECT_EQ(restored.vocabulary(), tokenizer.vocabulary());
  EXPECT_EQ(restored.encode("\u732bv"), tokenizer.encode("\u732bv"));
}

TEST(CharTokenizer, BytesThatAreNoTextAreRefused) {
  const auto error = [](std::string_view text) { return error_of([&] { CharTokenizer{text}; }); };
  EXPECT_EQ(error(""), "tokenizer: the text is empty");
  EXPECT_EQ(error(std::string_view("ab\0c", 4)),
            "tokenizer: control character U+0000 at byte 2: these bytes are no text");
  EXPECT_EQ(error("\u00e9\x1b[0m"),
            "tokenizer: control character U+001B at byte 2: these bytes are no text");
  EXPECT_EQ(error("\x7f"),
            "tokenizer: control character U+007F at byte 0: these bytes are no text");
  const auto not_utf8 = [](const char* byte, int offset) {
    return fmt::format(
        "tokenizer: byte {} at offset {} begins no character: this is not UTF-8 text", byte,
        offset);
  };
  EXPECT_EQ(error("caf\xe9 latin-1"), not_utf8("0xe9", 3));
  EXPECT_EQ(error("\xff"), not_utf8("0xff", 0));
  EXPECT_EQ(error("a\x80"), not_utf8("0x80", 1));  // a rest without a beginning
  EXPECT_EQ(error("a\xc3"), not_utf8("0xc3", 1));  // a beginning without its rest
  EXPECT_EQ(error("\xe2\x82"), not_utf8("0xe2", 0));
  EXPECT_EQ(error("\xe2\x82g"), not_utf8("0xe2", 0));
  EXPECT_EQ(error("\xc1\xbf"), not_utf8("0xc1", 0));          // DEL spelled too long
  EXPECT_EQ(error("\xe0\x9f\xbf"), not_utf8("0xe0", 0));      // U+07FF too long
  EXPECT_EQ(error("\xf0\x8f\xbf\xbf"), not_utf8("0xf0", 0));  // U+FFFF too long
  EXPECT_EQ(error("\xed\xa0\x80"), not_utf8("0xed", 0));      // U+D800, half of a pair
  EXPECT_EQ(error("\xed\xbf\xbf"), not_utf8("0xed", 0));      // U+DFFF
  EXPECT_EQ(error("\xf4\x90\x80\x80"), not_utf8("0xf4", 0));  // U+110000, beyond the last
  EXPECT_EQ(error("\xf8\x88\x80\x80\x80"), not_utf8("0xf8", 0));
}

// All of Unicode that is a character, last first: sorted as it comes, this would take minutes.
TEST(CharTokenizer, TooManyCharactersAreRefusedAtOnce) {
  std::string text;
  for (char32_t c = 0x10ffff; c >= 0x80; --c)
    if (c < 0xd800 || c > 0xdfff) append(text, c);
  EXPECT_EQ(error_of([&] { CharTokenizer{text}; }),
            "tokenizer: more than 65536 different characters");
  std::string most;
  for (char32_t c = 0x10000; c <= 0x1ffff; ++c) append(most, c);
  EXPECT_EQ(CharTokenizer(most).size(), 65536);
}

TEST(CharTokenizer, UnknownCharactersAreNamed) {
  const CharTokenizer tokenizer("to be\n");
  const std::string known = "is not among the 6 known characters: \\n beot";
  const auto error = [&](std::string_view text) {
    return error_of([&] { tokenizer.encode(text); });
  };
  EXPECT_EQ(error("to by"), "tokenizer: 'y' at byte 4 " + known);
  EXPECT_EQ(error("t\u00e9"), "tokenizer: '\u00e9' (U+00E9) at byte 1 " + known);
  EXPECT_EQ(error("\t"), "tokenizer: U+0009 at byte 0 " + known);
  EXPECT_EQ(error("to\xff"),
            "tokenizer: byte 0xff at offset 2 begins no character: this is not UTF-8 text");
  EXPECT_EQ(error_of([&] { tokenizer.decode({0, 6}); }), "tokenizer: id 6 in a vocabulary of 6");
  EXPECT_EQ(error_of([&] { tokenizer.decode({-1}); }), "tokenizer: id -1 in a vocabulary of 6");

  std::string many;  // U+4E00 ... U+4EFF: too many to list
  for (int i = 0; i < 256; ++i)
    many +=
        std::string("\xe4") + static_cast<char>(0xb8 + i / 64) + static_cast<char>(0x80 + i % 64);
  EXPECT_EQ(error_of([&] { CharTokenizer(many).encode("x"); }),
            "tokenizer: 'x' at byte 0 is not among the 256 known characters");
}

}  // namespace
}  // namespace gradus::data
