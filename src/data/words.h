/// \file
/// GPT-2's words, without a list of them.
#pragma once

#include <cstddef>
#include <string_view>

namespace gradus::data {

/// Where the word that begins at `begin`, before the text's end, ends. See words_of().
size_t word_end(std::string_view text, size_t begin);

/// f(word) for every word of the text, in order.
template <class F>
void each_word(std::string_view text, F&& f) {
  for (size_t begin = 0, end; begin < text.size(); begin = end) {
    end = word_end(text, begin);
    f(text.substr(begin, end - begin));
  }
}

}  // namespace gradus::data
