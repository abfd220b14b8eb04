#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "data/byte_names.h"
#include "data/words.h"
#include "gradus/data/bpe.h"
#include "gradus/error.h"
#include "io/shown.h"
#include "out_of_memory.h"

namespace gradus::data {
namespace {

using Id = uint32_t;
constexpr uint32_t none = ~uint32_t{0};

struct Word {
  std::string_view text;
  int64_t count;
};

// The different words of a text, in the order in which they first appear.
template <class Progress>
std::vector<Word> count_words(std::string_view text, Progress&& progress) {
  std::unordered_map<std::string_view, size_t> places;
  std::vector<Word> words;
  size_t reported = 0;
  each_word(text, [&](std::string_view word) {
    const auto [place, is_new] = places.try_emplace(word, words.size());
    if (is_new) words.push_back({word, 0});
    ++words[place->second].count;
    const auto end = static_cast<size_t>(word.data() - text.data()) + word.size();
    if (end - reported < (1 << 20)) return;
    reported = end;
    progress(static_cast<double>(end) / static_cast<double>(text.size()));
  });
  return words;
}

// Two neighbouring tokens. Counting all pairs anew for each merge would cost the whole text each
// time; here a merge costs as much as there are places where its pair occurs.
struct Pair {
  int64_t count = 0;             // in the text
  std::vector<uint32_t> places;  // where it was seen, in the words; it need not be there any more
};

// What has been learned: the pair, and the token that it became.
struct Learned {
  Id left, right, result;
};

class Trainer {
 public:
  Trainer(const std::vector<Word>& words, int64_t least_count) : least_count_(least_count) {
    for (const uint8_t byte : bytes_by_name()) add_token({static_cast<char>(byte)});
    for (const Word& word : words) add_word(word);
    for (uint32_t i = 0; i < id_.size(); ++i)
      if (next_[i] != none) count_pair(i, 1);
    push_touched();
  }

  // Makes the most frequent pair a token; false if no pair is frequent enough.
  bool step() {
    Candidate best;
    do {
      if (queue_.empty()) return false;
      best = queue_.top();
      queue_.pop();
    } while (!is_current(best));
    merge(best.left, best.right);
    return true;
  }

  std::vector<std::string> tokens;
  std::vector<Learned> learned;

 private:
  struct Candidate {
    int64_t count;
    Id left, right;
    bool operator<(const Candidate& other) const {  // the greatest is taken first
      return std::tie(count, other.left, other.right) < std::tie(other.count, left, right);
    }
  };

  static uint64_t key_of(Id left, Id right) { return uint64_t{left} << 32 | right; }

  Id add_token(const std::string& token) {
    const auto [entry, is_new] = ids_.try_emplace(token, static_cast<Id>(tokens.size()));
    if (is_new) tokens.push_back(token);
    return entry->second;
  }

  void add_word(const Word& word) {
    check(word.text.size() < none - id_.size(), "tokenizer: different words of more than {} bytes",
          none);
    const auto begin = static_cast<uint32_t>(id_.size());
    const auto end = static_cast<uint32_t>(begin + word.text.size());
    for (uint32_t i = begin; i < end; ++i) {
      id_.push_back(ids_.at(std::string(1, word.text[i - begin])));
      previous_.push_back(i == begin ? none : i - 1);
      next_.push_back(i + 1 == end ? none : i + 1);
      times_.push_back(word.count);
    }
  }

  // Counts the pair that begins at `place`, or takes it off the count.
  void count_pair(uint32_t place, int64_t sign) {
    const uint64_t key = key_of(id_[place], id_[next_[place]]);
    Pair& pair = pairs_[key];
    pair.count += sign * times_[place];
    if (sign < 0) return;
    pair.places.push_back(place);
    touched_.insert(key);
  }

  void push_touched() {
    for (const uint64_t key : touched_)
      queue_.push({pairs_[key].count, static_cast<Id>(key >> 32), static_cast<Id>(key)});
    touched_.clear();
  }

