#include "gradus/data/tales.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include "data/tales_grammar.h"
#include "gradus/error.h"

namespace gradus::data {
namespace {

using Kind = Piece::Kind;

// Whether a word that stands at this place is written with a capital.
bool starts_sentence(std::string_view text, size_t at) {
  if (at == 0) return true;
  const std::string_view before = text.substr(0, at);
  if (before.back() == '"') return at == 1 || before[at - 2] == ' ';
  return before.ends_with(". ") || before.ends_with("! ") || before.ends_with("? ") ||
         before.ends_with(".\" ");
}

char upper(char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); }

void write(std::string& text, std::string_view word) {
  const bool capital = starts_sentence(text, text.size());
  if (word.empty()) return;
  text += word;
  if (capital) text[text.size() - word.size()] = upper(word[0]);
}

bool stands_at(std::string_view text, size_t at, std::string_view word) {
  if (at + word.size() > text.size()) return false;
  const char first = starts_sentence(text, at) ? upper(word[0]) : word[0];
  return text[at] == first && text.substr(at + 1, word.size() - 1) == word.substr(1);
}

uint32_t below(Generator& g, uint32_t n) {
  return static_cast<uint32_t>((uint64_t{g.next_u32()} * n) >> 32);
}

// The index of a referent: 0 the girl and 1 the boy, or the reverse where they are exchanged; 2 the
// thing.
size_t who(const Piece& piece, bool exchanged) {
  return piece.referent == Referent::thing ? 2 : size_t(piece.referent) ^ exchanged;
}

// Writes a tale: follows the rules, choosing at random, and notes what is true.
struct Teller {
  const Grammar& grammar;
  Generator& generator;
  Tale tale = {};
  std::array<std::string, 2> names = {};
  std::array<Span, 3> last = {};
  Agreement agreement = {};

  const Alternative& choose(const Rule& rule) {
    const auto& all = rule.alternatives;
    const uint32_t ticket = below(generator, all.back().until);
    const auto it = std::upper_bound(all.begin(), all.end(), ticket,
                                     [](uint32_t t, const Alternative& a) { return t < a.until; });
    tale.log_probability += it->log_probability;
    return *it;
  }

  Span put(std::string_view word) {
    const size_t begin = tale.text.size();
    write(tale.text, word);
    return {begin, tale.text.size()};
  }

  void cast() {
    for (const size_t i : {0u, 1u}) {
      tell(grammar.rules[grammar.names[i]], false);
      names[i] = std::exchange(tale.text, {});
    }
  }

  void tell(const Rule& rule, bool exchanged) {
    for (const Piece& piece : choose(rule).pieces) {
      const size_t here = tale.text.size();
      const std::string& word = piece.word[exchanged];
      const size_t one = who(piece, exchanged);
      switch (piece.kind) {
        case Kind::text:
        case Kind::next_sentence: put(word); break;
        case Kind::rule: tell(grammar.rules[piece.index], exchanged ^ piece.exchange); break;
        case Kind::name: last[one] = put(names[one]); break;
        case Kind::noun: last[one] = put(word); break;
        case Kind::pronoun: tale.references.push_back({put(word), last[one]}); break;
        case Kind::thing: last[2].begin = here; break;
        case Kind::end_thing: last[2].end = here; break;
        case Kind::subject: agreement = {{here, here}, {}, piece.plural}; break;
        case Kind::end_subject: agreement.subject.end = here; break;
        case Kind::verb: agreement.verb.begin = here; break;
        case Kind::end_verb:
          agreement.verb.end = here;
          tale.agreements.push_back(agreement);
          break;
      }
    }
  }
};

// How far into a text a way through the rules has come, and what it took for the names.
struct Reading {
  size_t at = 0;
  double log_probability = 0;
  std::array<std::string_view, 2> names = {};
};
using Readings = std::vector<Reading>;

// Reads a text: follows all ways through the rules at once, and keeps those that the text agrees
// with.
struct Listener {
  const Grammar& grammar;
  std::string_view text;

  Readings follow(size_t number, const Readings& readings, bool exchanged) const {
    Readings result;
    for (const Alternative& a : grammar.rules[number].alternatives) {
      Readings now = readings;
      for (Reading& r : now) r.log_probability += a.log_probability;
      for (auto piece = a.pieces.begin(); piece != a.pieces.end() && !now.empty(); ++piece)
        now = follow(*piece, now, exchanged);
      result.insert(result.end(), now.begin(), now.end());
    }
    return result;
  }

