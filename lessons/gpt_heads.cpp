#include "gpt_heads.h"

#include <algorithm>

namespace gradus::lessons {

Letters letters_of(const data::CharTokenizer& tokenizer, const Array& ids) {
  Letters letters;
  for (const double id : ids.to_vector())
    letters.push_back(tokenizer.decode({static_cast<int64_t>(id)}));
  return letters;
}

Array some_letters(const data::Corpus& corpus, int64_t context) {
  std::vector<int64_t> ids;
  try {
    ids = corpus.tokenizer().encode("The cat sat on");
  } catch (const Error&) {
    const auto tokens = corpus.tokens(data::Split::validation).first(14);
    ids.assign(tokens.begin(), tokens.end());
  }
  ids.resize(std::min(ids.size(), static_cast<size_t>(context)));
  return Array::of_indices(ids, {1, static_cast<int64_t>(ids.size())});
}

Head best_head(Place place, const data::CharTokenizer& tokenizer, const Array& tokens,
               const std::vector<Tensor>& weights) {
  struct Look {
    int64_t text, letter, place;
  };
  std::vector<Look> looks;
  for (int64_t b = 0; b < tokens.size(0); ++b) {
    const Letters text = letters_of(tokenizer, tokens.select(0, b));
    for (int64_t i = 0; i < tokens.size(1); ++i)
      if (const int64_t j = place(text, i); j >= 0) looks.push_back({b, i, j});
  }
  const auto count = static_cast<double>(looks.size());
  Head best;
  for (const Look& look : looks) best.uniform += 1 / static_cast<double>(look.letter + 1) / count;
  for (size_t layer = 0; layer < weights.size(); ++layer)
    for (int64_t head = 0; head < weights[layer].size(1); ++head) {
      double weight = 0;
      for (const Look& look : looks)
        weight += weights[layer].value().at({look.text, head, look.letter, look.place}) / count;
      if (weight > best.weight) best = {layer, head, weight, best.uniform};
    }
  return best;
}

}  // namespace gradus::lessons
