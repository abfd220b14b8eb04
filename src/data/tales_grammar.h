/// \file
/// The grammar behind `tales` as a data structure, for the three walks of tales.cpp: telling,
/// reading, averaging. Internal. The notation is explained above the rules themselves, in
/// tales_rules.cpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::data {

/// Who or what is spoken of: the two children of a tale, and the thing they last laid hands on.
enum class Referent : uint8_t { girl, boy, thing };

/// One step of a template.
struct Piece {
  enum Kind : uint8_t {
    text,           ///< write the word
    rule,           ///< write rule number `index`, one of its alternatives at random
    name,           ///< write the name of the referent
    noun,           ///< write the word, a noun that stands for the referent ("the girl")
    pronoun,        ///< write the word, a pronoun that stands for the referent
    next_sentence,  ///< the space between two sentences
    thing,
    end_thing,  ///< around the noun phrase that `it` will stand for
    subject,
    end_subject,  ///< around a subject, and
    verb,
    end_verb,  ///< around the verb that agrees with it
  };
  Kind kind = text;
  Referent referent = Referent::thing;
  std::array<std::string, 2> word =
      {};  ///< as written; and when girl and boy have exchanged their parts
  size_t index = 0;
  bool exchange = false;  ///< in the rule that is written here, girl and boy exchange their parts
  bool plural = false;    ///< of a subject
};

/// One way of writing a rule.
struct Alternative {
  std::vector<Piece> pieces;
  uint32_t weight = 1;
  uint32_t until = 1;  ///< the sum of the weights up to here, for drawing one at random
  double log_probability = 0;
};

/// What a random choice of everything in a rule yields on average.
struct Mean {
  double nats = 0;  ///< -log of the probability of the choices
  double characters = 0;
};

struct Rule {
  std::string name;
  std::vector<Alternative> alternatives;
  std::array<Mean, 2> mean = {};  ///< as written, and with the parts exchanged
};

/// The rules, each after all those that it uses: none can contain itself, so every tale ends. The
/// last is `tale`.
struct Grammar {
  explicit Grammar(std::string_view text);

  std::vector<Rule> rules;
  std::array<size_t, 2> names = {};  ///< the rules that name the girl and the boy
};

}  // namespace gradus::data
