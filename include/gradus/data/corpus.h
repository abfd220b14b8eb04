/// \file
/// A text to learn from: cut into training and validation, served in batches.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "gradus/array.h"
#include "gradus/data/tokenizer.h"
#include "gradus/random.h"

namespace gradus::data {

/// B windows of T consecutive tokens, and for each token the one that follows it: both int64,
/// (B, T). With the text "to be" and T = 4, inputs hold "to b" and targets "o be".
struct Batch {
  Array inputs,  ///< (B, T) of int64
      targets;   ///< (B, T) of int64: inputs, one token on
};

/// The two parts of a text: the first 90 % of its characters and the rest, as nanoGPT cuts it.
enum class Split {
  train,       ///< what is learned from
  validation,  ///< what is only measured on
};

/// A text as tokens of a CharTokenizer of its own. Two bytes a token; the text itself is not kept.
class Corpus {
 public:
  /// \throws Error if `text` is no text, see CharTokenizer.
  explicit Corpus(std::string_view text);
  /// The text of a file. \throws Error naming the file if it cannot be read, is empty or is no
  /// text.
  static Corpus load(const std::filesystem::path& path);

  /// The vocabulary, made from the whole text.
  const CharTokenizer& tokenizer() const { return tokenizer_; }
  /// The token ids of one part, in the text's order; they live as long as the corpus.
  std::span<const uint16_t> tokens(Split split) const;

  /// `batch` windows of `context` tokens, each starting anywhere in the split with equal
  /// probability (nanoGPT: torch.randint(len(data) - block_size)).
  /// \throws Error if the split is shorter than context + 1 tokens, or a size is below 1.
  Batch draw(Split split, int64_t batch, int64_t context, Generator& generator) const;

  /// The whole validation split, every token but the first predicted exactly once: consecutive
  /// windows of `context` tokens in batches of up to `batch`; what is left over at the end makes a
  /// last batch of one shorter window. The loss over the split is the mean of the batches' losses,
  /// weighted by their numbers of targets. \throws Error if the split is shorter than context + 1
  /// tokens.
  std::vector<Batch> validation_blocks(int64_t context, int64_t batch = 32) const;

  /// A number that another text almost surely has not: the 64-bit FNV-1a hash of the text's bytes.
  /// A checkpoint keeps it, to know its text again.
  uint64_t fingerprint() const { return fingerprint_; }
  /// The text's size in bytes.
  int64_t bytes() const { return bytes_; }

 private:
  void check_length(Split split, int64_t context) const;
  Batch windows(Split split, std::span<const int64_t> starts, int64_t context) const;

  CharTokenizer tokenizer_;
  std::vector<uint16_t> tokens_;
  uint64_t fingerprint_;
  int64_t bytes_;
};

}  // namespace gradus::data
