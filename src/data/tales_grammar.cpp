#include "data/tales_grammar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "gradus/error.h"

namespace gradus::data {
namespace {

using Kind = Piece::Kind;

const std::map<std::string, Piece, std::less<>> cast = {
    {"Anna", {Kind::name, Referent::girl}},
    {"the girl", {Kind::noun, Referent::girl, {"the girl", "the boy"}}},
    {"she", {Kind::pronoun, Referent::girl, {"she", "he"}}},
    {"her", {Kind::pronoun, Referent::girl, {"her", "him"}}},
    {"hers", {Kind::pronoun, Referent::girl, {"her", "his"}}},
    {"Otto", {Kind::name, Referent::boy}},
    {"the boy", {Kind::noun, Referent::boy, {"the boy", "the girl"}}},
    {"he", {Kind::pronoun, Referent::boy, {"he", "she"}}},
    {"him", {Kind::pronoun, Referent::boy, {"him", "her"}}},
    {"his", {Kind::pronoun, Referent::boy, {"his", "her"}}},
    {"it", {Kind::pronoun, Referent::thing, {"it", "it"}}},
    {"I", {Kind::pronoun, Referent::girl, {"I", "I"}}},
    {"me", {Kind::pronoun, Referent::girl, {"me", "me"}}},
    {"my", {Kind::pronoun, Referent::girl, {"my", "my"}}},
    {"you", {Kind::pronoun, Referent::boy, {"you", "you"}}},
    {"your", {Kind::pronoun, Referent::boy, {"your", "your"}}},
};

struct Line {
  std::string text;
  uint32_t weight = 1;
};

std::string_view trimmed(std::string_view s) {
  const size_t begin = std::min(s.find_first_not_of(' '), s.size());
  return s.substr(begin, s.find_last_not_of(' ') + 1 - begin);
}

void replace_all(std::string& s, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = s.find(from, at)) != s.npos; at += to.size())
    s.replace(at, from.size(), to);
}

/// Cuts the part before `sign` off the front of `text`; all of it if there is no sign.
std::string_view cut(std::string_view& text, char sign) {
  const std::string_view front = text.substr(0, text.find(sign));
  text.remove_prefix(std::min(front.size() + 1, text.size()));
  return front;
}

class Reader {
 public:
  Reader(std::string_view text, Grammar& grammar) : grammar_(grammar) {
    std::string name;
    bool list = false;
    while (!text.empty()) {
      std::string_view line = cut(text, '\n');
      if (trimmed(line).empty() || line.starts_with('#')) continue;
      if (!line.starts_with(' ')) {
        const size_t sign = line.find_first_of(":=");
        check(sign != line.npos, "tales: a rule begins with `name:` or `name =`: {}", line);
        name = trimmed(line.substr(0, sign));
        list = line[sign] == '=';
        check(!lines_.contains(name), "tales: rule {} is written twice", name);
        lines_[name] = {};
        line.remove_prefix(sign + 1);
      }
      check(!name.empty(), "tales: a line outside any rule: {}", line);
      if (!list) line = trimmed(line);
      while (!line.empty()) {
        const std::string_view part = trimmed(list ? cut(line, ',') : cut(line, '\n'));
        if (!part.empty()) add(lines_[name], part);
      }
    }
  }

  /// The number of a rule, which is compiled on first use; "hats" or "hat+" is the plural of rule
  /// "hat".
  size_t number(std::string name) {
    if (name.ends_with('s') && !lines_.contains(name)) name.back() = '+';
    if (const auto found = numbers_.find(name); found != numbers_.end()) return found->second;
    const bool plural = name.ends_with('+');
    const auto lines = lines_.find(plural ? name.substr(0, name.size() - 1) : name);
    check(lines != lines_.end() && !lines->second.empty(), "tales: there is no rule {}", name);
    check(open_.insert(name).second, "tales: rule {} contains itself", name);
    Rule rule{name, {}, {}};
    uint32_t total = 0;
    for (const auto& [text, weight] : lines->second) {
      total += weight;
      rule.alternatives.push_back({pieces(form(text, plural)), weight, total, 0});
    }
    for (Alternative& a : rule.alternatives)
      a.log_probability = std::log(a.weight) - std::log(total);
    for (const bool exchanged : {false, true}) rule.mean[exchanged] = mean(rule, exchanged);
    grammar_.rules.push_back(std::move(rule));
    return numbers_[name] = grammar_.rules.size() - 1;
  }

