/// \file
/// GPT-2's words, one at a time.
#pragma once

#include <cstddef>
#include <string_view>

namespace gradus::data {

/// Where the word that begins at `begin`, before the text's end, ends. See words_of().
size_t word_end(std::string_view text, size_t begin);

}  // namespace gradus::data
