#include "gradus/data/bpe.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "data/unicode.h"
#include "data/utf8.h"
#include "support.h"

namespace gradus::data {
namespace {

using test::error_of;
using Ids = std::vector<int64_t>;
using Words = std::vector<std::string_view>;
using namespace std::string_literals;

// Little, but with letters, digits, endings, white space and scripts of two to four bytes.
const std::string text_of_tests =
    "the cat sat on the mat; the hat that the cat sat on isn't there, it's 1024 or 2048.\n\n"
    "  na\u00efve caf\u00e9, caf\u00e9 na\u00efve \u4eba\u4eba\u751f\u800c \u4eba\u4eba "
    "\U0001f600\U0001f600 \U0001f600\U0001f600\n\xff\xff \xff\xff";

BPETokenizer small_tokenizer() {
  return BPETokenizer::train(text_of_tests, 280, {.special_tokens = {"<|end|>", "<|endless|>"}});
}

std::string random_bytes(Generator& generator, uint64_t longest, uint64_t values = 256) {
  std::string bytes(generator.below(longest + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>(generator.below(values));
  return bytes;
}

std::string in_a_row(const Words& words) {
  std::string text;
  for (const std::string_view word : words) text += word;
  return text;
}

void expect_round_trip(const Tokenizer& tokenizer, const std::string& bytes) {
  const Ids ids = tokenizer.encode(bytes);
  for (const int64_t id : ids) ASSERT_TRUE(id >= 0 && id < tokenizer.size());
  ASSERT_EQ(tokenizer.decode(ids), bytes);
}

TEST(ByteTokenizer, IdsAreTheValuesOfTheBytes) {
  const ByteTokenizer tokenizer;
  EXPECT_EQ(tokenizer.size(), 256);
  EXPECT_EQ(tokenizer.encode("a\xff\0"s), (Ids{97, 255, 0}));
  EXPECT_EQ(tokenizer.decode({97, 255, 0}), "a\xff\0"s);
  EXPECT_EQ(tokenizer.encode(""), Ids{});
  EXPECT_EQ(error_of([&] {
              tokenizer.decode({0, 256});
            }),
            "tokenizer: id 256 in a vocabulary of 256");
  EXPECT_EQ(error_of([&] { tokenizer.decode({-1}); }), "tokenizer: id -1 in a vocabulary of 256");
}

TEST(Tokenizers, AnyBytesComeBackAsTheyWent) {
  const BPETokenizer bpe = small_tokenizer();
  const ByteTokenizer bytes;
  for (const Tokenizer* tokenizer : std::initializer_list<const Tokenizer*>{&bpe, &bytes}) {
    expect_round_trip(*tokenizer, "");
    for (int first = 0; first < 256; ++first) {
      expect_round_trip(*tokenizer, std::string(1, static_cast<char>(first)));
      for (int second = 0; second < 256; ++second)
        expect_round_trip(*tokenizer, {static_cast<char>(first), static_cast<char>(second)});
    }
    Generator generator(1);
    for (int i = 0; i < 4000; ++i) expect_round_trip(*tokenizer, random_bytes(generator, 60));
    for (int i = 0; i < 1000; ++i) {  // pieces of the text it was trained on, cut anywhere
      const size_t begin = generator.below(text_of_tests.size());
      expect_round_trip(*tokenizer, text_of_tests.substr(begin, generator.below(40)));
    }
  }
}

TEST(Words, ArePartsOfTheText) {
  EXPECT_EQ(words_of(""), Words{});
  EXPECT_EQ(words_of("It's 2026, we'll see!!"),
            (Words{"It", "'s", " 2026", ",", " we", "'ll", " see", "!!"}));
  EXPECT_EQ(words_of("a  b\n\n c \n"), (Words{"a", " ", " b", "\n\n", " c", " \n"}));
  EXPECT_EQ(words_of("'S 'sky"), (Words{"'", "S", " '", "sky"}));
  EXPECT_EQ(words_of("caf\xe9 \xff"
                     "1"),
            (Words{"caf", "\xe9", " \xff", "1"}));  // Latin-1
  Generator generator(2);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = random_bytes(generator, 50);
    EXPECT_EQ(in_a_row(words_of(text)), text);
  }
}

// Where each byte that belongs to no character is replaced by U+FFFD, the words end at the same
// places.
TEST(Words, ABrokenByteIsASymbol) {
  Generator generator(3);
  const std::vector<std::string> whole = {"a", " ", "1", "'", "s", "\u00e9", "\u4eba", "\u2003"};
  const std::vector<std::string> broken = {"\xff", "\xc0", "\xfe"};
  for (int i = 0; i < 3000; ++i) {
    std::string text, mended;
    std::vector<size_t> place_in_text = {0};  // for each byte of `mended`
    for (uint64_t n = generator.below(12); n > 0; --n) {
      const bool is_broken = generator.below(3) == 0;
      const std::string& part = is_broken ? broken[generator.below(3)] : whole[generator.below(8)];
      const std::string shown = is_broken ? "\ufffd" : part;
      text += part;
      mended += shown;
      place_in_text.resize(mended.size() + 1, text.size());
      if (!is_broken)  // inside a character no word ends
        for (size_t k = 1; k < part.size(); ++k) place_in_text[mended.size() - k] = text.size() - k;
    }
    std::vector<size_t> ends, expected;
    size_t end = 0;
    for (const std::string_view word : words_of(text)) ends.push_back(end += word.size());
    end = 0;
    for (const std::string_view word : words_of(mended))
      expected.push_back(place_in_text[end += word.size()]);
    EXPECT_EQ(ends, expected) << text;
  }
}

TEST(Unicode, KindsOfCharacters) {
  for (const char32_t c :
       {U'a', U'Z', U'\u00aa', U'\u00e9', U'\u03b1', U'\u4eba', U'\U00020000', U'\U000323af'})
    EXPECT_EQ(kind_of(c), Kind::letter) << static_cast<uint32_t>(c);
  for (const char32_t c : {U'0', U'9', U'\u00b2', U'\u2167', U'\u0663', U'\U0001fbf9'})
    EXPECT_EQ(kind_of(c), Kind::number) << static_cast<uint32_t>(c);
  for (const char32_t c : {U' ', U'\t', U'\r', U'\u0085', U'\u00a0', U'\u2028', U'\u3000'})
    EXPECT_EQ(kind_of(c), Kind::space) << static_cast<uint32_t>(c);
  for (const char32_t c : {U'\0', U'!', U'\u001c', U'\u0301', U'\u200b', U'\ufffd', U'\U0010ffff',
                           char32_t{0x110000}, char32_t{0x3fffffff}})
    EXPECT_EQ(kind_of(c), Kind::other) << static_cast<uint32_t>(c);
  // Unicode 16.0 has so many.
  std::map<Kind, int> counts;
  for (char32_t c = 0; c < 0x110000; ++c) ++counts[kind_of(c)];
  EXPECT_EQ(counts[Kind::letter], 141028);
  EXPECT_EQ(counts[Kind::number], 1911);
  EXPECT_EQ(counts[Kind::space], 25);
}

// ---- encoding ----

// The definition, read aloud: as long as a merge fits, apply the earliest one, leftmost first.
Ids encode_slowly(const BPETokenizer& tokenizer, std::string_view text) {
  std::map<std::string_view, int64_t> ids;
  for (int64_t id = 0; id < tokenizer.size(); ++id) ids[tokenizer.token(id)] = id;
  std::map<std::pair<int64_t, int64_t>, size_t> ranks;
  const auto merges = tokenizer.merges();
  for (size_t rank = 0; rank < merges.size(); ++rank) ranks[merges[rank]] = rank;
  Ids all;
  for (const std::string_view word : words_of(text)) {
    std::vector<std::string> tokens;
    for (const char byte : word) tokens.emplace_back(1, byte);
    while (true) {
      size_t best = merges.size(), place = 0;
      for (size_t i = 0; i + 1 < tokens.size(); ++i) {
        const auto rank = ranks.find({ids[tokens[i]], ids[tokens[i + 1]]});
        if (rank == ranks.end() || rank->second >= best) continue;
        best = rank->second;
        place = i;
      }
      if (best == merges.size()) break;
      tokens[place] += tokens[place + 1];
      tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    }
    for (const std::string& token : tokens) all.push_back(ids[token]);
  }
  return all;
}

TEST(BPETokenizer, TheFastWayIsTheSlowWay) {
  const BPETokenizer tokenizer = small_tokenizer();
  EXPECT_EQ(tokenizer.encode(text_of_tests), encode_slowly(tokenizer, text_of_tests));
  // Few letters, so that many merges fit and overlap.
  Generator generator(4);
  std::string letters;
  for (int i = 0; i < 2000; ++i) letters += static_cast<char>('a' + generator.below(2));
  const BPETokenizer ab = BPETokenizer::train(letters, 320);
  EXPECT_GT(ab.merges().size(), 40u);
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (uint64_t n = generator.below(50); n > 0; --n)
      text += static_cast<char>('a' + generator.below(2));
    ASSERT_EQ(ab.encode(text), encode_slowly(ab, text)) << text;
  }
}

// A quadratic way would need hours.
TEST(BPETokenizer, ALongWordIsNoTrouble) {
  const std::string run(1'000'000, 'a');
  const BPETokenizer tokenizer = BPETokenizer::train(run, 4096);
  EXPECT_EQ(tokenizer.size(), 256 + 19);  // 2, 4, ... 2^19 letters, of which one occurs
  const Ids ids = tokenizer.encode(run);
  EXPECT_EQ(ids.size(), 7u);  // as many as 1,000,000 has ones in binary
  EXPECT_EQ(tokenizer.decode(ids), run);
  const std::string spaces(1'000'000, ' ');
  EXPECT_EQ(tokenizer.encode(spaces + "a").size(), 1'000'001u);
}

TEST(BPETokenizer, SpecialTokensAreTextUnlessAskedFor) {
  const BPETokenizer tokenizer = small_tokenizer();
  EXPECT_EQ(tokenizer.size(), 280);
  EXPECT_EQ(tokenizer.special_token("<|end|>"), 278);
  EXPECT_EQ(tokenizer.special_token("<|endless|>"), 279);
  const std::string text = "the<|end|>cat<|endless|><|end|><|end";
  const Ids plain = tokenizer.encode(text);
  for (const int64_t id : plain) EXPECT_LT(id, 278);
  EXPECT_EQ(tokenizer.decode(plain), text);
  Ids expected = tokenizer.encode("the");
  const auto add = [&](const Ids& more) {
    expected.insert(expected.end(), more.begin(), more.end());
  };
  add({278});
  add(tokenizer.encode("cat"));
  add({279, 278});
  add(tokenizer.encode("<|end"));
  EXPECT_EQ(tokenizer.encode_with_special_tokens(text), expected);
  EXPECT_EQ(tokenizer.decode(expected), text);
  EXPECT_EQ(tokenizer.encode_with_special_tokens(""), Ids{});
  EXPECT_EQ(tokenizer.encode_with_special_tokens("<|endles"), tokenizer.encode("<|endles"));
}

// Names of two letters, of which many begin others: at each place all are tried, longest first.
TEST(BPETokenizer, TheLongestOfManySpecialTokensIsFound) {
  Generator generator(7);
  const auto word = [&](size_t length) {
    std::string name(length, 'a');
    for (char& letter : name) letter = "ab\xff"[generator.below(3)];
    return name;
  };
  int found = 0;
  for (int round = 0; round < 50; ++round) {
    std::set<std::string> names;
    while (names.size() < 1 + generator.below(60)) names.insert(word(2 + generator.below(8)));
    const auto tokenizer = BPETokenizer::train("", 256 + std::ssize(names),
                                               {.special_tokens = {names.begin(), names.end()}});
    const std::string text = word(200);
    Ids expected;
    for (size_t place = 0; place < text.size();) {
      std::string longest;
      for (const std::string& name : names)
        if (text.compare(place, name.size(), name) == 0 && name.size() > longest.size())
          longest = name;
      found += !longest.empty();
      // No merges were learned, so that what is between them is bytes.
      expected.push_back(longest.empty() ? tokenizer.encode(text.substr(place, 1)).at(0)
                                         : tokenizer.special_token(longest).value());
      place += std::max<size_t>(1, longest.size());
    }
    EXPECT_EQ(tokenizer.encode_with_special_tokens(text), expected);
    for (const std::string& name : names)
      EXPECT_EQ(tokenizer.token(tokenizer.special_token(name).value()), name);
    EXPECT_EQ(tokenizer.special_token("a"), std::nullopt);
    EXPECT_EQ(tokenizer.special_token(""), std::nullopt);
  }
  EXPECT_GT(found, 500);
}

TEST(BPETokenizer, IdsOutOfRangeAreRefused) {
  const BPETokenizer tokenizer = small_tokenizer();
  for (const int64_t id : {int64_t{-1}, int64_t{280}, INT64_MAX, INT64_MIN}) {
    const std::string error = fmt::format("tokenizer: id {} in a vocabulary of 280", id);
    EXPECT_EQ(error_of([&] { tokenizer.decode({0, id}); }), error);
    EXPECT_EQ(error_of([&] { tokenizer.token(id); }), error);
  }
  EXPECT_EQ(tokenizer.decode(Ids{}), "");
}

}  // namespace
}  // namespace gradus::data
