/// \file
/// The stage: the few verbs that a lesson speaks.
///
/// A lesson is a function `teach(Lesson&)`. What it says goes to the terminal and, with --html,
/// into a page; checks that fail make the program fail. Every lesson understands the same flags:
/// see `run`.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gradus/gradcheck.h"
#include "gradus/ops.h"
#include "gradus/viz/graph.h"
#include "gradus/viz/heatmap.h"
#include "gradus/viz/plot.h"
#include "gradus/viz/table.h"

namespace CLI {
class App;
}

namespace gradus::lessons {

class Lesson;

/// One way to break a lesson's code on purpose, `--break=NAME`: it shows the broken version beside
/// the correct one, and each symptom that it names is checked.
struct Break {
  std::string name;    ///< "no-scale"
  std::string change;  ///< what was changed, in one line
  std::function<void(Lesson&)> show;
};

/// What the stage must know about a lesson before it starts.
struct Chapter {
  int number = 0;            ///< in the curriculum
  double seconds = 1;        ///< how long it takes, and with --quick, where the stage was
  double quick_seconds = 1;  ///< measured; scaled to the machine that it runs on
  uint64_t seed = 1;         ///< unless --seed names another
  /// Flags of its own, if it has any. Where one is given, no time is forecast.
  std::function<void(CLI::App&)> more_flags = {};
};

/// The names along the two axes of a matrix that is shown.
struct Axes {
  std::string row_axis, column_axis;       ///< "query", "key"
  std::vector<std::string> rows, columns;  ///< one name each; none: 0, 1, 2, ...
};

/// How far a number may be from the one that the documentation shows, on another machine.
struct Within {
  double absolute = 0, relative = 0;
};

/// The largest |a - b| over all elements of two tensors of one shape. \throws Error for two shapes.
double largest_difference(const Tensor& a, const Tensor& b);

/// The cells of a row of a table: the text between " | ".
std::vector<std::string> split_row(std::string_view text);
template <class... T>
std::vector<std::string> row(fmt::format_string<T...> cells, T&&... values) {
  return split_row(fmt::format(cells, std::forward<T>(values)...));
}

/// The verbs.
class Lesson {
 public:
  // ---- saying ----

  /// Begins a section. Sections are numbered.
  void section(std::string_view title);
  /// A paragraph; line breaks and runs of spaces count as one space.
  /// `code` stands between backticks.
  template <class... T>
  void say(fmt::format_string<T...> text, T&&... values) {
    paragraph(fmt::format(text, std::forward<T>(values)...));
  }
  /// A formula on a line of its own, in the notation of gradus/viz/math.h; a comma and two spaces
  /// or more separate several.
  void equation(std::string_view formula);
  /// Numbers in aligned columns; the first row is the header.
  void table(const viz::TableRows& rows);
  /// A small tensor (rank 0 to 3) with its axes named; for rank 3 one matrix after the other.
  void show(std::string_view name, const Array& values, const Axes& axes = {}, int decimals = 2);
  void show(std::string_view name, const Tensor& values, const Axes& axes = {}, int decimals = 2) {
    show(name, values.value(), axes, decimals);
  }
  /// Two matrices side by side, or one below the other where 80 columns are too few.
  void beside(std::string_view name_a, const Tensor& a, const Axes& axes_a, std::string_view name_b,
              const Tensor& b, const Axes& axes_b, int decimals = 2);
  /// Text as it is, in a fixed-width box.
  void text(std::string_view lines);
  /// The same for lines that a live run has printed already while it worked: they join the page
  /// and, since nothing is live there, what a contract compares.
  void printed(std::string_view lines);

  // ---- pictures ----

  void heatmap(const viz::Heatmap& map);
  void plot(const std::vector<viz::Series>& series, const viz::PlotOptions& options);
  /// The graph: a picture on the page, a table in the terminal (only with --verbose if `brief`).
  void graph(const viz::GraphTrace& graph, std::string_view title, bool brief = false);

  // ---- asking and proving ----

  /// A question, then the answer and why. With --predict it waits for the reader's own answer
  /// first.
  void predict(std::string_view question, std::string_view answer, std::string_view why);
  /// Says that something holds, or that it does not, and then the program fails.
  bool check(std::string_view what, bool holds);
  /// The same for two results that must agree to within a tolerance, largest difference of all
  /// elements.
  bool check(std::string_view what, const Tensor& a, const Tensor& b, double tolerance = 1e-12);
  /// Checks gradients (gradus/gradcheck.h) and remembers the result for the last section.
  void gradcheck(const std::string& name, const Function& f, const std::vector<NamedArray>& inputs);

  // ---- breaking ----

  /// The correct matrix and the broken one, side by side.
  void compare(std::string_view name, const Tensor& correct, const Tensor& broken,
               const Axes& axes = {}, int decimals = 2);
  /// A symptom of the broken version. The program fails if it does not show.
  void symptom(std::string_view what, bool shows);
  /// The gradient check of the broken version: its report, and failure if it noticed nothing.
  void caught(const std::string& name, const Function& f, const std::vector<NamedArray>& inputs);

  // ---- working ----

  /// Does something so many times, with a progress line if it takes more than two seconds. `step`
  /// gets the number of the step, from 0, and returns what to say about it.
  void repeat(std::string_view what, int steps, const std::function<std::string(int)>& step);
  /// Seconds that something took, which differ from run to run.
  void elapsed(std::string_view what, double seconds);
  /// From here to the end of the section numbers come from training: on another machine they may
  /// differ from the documentation by so much.
  void trained(Within within);
  /// From here to the end of the section another machine may print anything, on as many lines.
  void unchecked();
  /// The three edits that end a lesson: what to change, what should happen, the command that shows
  /// it.
  struct Edit {
    std::string change, effect, command;
  };
  void change_one_line(std::initializer_list<Edit> edits);

  // ---- what the reader asked for ----

  bool quick() const;
  bool verbose() const;
  /// Whether this run is only compared with the documentation: no progress, no checkpoint.
  bool contract() const;
  uint64_t seed() const;
  /// Numbers from the standard normal distribution, float64, drawn with the lesson's seed.
  Array randn(const Shape& shape);
  Generator& generator();

  struct State;
  explicit Lesson(std::unique_ptr<State> state);
  ~Lesson();
  /// The end: gradients, what to break, where to go on. The exit code.
  int finish();

 private:
  void paragraph(const std::string& text);
  void verdict(bool good, std::string_view what);
  void show_gradients();
  void show_edits();
  void show_the_way();
  std::unique_ptr<State> state_;
};

/// The ways to break this lesson. Each program has its own, in lessons/broken/.
std::vector<Break> breaks();

/// Runs a lesson from main: reads the flags, says what it will cost, teaches, ends with the table
/// of gradient checks and what to try next. Returns the exit code: 0, or 1 if a check failed or an
/// Error was thrown, or 2 if a flag is wrong.
///
///     --quick           at most a few seconds
///     --verbose         more tables
///     --predict         asks before it answers
///     --break=NAME      shows that way to break it; --list-breaks names them
///     --html FILE       writes what it showed as one page
///     --seed N, --threads N, --help
int run(int argc, char** argv, const Chapter& chapter, const std::function<void(Lesson&)>& teach);

}  // namespace gradus::lessons
