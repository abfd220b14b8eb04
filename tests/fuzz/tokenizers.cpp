// Any bytes as text. What a tokenizer takes, it gives back.
#include "gradus/data/tokenizer.h"

#include <algorithm>
#include <optional>

#include "fuzz/target.h"
#include "gradus/error.h"

namespace gradus::test::fuzz {
namespace {

// f(), or nothing where it refuses.
template <class F>
auto unless_refused(F f) -> std::optional<decltype(f())> {
  try {
    return f();
  } catch (const Error&) {
    return {};
  }
}

void require_round_trip(const data::CharTokenizer& tokenizer, std::string_view text) {
  const auto ids = unless_refused([&] { return tokenizer.encode(text); });
  if (!ids) return;
  require(tokenizer.decode(*ids) == text, "decode(encode(text)) is another text");
  require(std::ranges::equal(*ids, tokenizer.encode_compactly(text)),
          "in 16 bits the ids are others");
}

// Ids out of range are refused, and the others are what encode would have given.
void require_ids_are_checked(const data::CharTokenizer& tokenizer, Bytes input) {
  std::vector<int64_t> ids;
  for (const uint8_t byte : input) ids.push_back(static_cast<int8_t>(byte));
  const bool exist =
      std::ranges::all_of(ids, [&](int64_t id) { return id >= 0 && id < tokenizer.size(); });
  const auto text = unless_refused([&] { return tokenizer.decode(ids); });
  require(text.has_value() == exist, "decode takes ids that do not exist, or refuses some that do");
  if (text) require(tokenizer.encode(*text) == ids, "encode(decode(ids)) gives other ids");
}

void characters(Bytes learned, Bytes other) {
  const auto tokenizer = unless_refused([&] { return data::CharTokenizer(text_of(learned)); });
  if (!tokenizer) return;
  require(tokenizer->decode(tokenizer->encode(text_of(learned))) == text_of(learned),
          "the text that it was made of does not come back");
  const data::CharTokenizer again(tokenizer->vocabulary());
  require(again.size() == tokenizer->size() && again.vocabulary() == tokenizer->vocabulary(),
          "made of its own vocabulary it is another");
  require_round_trip(*tokenizer, text_of(other));
  require_ids_are_checked(*tokenizer, other);
}

// The text to learn, 0xff, which is in no UTF-8, and a text to take apart.
void run(Bytes input) {
  const auto end = static_cast<size_t>(std::ranges::find(input, 0xff) - input.begin());
  characters(input.first(end), input.subspan(std::min(end + 1, input.size())));
}

}  // namespace

const Target tokenizers{"tokenizers", run, nullptr};

}  // namespace gradus::test::fuzz
