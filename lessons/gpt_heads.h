/// \file
/// Which head of a model looks at a certain place of the text?
#pragma once

#include <string>
#include <vector>

#include "gradus/data/corpus.h"
#include "gradus/tensor.h"

namespace gradus::lessons {

/// A text, letter by letter; a letter may take several bytes.
using Letters = std::vector<std::string>;

/// The letters of token ids (T) of int64.
Letters letters_of(const data::CharTokenizer& tokenizer, const Array& ids);
/// "The cat sat on", if the text has all these letters, otherwise how its validation part begins;
/// no longer than the context: ids (1, T).
Array some_letters(const data::Corpus& corpus, int64_t context);

/// The place that letter i may look at, or -1 if there is none.
using Place = int64_t (*)(const Letters& text, int64_t i);

/// A head, and how much it looks there.
struct Head {
  size_t layer = 0;    ///< from 0
  int64_t index = 0;   ///< in its layer, from 0
  double weight = 0;   ///< mean attention weight on the place
  double uniform = 0;  ///< what that would be if each letter were looked at alike
};

/// The head with the largest mean weight on a place: tokens (B, T) of int64, and the weights of
/// each layer, (B, heads, T, T).
Head best_head(Place place, const data::CharTokenizer& tokenizer, const Array& tokens,
               const std::vector<Tensor>& weights);

}  // namespace gradus::lessons
