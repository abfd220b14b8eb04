#include "data/words.h"

#include "data/unicode.h"
#include "data/utf8.h"
#include "gradus/data/bpe.h"

namespace gradus::data {
namespace {

Kind kind_at(std::string_view text, size_t offset) {
  return kind_of(character_at(text, offset).code);
}

// A run of characters of one kind, and where its last one begins.
struct Run {
  size_t end, last;
};

Run run_of(Kind kind, std::string_view text, size_t begin) {
  Run run{begin, begin};
  while (run.end < text.size()) {
    const Character character = character_at(text, run.end);
    if (kind_of(character.code) != kind) break;
    run.last = run.end;
    run.end += character.length;
  }
  return run;
}

// The length of an ending that is a word of its own, 0 if there is none.
size_t ending_length(std::string_view text) {
  for (const std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(ending)) return ending.size();
  return 0;
}

}  // namespace

// The alternatives of the pattern in their order: the first that matches counts.
size_t word_end(std::string_view text, size_t begin) {
  // 's|'t|'re|'ve|'m|'ll|'d
  if (text[begin] == '\'')
    if (const size_t length = ending_length(text.substr(begin))) return begin + length;

  //  ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+
  const size_t after_space = begin + (text[begin] == ' ');
  if (after_space < text.size())
    if (const Kind kind = kind_at(text, after_space); kind != Kind::space)
      return run_of(kind, text, after_space).end;

  // \s+(?!\S): white space that no other word follows, so all of it at the end of the text;
  // elsewhere all but its last character, which may be the space that begins the next word.
  const Run spaces = run_of(Kind::space, text, begin);
  if (spaces.end == text.size() || spaces.last == begin) return spaces.end;  // or \s+
  return spaces.last;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  each_word(text, [&](std::string_view word) { words.push_back(word); });
  return words;
}

}  // namespace gradus::data
