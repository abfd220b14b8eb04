/// \file
/// The workshop: sources of the library, changed and tried without touching the tree.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace gradus::test {

/// What the gradient checks of `laboratory/gradcheck` found.
struct Verdict {
  bool compiled = false;              ///< otherwise `output` is what the compiler said
  bool finished = false;              ///< false: it crashed or took too long
  int cases = 0;                      ///< how many were checked
  int wrong = 0;                      ///< how many of them have a wrong gradient, or threw
  std::map<std::string, int> causes;  ///< name(Cause), and how many wrong inputs it explains
  std::string output;                 ///< what the program printed, for people
  bool caught() const { return compiled && (!finished || wrong > 0); }
};

/// How to make the gradcheck program out of changed sources; the Makefile knows and says it.
struct Toolchain {
  std::string compile;  ///< the compiler with all flags: "g++ ... -O1"
  std::string link;     ///< the linker's first part: "g++ -fopenmp"
  std::string objects;  ///< objects and archive that the program is made of, and the libraries
};

/// A directory in which some sources stand in another version than in the tree.
class Workshop {
 public:
  /// Makes the directory if it is not there.
  Workshop(std::filesystem::path directory, Toolchain toolchain);
  /// Puts a source, "src/ops/softmax.cpp", with that text. Kernels that are compiled once for each
  /// instruction set are compiled so here, too.
  void put(const std::string& source, const std::string& text);
  /// Where that source is, "DIRECTORY/softmax.cpp".
  std::filesystem::path path(const std::string& source) const;
  /// Compiles what was put, links it in front of the library, checks the gradients of the ops (all,
  /// if none is named). A program that runs longer than `seconds` is ended.
  Verdict gradcheck(const std::vector<std::string>& ops, double seconds = 120);

 private:
  std::filesystem::path directory_;
  Toolchain toolchain_;
  std::vector<std::string> sources_;
};

}  // namespace gradus::test