 private:
  static void add(std::vector<Line>& lines, std::string_view text) {
    Line line;
    if (const size_t star = text.find("* "); star != text.npos) {
      std::from_chars(text.data(), text.data() + star, line.weight);
      text = text.substr(star + 2);
    }
    line.text = text;
    Line plural = line;
    replace_all(line.text, "#", "");
    replace_all(plural.text, "#", "+");
    lines.push_back(line);
    if (plural.text != line.text) lines.push_back(plural);
  }

  /// "mouse/mice" is a singular and its plural, "cat" means "cat/cats".
  static std::string form(const std::string& text, bool plural) {
    const size_t slash = text.find('/');
    if (text.find(' ') != text.npos) return text;
    if (slash == text.npos) return plural ? text + "s" : text;
    return plural ? text.substr(slash + 1) : text.substr(0, slash);
  }

  std::vector<Piece> pieces(std::string_view text) {
    std::vector<Piece> result;
    std::string word;
    const auto put = [&](const Piece& piece) {
      if (!word.empty()) result.push_back({Kind::text, Referent::thing, {word, word}});
      word.clear();
      result.push_back(piece);
    };
    while (!text.empty()) {
      if (text.starts_with(" / ")) {
        put({Kind::next_sentence, Referent::thing, {" ", " "}});
        text.remove_prefix(3);
        continue;
      }
      const char c = text[0];
      text.remove_prefix(1);
      if (c == '{') {
        put(slot(std::string(cut(text, '}'))));
      } else if (c == '(') {
        put({.kind = Kind::subject,
             .plural = text.substr(0, text.find(')')).find('+') != text.npos});
      } else if (const size_t mark = std::string_view(")[]<>").find(c);
                 mark != std::string_view::npos) {
        put({.kind = std::array{Kind::end_subject, Kind::verb, Kind::end_verb, Kind::thing,
                                Kind::end_thing}[mark]});
      } else {
        word += c;
      }
    }
    if (!word.empty()) result.push_back({Kind::text, Referent::thing, {word, word}});
    return result;
  }

  Piece slot(std::string name) {
    if (const auto who = cast.find(name); who != cast.end()) {
      Piece piece = who->second;
      if (piece.kind == Kind::name) grammar_.names = {number("Anna"), number("Otto")};
      return piece;
    }
    const bool exchange = name.starts_with('~');
    return {.kind = Kind::rule, .index = number(name.substr(exchange)), .exchange = exchange};
  }

  /// The average over the alternatives of what is chosen here and what the rules inside them
  /// choose. The choices are independent of each other, so information adds up like length.
  Mean mean(const Rule& rule, bool exchanged) const {
    Mean mean;
    for (const Alternative& a : rule.alternatives) {
      const double p = std::exp(a.log_probability);
      mean.nats -= p * a.log_probability;
      for (const Piece& piece : a.pieces) {
        Mean part{0, double(piece.word[exchanged].size())};
        if (piece.kind == Kind::rule)
          part = grammar_.rules[piece.index].mean[exchanged ^ piece.exchange];
        if (piece.kind == Kind::name)
          part.characters =
              grammar_.rules[grammar_.names[size_t(piece.referent) ^ exchanged]].mean[0].characters;
        mean.nats += p * part.nats;
        mean.characters += p * part.characters;
      }
    }
    return mean;
  }

  Grammar& grammar_;
  std::map<std::string, std::vector<Line>, std::less<>> lines_;
  std::map<std::string, size_t> numbers_;
  std::set<std::string> open_;  ///< the rules being compiled
};

}  // namespace

Grammar::Grammar(std::string_view text) { Reader(text, *this).number("tale"); }

}  // namespace gradus::data
