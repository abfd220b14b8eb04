#include "layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <utility>
#include <vector>

#include "gradus/viz/math.h"
#include "gradus/viz/terminal.h"

namespace gradus::lessons {

std::string plain(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const size_t begin = std::min(text.find('$'), text.size()), end = text.find('$', begin + 1);
    if (end == std::string_view::npos) break;
    result += text.substr(0, begin);
    result += viz::math_text(text.substr(begin + 1, end - begin - 1));
    text.remove_prefix(end + 1);
  }
  result += text;
  std::erase(result, '`');
  return result;
}

std::string unfolded(std::string_view text) {
  std::string result;
  for (const char c : text)
    if (c != ' ' && c != '\n')
      result += c;
    else if (!result.empty() && result.back() != ' ')
      result += ' ';
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

std::string indented(std::string_view text, int columns) {
  const std::string margin(static_cast<size_t>(columns), ' ');
  std::string result = margin;
  for (size_t i = 0; i < text.size(); ++i) {
    result += text[i];
    if (text[i] == '\n' && i + 1 < text.size() && text[i + 1] != '\n') result += margin;
  }
  return result;
}

std::string in_ascii(std::string_view text) {
  static const std::pair<std::string_view, std::string_view> spellings[] = {
      {"√", "sqrt "}, {"·", "*"},  {"∂", "del "}, {"→", "->"},    {"↓", "v"},   {"─", "-"},
      {"×", "x"},     {"≤", "<="}, {"≥", ">="},   {"≈", "~"},     {"Σ", "sum"}, {"✓", "ok"},
      {"✗", "!!"},    {"ᵀ", "^T"}, {"ε", "eps"},  {"σ", "sigma"}, {"µ", "mu"},  {"μ", "mu"},
      {"±", "+-"},    {"−", "-"},  {"…", "..."},  {"′", "'"},     {"∼", "~"}};
  static const std::pair<std::string_view, char> scripts[] = {
      {"⁰", '0'}, {"¹", '1'}, {"²", '2'}, {"³", '3'}, {"⁴", '4'}, {"⁵", '5'},
      {"⁶", '6'}, {"⁷", '7'}, {"⁸", '8'}, {"⁹", '9'}, {"⁺", '+'}, {"⁻", '-'},
      {"ⁿ", 'n'}, {"₀", '0'}, {"₁", '1'}, {"₂", '2'}, {"₃", '3'}, {"₄", '4'},
      {"₅", '5'}, {"₆", '6'}, {"₇", '7'}, {"₈", '8'}, {"₉", '9'}};
  std::string result;
  char script = 0;  // the sign of the run of raised or lowered characters that we are in
  while (!text.empty()) {
    const auto* raised_or_lowered =
        std::find_if(std::begin(scripts), std::end(scripts),
                     [&](const auto& s) { return text.starts_with(s.first); });
    if (raised_or_lowered != std::end(scripts)) {
      const char sign = raised_or_lowered->first.starts_with("\xe2\x82") ? '_' : '^';
      if (script != sign) result += script = sign;
      result += raised_or_lowered->second;
      text.remove_prefix(raised_or_lowered->first.size());
      continue;
    }
    script = 0;
    const auto* known = std::find_if(std::begin(spellings), std::end(spellings),
                                     [&](const auto& s) { return text.starts_with(s.first); });
    const std::string_view character = viz::cut_to(text, 1);
    if (known != std::end(spellings))
      result += known->second;
    else
      result += character.size() == 1 ? character : "?";
    text.remove_prefix(character.size());
  }
  return result;
}

std::string slug(std::string_view title) {
  std::string result;
  for (const char c : title)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (!result.empty() && result.back() != '-')
      result += '-';
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result;
}

namespace {

std::vector<double> numbers_in(const std::string& text) {
  std::vector<double> numbers;
  for (const char* at = text.c_str(); *at != '\0';) {
    char* end = nullptr;
    const bool begins =
        std::isdigit(static_cast<unsigned char>(*at)) != 0 || *at == '-' || *at == '.';
    const double value = begins ? std::strtod(at, &end) : 0;
    if (!begins || end == at) {
      ++at;
      continue;
    }
    numbers.push_back(value);
    at = end;
    if (*at == '/' && std::isdigit(static_cast<unsigned char>(at[1])) != 0) {  // 1/64 is one number
      numbers.back() /= std::strtod(at + 1, &end);
      at = end;
    }
  }
  return numbers;
}

// The words of a text in small letters, each with a space before and after it.
std::string words_in(const std::string& text) {
  std::string words = " ";
  for (const char c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      words += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    else if (words.back() != ' ')
      words += ' ';
  return words.back() == ' ' ? words : words + ' ';
}

bool is_same(double given, double expected) {
  if (expected == std::round(expected)) return given == expected;
  return std::abs(given - expected) <= 0.05 * std::abs(expected);
}

}  // namespace

bool same_answer(std::string given, const std::string& expected) {
  for (size_t at; (at = given.find(',')) != std::string::npos && at > 0 && at + 3 < given.size() &&
                  std::isdigit(static_cast<unsigned char>(given[at - 1])) != 0 &&
                  numbers_in(expected).size() == 1;)
    given.erase(at, 1);  // 2,097,151 is one number
  const std::vector<double> ours = numbers_in(given), right = numbers_in(expected);
  if (right.empty()) {
    const std::string words = words_in(expected);
    return words.size() > 2 && words_in(given).find(words) != std::string::npos;
  }
  return std::equal(ours.begin(), ours.end(), right.begin(), right.end(), is_same);
}

std::string number(double value, int decimals) {
  const std::string text = fmt::format("{:.{}f}", value, decimals);
  return std::stod(text) == 0 ? fmt::format("{:.{}f}", 0.0, decimals) : text;  // no "-0.00"
}

viz::TableRows matrix_rows(const Array& values, const Axes& axes, int decimals) {
  const int64_t rows = values.size(0), columns = values.size(1);
  const auto name = [](const std::vector<std::string>& names, int64_t i) {
    return names.empty() ? fmt::format("{}", i) : names.at(static_cast<size_t>(i));
  };
  std::string corner = axes.row_axis;
  if (!axes.column_axis.empty()) corner += fmt::format(" ↓ {} →", axes.column_axis);
  viz::TableRows table{{corner}};
  for (int64_t c = 0; c < columns; ++c) table[0].push_back(name(axes.columns, c));
  for (int64_t r = 0; r < rows; ++r) {
    table.push_back({name(axes.rows, r)});
    for (int64_t c = 0; c < columns; ++c)
      table.back().push_back(number(values.at({r, c}), decimals));
  }
  return table;
}

std::string side_by_side(const std::string& left, const std::string& right, int columns) {
  const auto lines = [](const std::string& text) {
    std::vector<std::string> result;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      result.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return result;
  };
  const auto width = [](const std::vector<std::string>& block) {
    int widest = 0;
    for (const std::string& line : block) widest = std::max(widest, viz::columns_of(line));
    return widest;
  };
  std::vector<std::string> a = lines(left), b = lines(right);
  constexpr int gap = 4;
  const int split = width(a) + gap;
  if (split + width(b) > columns) return left + "\n" + right;
  a.resize(std::max(a.size(), b.size()));
  b.resize(a.size());
  std::string result;
  for (size_t i = 0; i < a.size(); ++i) {
    std::string line = a[i];
    if (!b[i].empty())
      line += std::string(static_cast<size_t>(split - viz::columns_of(a[i])), ' ') + b[i];
    result += line + '\n';
  }
  return result;
}

}  // namespace gradus::lessons
