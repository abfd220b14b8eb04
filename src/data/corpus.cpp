#include "gradus/data/corpus.h"

#include <algorithm>

#include "gradus/io/file.h"
#include "out_of_memory.h"

namespace gradus::data {
namespace {

// Fowler, Noll and Vo's hash, variant 1a: http://www.isthe.com/chongo/tech/comp/fnv
uint64_t fnv1a(std::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char byte : bytes) hash = (hash ^ static_cast<uint8_t>(byte)) * 0x100000001b3;
  return hash;
}

}  // namespace

Corpus::Corpus(std::string_view text)
    : tokenizer_(text),
      tokens_(tokenizer_.encode_compactly(text)),
      fingerprint_(fnv1a(text)),
      bytes_(static_cast<int64_t>(text.size())) {
  tokens_.shrink_to_fit();  // a text has fewer characters than bytes
}

Corpus Corpus::load(const std::filesystem::path& path) {
  const std::string text = io::read_file(path);
  return naming([&] { return Corpus(text); }, "{}", path.native());
}

std::span<const uint16_t> Corpus::tokens(Split split) const {
  const std::span all(tokens_);
  const size_t train = all.size() * 9 / 10;
  return split == Split::train ? all.first(train) : all.subspan(train);
}

void Corpus::check_length(Split split, int64_t context) const {
  const bool train = split == Split::train;
  const int64_t length = std::ssize(tokens(split));
  check(context >= 1, "corpus: a context of {} tokens", context);
  check(length > context,
        "corpus: the text is too short: its {} {} has {} characters, a context of {} needs {}",
        train ? "first" : "last", train ? "90 % (for training)" : "10 % (for validation)", length,
        context, static_cast<uint64_t>(context) + 1);
}

Batch Corpus::windows(Split split, std::span<const int64_t> starts, int64_t context) const {
  const std::span<const uint16_t> source = tokens(split);
  const Shape shape = {std::ssize(starts), context};
  Batch batch{Array(shape, DType::int64), Array(shape, DType::int64)};
  int64_t* input = batch.inputs.mutable_data<int64_t>();
  int64_t* target = batch.targets.mutable_data<int64_t>();
  for (const int64_t start : starts) {
    const auto window = source.begin() + start;
    input = std::copy_n(window, context, input);
    target = std::copy_n(window + 1, context, target);
  }
  return batch;
}

Batch Corpus::draw(Split split, int64_t batch, int64_t context, Generator& generator) const {
  check_length(split, context);
  check(batch >= 1, "corpus: a batch of {} windows", batch);
  const uint64_t places = tokens(split).size() - static_cast<uint64_t>(context);
  std::vector<int64_t> starts(static_cast<size_t>(batch));
  for (int64_t& start : starts) start = static_cast<int64_t>(generator.below(places));
  return windows(split, starts, context);
}

std::vector<Batch> Corpus::validation_blocks(int64_t context, int64_t batch) const {
  check_length(Split::validation, context);
  check(batch >= 1, "corpus: a batch of {} windows", batch);
  const int64_t predicted = std::ssize(tokens(Split::validation)) - 1;
  std::vector<Batch> blocks;
  std::vector<int64_t> starts;
  for (int64_t start = 0; start + context <= predicted; start += context) {
    starts.push_back(start);
    const bool is_last = start + 2 * context > predicted;
    if (std::ssize(starts) < batch && !is_last) continue;
    blocks.push_back(windows(Split::validation, starts, context));
    starts.clear();
  }
  if (const int64_t rest = predicted % context; rest > 0)
    blocks.push_back(windows(Split::validation, std::vector{predicted - rest}, rest));
  return blocks;
}

}  // namespace gradus::data
