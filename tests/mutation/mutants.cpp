#include "mutation/mutants.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <regex>

#include "gradus/error.h"

namespace gradus::test {
namespace {

// The end of what the bracket at `open` encloses: behind its partner.
size_t behind_partner(const std::string& text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    if (std::string("([{").find(text[i]) != text.npos) ++depth;
    if (std::string(")]}").find(text[i]) != text.npos && --depth == 0) return i + 1;
  }
  return text.size();
}

// The same text with blanks for comments and strings, which no mutant touches.
std::string code_only(std::string text) {
  static const std::regex hidden(R"(//[^\n]*|"(\\.|[^"\\])*")");
  for (std::sregex_iterator it(text.begin(), text.end(), hidden), end; it != end; ++it) {
    const auto at = static_cast<size_t>(it->position());
    std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(at), it->length(), ' ');
  }
  return text;
}

// A rule finds a pattern and writes something else in its place; $1 and so on are its groups.
struct Rule {
  const char *kind, *pattern, *to;
};

// clang-format puts blanks around a binary operator, and none behind a unary one.
const Rule rules[] = {
    {"arithmetic", R"( \+ )", " - "},
    {"arithmetic", R"( - )", " + "},
    {"arithmetic", R"( \* )", " / "},
    {"arithmetic", R"( / )", " * "},
    {"arithmetic", R"( % )", " / "},
    {"accumulation", R"( \+= )", " -= "},
    {"accumulation", R"( \+= )", " = "},
    {"sign", R"(([(,=?:] ?|return )-(?=[\w(*]))", "$1"},
    {"comparison", R"( < )", " <= "},
    {"comparison", R"( > )", " >= "},
    {"comparison", R"( == )", " != "},
    {"comparison", R"( != )", " == "},
    {"comparison", R"(\bge\()", "gt("},
    {"comparison", R"(\ble\()", "lt("},
    {"comparison", R"(\beq\()", "ne("},
    {"logic", R"( && )", " || "},
    {"logic", R"( \|\| )", " && "},
    {"logic", R"(\blogical_not\()", "("},
    {"logic", R"(\blogical_and\()", "logical_or("},
    {"condition", R"(\bif \((?!in\.wants|inputs\.wants))", "if (!"},
    {"flag", R"(\btrue\b)", "false"},
    {"flag", R"(\bfalse\b)", "true"},
    {"transpose", R"(\btransposed\()", "("},
    {"transpose", R"(\.transposed\(\))", ""},
    {"number", R"(\b0\b(?!\.))", "1"},
    {"number", R"(\b1\b(?!\.))", "0"},
    {"number", R"(\b2\b(?!\.))", "1"},
    {"number", R"(\b2\b(?!\.))", "3"},
    {"number", R"(\b0\.5\b)", "1"},
    {"sum", R"(\bsum_channels\(|\bmean_channels\()", "("},
    {"extent", R"(\bbegin\b)", "end"},
    {"extent", R"(\bend\b)", "begin"},
    {"extent", R"(\brows\b)", "cols"},
    {"extent", R"(\bcols\b)", "rows"},
    {"extent", R"(\bouter\b)", "inner"},
    {"extent", R"(\binner\b)", "outer"},
};

// What is said of an input's gradient as a whole: in.add(1, E).
struct Share {
  size_t begin, end;    // of the statement's call, in.add(...)
  size_t value, close;  // of E
};
std::vector<Share> shares(const std::string& code, const Region& region) {
  static const std::regex call(R"(\b(in|inputs)\.add\(\w+, )");
  std::vector<Share> found;
  const auto first = code.begin() + static_cast<std::ptrdiff_t>(region.begin),
             last = code.begin() + static_cast<std::ptrdiff_t>(region.end);
  for (std::sregex_iterator it(first, last, call), end; it != end; ++it) {
    const size_t begin = region.begin + static_cast<size_t>(it->position());
    const size_t value = begin + static_cast<size_t>(it->length());
    const size_t close = behind_partner(code, code.find('(', begin)) - 1;
    found.push_back({begin, close + 1, value, close});
  }
  return found;
}

// The names of saved arrays in the capture list before a closure: [a = saved(a), b = saved(b)].
std::vector<std::string> saved_names(const std::string& code, const Region& region) {
  const size_t close = code.rfind("](", region.begin);
  if (close == code.npos) return {};
  const size_t from = code.rfind('[', close);
  static const std::regex name(R"((\w+) = saved\()");
  const std::string captures = code.substr(from, region.begin - from);
  std::vector<std::string> names;
  for (std::sregex_iterator it(captures.begin(), captures.end(), name), end; it != end; ++it)
    names.push_back((*it)[1]);
  return names;
}

class Collector {
 public:
  Collector(const std::string& file, const std::string& text) : file_(file), text_(text) {}
  void add(const std::string& kind, size_t at, size_t length, const std::string& to) {
    const std::string from = text_.substr(at, length);
    if (from == to || std::string_view(text_).substr(0, at).ends_with("int64_t "))
      return;  // a declaration's name
    const std::string what = one_line(fmt::format("{} {}: {} -> {}", file_, kind, from, to));
    const size_t begin = text_.rfind('\n', at) + 1, end = text_.find('\n', at + length);
    const std::string line =
        text_.substr(begin, at - begin) + to + text_.substr(at + length, end - at - length);
    mutants.push_back(
        {fmt::format("{} #{}", what, ++seen_[what]), file_, kind, one_line(line), at, from, to});
  }
  std::vector<Mutant> mutants;

 private:
  // Each run of blanks becomes one, those at the ends none.
  static std::string one_line(const std::string& text) {
    const std::string single = std::regex_replace(text, std::regex(R"(\s+)"), " ");
    return std::regex_replace(single, std::regex("^ | $"), "");
  }
  const std::string &file_, &text_;
  std::map<std::string, int> seen_;
};

}  // namespace

std::vector<Region> backward_regions(const std::string& text,
                                     const std::vector<std::string>& helpers) {
  const std::string code = code_only(text);
  std::vector<Region> regions;
  static const std::regex closure(R"(\]\(\s*const Array& \w+,\s*Inputs \w+\)( mutable)? \{)");
  for (std::sregex_iterator it(code.begin(), code.end(), closure), end; it != end; ++it) {
    const auto open = static_cast<size_t>(it->position() + it->length()) - 1;
    regions.push_back({open, behind_partner(code, open)});
  }
  for (const std::string& helper : helpers) {
    check(code.find(helper) != code.npos, "mutants: there is no {}", helper);
    for (size_t at = code.find(helper); at != code.npos; at = code.find(helper, at + 1)) {
      const size_t open = code.find('{', behind_partner(code, code.find('(', at)));
      regions.push_back({open, behind_partner(code, open)});
    }
  }
  return regions;
}

std::vector<Mutant> mutants_of(const std::string& file, const std::string& text,
                               const std::vector<std::string>& helpers) {
  const std::string code = code_only(text);
  Collector found(file, text);
  for (const Region& region : backward_regions(text, helpers)) {
    const auto begin = code.begin() + static_cast<std::ptrdiff_t>(region.begin),
               end = code.begin() + static_cast<std::ptrdiff_t>(region.end);
    for (const auto& [kind, pattern, to] : rules) {
      const std::regex regex(pattern);
      for (std::sregex_iterator it(begin, end, regex), last; it != last; ++it)
        found.add(kind, region.begin + static_cast<size_t>(it->position()),
                  static_cast<size_t>(it->length()), it->format(to));
    }
    for (const Share& s : shares(code, region)) {
      const std::string value = text.substr(s.value, s.close - s.value);
      found.add("negated", s.value, value.size(), "-(" + value + ")");
      found.add("twice", s.value, value.size(), "2 * (" + value + ")");
      found.add("dropped", s.begin, s.end - s.begin, "(void)0");
    }
    const std::vector<std::string> names = saved_names(code, region);
    for (size_t i = 0; i < names.size() && names.size() > 1; ++i) {
      const std::regex use(fmt::format(R"(\*{}\b)", names[i]));
      for (std::sregex_iterator it(begin, end, use), last; it != last; ++it)
        found.add("saved", region.begin + static_cast<size_t>(it->position()),
                  static_cast<size_t>(it->length()), "*" + names[(i + 1) % names.size()]);
    }
  }
  std::stable_sort(found.mutants.begin(), found.mutants.end(),
                   [](const Mutant& x, const Mutant& y) { return x.at < y.at; });
  return found.mutants;
}

}  // namespace gradus::test
