#include "lessons/contract.h"

#include <fmt/format.h>

#include <cctype>
#include <cmath>
#include <cstdlib>
#include <sstream>

namespace gradus::test {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }

// The numbers of a line, [begin, end): digits with a fraction and an exponent. A sign belongs to
// the text.
struct Piece {
  size_t begin, end;
};
std::vector<Piece> numbers_of(std::string_view line) {
  std::vector<Piece> numbers;
  for (size_t i = 0; i < line.size();) {
    if (!is_digit(line[i])) {
      ++i;
      continue;
    }
    size_t end = i;
    while (end < line.size() && is_digit(line[end])) ++end;
    if (end + 1 < line.size() && line[end] == '.' && is_digit(line[end + 1]))
      for (++end; end < line.size() && is_digit(line[end]);) ++end;
    if (end + 2 < line.size() && line[end] == 'e' &&
        (line[end + 1] == '-' || line[end + 1] == '+') && is_digit(line[end + 2]))
      for (end += 2; end < line.size() && is_digit(line[end]);) ++end;
    numbers.push_back({i, end});
    i = end;
  }
  return numbers;
}

// What of a text must agree when numbers may differ: all but spaces, shades (U+2580 to U+259F) and
// the dots of curves (U+2800 to U+28FF).
std::string words_of(std::string_view text) {
  std::string words;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = [&](size_t k) {
      return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u;
    };
    const bool shade = byte(0) == 0xe2 && byte(1) == 0x96 && byte(2) <= 0x9f;
    const bool dots = byte(0) == 0xe2 && byte(1) >= 0xa0 && byte(1) <= 0xa3;
    if (shade || dots)
      i += 2;
    else if (text[i] != ' ')
      words += text[i];
  }
  return words;
}

bool agrees(const ContractLine& line, const std::string& expected) {
  if (line.rule == ContractLine::Rule::unchecked || line.text == expected) return true;
  if (line.rule == ContractLine::Rule::exact) return false;
  const std::vector<Piece> ours = numbers_of(line.text), theirs = numbers_of(expected);
  if (ours.size() != theirs.size()) return false;
  size_t a = 0, b = 0;
  for (size_t i = 0; i <= ours.size(); ++i) {
    const bool last = i == ours.size();
    const std::string left = words_of(
        std::string_view(line.text).substr(a, (last ? line.text.size() : ours[i].begin) - a));
    const std::string right = words_of(
        std::string_view(expected).substr(b, (last ? expected.size() : theirs[i].begin) - b));
    if (left != right) return false;
    if (last) break;
    const double x = std::strtod(line.text.c_str() + ours[i].begin, nullptr);
    const double y = std::strtod(expected.c_str() + theirs[i].begin, nullptr);
    if (!(std::abs(x - y) <= line.absolute + line.relative * std::abs(y))) return false;
    a = ours[i].end;
    b = theirs[i].end;
  }
  return true;
}

}  // namespace

std::vector<ContractLine> read_contract(std::string_view printed) {
  std::vector<ContractLine> lines;
  ContractLine now;
  for (const std::string& line : lines_of(printed)) {
    if (!line.starts_with("~ ")) {
      now.text = line;
      lines.push_back(now);
      continue;
    }
    std::istringstream words(line.substr(2));
    std::string rule;
    words >> rule;
    if (rule == "within") words >> now.absolute >> now.relative;
    now.rule = rule == "exact"    ? ContractLine::Rule::exact
               : rule == "within" ? ContractLine::Rule::within
                                  : ContractLine::Rule::unchecked;
  }
  return lines;
}

std::string difference(const std::vector<ContractLine>& printed, std::string_view expected) {
  const std::vector<std::string> shown = lines_of(expected);
  for (size_t i = 0; i < std::max(printed.size(), shown.size()); ++i) {
    const std::string ours = i < printed.size() ? printed[i].text : "(nothing)";
    const std::string theirs = i < shown.size() ? shown[i] : "(nothing)";
    if (i < printed.size() && i < shown.size() && agrees(printed[i], theirs)) continue;
    return fmt::format("line {}\n  the lesson prints: {}\n  expected:          {}", i + 1, ours,
                       theirs);
  }
  return "";
}

std::vector<std::string> planted(const std::vector<ContractLine>& lines, std::string_view text) {
  std::vector<std::string> copies;
  size_t start = 0, i = 0;
  for (const std::string& line : lines_of(text)) {
    if (i < lines.size() && lines[i].rule != ContractLine::Rule::unchecked)
      for (const Piece& number : numbers_of(line)) {
        size_t digit = number.begin;
        while (digit + 1 < number.end && !(line[digit] >= '1' && line[digit] <= '9')) ++digit;
        std::string copy(text);
        char& c = copy[start + digit];
        c = static_cast<char>('0' + (c - '0' + 5) % 10);
        copies.push_back(std::move(copy));
      }
    start += line.size() + 1;
    ++i;
  }
  return copies;
}

}  // namespace gradus::test
