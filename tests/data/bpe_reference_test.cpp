// Byte pair encoding beside Hugging Face's: tests/reference/tokenizers.py made what it is compared
// with.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gradus/data/bpe.h"
#include "gradus/io/file.h"

namespace gradus::data {
namespace {

using nlohmann::json;

std::string reference(const std::string& file) { return io::read_file("tests/reference/" + file); }

BPETokenizer reference_tokenizer() {
  return BPETokenizer::load("tests/reference/bpe_vocab.json", "tests/reference/bpe_merges.txt");
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

TEST(BPEReference, WordsAndIdsAreHuggingFaces) {
  const BPETokenizer tokenizer = reference_tokenizer();
  size_t texts = 0, bytes = 0;
  for (const json& entry : json::parse(reference("bpe_strings.json"))) {
    SCOPED_TRACE(entry.dump());
    const bool is_text = entry.contains("text");
    ++(is_text ? texts : bytes);
    const std::string string = is_text ? std::string(entry["text"]) : from_hex(entry["hex"]);
    std::vector<std::string> words = entry["words"];
    if (!is_text)
      for (std::string& word : words) word = from_hex(word);
    const auto ours = words_of(string);
    EXPECT_EQ(std::vector<std::string>(ours.begin(), ours.end()), words);
    const std::vector<int64_t> ids = tokenizer.encode(string);
    EXPECT_EQ(ids, std::vector<int64_t>(entry["ids"]));
    EXPECT_EQ(tokenizer.decode(ids), string);
  }
  EXPECT_GE(texts, 100u);
  EXPECT_GE(bytes, 30u);
}

// Its special token comes first, ours last; otherwise the files are the same, byte for byte.
TEST(BPEReference, TrainingFindsHuggingFacesMerges) {
  const std::string text = reference("bpe_text.txt");
  const BPETokenizer tokenizer =
      BPETokenizer::train(text, 600, {.special_tokens = {"<|endoftext|>"}});
  EXPECT_EQ(tokenizer.merges_txt(), reference("bpe_merges.txt"));
  const BPETokenizer theirs = reference_tokenizer();
  ASSERT_EQ(tokenizer.size(), theirs.size());
  EXPECT_LT(tokenizer.size(), 600);  // no pair is left that occurs twice
  const int64_t last = tokenizer.size() - 1;
  EXPECT_EQ(tokenizer.token(last), theirs.token(0));
  for (int64_t id = 0; id < last; ++id) EXPECT_EQ(tokenizer.token(id), theirs.token(id + 1));
}

TEST(BPEReference, FilesAreWrittenAsTheyWereRead) {
  const BPETokenizer tokenizer = reference_tokenizer();
  EXPECT_EQ(tokenizer.vocabulary_json(), reference("bpe_vocab.json"));
  EXPECT_EQ(tokenizer.merges_txt(), reference("bpe_merges.txt"));
  EXPECT_EQ(tokenizer.special_token("<|endoftext|>"), 0);
  EXPECT_EQ(tokenizer.special_token("the"), std::nullopt);
}

}  // namespace
}  // namespace gradus::data
