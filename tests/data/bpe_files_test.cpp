#include <gtest/gtest.h>

#include "gradus/data/bpe.h"
#include "gradus/io/file.h"
#include "io/failpoints.h"
#include "io/temporary.h"
#include "support.h"

namespace gradus::data {
namespace {

using test::error_of;
using namespace std::string_literals;

// The 256 bytes as the files name them, and their ids, with more behind.
std::string vocabulary_with(const std::string& more) {
  std::string text = BPETokenizer::train("", 256).vocabulary_json();
  text.pop_back();
  return text + more + "}";
}

const std::string plain_vocabulary = vocabulary_with(R"(,"ab":256,"abc":257,"<|end|>":258)");
const std::string plain_merges = "#version: 0.2\na b\nab c\n";

std::string vocabulary_error(const std::string& text) {
  return error_of([&] { BPETokenizer::parse(text, plain_merges); });
}
std::string merges_error(const std::string& text) {
  return error_of([&] { BPETokenizer::parse(plain_vocabulary, text); });
}

TEST(BPEFiles, AreReadFromMemory) {
  const BPETokenizer tokenizer = BPETokenizer::parse(plain_vocabulary, plain_merges);
  EXPECT_EQ(tokenizer.size(), 259);
  EXPECT_EQ(tokenizer.encode("abcab"), (std::vector<int64_t>{257, 256}));
  EXPECT_EQ(tokenizer.special_token("<|end|>"), 258);
  // Without the first line, with the line ends of Windows, without the last one.
  for (const char* merges : {"a b\nab c\n", "#version: 0.2\r\na b\r\nab c\r\n", "a b\nab c"})
    EXPECT_EQ(BPETokenizer::parse(plain_vocabulary, merges).merges(), tokenizer.merges());
}

TEST(BPEFiles, WhatWasSavedIsLoaded) {
  const test::TemporaryDirectory directory;
  const BPETokenizer tokenizer = BPETokenizer::train(
      "the cat\n\xff\xff the cat\n\xff\xff caf\u00e9 caf\u00e9", 290,
      {.special_tokens = {"<|end|>", "a space", "\u00e9\u4eba", "\u00e9\u00e9", "\xff\xfe\xff"}});
  tokenizer.save(directory / "vocab.json", directory / "merges.txt");
  const BPETokenizer loaded =
      BPETokenizer::load(directory / "vocab.json", directory / "merges.txt");
  ASSERT_EQ(loaded.size(), tokenizer.size());
  for (int64_t id = 0; id < loaded.size(); ++id) EXPECT_EQ(loaded.token(id), tokenizer.token(id));
  EXPECT_EQ(loaded.merges(), tokenizer.merges());
  for (const char* name : {"<|end|>", "a space", "\u00e9\u4eba", "\u00e9\u00e9", "\xff\xfe\xff"})
    EXPECT_EQ(loaded.special_token(name), tokenizer.special_token(name)) << name;
  EXPECT_TRUE(loaded.special_token("<|end|>").has_value());
  EXPECT_EQ(loaded.vocabulary_json(), tokenizer.vocabulary_json());
  EXPECT_EQ(loaded.merges_txt(), tokenizer.merges_txt());
}

// Two tokenizers and two files, to see which of them stand there after a save that failed.
class BPEFilesSaved : public ::testing::Test {
 protected:
  BPEFilesSaved() { old_.save(vocabulary_, merges_); }
  std::string error_of_saving() {
    return error_of([&] { new_.save(vocabulary_, merges_); });
  }
  // Also that there is nothing else.
  void expect_files(const BPETokenizer& vocabulary, const BPETokenizer& merges) {
    EXPECT_EQ(io::read_file(vocabulary_), vocabulary.vocabulary_json());
    EXPECT_EQ(io::read_file(merges_), merges.merges_txt());
    EXPECT_EQ(directory_.count(), 2);
  }

