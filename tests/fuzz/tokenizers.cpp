// Any bytes as text, and as the files that a tokenizer is read from. What a tokenizer takes, it
// gives back.
#include "gradus/data/tokenizer.h"

#include <algorithm>

#include "fuzz/target.h"
#include "gradus/data/bpe.h"

namespace gradus::test::fuzz {
namespace {

// Pieces of the input, which 0xff separates: it stands in no UTF-8.
class Pieces {
 public:
  explicit Pieces(Bytes input) : rest_(input) {}
  Bytes next() {
    const auto end = static_cast<size_t>(std::ranges::find(rest_, 0xff) - rest_.begin());
    const Bytes piece = rest_.first(end);
    rest_ = rest_.subspan(std::min(end + 1, rest_.size()));
    return piece;
  }
  Bytes rest() const { return rest_; }

 private:
  Bytes rest_;
};

// Whether it takes the text, which then comes back.
bool round_trip(const data::Tokenizer& tokenizer, std::string_view text) {
  const auto ids = unless_refused([&] { return tokenizer.encode(text); });
  if (ids) require(tokenizer.decode(*ids) == text, "decode(encode(text)) is another text");
  return ids.has_value();
}

// Ids out of range are refused, all others stand for something.
void ids_are_checked(const data::Tokenizer& tokenizer, Bytes input) {
  std::vector<int64_t> ids;
  for (const uint8_t byte : input) ids.push_back(byte == 0xfe ? -1 : 2 * byte);
  const bool exist =
      std::ranges::all_of(ids, [&](int64_t id) { return id >= 0 && id < tokenizer.size(); });
  const auto text = unless_refused([&] { return tokenizer.decode(ids); });
  require(text.has_value() == exist, "decode takes ids that do not exist, or refuses some that do");
  if (text) require(round_trip(tokenizer, *text), "encode refuses what decode gave");
}

void characters(Pieces pieces) {
  const std::string_view learned = text_of(pieces.next());
  const auto tokenizer = unless_refused([&] { return data::CharTokenizer(learned); });
  if (!tokenizer) return;
  require(round_trip(*tokenizer, learned), "it refuses the text that it was made of");
  const data::CharTokenizer again(tokenizer->vocabulary());
  require(again.vocabulary() == tokenizer->vocabulary(), "made of its vocabulary it is another");
  require(std::ranges::equal(tokenizer->encode(learned), tokenizer->encode_compactly(learned)),
          "in 16 bits the ids are others");
  round_trip(*tokenizer, text_of(pieces.rest()));
  ids_are_checked(*tokenizer, pieces.rest());
}

void bytes(Pieces pieces) {
  const data::ByteTokenizer tokenizer;
  require(round_trip(tokenizer, text_of(pieces.rest())), "bytes were refused");
  ids_are_checked(tokenizer, pieces.rest());
}

void words(Pieces pieces) {
  const std::string_view text = text_of(pieces.rest());
  std::string together;
  for (const std::string_view word : data::words_of(text)) {
    require(!word.empty(), "a word is empty");
    together += word;
  }
  require(together == text, "the words are not the text");
}

void use(const data::BPETokenizer& tokenizer, Bytes text) {
  require(round_trip(tokenizer, text_of(text)), "bytes were refused");
  const auto special = tokenizer.encode_with_special_tokens(text_of(text));
  require(tokenizer.decode(special) == text_of(text), "with special tokens it is another text");
  ids_are_checked(tokenizer, text);
}

void require_same_from_files(const data::BPETokenizer& tokenizer, Bytes text) {
  const std::string vocabulary = tokenizer.vocabulary_json(), merges = tokenizer.merges_txt();
  const auto again = data::BPETokenizer::parse(vocabulary, merges);
  require(again.vocabulary_json() == vocabulary && again.merges_txt() == merges,
          "read from its own files it is another");
  require(again.encode(text_of(text)) == tokenizer.encode(text_of(text)),
          "read from its own files it encodes otherwise");
}

void learned(Pieces pieces) {
  const Bytes text = pieces.next(), name = pieces.next();
  data::BPETraining training;
  if (!name.empty()) training.special_tokens.emplace_back(text_of(name));
  const auto size = 250 + static_cast<int64_t>(text.size() % 64);
  const auto tokenizer =
      unless_refused([&] { return data::BPETokenizer::train(text_of(text), size, training); });
  if (!tokenizer) return;
  require(tokenizer->size() <= size, "{} tokens of {}", tokenizer->size(), size);
  use(*tokenizer, text);
  use(*tokenizer, pieces.rest());
  require_same_from_files(*tokenizer, pieces.rest());
}

bool read(Pieces pieces) {
  const std::string_view vocabulary = text_of(pieces.next()), merges = text_of(pieces.next());
  const auto tokenizer =
      unless_refused([&] { return data::BPETokenizer::parse(vocabulary, merges); });
  if (!tokenizer) return false;
  use(*tokenizer, pieces.rest());
  require_same_from_files(*tokenizer, pieces.rest());
  return true;
}

// The same, but the 256 bytes need not be in the input.
bool read_beside_bytes(Pieces pieces) {
  static const std::string bytes = data::BPETokenizer::train("", 256).vocabulary_json();
  std::string vocabulary = bytes.substr(0, bytes.rfind('}'));
  vocabulary += text_of(pieces.next());
  vocabulary += '}';
  const std::string_view merges = text_of(pieces.next());
  const auto tokenizer =
      unless_refused([&] { return data::BPETokenizer::parse(vocabulary, merges); });
  if (!tokenizer) return false;
  use(*tokenizer, pieces.rest());
  require_same_from_files(*tokenizer, pieces.rest());
  return true;
}

// The first byte says what is done with the others. Only files are said to be taken.
bool run(Bytes input) {
  if (input.empty()) return false;
  const Pieces pieces(input.subspan(1));
  switch (input[0]) {
    case 'c': characters(pieces); return false;
    case 'b': bytes(pieces); return false;
    case 'w': words(pieces); return false;
    case 't': learned(pieces); return false;
    case 'r': return read(pieces);
    default: return read_beside_bytes(pieces);
  }
}

}  // namespace

const Target tokenizers{"tokenizers", run, nullptr};

}  // namespace gradus::test::fuzz