  Readings follow(const Piece& piece, const Readings& readings, bool exchanged) const {
    if (piece.kind == Kind::rule) return follow(piece.index, readings, exchanged ^ piece.exchange);
    Readings result;
    for (Reading r : readings) {
      if (piece.kind == Kind::name) {
        const size_t one = who(piece, exchanged);
        if (r.names[one].empty()) {
          for (Reading named : follow(grammar.names[one], {r}, false)) {
            named.names[one] = text.substr(r.at, named.at - r.at);
            result.push_back(named);
          }
        } else {
          read(result, r, r.names[one]);
        }
      } else {
        read(result, r, piece.word[exchanged]);
      }
    }
    return result;
  }

  void read(Readings& result, Reading r, std::string_view word) const {
    if (!word.empty() && !stands_at(text, r.at, word)) return;
    r.at += word.size();
    result.push_back(r);
  }

  // Whether the text is, from beginning to end, one of the sentences that the rule is made of.
  bool sentence(size_t rule, bool exchanged) const {
    for (const Alternative& a : grammar.rules[rule].alternatives) {
      for (size_t i = 0; i < a.pieces.size(); ++i) {
        const bool alone =
            a.pieces[i].kind == Kind::rule &&
            (i + 1 == a.pieces.size() || a.pieces[i + 1].kind == Kind::next_sentence);
        if (alone) {
          if (sentence(a.pieces[i].index, exchanged ^ a.pieces[i].exchange)) return true;
          ++i;
          continue;
        }
        Readings now = {{}};
        for (; i < a.pieces.size() && a.pieces[i].kind != Kind::next_sentence; ++i)
          if (!now.empty()) now = follow(a.pieces[i], now, exchanged);
        for (const Reading& r : now)
          if (r.at == text.size()) return true;
      }
    }
    return false;
  }
};

}  // namespace

Tales::Tales(std::string_view grammar) : grammar_(std::make_shared<Grammar>(grammar)) {}

Tale Tales::tell(Generator& generator) const {
  Teller teller{*grammar_, generator};
  teller.cast();
  teller.tell(grammar_->rules.back(), false);
  return std::move(teller.tale);
}

double Tales::nats() const {
  const Grammar& g = *grammar_;
  return g.rules.back().mean[0].nats + g.rules[g.names[0]].mean[0].nats +
         g.rules[g.names[1]].mean[0].nats;
}
double Tales::characters() const { return grammar_->rules.back().mean[0].characters + 2; }

namespace {
// The readings that use up the whole tale.
Readings whole(const Grammar& g, std::string_view tale) {
  Readings all = Listener{g, tale}.follow(g.rules.size() - 1, {{}}, false);
  std::erase_if(all, [&](const Reading& r) { return r.at != tale.size(); });
  return all;
}
}  // namespace

size_t Tales::readings(std::string_view tale) const { return whole(*grammar_, tale).size(); }
double Tales::log_probability(std::string_view tale) const {
  const Readings all = whole(*grammar_, tale);
  if (all.size() == 1) return all[0].log_probability;
  double p = 0;
  for (const Reading& r : all) p += std::exp(r.log_probability);
  return std::log(p);
}
bool Tales::accepts(std::string_view s) const {
  return Listener{*grammar_, s}.sentence(grammar_->rules.size() - 1, false);
}

std::vector<std::string_view> sentences(std::string_view text) {
  std::vector<std::string_view> result;
  size_t begin = 0;
  bool quoted = false;
  auto cut = [&](size_t end) {
    while (begin < end && (text[begin] == ' ' || text[begin] == '\n')) ++begin;
    if (begin < end) result.push_back(text.substr(begin, end - begin));
    begin = end;
    quoted = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i], next = i + 1 < text.size() ? text[i + 1] : '\n';
    const bool gap = next == ' ' || next == '\n';
    if (c == '"') quoted = i == begin || text[i - 1] == ' ' || text[i - 1] == '\n';
    if (c == '\n')
      cut(i);
    else if (gap && !quoted &&
             (c == '.' || c == '!' || c == '?' || (c == '"' && i > 0 && text[i - 1] == '.')))
      cut(i + 1);
  }
  cut(text.size());
  return result;
}

Acceptance Tales::acceptance(std::string_view text) const {
  Acceptance result;
  const auto all = sentences(text);
  for (size_t i = 1; i + 1 < all.size(); ++i) {
    ++result.sentences;
    result.accepted += accepts(all[i]);
  }
  return result;
}

std::string tales_text(uint64_t seed, size_t bytes) {
  static const Tales tales;
  Generator generator(seed);
  std::string text;
  while (text.size() < bytes) text += tales.tell(generator).text + "\n\n";
  return text;
}

}  // namespace gradus::data
