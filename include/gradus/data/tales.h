/// \file
/// `tales`: tiny stories from a small grammar that knows the truth about every one of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/random.h"

namespace gradus::data {

struct Grammar;

/// The characters [begin, end) of a text, counted in bytes.
struct Span {
  size_t begin = 0;  ///< the first one
  size_t end = 0;    ///< behind the last one
  /// The same place.
  bool operator==(const Span&) const = default;
};

/// A pronoun and the noun it stands for: the last mention, before it, of the girl, the boy or the
/// thing.
struct Reference {
  Span pronoun;  ///< "she", "his", "it", ...
  Span noun;     ///< what it stands for
};

/// A subject and the verb that agrees with it: "The [hens] [were] shy."
struct Agreement {
  Span subject;         ///< "hens"
  Span verb;            ///< "were"
  bool plural = false;  ///< of both
};

/// A story and what is true of it. Offsets count from the start of its text.
struct Tale {
  std::string text;                   ///< without the blank line that ends it in a corpus
  std::vector<Reference> references;  ///< every pronoun, in the order of the text
  std::vector<Agreement> agreements;  ///< every one that the grammar marks
  double log_probability = 0;         ///< of this text among all tales, in nats
};

/// How many sentences of a text the grammar could have written.
struct Acceptance {
  size_t sentences = 0;  ///< whole ones
  size_t accepted = 0;   ///< of these, the ones that occur in some tale
  /// From 0 to 1; 0 where there is no sentence.
  double share() const {
    return sentences == 0 ? 0 : static_cast<double>(accepted) / static_cast<double>(sentences);
  }
};

/// A grammar of tales: rules whose alternatives are chosen at random, each choice with a known
/// probability. No rule contains itself, so averages over all tales are sums over the rules, and
/// the entropy is exact.
class Tales {
 public:
  /// The rules in the notation of tales_rules.cpp. \throws Error if a rule is missing, double or
  /// contains itself.
  explicit Tales(std::string_view grammar = default_grammar());
  /// The rules that `tales` is written by.
  static std::string_view default_grammar();

  /// A random tale, with what is true of it.
  Tale tell(Generator& generator) const;

  /// The entropy of a tale, the mean of -log p(tale), in nats.
  double nats() const;
  /// The mean length of a tale with the blank line that ends it, in characters.
  double characters() const;
  /// The first divided by the second, in nats per character: no model's loss on a long text of
  /// tales can fall below it. This holds because no two ways of choosing give the same text.
  double entropy_per_character() const { return nats() / characters(); }

  /// In how many ways the grammar can write this whole tale: 0 or 1.
  size_t readings(std::string_view tale) const;
  /// The log-probability of a whole tale, in nats; -infinity if the grammar cannot write it.
  double log_probability(std::string_view tale) const;
  /// Whether this sentence occurs in some tale.
  bool accepts(std::string_view sentence) const;
  /// How many sentences of a text are accepted; the first and the last, which may be cut off, do
  /// not count.
  Acceptance acceptance(std::string_view text) const;

 private:
  std::shared_ptr<const Grammar> grammar_;
};

/// The sentences of a text; one in quotation marks belongs together with its `said`.
std::vector<std::string_view> sentences(std::string_view text);

/// Tales from the default grammar, a blank line after each, until there are at least `bytes` bytes.
/// The same seed gives the same text.
std::string tales_text(uint64_t seed, size_t bytes);

}  // namespace gradus::data
