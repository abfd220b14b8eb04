/// \file
/// A line that says how far long work has come.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <string_view>

#include "gradus/viz/terminal.h"

namespace gradus::viz {

/// Shows one line that is written over again and again, with the time that is left:
///
///     step 1234/2000  loss 1.512  val 1.634  36 k tokens/s  ETA 0:21
///
/// Where nobody watches (a file, a pipe) it prints a plain line at each tenth of the way and at
/// least once a minute instead, the last one by finish(). There is no thread: the line changes when
/// update() is called.
class Progress {
 public:
  /// Seconds since some moment in the past.
  using Clock = std::function<double()>;

  /// Prints to standard output. Work that continues a saved run says how much was `done` before
  /// (0 to 1), so that only its own speed counts.
  explicit Progress(double done = 0);
  /// Prints elsewhere; tests do, with a clock of their own.
  Progress(std::ostream& out, const Terminal& terminal, Clock clock, double done = 0);
  /// Ends the live line, so that what comes next, an error message say, begins its own.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// How much of the work is done, 0 to 1, and what to say about it, in one line. May be called as
  /// often as one likes: a live line changes at most ten times a second.
  void update(double done, std::string text);
  /// Prints text of its own, whole lines: above the live line if there is one.
  void print(std::string_view lines);
  /// Shows the last text once more, with the time that it all took instead of the time that is
  /// left, and leaves it there.
  void finish();

 private:
  std::string line(std::string_view label, double seconds) const;
  void show(const std::string& line);
  bool is_plain_line_due() const;
  double remaining() const;

  std::ostream& out_;
  Terminal terminal_;
  Clock clock_;
  double start_time_, start_done_;  // where this run began
  double time_, done_;              // where the last update() found it
  double shown_time_, shown_done_;  // where the last line was printed
  std::string text_;                // what the last update() said
  bool is_open_ = false;            // the cursor stands behind a live line
};

}  // namespace gradus::viz