  const BPETokenizer old_ = BPETokenizer::train("the cat the cat", 260),
                     new_ = BPETokenizer::train("a dog a dog a dog", 259);
  const test::TemporaryDirectory directory_;
  const std::filesystem::path vocabulary_ = directory_ / "vocab.json",
                              merges_ = directory_ / "merges.txt";
};

TEST_F(BPEFilesSaved, AreBothNewOrBothOld) {
  // 0: the first file's call fails; 1: the second's.
  for (const char* call : {"open", "write", "fsync"})
    for (const int successes : {0, 1}) {
      const test::Failing full(call, ENOSPC, successes);
      EXPECT_EQ(error_of_saving(), "write: " + (successes == 0 ? vocabulary_ : merges_).string() +
                                       ": No space left on device");
      expect_files(old_, old_);
    }
  {
    const test::Failing none;
    new_.save(vocabulary_, merges_);
    EXPECT_EQ(none.calls(),
              (std::vector<std::string>{"open", "write", "fsync", "write", "fsync", "rename",
                                        "fsync_directory", "rename", "fsync_directory"}));
  }
  expect_files(new_, new_);
}

TEST_F(BPEFilesSaved, StayOldWhereTheSecondHasNoPlace) {
  const auto missing = directory_ / "missing/merges.txt";
  EXPECT_EQ(error_of([&] { new_.save(vocabulary_, missing); }),
            "write: " + missing.string() + ": No such file or directory");
  expect_files(old_, old_);
}

// The window that remains, as bpe.h says.
TEST_F(BPEFilesSaved, AreANewVocabularyAndOldMergesIfTheSecondRenamingFails) {
  const test::Failing renaming("rename", EIO, 1);
  EXPECT_EQ(error_of_saving(), "write: " + merges_.string() + ": Input/output error");
  expect_files(new_, old_);
}

// A space is written as U+0120, a newline as U+010A, a special token as itself.
TEST(BPEFiles, LookAsGPT2sDo) {
  const BPETokenizer tokenizer = BPETokenizer::train("\n\n of of of of of of of of \n\n", 260,
                                                     {.special_tokens = {"<|endoftext|>"}});
  EXPECT_EQ(tokenizer.merges_txt(), "#version: 0.2\no f\n\u0120 of\n\u010a \u010a\n");
  const std::string json = tokenizer.vocabulary_json();
  EXPECT_TRUE(json.starts_with(R"({"!":0,"\"":1,"#":2,)")) << json;
  EXPECT_TRUE(
      json.ends_with("\"of\":256,\"\u0120of\":257,\"\u010a\u010a\":258,"
                     "\"<|endoftext|>\":259}"))
      << json;
}

TEST(BPEFiles, VocabulariesThatAreNoneAreRefused) {
  EXPECT_EQ(vocabulary_error(""), "vocab.json: not JSON in UTF-8 at byte 1");
  EXPECT_EQ(vocabulary_error("{"), "vocab.json: not JSON in UTF-8 at byte 2");
  EXPECT_EQ(vocabulary_error("{\"a\":0} x"), "vocab.json: not JSON in UTF-8 at byte 9");
  EXPECT_EQ(vocabulary_error("{\"a\":0}\0"s), "vocab.json: not JSON in UTF-8 at byte 8");
  EXPECT_EQ(vocabulary_error("{\"\xff\":0}"), "vocab.json: not JSON in UTF-8 at byte 3");
  EXPECT_EQ(vocabulary_error(R"({"\ud800":0})"), "vocab.json: not JSON in UTF-8 at byte 9");
  EXPECT_EQ(vocabulary_error("[1]"),
            "vocab.json: must hold an object of tokens and ids, not a list");
  EXPECT_EQ(vocabulary_error("7"),
            "vocab.json: must hold an object of tokens and ids, not the number 7");
  EXPECT_EQ(vocabulary_error("null"),
            "vocab.json: must hold an object of tokens and ids, not null");
  const auto bad_id = [](const std::string& value) {
    return vocabulary_error("{\"a\":" + value + "}");
  };
  const std::string rule = "vocab.json: the id of \"a\" must be a whole number from 0, not ";
  EXPECT_EQ(bad_id("-1"), rule + "the number -1");
  EXPECT_EQ(bad_id("1.5"), rule + "the number 1.5");
  EXPECT_EQ(bad_id("18446744073709551616"), rule + "the number 18446744073709551616");
  EXPECT_EQ(bad_id("\"0\""), rule + "\"0\"");
  EXPECT_EQ(bad_id("true"), rule + "a truth value");
  EXPECT_EQ(bad_id("null"), rule + "null");
  EXPECT_EQ(bad_id("[0]"), rule + "a list");
  EXPECT_EQ(bad_id("{\"b\":0}"), rule + "an object");
  EXPECT_EQ(bad_id(std::string(1'000'000, '[')), rule + "a list");  // deep
}

TEST(BPEFiles, IdsMustCount) {
  EXPECT_EQ(vocabulary_error("{\"\":0}"), "vocab.json: a token is empty");
  EXPECT_EQ(vocabulary_error(R"({"a":0,"b":2})"),
            "vocab.json: \"b\" has the id 2, but there are 2 tokens: an id is left out");
  EXPECT_EQ(vocabulary_error(R"({"a":0,"b":0})"), "vocab.json: \"a\" and \"b\" have the id 0");
  EXPECT_EQ(vocabulary_error(R"({"a":18446744073709551615})"),
            "vocab.json: \"a\" has the id 18446744073709551615, but there are 1 tokens: an id is "
            "left out");
  EXPECT_EQ(vocabulary_error(vocabulary_with(R"(,"ab":256,"abc":257,"ab":258)")),
            "vocab.json: \"ab\" stands for the bytes of another token");
  // U+0120 is the name of the space.
  EXPECT_EQ(vocabulary_error(vocabulary_with(R"(,"ab":256,"abc":257," ":258)")),
            "vocab.json: \" \" stands for the bytes of another token");
  std::string without_q = plain_vocabulary;
  without_q.replace(without_q.find("\"q\""), 3, "\"qq\"");
  EXPECT_EQ(vocabulary_error(without_q), "vocab.json: the byte 0x71 has no token");
  std::string many = "{";
  for (int64_t i = 0; i <= BPETokenizer::max_size; ++i)
    many += fmt::format("{}\"t{}\":{}", i == 0 ? "" : ",", i, i);
  EXPECT_EQ(vocabulary_error(many + "}"), "vocab.json: more than 1048576 tokens");
}

TEST(BPEFiles, MergesThatAreNoneAreRefused) {
  const std::string rule = "; a merge is two tokens with a space between them";
  EXPECT_EQ(merges_error("a b\nab\n"), "merges.txt: line 2 is \"ab\"" + rule);
  EXPECT_EQ(merges_error("a b\n\nab c\n"), "merges.txt: line 2 is \"\"" + rule);
  EXPECT_EQ(merges_error(" b\n"), "merges.txt: line 1 is \" b\"" + rule);
  EXPECT_EQ(merges_error("a \n"), "merges.txt: line 1 is \"a \"" + rule);
  EXPECT_EQ(merges_error("a b c\n"), "merges.txt: line 1 is \"a b c\"" + rule);
  EXPECT_EQ(merges_error("a b\n#version: 0.2\n"),
            "merges.txt: line 2: the vocabulary has no \"#version:\"");
  EXPECT_EQ(merges_error("a zz\n"), "merges.txt: line 1: the vocabulary has no \"zz\"");
  EXPECT_EQ(merges_error("b c\n"), "merges.txt: line 1: the vocabulary has no \"bc\"");
  EXPECT_EQ(merges_error("\xff \x01\n"), "merges.txt: line 1: the vocabulary has no \"\\ufffd\"");
  EXPECT_EQ(merges_error(std::string(1000, 'x')),
            "merges.txt: line 1 is \"" + std::string(80, 'x') + "\"..." + rule);
  // A name with a character that stands for no byte is a special token's, and stands for itself.
  const std::string odd =
      vocabulary_with(",\"ab\":256,\"abc\":257,\"\u4eba\":258,\"\u4eba\u0120\":259");
  EXPECT_EQ(error_of([&] { BPETokenizer::parse(odd, "a b\n\u4eba \u0120\n"); }),
            "merges.txt: \"\\u4eba\" and \"\\u0120\" do not make the bytes of \"\\u4eba\\u0120\"");
}

TEST(BPEFiles, FilesAreNamedInErrors) {
  const test::TemporaryDirectory directory;
  const auto vocabulary = directory / "v.json", merges = directory / "m.txt";
  const auto error = [&] { return error_of([&] { BPETokenizer::load(vocabulary, merges); }); };
  EXPECT_EQ(error(), "read: " + vocabulary.string() + ": No such file or directory");
  io::write_file(vocabulary, "[]");
  io::write_file(merges, "a\n");
  EXPECT_EQ(error(), "load_bpe: " + vocabulary.string() +
                         ": must hold an object of tokens and ids, not a list");
  io::write_file(vocabulary, plain_vocabulary);
  EXPECT_EQ(error(), "load_bpe: " + merges.string() +
                         ": line 1 is \"a\"; a merge is two tokens with a space between them");
  std::filesystem::resize_file(merges, (uint64_t{64} << 20) + 1);  // a hole: takes no room
  EXPECT_NE(error().find(merges.string()), std::string::npos);
  const std::string big(size_t{(64 << 20) + 1}, '\n');
  EXPECT_EQ(merges_error(big), "merges.txt: 67108865 bytes, at most 67108864 are read");
  EXPECT_EQ(vocabulary_error(big), "vocab.json: 67108865 bytes, at most 67108864 are read");
}

}  // namespace
}  // namespace gradus::data
