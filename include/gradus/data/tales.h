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

/// The characters [begin, end) of a text.
struct Span {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const Span&) const = default;
};

/// A pronoun and the noun it stands for: the last time that its referent was named before it.
struct Reference {
  Span pronoun;
  Span noun;
};

/// A subject and the verb that agrees with it, though other nouns may stand between them:
/// "The [cups] by the door [were] wet."
struct Agreement {
  Span subject;
  Span verb;
  bool plural = false;
};

/// A story and what is true of it. Offsets count from the start of its text.
struct Tale {
  std::string text;
  std::vector<Reference> references;
  std::vector<Agreement> agreements;
  double log_probability = 0;  ///< of this text among all tales, in nats
};

/// How many sentences of a text the grammar could have written.
struct Acceptance {
  size_t sentences = 0;
  size_t accepted = 0;
  double share() const { return sentences == 0 ? 0 : double(accepted) / double(sentences); }
};

/// A grammar of tales
class Tales {
 public:
  explicit Tales(std::string_view grammar = default_grammar());
  static std::string_view default_grammar();

  Tale tell(Generator& generator) const;
  double nats() const;
  double characters() const;
  double entropy_per_character() const { return nats() / characters(); }

  size_t readings(std::string_view tale) const;
  double log_probability(std::string_view tale) const;
  bool accepts(std::string_view sentence) const;
  Acceptance acceptance(std::string_view text) const;
  const Grammar& grammar() const { return *grammar_; }

 private:
  std::shared_ptr<const Grammar> grammar_;
};

std::vector<std::string_view> sentences(std::string_view text);
std::string tales_text(uint64_t seed, size_t bytes);

}  // namespace gradus::data