  // A count in the queue may be old. One that has fallen goes back with the new count; one that has
  // risen was pushed again when it did.
  bool is_current(const Candidate& candidate) {
    const auto entry = pairs_.find(key_of(candidate.left, candidate.right));
    const int64_t count = entry == pairs_.end() ? 0 : entry->second.count;
    if (count < least_count_) return false;
    if (count < candidate.count) queue_.push({count, candidate.left, candidate.right});
    return count == candidate.count;
  }

  void merge(Id left, Id right) {
    const Id result = add_token(tokens[left] + tokens[right]);
    learned.push_back({left, right, result});
    std::vector<uint32_t> places = std::move(pairs_[key_of(left, right)].places);
    // In "aaa" the first two become one. Places come in this order anyway, unless a token arises in
    // two ways.
    std::ranges::sort(places);
    for (const uint32_t place : places)
      if (id_[place] == left && next_[place] != none && id_[next_[place]] == right)
        replace(place, result);
    pairs_.erase(key_of(left, right));
    push_touched();
  }

  void replace(uint32_t place, Id result) {
    const uint32_t before = previous_[place], second = next_[place], after = next_[second];
    count_pair(place, -1);
    if (before != none) count_pair(before, -1);
    if (after != none) count_pair(second, -1);
    id_[place] = result;
    id_[second] = none;
    next_[place] = after;
    if (after != none) {
      previous_[after] = place;
      count_pair(place, 1);
    }
    if (before != none) count_pair(before, 1);
  }

  int64_t least_count_;
  std::unordered_map<std::string, Id> ids_;
  // Of every byte of every word; merging keeps the left token's place.
  std::vector<Id> id_;
  std::vector<uint32_t> next_, previous_;
  std::vector<int64_t> times_;  // how often the word occurs
  std::unordered_map<uint64_t, Pair> pairs_;
  std::unordered_set<uint64_t> touched_;  // pairs whose count has risen in this step
  std::priority_queue<Candidate> queue_;
};

void check_special_tokens(const std::vector<std::string>& names) {
  std::unordered_set<std::string_view> seen;
  for (const std::string& name : names) {
    if (name.size() <= 1)
      fail("BPETokenizer::train: the special token {} is not longer than a byte", io::shown(name));
    if (!seen.insert(name).second)
      fail("BPETokenizer::train: two special tokens {}", io::shown(name));
  }
}

}  // namespace

BPETokenizer BPETokenizer::train(std::string_view text, int64_t vocabulary_size,
                                 const BPETraining& training) {
  return with_memory([&] { return learn(text, vocabulary_size, training); }, "BPETokenizer::train");
}

BPETokenizer BPETokenizer::learn(std::string_view text, int64_t vocabulary_size,
                                 const BPETraining& training) {
  check_special_tokens(training.special_tokens);
  const auto special = static_cast<int64_t>(training.special_tokens.size());
  check(vocabulary_size >= 256 + special && vocabulary_size <= max_size,
        "BPETokenizer::train: a vocabulary of {}; from {}, for bytes and special tokens, to {} are "
        "possible",
        vocabulary_size, 256 + special, max_size);
  check(training.least_count > 0, "BPETokenizer::train: a least count of {}", training.least_count);
  const auto progress = [&](double done) {
    if (training.progress) training.progress(done);
  };

  // Counting words and learning take half of the time each, more or less.
  const auto words = count_words(text, [&](double done) { progress(done / 2); });
  Trainer trainer(words, training.least_count);
  const int64_t wanted = vocabulary_size - special;
  while (std::ssize(trainer.tokens) < wanted && std::ssize(trainer.learned) < max_size &&
         trainer.step())
    progress(0.5 + 0.5 * static_cast<double>(trainer.tokens.size()) / static_cast<double>(wanted));
  progress(1);

  std::vector<std::string> tokens = std::move(trainer.tokens);
  for (const std::string& name : training.special_tokens) {
    if (std::ranges::find(tokens, name) != tokens.end())
      fail("BPETokenizer::train: the special token {} is a piece of the text", io::shown(name));
    tokens.push_back(name);
  }
  std::vector<Merge> merges;
  for (const auto& [left, right, result] : trainer.learned) merges.push_back({left, right, result});
  return BPETokenizer(std::move(tokens), std::move(merges));
}

}  // namespace gradus::data
