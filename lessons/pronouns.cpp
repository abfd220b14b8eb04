#include "pronouns.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "gradus/error.h"

namespace gradus::lessons {
namespace {

struct Word {
  std::string text;
  data::Span place;  // in the tale
};

// "Anna ran, so" -> <start> anna ran , so
std::vector<Word> words_of(const std::string& text) {
  const auto is_letter = [&](size_t i) {
    return i < text.size() && std::isalpha(static_cast<unsigned char>(text[i])) != 0;
  };
  std::vector<Word> words{{"<start>", {0, 0}}};
  for (size_t i = 0, end = 0; i < text.size(); i = end) {
    end = i + 1;
    if (text[i] == ' ') continue;
    while (is_letter(i) && is_letter(end)) ++end;
    words.push_back({text.substr(i, end - i), {i, end}});
    for (char& c : words.back().text)
      c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return words;
}

// The words "a, b, c" of the line "name = a, b, c" of a grammar.
data::Span list_of(const std::string& grammar, const std::string& name) {
  const size_t begin = grammar.find("\n" + name + " = ");
  check(begin != std::string::npos, "pronouns: the grammar has no list of \"{}\"", name);
  return {begin + name.size() + 4, grammar.find('\n', begin + 1)};
}

Story story_of(const Book& book, const data::Tale& tale) {
  Story story;
  story.log_probability = tale.log_probability;
  const std::vector<Word> words = words_of(tale.text);
  for (const Word& word : words) {
    const auto id = book.ids.find(word.text);
    check(id != book.ids.end(), "pronouns: the book has no word \"{}\"", word.text);
    story.words.push_back(word.text);
    story.ids.push_back(id->second);
  }
  const auto position = [&](size_t byte) {
    const auto at = std::find_if(words.begin(), words.end(),
                                 [&](const Word& word) { return word.place.end > byte; });
    return at - words.begin();
  };
  for (const data::Reference& r : tale.references) {
    if (r.noun.end == 0) continue;  // nothing that it could stand for has been named
    const auto at = position(r.pronoun.begin);
    const auto kind =
        std::find(pronoun_words.begin(), pronoun_words.end(), story.words[static_cast<size_t>(at)]);
    if (kind == pronoun_words.end()) continue;  // "her", "I"
    story.pronouns.push_back({static_cast<size_t>(kind - pronoun_words.begin()), at - 1,
                              position(r.noun.begin), position(r.noun.end - 1)});
  }
  return story;
}

}  // namespace

const char* const three_subjects = R"(
tale:
  {event} / {event} / {event}
event:
  {child}
  {~child}
  {pet}
child:
  {Anna} {vp}, so {she} {vp}.
  one {wet} day {Anna} {vp}, so {she} {vp}.
pet:
  <the {animal}> {vp}, so {it} {vp}.
  one {wet} day <the {animal}> {vp}, so {it} {vp}.
vp:
  2* {took} {the} {noun}
  2* {sat} {on} {the} {noun}
  was {sad}
the = the, a, one
Anna = Anna, Lara, Mina, Rosa, Vera, Nora
Otto = Otto, Hugo, Milo, Arno, Theo, Aldo
animal = dog, hen, pig, cow, rat, yak
wet = wet, hot, dry, odd
sad = sad, glad, mad, shy
took = took, got, hid, fed, bit
sat = sat, ran, lay, dug
on = in, on, by, near
noun = hat, cup, box, pan, bed, jug, net, mop
)";

const std::vector<std::string> pronoun_words{"she", "he", "it"};

std::string tales_of_known_words() {
  std::string grammar(data::Tales::default_grammar());
  const std::pair<const char*, const char*> lists[] = {
      {"Anna", "Anna, Lara, Mina, Rosa, Vera, Nora"},
      {"Otto", "Otto, Hugo, Milo, Arno, Theo, Aldo"},
      {"land", "Bakiru, Dofamu, Gihelu"},
      {"spell", "hasiha, mokida, zufele"}};
  for (const auto& [name, words] : lists) {
    const data::Span old = list_of(grammar, name);
    grammar.replace(old.begin, old.end - old.begin, words);
  }
  return grammar;
}

Book::Book(const std::string& grammar) : tales(grammar), nouns{"cat"} {
  for (const std::string& name : std::vector<std::string>{"Anna", "Otto", "animal", "noun"}) {
    const data::Span list = list_of(grammar, name);
    for (const Word& word : words_of(grammar.substr(list.begin, list.end - list.begin))) {
      if (std::isalpha(static_cast<unsigned char>(word.text[0])) == 0) continue;  // a comma
      nouns.insert(word.text);
      if (name == "Anna" || name == "Otto") names.insert(word.text);
    }
  }
  Generator generator(1);
  for (int i = 0; i < 1000; ++i)
    for (const Word& word : words_of(tales.tell(generator).text))
      ids.emplace(word.text, static_cast<int64_t>(ids.size()));
}

std::vector<Story> Book::stories(int count, Generator& generator) const {
  std::vector<Story> stories;
  for (int i = 0; i < count; ++i) stories.push_back(story_of(*this, tales.tell(generator)));
  return stories;
}

double grammar_loss(const std::vector<Story>& stories) {
  double words = 0, nats = 0;
  for (const Story& story : stories) {
    words += static_cast<double>(story.words.size() - 1);
    nats -= story.log_probability;
  }
  return nats / words;
}

Batch batch_of(const std::vector<Story>& stories) {
  size_t T = 0;
  for (const Story& story : stories) T = std::max(T, story.ids.size() - 1);
  std::vector<int64_t> words(stories.size() * T, 0), next(stories.size() * T, -100);
  for (size_t b = 0; b < stories.size(); ++b) {
    const std::vector<int64_t>& ids = stories[b].ids;
    std::copy(ids.begin(), ids.end() - 1, words.begin() + static_cast<int64_t>(b * T));
    std::copy(ids.begin() + 1, ids.end(), next.begin() + static_cast<int64_t>(b * T));
  }
  const Shape shape{static_cast<int64_t>(stories.size()), static_cast<int64_t>(T)};
  return {Array::of_indices(words, shape), Array::of_indices(next, shape)};
}

std::vector<double> mean_score(const std::vector<Story>& stories, const Judge& judge) {
  std::vector<double> total(4, 0), count(4, 0);
  for (size_t b = 0; b < stories.size(); ++b)
    for (const Pronoun& pronoun : stories[b].pronouns)
      for (const size_t group : {pronoun.kind, size_t{3}}) {
        total[group] += judge(b, stories[b], pronoun);
        count[group] += 1;
      }
  for (size_t group = 0; group < 4; ++group) total[group] /= count[group];
  return total;
}

Judge nearest(const std::set<std::string>& kind) {
  return [&kind](size_t, const Story& story, const Pronoun& pronoun) {
    int64_t at = pronoun.query;
    while (at > 0 && kind.count(story.words[static_cast<size_t>(at)]) == 0) --at;
    return pronoun.first <= at && at <= pronoun.last ? 1.0 : 0.0;
  };
}

Judge all_alike() {
  return [](size_t, const Story&, const Pronoun& pronoun) {
    return static_cast<double>(pronoun.last - pronoun.first + 1) /
           static_cast<double>(pronoun.query + 1);
  };
}

Swaps swap_pronouns(const Book& book, int tales, Generator& generator) {
  const std::map<std::string, std::string> other{
      {"she", "he"}, {"he", "she"}, {"She", "He"}, {"He", "She"}};
  Swaps swaps;
  for (int i = 0; i < tales; ++i) {
    const data::Tale tale = book.tales.tell(generator);
    for (const data::Reference& r : tale.references) {
      const size_t length = r.pronoun.end - r.pronoun.begin;
      const auto swapped = other.find(tale.text.substr(r.pronoun.begin, length));
      if (swapped == other.end()) continue;
      std::string text = tale.text;
      const double p =
          book.tales.log_probability(text.replace(r.pronoun.begin, length, swapped->second));
      ++swaps.tried;
      if (std::abs(p - tale.log_probability) < 1e-9) ++swaps.alike;
      if (p == -INFINITY) ++swaps.impossible;
    }
  }
  return swaps;
}

}  // namespace gradus::lessons
