/// \file
/// The workshop: sources of the library, changed and tried without touching the tree.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace gradus::test {

/// How a program that checks gradients came to its end.
enum class Ending {
  none,      ///< it was not run: a source does not compile
  answered,  ///< it said what it found
  crashed,   ///< a signal ended it
  too_long,  ///< its time was over
};

/// What the gradient checks of `laboratory/gradcheck` found.
struct Verdict {
  Ending ending = Ending::none;       ///< if `none`, `output` is what the compiler said
  int cases = 0;                      ///< how many were checked
  int wrong = 0;                      ///< how many of them have a wrong gradient, or threw
  std::map<std::string, int> causes;  ///< name(Cause), and how many wrong inputs it explains
  std::string main_cause;             ///< of the largest wrong case: what its explanation names
  std::map<std::string, std::string> values;  ///< of each case, its result in digits
  std::string output;                         ///< what the program printed, for people
  bool compiled() const { return ending != Ending::none; }
  bool finished() const { return ending == Ending::answered; }
  /// Whether what is wrong was noticed. A time that was over says nothing: the machine may be busy.
  bool caught() const { return ending == Ending::crashed || wrong > 0; }
};

/// How to make the gradcheck program out of changed sources; the Makefile knows and writes it down.
struct Toolchain {
  std::string compile;               ///< the compiler with all flags: "g++ ... -O1"
  std::vector<std::string> kernels;  ///< more flags for a kernel, one line for each instruction set
  std::string link;                  ///< the linker's first part: "g++ -fopenmp"
  std::string objects;               ///< objects and archive of the program, and the libraries
  std::filesystem::file_time_type since = {};  ///< what was made before is made again
};

/// What make wrote down for this build: the file laboratory/toolchain in its directory. \throws
/// Error if it is not there.
Toolchain toolchain_of_build();

/// Runs a program that checks gradients; `answer` is a file that it may write. \throws Error if it
/// ends by itself without an answer: it was asked something that it does not know.
Verdict run_gradcheck(const std::filesystem::path& program, const std::filesystem::path& answer,
                      const std::vector<std::string>& ops, double seconds = 120,
                      const std::string& options = "");

/// The text of a source of the tree, "src/ops/softmax.cpp". \throws Error if there is none.
std::string text_of(const std::filesystem::path& source);

/// Calls f(0), ..., f(count - 1), `workers` of them at a time. The first exception ends it: calls
/// that have begun are finished, and it is thrown on.
void in_parallel(size_t count, unsigned workers, const std::function<void(size_t)>& f);

/// A directory in which some sources stand in another version than in the tree.
class Workshop {
 public:
  /// Makes the directory if it is not there.
  explicit Workshop(std::filesystem::path directory, Toolchain toolchain = toolchain_of_build());
  /// Puts a source, "src/ops/softmax.cpp", with that text. Kernels that are compiled once for each
  /// instruction set are compiled so here, too.
  void put(const std::string& source, const std::string& text);
  /// Takes a source as it stands in the directory, where somebody has changed it. \throws Error if
  /// it is not there.
  void take(const std::string& source);
  /// Where that source is, "DIRECTORY/softmax.cpp".
  std::filesystem::path path(const std::string& source) const;
  /// Compiles what was put, unless that was done already, links it in front of the library, checks
  /// the gradients of the ops (all, if none is named). A program that runs longer than `seconds` is
  /// ended. `options` are those of the program.
  Verdict gradcheck(const std::vector<std::string>& ops, double seconds = 120,
                    const std::string& options = "");

 private:
  std::filesystem::path directory_;
  Toolchain toolchain_;
  std::vector<std::string> sources_;
};

}  // namespace gradus::test
