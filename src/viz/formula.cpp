#include "viz/formula.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <utility>

#include "gradus/error.h"
#include "gradus/viz/terminal.h"

namespace gradus::viz {
namespace {

using Kind = Formula::Kind;

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

char closing(char open) { return open == '(' ? ')' : open == '[' ? ']' : '}'; }

class Parser {
 public:
  explicit Parser(std::string_view source) : source_(source) {}

  Formula all() {
    Formula row = row_until({});
    check(at_ == source_.size(), "math: nothing opens the {} in: {}", peek(), source_);
    return row;
  }

 private:
  char peek() const { return at_ < source_.size() ? source_[at_] : '\0'; }
  bool follows(std::string_view text) const { return source_.substr(at_).starts_with(text); }
  bool skip_space() {
    const size_t begin = at_;
    while (peek() == ' ' || peek() == '\n') ++at_;
    return at_ > begin;
  }
  std::string take(size_t length) {
    at_ += length;
    return std::string(source_.substr(at_ - length, length));
  }
  template <class Predicate>
  size_t run_length(Predicate belongs) const {
    size_t end = at_;
    while (end < source_.size() && belongs(source_[end])) ++end;
    return end - at_;
  }

  // Pieces up to a closing bracket, or one of the characters in `stops`.
  Formula row_until(std::string_view stops) {
    Formula row;
    for (;;) {
      const bool spaced = skip_space();
      const char c = peek();
      if (c == '\0' || c == ')' || c == ']' || c == '}' || stops.find(c) != stops.npos) return row;
      row.parts.push_back(with_scripts(atom()));
      row.parts.back().spaced = spaced && row.parts.size() > 1;
    }
  }

  // What stands between brackets, the opening one being next.
  Formula bracketed() {
    const char open = take(1)[0];
    Formula inside = row_until({});
    close(open);
    return inside;
  }
  void close(char open) {
    check(peek() != '\0', "math: nothing closes the {} in: {}", open, source_);
    check(peek() == closing(open), "math: {} is closed by {} in: {}", open, peek(), source_);
    ++at_;
  }

  Formula atom() {
    const char c = peek();
    if (c == '{') return bracketed();
    if (c == '(' || c == '[') {
      Formula inside = bracketed();
      return {Kind::fence, std::string(1, c), std::move(inside.parts)};
    }
    if (c == '"') {
      const size_t length = source_.find('"', at_ + 1);
      check(length != source_.npos, "math: nothing closes the \" in: {}", source_);
      const std::string quoted = take(length + 1 - at_);
      return {Kind::text, quoted.substr(1, quoted.size() - 2)};
    }
    check(c != '_' && c != '^', "math: {} has nothing before it in: {}", c, source_);
    if (is_digit(c)) return {Kind::number, take(number_length())};
    if (is_letter(c)) return word(take(run_length(is_letter)));
    if (!is_ascii(c)) return {Kind::word, take(cut_to(source_.substr(at_), 1).size())};
    return {Kind::op, operator_text()};
  }

  Formula word(const std::string& name) {
    if (name == "sqrt" || name == "bar" || name == "hat" || name == "tilde") {
      check(peek() == '(', "math: {} needs (...) in: {}", name, source_);
      return {name == "sqrt" ? Kind::root : Kind::accent, name, {bracketed()}};
    }
    if (name == "frac") {
      check(peek() == '(', "math: frac needs (..., ...) in: {}", source_);
      ++at_;
      Formula above = row_until(",");
      check(peek() == ',', "math: frac needs two parts in: {}", source_);
      ++at_;
      Formula below = row_until(",");
      check(peek() != ',', "math: frac needs two parts in: {}", source_);
      close('(');
      return {Kind::fraction, name, {std::move(above), std::move(below)}};
    }
    return {Kind::word, name};
  }

  Formula with_scripts(Formula base) {
    Formula below, above;
    bool any = false;
    for (;;) {
      if (peek() == '\'') {
        above.parts.push_back({Kind::op, take(1)});
      } else if (peek() == '_' || peek() == '^') {
        const bool is_below = take(1) == "_";
        Formula& script = is_below ? below : above;
        check(script.parts.empty() || script.parts.back().text == "'", "math: two {} in: {}",
              is_below ? "subscripts" : "superscripts", source_);
        Formula piece = this->script();
        if (piece.kind == Kind::row)
          std::move(piece.parts.begin(), piece.parts.end(), std::back_inserter(script.parts));
        else
          script.parts.push_back(std::move(piece));
      } else {
        break;
      }
      any = true;
    }
    if (!any) return base;
    return {Kind::scripts, "", {std::move(base), std::move(below), std::move(above)}};
  }

  // A character, a word, a number, a sign and a number, a {group}.
  Formula script() {
    check(std::string_view(" \n)]}_^").find(peek()) == std::string_view::npos && peek() != '\0',
          "math: _ and ^ need something after them in: {}", source_);
    const bool is_sign = peek() == '-' || peek() == '+';
    Formula first = atom();
    check(first.kind != Kind::row || !first.parts.empty(), "math: {{}} holds nothing in: {}",
          source_);
    if (!is_sign || !(is_digit(peek()) || is_letter(peek()))) return first;
    return {Kind::row, "", {std::move(first), atom()}};
  }

  size_t number_length() const {
    size_t end = at_;
    const auto digits = [&] {
      while (end < source_.size() && is_digit(source_[end])) ++end;
    };
    const auto has_digit = [&](size_t i) { return i < source_.size() && is_digit(source_[i]); };
    digits();
    if (end < source_.size() && source_[end] == '.' && has_digit(end + 1)) {
      ++end;
      digits();
    }
    if (end < source_.size() && source_[end] == 'e') {
      const bool sign =
          end + 1 < source_.size() && (source_[end + 1] == '-' || source_[end + 1] == '+');
      if (has_digit(end + 1 + (sign ? 1 : 0))) {
        end += sign ? 2 : 1;
        digits();
      }
    }
    return end - at_;
  }

  std::string operator_text() {
    for (const std::string_view op :
         {"...", "<=", ">=", "!=", "->", "<-", "=>", ":=", "~~", "||", "+-", "<<", ">>"})
      if (follows(op)) return take(op.size());
    return take(1);
  }

  std::string_view source_;
  size_t at_ = 0;
};

}  // namespace

Formula parse_formula(std::string_view source) { return Parser(source).all(); }

}  // namespace gradus::viz
