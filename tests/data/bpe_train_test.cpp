#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "gradus/data/bpe.h"
#include "support.h"

namespace gradus::data {
namespace {

using test::error_of;
using Merges = std::vector<std::pair<int64_t, int64_t>>;

struct Slow {
  std::vector<std::string> tokens;
  Merges merges;
};

// The definition, read aloud: count all pairs of the whole text anew for each merge.
Slow train_slowly(const std::string& text, size_t size, const BPETokenizer& for_bytes) {
  Slow slow;
  std::map<std::string, int64_t> ids;
  for (int64_t id = 0; id < 256; ++id) {
    slow.tokens.emplace_back(for_bytes.token(id));
    ids[slow.tokens.back()] = id;
  }
  std::vector<std::vector<int64_t>> words;
  for (const std::string_view word : words_of(text)) {
    words.emplace_back();
    for (const char byte : word) words.back().push_back(ids.at(std::string(1, byte)));
  }
  while (slow.tokens.size() < size) {
    std::map<std::pair<int64_t, int64_t>, int> counts;  // in ascending order of the pairs
    for (const auto& word : words)
      for (size_t i = 0; i + 1 < word.size(); ++i) ++counts[{word[i], word[i + 1]}];
    const auto best = std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) {
      return a.second < b.second;  // the first of the greatest
    });
    if (best == counts.end() || best->second < 2) break;
    const auto [left, right] = best->first;
    const std::string token =
        slow.tokens[static_cast<size_t>(left)] + slow.tokens[static_cast<size_t>(right)];
    const auto [id, is_new] = ids.try_emplace(token, std::ssize(slow.tokens));
    if (is_new) slow.tokens.push_back(token);
    slow.merges.emplace_back(left, right);
    for (auto& word : words)
      for (size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] != left || word[i + 1] != right) continue;
        word[i] = id->second;
        word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
  }
  return slow;
}

void expect_learned_as_slowly(const std::string& text, size_t size) {
  const BPETokenizer tokenizer = BPETokenizer::train(text, static_cast<int64_t>(size));
  const Slow slow = train_slowly(text, size, tokenizer);
  ASSERT_EQ(tokenizer.merges(), slow.merges) << text;
  ASSERT_EQ(tokenizer.size(), std::ssize(slow.tokens));
  for (int64_t id = 0; id < tokenizer.size(); ++id)
    ASSERT_EQ(tokenizer.token(id), slow.tokens[static_cast<size_t>(id)]);
}

// Texts of two letters have many ties, overlapping pairs, and tokens that arise in two ways.
TEST(BPETraining, TheFastWayIsTheSlowWay) {
  Generator generator(1);
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (uint64_t n = generator.below(120); n > 0; --n) text += "ab "[generator.below(3)];
    expect_learned_as_slowly(text, 256 + generator.below(30));
  }
  for (int i = 0; i < 40; ++i) {
    std::string text;
    for (uint64_t n = generator.below(400); n > 0; --n)
      text += static_cast<char>(generator.below(6) == 0 ? 0xff : generator.below(256));
    expect_learned_as_slowly(text, 280);
  }
  expect_learned_as_slowly(std::string(100, 'a') + " " + std::string(37, 'a'), 300);
}

TEST(BPETraining, TheFirstMergesByHand) {
  // Words: "aab", " aab", " ab". Pairs: ab 3, aa 2, _a 2. Then "ab" is one, and a ab occurs twice.
  const BPETokenizer tokenizer = BPETokenizer::train("aab aab ab", 258);
  EXPECT_EQ(tokenizer.merges_txt(), "#version: 0.2\na b\na ab\n");
  EXPECT_EQ(tokenizer.token(256), "ab");
  EXPECT_EQ(tokenizer.token(257), "aab");
  EXPECT_EQ(tokenizer.encode("aab"), (std::vector<int64_t>{257}));
}

// '!' is 0, as in GPT-2; a space is 220 there.
TEST(BPETraining, BytesComeFirstInGPT2sOrder) {
  const BPETokenizer tokenizer = BPETokenizer::train("", 256);
  EXPECT_EQ(tokenizer.size(), 256);
  EXPECT_EQ(tokenizer.encode("!Az ~\n"), (std::vector<int64_t>{0, 32, 89, 220, 93, 198}));
  EXPECT_TRUE(tokenizer.merges().empty());
}

TEST(BPETraining, StopsWhereNothingIsFrequentEnough) {
  EXPECT_EQ(BPETokenizer::train("abcdefg", 1000).size(), 256);
  EXPECT_EQ(BPETokenizer::train("abc", 1000, {.least_count = 1}).size(), 258);
  EXPECT_EQ(BPETokenizer::train("ab ab ab cd cd", 1000, {.least_count = 3}).size(), 257);
}

TEST(BPETraining, TellsHowFarItIs) {
  std::string text;
  Generator generator(5);
  for (int i = 0; i < 3'000'000; ++i) text += "abcdefghij "[generator.below(11)];
  std::vector<double> done;
  BPETraining training;
  training.progress = [&](double part) { done.push_back(part); };
  BPETokenizer::train(text, 270, training);
  ASSERT_GE(done.size(), 10u);
  EXPECT_TRUE(std::ranges::is_sorted(done));
  EXPECT_GT(done.front(), 0);
  EXPECT_LT(done.front(), 0.5);
  EXPECT_EQ(done.back(), 1);
}

TEST(BPETraining, ImpossibleWishesAreRefused) {
  const auto error = [](int64_t size, BPETraining training) {
    return error_of([&] { BPETokenizer::train("the cat", size, training); });
  };
  EXPECT_EQ(error(255, {}),
            "BPETokenizer::train: a vocabulary of 255; from 256, for bytes and special tokens, to "
            "1048576 are possible");
  EXPECT_EQ(error(-1, {}),
            "BPETokenizer::train: a vocabulary of -1; from 256, for bytes and special tokens, to "
            "1048576 are possible");
  EXPECT_EQ(error(BPETokenizer::max_size + 1, {}),
            "BPETokenizer::train: a vocabulary of 1048577; from 256, for bytes and special tokens, "
            "to 1048576 are possible");
  EXPECT_EQ(error(257, {.special_tokens = {"<a>", "<b>"}}),
            "BPETokenizer::train: a vocabulary of 257; from 258, for bytes and special tokens, to "
            "1048576 are possible");
  EXPECT_EQ(error(300, {.least_count = 0}), "BPETokenizer::train: a least count of 0");
  EXPECT_EQ(error(300, {.special_tokens = {"a"}}),
            "BPETokenizer::train: the special token \"a\" is not longer than a byte");
  EXPECT_EQ(error(300, {.special_tokens = {"<a>", "<a>"}}),
            "BPETokenizer::train: two special tokens \"<a>\"");
  EXPECT_EQ(error(300, {.special_tokens = {"\x1b[2J", "\x1b[2J"}}),
            "BPETokenizer::train: two special tokens \"\\u001b[2J\"");
  EXPECT_EQ(error_of([&] { BPETokenizer::train("the the the", 300, {.special_tokens = {"the"}}); }),
            "BPETokenizer::train: the special token \"the\" is a piece of the text");
}

}  // namespace
}  // namespace gradus::data
