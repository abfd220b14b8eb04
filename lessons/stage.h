/// \file
/// What stands behind the stage: the options of a run, and what a lesson has shown so far. Lessons
/// need only lesson.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gradus/viz/page.h"
#include "lesson.h"

namespace gradus::lessons {

/// What the flags say.
struct Options {
  bool quick = false, verbose = false, predict = false;
  bool anomaly = false;    ///< stop at the first NaN or infinity
  std::string break_name;  ///< empty: the lesson itself
  std::string html;        ///< a file for the page, or empty
  std::string pictures;    ///< a directory for each picture by itself, or empty
  uint64_t seed = 1;
  int threads = 0;         ///< 0: as many as cores
  bool own_flags = false;  ///< a flag of the lesson's own was given
  bool contract = false;   ///< print for the tests: see docs/writing_a_lesson.md, What it prints
};

/// What a command line came to.
struct CommandLine {
  Options options;
  std::optional<int> exit_code;  ///< if the program is to end at once: 0, or 2 for a wrong flag
  std::string output;            ///< what it says then
};

/// Reads a lesson's arguments, without the program's name, and its own flags' as well. \throws
/// Error if one of those reads a file that is damaged (see gpt_flags.h).
CommandLine read_command_line(std::vector<std::string> arguments, const Chapter& chapter,
                              const std::string& program);

/// "about 7 s".
std::string in_seconds(double seconds);

struct Lesson::State {
  enum class Block { text, report };

  Chapter chapter;
  Options options;
  std::string name;  ///< "07_attention"
  viz::Terminal terminal;
  viz::Page page;
  Generator generator;

  int sections = 0;
  int failures = 0;
  std::vector<GradcheckResult> gradients;
  std::vector<Edit> edits;
  Block last = Block::text;
  std::string marked = "exact";

  /// Columns that text may take.
  int columns() const { return std::min(80, terminal.width); }
  bool wants_pictures() const { return !options.html.empty() || !options.pictures.empty(); }
  void print(Block block, std::string_view text);
  /// For the terminal: marks taken out, characters that it knows, lines no longer than `columns()`
  /// less the margin.
  std::string folded(std::string_view text, int margin) const;
  /// Numbers in aligned columns, of characters that the terminal knows.
  std::string table(viz::TableRows rows) const;
  /// Text with a terminal's style ("1" bold, "32" green), where it has any.
  std::string styled(const char* code, std::string_view text) const;
  /// For the contract: how the lines that follow are compared.
  void mark(std::string_view tolerance);
  /// A figure on the page and, if asked for, in a file of its own.
  void picture(std::string_view title, const std::string& html, bool has_title);
};

}  // namespace gradus::lessons
