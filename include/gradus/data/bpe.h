/// \file
/// From text to numbers and back, by the piece: byte-level byte pair encoding, GPT-2's way.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/data/tokenizer.h"

namespace gradus::data {

/// A text cut into words as GPT-2 cuts it (Radford et al. 2019); one after the other they are the
/// text again. No token reaches over the end of a word. A word is what the pattern
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// matches: an ending as in `it's`; letters, digits or symbols, each with the space before them;
/// white space. Letters, numbers and white space are Unicode 16.0's. A byte that belongs to no
/// character is a symbol, as U+FFFD is.
std::vector<std::string_view> words_of(std::string_view text);

/// How a BPETokenizer is learned from a text.
struct BPETraining {
  /// Tokens that stand for no piece of text; they get the last ids, as in GPT-2.
  std::vector<std::string> special_tokens = {};
  /// A pair that occurs less often than this is not merged, so there may be fewer tokens in the end
  /// than were asked for.
  int64_t least_count = 2;
  /// Told now and then how much is done, from 0 to 1: viz::Progress::update for example.
  std::function<void(double)> progress = {};
};

/// Byte-level byte pair encoding (Sennrich et al. 2016, on bytes: Radford et al. 2019).
///
/// It begins with 256 tokens, the bytes, so it can encode anything, also what is not UTF-8; a list
/// of *merges* says which two neighbouring tokens become one, the most useful first. encode() cuts
/// the text into words_of() it, makes each byte of a word a token, and applies the earliest merge
/// of the list that fits anywhere in the word, leftmost first, until none does.
///
///     auto tokenizer = BPETokenizer::train(text, 1024);
///     tokenizer.save("vocab.json", "merges.txt");       // GPT-2's two files
///     tokenizer.encode("To be, or not to be");
///
/// A long word costs n log n: a megabyte of one letter takes a fraction of a second.
class BPETokenizer final : public Tokenizer {
 public:
  /// Learns merges from a text: as long as there are fewer than `vocabulary_size` tokens, the pair
  /// of neighbours that occurs most often inside words becomes a token. Of equally frequent pairs
  /// the one whose left token has the lower id is taken, then the one whose right token has, as
  /// Hugging Face's trainer decides. Ids are GPT-2's: first the bytes, in the order of the
  /// characters that stand for them in files, then the merged tokens, the special tokens last.
  /// \throws Error if `vocabulary_size` has no room for the bytes and the special tokens or is
  /// above max_size, or if a special token is empty, named twice or a byte.
  static BPETokenizer train(std::string_view text, int64_t vocabulary_size,
                            const BPETraining& training = {});

  /// Reads GPT-2's two files, or those of Hugging Face's ByteLevelBPETokenizer: a JSON object of
  /// tokens and their ids; and the merges, one a line, best first. In both a byte is written as a
  /// visible character (a space as U+0120, "Ġ"). Tokens that are no byte and in no merge are the
  /// special ones. \throws Error naming the file and what is wrong: no object, no UTF-8, an id
  /// twice or left out, a byte without a token, a merge of unknown tokens, more than max_size
  /// tokens or merges, a file of more than 64 MiB.
  static BPETokenizer load(const std::filesystem::path& vocabulary,
                           const std::filesystem::path& merges);
  /// The same from the contents of the two files.
  static BPETokenizer parse(std::string_view vocabulary_json, std::string_view merges_txt);
  /// The most tokens, and the most merges, that a tokenizer may have.
  static constexpr int64_t max_size = int64_t{1} << 20;

  /// Writes the two files; GPT-2's encoder, tiktoken and Hugging Face's tokenizers read them.
  /// Both are whole on the disk before the first gets its name, so a full disk, or a place where
  /// one of them cannot be made, leaves the two old files. Two files cannot get their names in one
  /// step: a process that ends between the two renamings, or a second renaming that the system
  /// refuses, leaves the new vocabulary with the old merges. \throws Error if one cannot be
  /// written.
  void save(const std::filesystem::path& vocabulary, const std::filesystem::path& merges) const;
  /// What save() writes to the first file.
  std::string vocabulary_json() const;
  /// What save() writes to the second.
  std::string merges_txt() const;

  /// How many tokens there are, the special ones included.
  int64_t size() const override { return static_cast<int64_t>(tokens_.size()); }
  /// The ids of any bytes. A text is only text: the name of a special token in it is spelled out,
  /// so that nobody can slip one into it.
  std::vector<int64_t> encode(std::string_view text) const override;
  /// The same, but the names of special tokens, the longest where several begin, become those.
  std::vector<int64_t> encode_with_special_tokens(std::string_view text) const;
  /// The bytes that the ids stand for; of a special token its name. A part of a text's ids may be a
  /// part of a character, and so not UTF-8. \throws Error if an id is not in [0, size()).
  std::string decode(std::span<const int64_t> ids) const override;
  using Tokenizer::decode;

  /// The bytes of one token. \throws Error if `id` is not in [0, size()).
  std::string_view token(int64_t id) const;
  /// The id of a special token, as in special_token("<|endoftext|>"); nothing if there is none.
  std::optional<int64_t> special_token(std::string_view name) const;
  /// The merges, best first: the two tokens that become one.
  std::vector<std::pair<int64_t, int64_t>> merges() const;

 private:
  using Id = uint32_t;
  struct Merge {
    Id left, right, result;
  };
  BPETokenizer(std::vector<std::string> tokens, std::vector<Merge> merges);
  static BPETokenizer read(std::string_view vocabulary, const std::string& vocabulary_name,
                           std::string_view merges, const std::string& merges_name);
  static BPETokenizer learn(std::string_view text, int64_t vocabulary_size,
                            const BPETraining& training);
  std::string file_name(Id id) const;
  size_t place_of(Id left, Id right) const;
  std::optional<Id> special_token_at_start_of(std::string_view text) const;

  class Encoder;

  std::vector<std::string> tokens_;  // bytes by id
  std::vector<Merge> merges_;        // by rank
  std::vector<uint32_t> ranks_;      // a hash table: at place_of() a pair its rank
  std::array<Id, 256> byte_ids_;
  std::vector<Id> special_;  // the special tokens in the order of their bytes
};

}  // namespace gradus::data
