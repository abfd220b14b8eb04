#include "gradus/data/corpus.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "gradus/io/file.h"
#include "io/temporary.h"
#include "support.h"

namespace gradus::data {
namespace {

using test::error_of;

// 'a', 'b', ... 'z', 'a', ...: the token at place i is i % 26.
std::string alphabet(size_t length) {
  std::string text;
  for (size_t i = 0; i < length; ++i) text += static_cast<char>('a' + i % 26);
  return text;
}

TEST(Corpus, IsCutAfterNineTenths) {
  const Corpus corpus(alphabet(1234));
  EXPECT_EQ(corpus.tokenizer().size(), 26);
  EXPECT_EQ(corpus.tokens(Split::train).size(), 1110U);
  EXPECT_EQ(corpus.tokens(Split::validation).size(), 124U);
  EXPECT_EQ(corpus.tokens(Split::train)[1109], 1109 % 26);
  EXPECT_EQ(corpus.tokens(Split::validation)[0], 1110 % 26);
  EXPECT_EQ(corpus.bytes(), 1234);
  // Characters count, not bytes.
  const Corpus unicode("\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9\u20ac");
  EXPECT_EQ(unicode.tokens(Split::train).size(), 9U);
  EXPECT_EQ(unicode.bytes(), 21);
}

TEST(Corpus, TargetsAreTheInputsOneLater) {
  const Corpus corpus(alphabet(1000));
  Generator generator(1);
  for (const Split split : {Split::train, Split::validation}) {
    const Batch batch = corpus.draw(split, 5, 7, generator);
    EXPECT_EQ(batch.inputs.shape(), (Shape{5, 7}));
    EXPECT_EQ(batch.targets.shape(), (Shape{5, 7}));
    EXPECT_EQ(batch.inputs.dtype(), DType::int64);
    test::for_each_index({5, 7}, [&](const Shape& at) {
      EXPECT_EQ(batch.targets.at(at), std::fmod(batch.inputs.at(at) + 1, 26));
      if (at[1] > 0) {
        EXPECT_EQ(batch.inputs.at(at), batch.targets.at({at[0], at[1] - 1}));
      }
    });
  }
}

// Every place from the first to the last possible one, none more often than chance allows.
TEST(Corpus, WindowsBeginAnywhereInTheirSplit) {
  std::string text;  // every character differs, so a window's first token is its place
  for (int i = 0; i < 230; ++i)
    text +=
        std::string("\xe4") + static_cast<char>(0xb8 + i / 64) + static_cast<char>(0x80 + i % 64);
  const Corpus corpus(text);
  Generator generator(1);
  const auto count = [&](Split split, int64_t context) {
    std::map<int64_t, int> counts;
    for (int i = 0; i < 200; ++i)
      for (const double start :
           corpus.draw(split, 100, context, generator).inputs.slice(1, 0, 1).to_vector())
        ++counts[static_cast<int64_t>(start)];
    return counts;
  };
  // Training: 207 tokens, so 200 places for a context of 7; validation: 207 to 229, 16 places.
  for (const auto& [counts, first, places] :
       {std::tuple(count(Split::train, 7), 0, 200), {count(Split::validation, 7), 207, 16}}) {
    EXPECT_EQ(std::ssize(counts), places);
    EXPECT_EQ(counts.begin()->first, first);
    EXPECT_EQ(counts.rbegin()->first, first + places - 1);
    const double expected = 20000.0 / places;
    for (const auto& [place, n] : counts)
      EXPECT_NEAR(n, expected, 5 * std::sqrt(expected)) << place;
  }
}

TEST(Corpus, BatchesDependOnTheGeneratorAlone) {
  const Corpus corpus(alphabet(1000));
  Generator a(7), b(7);
  const Batch first = corpus.draw(Split::train, 3, 5, a);
  const Batch second = corpus.draw(Split::train, 3, 5, a);
  EXPECT_TRUE(test::same_bits(corpus.draw(Split::train, 3, 5, b).inputs, first.inputs));
  EXPECT_TRUE(test::same_bits(corpus.draw(Split::train, 3, 5, b).inputs, second.inputs));
  EXPECT_FALSE(test::same_bits(first.inputs, second.inputs));
}

// Whatever the remainders, every token but the first is a target once, in order.
TEST(Corpus, ValidationBlocksCoverTheSplit) {
  for (size_t length = 60; length < 1200; length += 37)
    for (const int64_t context : {1, 3, 5})
      for (const int64_t batch : {1, 2, 7}) {
        const Corpus corpus(alphabet(length));
        const auto tokens = corpus.tokens(Split::validation);
        std::vector<double> inputs, targets;
        const std::vector<Batch> blocks = corpus.validation_blocks(context, batch);
        for (const Batch& block : blocks) {
          EXPECT_EQ(block.inputs.shape(), block.targets.shape());
          EXPECT_LE(block.inputs.size(0), batch);
          EXPECT_LE(block.inputs.size(1), context);
          const auto input = block.inputs.to_vector(), target = block.targets.to_vector();
          inputs.insert(inputs.end(), input.begin(), input.end());
          targets.insert(targets.end(), target.begin(), target.end());
        }
        EXPECT_EQ(inputs, std::vector<double>(tokens.begin(), tokens.end() - 1));
        EXPECT_EQ(targets, std::vector<double>(tokens.begin() + 1, tokens.end()));
        const int64_t predicted = std::ssize(tokens) - 1, windows = predicted / context;
        EXPECT_EQ(std::ssize(blocks), (windows + batch - 1) / batch + (predicted % context > 0));
      }
}

TEST(Corpus, ATextThatIsTooShortIsRefused) {
  Generator generator(1);
  const Corpus corpus(alphabet(640));  // 576 and 64
  EXPECT_EQ(corpus.draw(Split::validation, 2, 63, generator).inputs.size(1), 63);
  EXPECT_EQ(corpus.draw(Split::train, 2, 575, generator).inputs.at({1, 0}), 0);
  EXPECT_EQ(corpus.validation_blocks(63).size(), 1U);
  const std::string validation =
      "corpus: the text is too short: its last 10 % (for validation) has 64 characters, "
      "a context of 64 needs 65";
  EXPECT_EQ(error_of([&] { corpus.draw(Split::validation, 1, 64, generator); }), validation);
  EXPECT_EQ(error_of([&] { corpus.validation_blocks(64); }), validation);
  EXPECT_EQ(error_of([&] { corpus.draw(Split::train, 1, 576, generator); }),
            "corpus: the text is too short: its first 90 % (for training) has 576 characters, "
            "a context of 576 needs 577");
  EXPECT_EQ(error_of([&] { corpus.validation_blocks(INT64_MAX); }).substr(0, 6), "corpus");
  EXPECT_EQ(error_of([&] { corpus.draw(Split::train, 1, 0, generator); }),
            "corpus: a context of 0 tokens");
  EXPECT_EQ(error_of([&] { corpus.draw(Split::train, 0, 8, generator); }),
            "corpus: a batch of 0 windows");
  EXPECT_EQ(error_of([&] { corpus.validation_blocks(8, -1); }), "corpus: a batch of -1 windows");
  EXPECT_EQ(generator.position(), 2U * 2 * 2);  // nothing was drawn in vain
}

TEST(Corpus, TheFingerprintKnowsTheText) {
  // From the authors' page: http://www.isthe.com/chongo/src/fnv/test_fnv.c
  EXPECT_EQ(Corpus("a").fingerprint(), 0xaf63dc4c8601ec8cU);
  EXPECT_EQ(Corpus("foobar").fingerprint(), 0x85944171f73967e8U);
  EXPECT_NE(Corpus("foobaz").fingerprint(), Corpus("foobar").fingerprint());
}

TEST(Corpus, FilesThatHoldNoTextAreRefused) {
  const test::TemporaryDirectory directory;
  const auto path = directory / "a.txt";
  const auto error = [&](const std::string& bytes) {
    io::write_file(path, bytes);
    const std::string message = error_of([&] { Corpus::load(path); });
    EXPECT_TRUE(message.starts_with(path.string() + ": ")) << message;
    return message.substr(std::min(message.size(), path.string().size() + 2));
  };
  EXPECT_EQ(error(""), "tokenizer: the text is empty");
  EXPECT_EQ(error(std::string("a\0b\0", 4)),
            "tokenizer: control character U+0000 at byte 1: these bytes are no text");
  EXPECT_EQ(error("\x89PNG"),
            "tokenizer: byte 0x89 at offset 0 begins no character: this is not UTF-8 text");
  EXPECT_EQ(error_of([&] { Corpus::load(directory / "b"); }),
            "read: " + (directory / "b").string() + ": No such file or directory");
  EXPECT_EQ(error_of([&] { Corpus::load(directory.path()); }),
            "read: " + directory.path().string() + ": is a directory");
  io::write_file(path, "some text");
  EXPECT_EQ(Corpus::load(path).fingerprint(), Corpus("some text").fingerprint());
}

}  // namespace
}  // namespace gradus::data
