#include "gradus/data/bpe.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <unordered_map>

#include "data/words.h"
#include "out_of_memory.h"

namespace gradus::data {
namespace {

constexpr uint32_t none = ~uint32_t{0};

// Spreads pairs over all 64 bits; the last step of MurmurHash3.
uint64_t hash_of(uint32_t left, uint32_t right) {
  uint64_t x = uint64_t{left} << 32 | right;
  x = (x ^ x >> 33) * 0xff51afd7ed558ccd;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53;
  return x ^ x >> 33;
}

}  // namespace

// Makes ids of the words of one text. A word that was seen before is not worked out again: its ids
// stand among those of the text already.
class BPETokenizer::Encoder {
 public:
  explicit Encoder(const BPETokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void add_text(std::string_view text) {
    each_word(text, [&](std::string_view word) { add_word(word); });
  }
  void add(Id id) { ids_.push_back(id); }
  std::vector<int64_t> take() { return std::move(ids_); }

 private:
  struct Place {
    size_t begin, count;
  };

  void add_word(std::string_view word) {
    const auto [seen, is_new] = seen_.try_emplace(word, Place{ids_.size(), 0});
    if (is_new) {
      merge(word);
      seen->second.count = ids_.size() - seen->second.begin;
      return;
    }
    const auto [begin, count] = seen->second;
    ids_.resize(ids_.size() + count);
    std::copy_n(ids_.begin() + static_cast<std::ptrdiff_t>(begin), count,
                ids_.end() - static_cast<std::ptrdiff_t>(count));
  }

  // The tokens of the word are a linked list over the places of its bytes; merging two keeps the
  // left one's place. What can be merged waits in a heap by rank, then by place. Merging changes
  // the neighbours of other candidates: one that does not find its two tokens any more is dropped.
  void merge(std::string_view word) {
    check(word.size() < none, "tokenizer: a word of {} bytes", word.size());
    const auto length = static_cast<uint32_t>(word.size());
    id_.resize(length);
    next_.resize(length);
    previous_.resize(length);
    heap_.clear();
    for (uint32_t i = 0; i < length; ++i) {
      id_[i] = tokenizer_.byte_ids_[static_cast<uint8_t>(word[i])];
      previous_[i] = i == 0 ? none : i - 1;
      next_[i] = i + 1 == length ? none : i + 1;
    }
    for (uint32_t i = 0; i + 1 < length; ++i)
      if (const uint32_t rank = rank_at(i); rank != none) heap_.push_back(key_of(rank, i));
    std::ranges::make_heap(heap_, std::greater());
    while (!heap_.empty()) {
      std::ranges::pop_heap(heap_, std::greater());
      const auto place = static_cast<uint32_t>(heap_.back());
      const Merge& merge = tokenizer_.merges_[heap_.back() >> 32];
      heap_.pop_back();
      const uint32_t right = next_[place];
      if (id_[place] == merge.left && right != none && id_[right] == merge.right)
        replace(place, right, merge.result);
    }
    for (uint32_t i = 0; i != none; i = next_[i]) ids_.push_back(id_[i]);
  }

  void replace(uint32_t place, uint32_t right, Id result) {
    id_[place] = result;
    id_[right] = none;  // no merge begins here any more
    next_[place] = next_[right];
    if (next_[place] != none) {
      previous_[next_[place]] = place;
      push_if_merged(place);
    }
    if (previous_[place] != none) push_if_merged(previous_[place]);
  }

  void push_if_merged(uint32_t place) {
    const uint32_t rank = rank_at(place);
    if (rank == none) return;
    heap_.push_back(key_of(rank, place));
    std::ranges::push_heap(heap_, std::greater());
  }

  uint32_t rank_at(uint32_t place) const {
    return tokenizer_.ranks_[tokenizer_.place_of(id_[place], id_[next_[place]])];
  }
  static uint64_t key_of(uint32_t rank, uint32_t place) { return uint64_t{rank} << 32 | place; }

  const BPETokenizer& tokenizer_;
  std::vector<int64_t> ids_;
  std::unordered_map<std::string_view, Place> seen_;
  // Of the word at hand, by place:
  std::vector<uint32_t> id_, next_, previous_;
  std::vector<uint64_t> heap_;  // rank << 32 | place of the left token
};

BPETokenizer::BPETokenizer(std::vector<std::string> tokens, std::vector<Merge> merges)
    : tokens_(std::move(tokens)), merges_(std::move(merges)) {
  std::vector<bool> is_piece(tokens_.size());
  byte_ids_.fill(none);
  for (size_t id = 0; id < tokens_.size(); ++id) {
    if (tokens_[id].size() != 1) continue;
    byte_ids_[static_cast<uint8_t>(tokens_[id][0])] = static_cast<Id>(id);
    is_piece[id] = true;
  }
  for (size_t byte = 0; byte < 256; ++byte)
    check(byte_ids_[byte] != none, "the byte {:#04x} has no token", byte);
  for (const Merge& merge : merges_)
    is_piece[merge.left] = is_piece[merge.right] = is_piece[merge.result] = true;
  ranks_.assign(std::bit_ceil(2 * merges_.size() + 1), none);
  for (uint32_t rank = 0; rank < merges_.size(); ++rank)  // of a pair that is listed twice the last
    ranks_[place_of(merges_[rank].left, merges_[rank].right)] = rank;  // counts, as with GPT-2
  for (size_t id = 0; id < tokens_.size(); ++id)
    if (!is_piece[id]) special_.push_back(static_cast<Id>(id));
  std::ranges::sort(special_, {}, [&](Id id) -> const std::string& { return tokens_[id]; });
}

// The place of a pair in the table: the one that its hash says, or the first one after it where the
// pair stands or nothing does. At least half of the places are free, so the search is short.
size_t BPETokenizer::place_of(Id left, Id right) const {
  size_t place = hash_of(left, right) & (ranks_.size() - 1);
  const auto is_another = [&](uint32_t rank) {
    return rank != none && (merges_[rank].left != left || merges_[rank].right != right);
  };
  while (is_another(ranks_[place])) place = (place + 1) & (ranks_.size() - 1);
  return place;
}

std::vector<int64_t> BPETokenizer::encode(std::string_view text) const try {
  Encoder encoder(*this);
  encoder.add_text(text);
  return encoder.take();
} catch (const std::bad_alloc&) {
  fail_out_of_memory("encode: a text of {} bytes", text.size());
}

std::vector<int64_t> BPETokenizer::encode_with_special_tokens(std::string_view text) const {
  std::array<bool, 256> begins_one{};
  for (const Id id : special_) begins_one[static_cast<uint8_t>(tokens_[id][0])] = true;

  const auto encode_all = [&] {
    Encoder encoder(*this);
    size_t begin = 0;  // of the text since the last special token
    for (size_t place = 0; place < text.size();) {
      std::optional<Id> found;
      if (begins_one[static_cast<uint8_t>(text[place])])
        found = special_token_at_start_of(text.substr(place));
      if (!found) {
        ++place;
        continue;
      }
      encoder.add_text(text.substr(begin, place - begin));
      encoder.add(*found);
      begin = place += tokens_[*found].size();
    }
    encoder.add_text(text.substr(begin));
    return encoder.take();
  };
  return with_memory(encode_all, "encode: a text of {} bytes", text.size());
}

// The longest one. Those that begin as the text does stand side by side, the shortest first, and
// each byte more narrows them down.
std::optional<BPETokenizer::Id> BPETokenizer::special_token_at_start_of(
    std::string_view text) const {
  std::optional<Id> longest;
  std::span<const Id> candidates = special_;
  for (size_t length = 0; length < text.size(); ++length) {
    const auto next_byte = [&](Id id) { return static_cast<uint8_t>(tokens_[id][length]); };
    const auto byte = static_cast<uint8_t>(text[length]);
    const auto first = std::ranges::lower_bound(candidates, byte, {}, next_byte);
    const auto last = std::ranges::upper_bound(candidates, byte, {}, next_byte);
    candidates = {first, last};  // clang 14 does not compile equal_range here
    if (candidates.empty()) break;
    if (tokens_[candidates.front()].size() > length + 1) continue;
    longest = candidates.front();
    candidates = candidates.subspan(1);
  }
  return longest;
}

std::string BPETokenizer::decode(std::span<const int64_t> ids) const try {
  std::string text;
  for (const int64_t id : ids) text += token(id);
  return text;
} catch (const std::bad_alloc&) {
  fail_out_of_memory("decode: {} ids", ids.size());
}

std::string_view BPETokenizer::token(int64_t id) const {
  check(id >= 0 && id < size(), "tokenizer: id {} in a vocabulary of {}", id, size());
  return tokens_[static_cast<size_t>(id)];
}

std::optional<int64_t> BPETokenizer::special_token(std::string_view name) const {
  const auto entry = std::ranges::lower_bound(
      special_, name, {}, [&](Id id) -> std::string_view { return tokens_[id]; });
  if (entry == special_.end() || tokens_[*entry] != name) return std::nullopt;
  return *entry;
}

std::vector<std::pair<int64_t, int64_t>> BPETokenizer::merges() const try {
  std::vector<std::pair<int64_t, int64_t>> pairs;
  for (const Merge& merge : merges_) pairs.emplace_back(merge.left, merge.right);
  return pairs;
} catch (const std::bad_alloc&) {
  fail_out_of_memory("merges");
}

}  // namespace gradus::data
