/// \file
/// Tales as words, with the noun that each pronoun stands for: what lesson 9 trains on, and how it
/// scores who finds the noun.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gradus/data/tales.h"
#include "gradus/random.h"

namespace gradus::lessons {

/// A grammar of tales in which the next word depends on a noun: nothing but the subject of a
/// sentence says whether "she", "he" or "it" comes after "so".
extern const char* const three_subjects;
/// The default tales, but names, lands and spells come from short lists, so that no word is rare.
std::string tales_of_known_words();

/// The pronouns that are scored: she, he, it.
extern const std::vector<std::string> pronoun_words;

/// "she", "he" or "it" in a tale. Positions count words.
struct Pronoun {
  size_t kind = 0;              ///< in pronoun_words
  int64_t query = 0;            ///< the word before it, from which it is predicted
  int64_t first = 0, last = 0;  ///< the noun it stands for, as the grammar recorded it
};

/// A tale as words: small letters, signs by themselves, and "<start>" in front.
struct Story {
  std::vector<std::string> words;
  std::vector<int64_t> ids;       ///< of the words, in the book
  std::vector<Pronoun> pronouns;  ///< those whose noun the tale names before them
  double log_probability = 0;     ///< among all tales of its grammar, in nats
};

/// A grammar and its words.
struct Book {
  explicit Book(const std::string& grammar);
  data::Tales tales;
  std::map<std::string, int64_t> ids;  ///< every word that was met in a thousand tales
  std::set<std::string> names, nouns;  ///< the children's names; all nouns, the names among them

  std::vector<Story> stories(int count, Generator& generator) const;
};

/// What a model that knew the grammar would get as its loss on these stories: -log p, in nats a
/// word. Its mean over all stories is the entropy.
double grammar_loss(const std::vector<Story>& stories);

/// The words of some stories, and the word that follows each, (B, T) of int64 both. Behind the end
/// of a story the target is -100: nothing is asked.
struct Batch {
  Array words, next;
};
Batch batch_of(const std::vector<Story>& stories);

/// A score for one pronoun of story b, 1 where it is right.
using Judge = std::function<double(size_t b, const Story& story, const Pronoun& pronoun)>;
/// Its mean over all "she", all "he", all "it", and over the three together.
std::vector<double> mean_score(const std::vector<Story>& stories, const Judge& judge);
/// 1 where the nearest of these words before the pronoun is the right one.
Judge nearest(const std::set<std::string>& kind);
/// The weight of the right noun if every word gets the same.
Judge all_alike();

/// What happens if one "she" in a tale becomes "he", or one "he" becomes "she".
struct Swaps {
  int tried = 0,
      alike = 0,       ///< of these, left the tale exactly as probable as it was
      impossible = 0;  ///< made a tale that the grammar cannot write
};
Swaps swap_pronouns(const Book& book, int tales, Generator& generator);

}  // namespace gradus::lessons
