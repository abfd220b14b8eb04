/// \file
/// Mutants: sources of ops with one thing changed in what runs on the way back.
#pragma once

#include <string>
#include <vector>

namespace gradus::test {

/// One replacement.
struct Mutant {
  std::string name;  ///< "src/ops/norm.cpp number: 0 -> 1 #3", the third of its like: unique
  std::string file;  ///< "src/ops/norm.cpp"
  std::string kind;  ///< "arithmetic", "sign", "twice", ...
  std::string line;  ///< the line that changes, as it becomes
  size_t at = 0;     ///< where in the text
  std::string from;  ///< what stands there
  std::string to;    ///< what takes its place
  /// The text with the replacement.
  std::string apply(std::string text) const { return text.replace(at, from.size(), to); }
};

/// The places in a source that only backward runs, [begin, end) each: the closures given to record,
/// and the bodies of helpers that nothing else calls, named by the beginnings of their declarations
/// ("void add_product(").
struct Region {
  size_t begin, end;
};
std::vector<Region> backward_regions(const std::string& text,
                                     const std::vector<std::string>& helpers);

/// All mutants of a source, in the order of their places.
std::vector<Mutant> mutants_of(const std::string& file, const std::string& text,
                               const std::vector<std::string>& helpers);

}  // namespace gradus::test
