/// \file
/// Is what a lesson prints what the documentation shows?
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace gradus::test {

/// One line that a lesson printed, and how it is compared.
struct ContractLine {
  enum class Rule {
    exact,      ///< every character
    within,     ///< text equal but for spaces and shades, numbers to within a tolerance
    unchecked,  ///< the line is there; what it says differs from machine to machine
  };
  std::string text;
  Rule rule = Rule::exact;
  double absolute = 0, relative = 0;  ///< for `within`
};

/// What a lesson printed with --contract. Lines "~ exact", "~ within ABSOLUTE RELATIVE" and
/// "~ unchecked" say how those after them are compared, and are no output themselves.
std::vector<ContractLine> read_contract(std::string_view printed);

/// The first difference, in words with both lines, or "" if there is none.
std::string difference(const std::vector<ContractLine>& printed, std::string_view expected);

/// A copy of `text` for each number that is compared, in which the first digit of that number that
/// is not 0 (or the last one, if all are) is another one.
std::vector<std::string> planted(const std::vector<ContractLine>& lines, std::string_view text);

}  // namespace gradus::test
