#include "lesson.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "curriculum.h"
#include "gradus/io/file.h"
#include "gradus/viz/math.h"
#include "gradus/viz/progress.h"
#include "stage.h"

namespace gradus::lessons {
namespace {

constexpr int max_columns = 80;

double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

// In the terminal the backticks of `code` are left out.
std::string without_backticks(std::string text) {
  std::erase(text, '`');
  return text;
}

// Each run of spaces and line breaks becomes one space.
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

// "Weights, trained" becomes "weights-trained": the name of a picture's file.
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

// Two answers are the same if they are the same number to the digits shown, or the same text up to
// case and spaces.
bool same_answer(std::string given, std::string expected) {
  const auto tidy = [](std::string& text) {
    std::erase_if(text, [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; });
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  };
  tidy(given);
  tidy(expected);
  char *given_end = nullptr, *expected_end = nullptr;
  const double a = std::strtod(given.c_str(), &given_end);
  const double b = std::strtod(expected.c_str(), &expected_end);
  if (!given.empty() && *given_end == '\0' && !expected.empty() && *expected_end == '\0')
    return std::abs(a - b) <= 0.05 * std::abs(b) + 1e-12;
  const auto bare = [](std::string text) {
    std::erase_if(
        text, [](char c) { return std::string_view("[](){}").find(c) != std::string_view::npos; });
    return text;
  };
  return bare(given) == bare(expected);
}

std::string number(double value, int decimals) {
  const std::string text = fmt::format("{:.{}f}", value, decimals);
  return std::stod(text) == 0 ? fmt::format("{:.{}f}", 0.0, decimals) : text;  // no "-0.00"
}

// A matrix as rows of a table: the names of the axes stand in the corner.
viz::TableRows matrix_rows(const Array& values, const Axes& axes, int decimals, bool unicode) {
  const int64_t rows = values.size(0), columns = values.size(1);
  const auto name = [](const std::vector<std::string>& names, int64_t i) {
    return names.empty() ? fmt::format("{}", i) : names.at(static_cast<size_t>(i));
  };
  std::string corner = axes.row_axis;
  if (!axes.column_axis.empty())
    corner +=
        fmt::format("{}{}", unicode ? " ↓ " : " | ", axes.column_axis) + (unicode ? " →" : "");
  viz::TableRows table{{corner}};
  for (int64_t c = 0; c < columns; ++c) table[0].push_back(name(axes.columns, c));
  for (int64_t r = 0; r < rows; ++r) {
    table.push_back({name(axes.rows, r)});
    for (int64_t c = 0; c < columns; ++c)
      table.back().push_back(number(values.at({r, c}), decimals));
  }
  return table;
}

// Two blocks of lines beside each other, or one below the other where 80 columns are too few.
std::string side_by_side(const std::string& left, const std::string& right) {
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
  if (split + width(b) > max_columns) return left + "\n" + right;
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

}  // namespace

double largest_difference(const Tensor& a, const Tensor& b) {
  double largest = 0;
  const std::vector<double> x = a.value().to_vector(), y = b.value().to_vector();
  for (size_t i = 0; i < x.size(); ++i) {
    const double difference = std::abs(x[i] - y[i]);
    if (!(difference <= largest)) largest = difference;  // a NaN stays
  }
  return largest;
}

std::vector<std::string> split_row(std::string_view text) {
  std::vector<std::string> cells;
  for (;;) {
    const size_t end = text.find(" | ");
    cells.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return cells;
    text.remove_prefix(end + 3);
  }
}

Lesson::Lesson(std::unique_ptr<State> state) : state_(std::move(state)) {}
Lesson::~Lesson() = default;

// ---- printing
// ------------------------------------------------------------------------------------

void Lesson::State::print(Block block, std::string_view text) {
  // Blocks are a blank line apart; only lines that report one after the other stand together.
  if (block != Block::report || last != Block::report) fmt::print("\n");
  last = block;
  fmt::print("{}", text);
  if (text.empty() || text.back() != '\n') fmt::print("\n");
  std::fflush(stdout);
}

std::string Lesson::State::styled(const char* code, std::string_view text) const {
  return terminal.colour ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

void Lesson::State::mark(std::string_view tolerance) {
  if (options.contract && tolerance != marked) fmt::print("~ {}\n", tolerance);
  marked = tolerance;
}

void Lesson::State::picture(std::string_view title, const std::string& html) {
  page.figure(html, title);
  if (options.pictures.empty()) return;
  io::write_file(fmt::format("{}/{}-{}.html", options.pictures, name, slug(title)), html);
}

// ---- saying
// --------------------------------------------------------------------------------------

void Lesson::section(std::string_view title) {
  state_->mark("exact");
  const std::string heading = fmt::format("{}  {}", ++state_->sections, title);
  std::string rule;
  for (int i = viz::columns_of(heading) + 1; i < std::min(max_columns, state_->terminal.width); ++i)
    rule += state_->terminal.unicode ? "─" : "-";
  state_->print(State::Block::text, state_->styled("1", heading) + " " + state_->styled("2", rule));
  state_->page.heading(heading);
}

void Lesson::paragraph(const std::string& raw) {
  const std::string text = unfolded(raw);
  state_->print(State::Block::text, viz::wrapped(without_backticks(text), state_->columns()));
  state_->page.paragraph(text);
}

void Lesson::equation(std::string_view formula) {
  state_->print(State::Block::text, "    " + viz::math_text(formula, state_->terminal.unicode));
  state_->page.html(viz::math_html(formula));
}

void Lesson::table(const viz::TableRows& rows) {
  state_->print(State::Block::text, viz::table(rows, state_->terminal.unicode));
  state_->page.html(viz::table_html(rows));
}

void Lesson::show(std::string_view name, const Array& values, const Axes& axes, int decimals) {
  if (values.rank() == 3) {
    for (int64_t i = 0; i < values.size(0); ++i)
      show(fmt::format("{}[{}]", name, i), values.select(0, i), axes, decimals);
    return;
  }
  gradus::check(values.rank() <= 3, "show: {} has rank {}; 3 at most fit on paper", name,
                values.rank());
  const std::string title = fmt::format("{} {}", name, values.shape());
  const Array matrix = values.reshape(
      {values.rank() == 2 ? values.size(0) : 1, values.rank() == 0 ? 1 : values.size(-1)});
  viz::TableRows rows = matrix_rows(matrix, axes, decimals, state_->terminal.unicode);
  if (values.rank() < 2) {  // a vector has no rows to name
    for (auto& row : rows) row.erase(row.begin());
    if (axes.columns.empty()) rows.erase(rows.begin());
    state_->print(State::Block::text,
                  fmt::format("  {} = [{}]", title, fmt::join(rows.back(), ", ")));
    state_->page.preformatted(fmt::format("{} = [{}]", title, fmt::join(rows.back(), ", ")));
    return;
  }
  state_->print(State::Block::text,
                "  " + title + "\n" + viz::table(rows, state_->terminal.unicode));
  state_->page.figure(viz::table_html(rows), title);
}

void Lesson::beside(std::string_view name_a, const Tensor& a, const Axes& axes_a,
                    std::string_view name_b, const Tensor& b, const Axes& axes_b, int decimals) {
  const auto block = [&](std::string_view name, const Tensor& t, const Axes& axes) {
    const std::string title = fmt::format("{} {}", name, t.shape());
    const viz::TableRows rows = matrix_rows(t.value(), axes, decimals, state_->terminal.unicode);
    state_->page.figure(viz::table_html(rows), title);
    return fmt::format("  {}\n", title) + viz::table(rows, state_->terminal.unicode);
  };
  const std::string left = block(name_a, a, axes_a), right = block(name_b, b, axes_b);
  state_->print(State::Block::text, side_by_side(left, right));
}

void Lesson::text(std::string_view lines) {
  state_->print(State::Block::text, indented(lines, 2));
  state_->page.preformatted(lines);
}

// ---- pictures
// ------------------------------------------------------------------------------------

void Lesson::heatmap(const viz::Heatmap& map) {
  state_->print(State::Block::text, viz::heatmap(map, state_->terminal));
  state_->picture(map.title, viz::heatmap_svg(map));
}

void Lesson::plot(const std::vector<viz::Series>& series, const viz::PlotOptions& options) {
  state_->print(State::Block::text, viz::plot(series, options, state_->terminal));
  state_->picture(options.title, viz::plot_svg(series, options));
}

void Lesson::graph(const viz::GraphTrace& graph, std::string_view title, bool brief) {
  if (!brief || verbose())
    state_->print(State::Block::text, fmt::format("  {}\n", title) +
                                          viz::table(graph.table(), state_->terminal.unicode));
  if (!state_->wants_pictures()) return;
  try {
    state_->picture(title, graph.svg());
  } catch (const Error& error) {  // without Graphviz the page says what is missing
    state_->page.box("note", title, error.what());
  }
}

// ---- asking and proving
// --------------------------------------------------------------------------

void Lesson::predict(std::string_view question, std::string_view answer, std::string_view why) {
  const std::string plain = without_backticks(std::string(question));
  std::string text = indented(viz::wrapped(plain, state_->columns() - 4), 4);
  text.replace(2, 1, "?");
  state_->print(State::Block::text, state_->styled("1", text));
  std::string given;
  if (state_->options.predict) {
    fmt::print("    Your answer: ");
    std::fflush(stdout);
    if (!std::getline(std::cin, given)) state_->options.predict = false;  // nobody is there
    if (state_->options.predict && !given.empty())
      fmt::print("    {}\n", same_answer(given, std::string(answer))
                                 ? state_->styled("32", "Yes.")
                                 : state_->styled("33", "Not quite."));
  }
  fmt::print("{}\n", indented(viz::wrapped(without_backticks(fmt::format("{}. {}", answer, why)),
                                           state_->columns() - 4),
                              4));
  state_->page.box("question", question, fmt::format("{}. {}", answer, why));
}

void Lesson::verdict(bool good, std::string_view what) {
  if (!good) ++state_->failures;
  const bool unicode = state_->terminal.unicode;
  const std::string sign = good ? state_->styled("32", unicode ? "✓" : "ok")
                                : state_->styled("31", unicode ? "✗ FAILED:" : "FAILED:");
  std::string lines = viz::wrapped(without_backticks(std::string(what)), state_->columns() - 4);
  lines = indented(lines, 4).substr(4);
  state_->print(State::Block::report, fmt::format("  {} {}", sign, lines));
  state_->page.box(good ? "passed" : "failed", "", what);
}

bool Lesson::check(std::string_view what, bool holds) {
  ++state_->checks;
  verdict(holds, what);
  return holds;
}

bool Lesson::check(std::string_view what, const Tensor& a, const Tensor& b, double tolerance) {
  if (a.shape() != b.shape())
    return check(fmt::format("{}: the shapes differ, {} and {}", what, a.shape(), b.shape()),
                 false);
  const double difference = largest_difference(a, b);
  if (difference <= tolerance) return check(fmt::format("{} (to {:.0e})", what, tolerance), true);
  return check(
      fmt::format("{}: they differ by {:.2g}, more than {:.0e}", what, difference, tolerance),
      false);
}

bool Lesson::gradcheck(const std::string& name, const Function& f,
                       const std::vector<NamedArray>& inputs) {
  GradcheckResult result = gradus::gradcheck(name, f, inputs);
  const bool passed = result.passed;
  if (!passed) {
    verdict(false, fmt::format("the gradient of {}", name));
    text(result.report());
  }
  state_->gradients.push_back(std::move(result));
  return passed;
}

// ---- breaking
// ------------------------------------------------------------------------------------

void Lesson::compare(std::string_view name, const Tensor& correct, const Tensor& broken,
                     const Axes& axes, int decimals) {
  beside(fmt::format("correct: {}", name), correct, axes, fmt::format("broken: {}", name), broken,
         axes, decimals);
}

bool Lesson::symptom(std::string_view what, bool shows) {
  ++state_->checks;
  verdict(shows, shows ? fmt::format("as expected: {}", what)
                       : fmt::format("expected, and not seen: {}", what));
  return shows;
}

bool Lesson::caught(const std::string& name, const Function& f,
                    const std::vector<NamedArray>& inputs) {
  const GradcheckResult result = gradus::gradcheck(name, f, inputs);
  ++state_->checks;
  verdict(!result.passed, result.passed
                              ? fmt::format("the gradient check of {} noticed nothing", name)
                              : fmt::format("caught by the gradient check of {}", name));
  if (!result.passed) text(result.report());
  return !result.passed;
}

// ---- working
// -------------------------------------------------------------------------------------

void Lesson::repeat(std::string_view what, int steps, const std::function<std::string(int)>& step) {
  constexpr double patience = 2;  // seconds without a word
  const double start = seconds_now();
  std::unique_ptr<viz::Progress> progress;
  for (int i = 0; i < steps; ++i) {
    const std::string state = step(i);
    if (state_->options.contract || (!progress && seconds_now() - start < patience)) continue;
    const double done = (i + 1.0) / steps;
    if (!progress) progress = std::make_unique<viz::Progress>(done);
    progress->update(done, fmt::format("{}  step {}/{}  {}", what, i + 1, steps, state));
  }
  if (progress) progress->finish();
}

void Lesson::elapsed(std::string_view what, double seconds) {
  if (state_->options.contract) return;
  const std::string line = fmt::format("{}: {:.2g} s", what, seconds);
  state_->print(State::Block::report, "  " + state_->styled("2", line));
  state_->page.paragraph(line);
}

void Lesson::trained(Within within) {
  state_->mark(fmt::format("within {} {}", within.absolute, within.relative));
}

void Lesson::change_one_line(std::initializer_list<Edit> edits) { state_->edits = edits; }

// ---- the end
// -------------------------------------------------------------------------------------

int Lesson::finish() {
  State& s = *state_;
  const auto broken = std::count_if(s.gradients.begin(), s.gradients.end(),
                                    [](const GradcheckResult& r) { return !r.passed; });
  if (!s.gradients.empty()) {
    section("Gradients");
    viz::TableRows rows{{"function", "elements", "worst relative error", "at"}};
    int64_t elements = 0;
    const GradcheckResult* worst = &s.gradients.front();
    for (const GradcheckResult& r : s.gradients) {
      elements += r.elements;
      if (r.worst.error > worst->worst.error) worst = &r;
      rows.push_back({r.name, fmt::format("{}", r.elements), fmt::format("{:.1e}", r.worst.error),
                      fmt::format("{} {}", r.worst.input, r.worst.index)});
    }
    check(fmt::format(
              "{} functions, {} partial derivatives: backward agrees with differences to 1e-6",
              s.gradients.size(), elements),
          broken == 0);
    s.mark("unchecked");
    s.print(State::Block::report, fmt::format("    worst: {:.0e}, {} {} of {}", worst->worst.error,
                                              worst->worst.input, worst->worst.index, worst->name));
    if (verbose()) table(rows);
    s.mark("exact");
  }
  if (!s.edits.empty()) {
    section("Change one line");
    std::string list;
    int i = 0;
    for (const Edit& edit : s.edits) {
      const std::string item =
          fmt::format("{}. {} {}\n   {}", ++i, edit.change, edit.effect, edit.command);
      std::string lines =
          indented(viz::wrapped(without_backticks(item), s.columns() - 5), 5).substr(5);
      list += fmt::format("  {}{}", lines, i < static_cast<int>(s.edits.size()) ? "\n" : "");
      s.page.paragraph(fmt::format("{}. {} {} `{}`", i, edit.change, edit.effect, edit.command));
    }
    s.print(State::Block::text, list);
  }
  if (s.options.break_name.empty()) {
    std::string names;
    for (const Break& b : breaks()) names += " " + b.name;
    std::string where;
    const std::string command = "make " + target(s.chapter.number);
    if (!names.empty())
      where += fmt::format("Break it:  {} ARGS=--break=NAME, NAME one of\n          {}\n", command,
                           names);
    if (const Entry* next = neighbour(s.chapter.number, 1))
      where += fmt::format("Next:      make {}  ({})\n", target(next->number), next->title);
    s.print(State::Block::text, where);
  }
  if (!s.options.html.empty()) {
    s.page.write(s.options.html);
    if (!s.options.contract) fmt::print("\nThe page is {}\n", s.options.html);
  }
  if (s.failures > 0)
    fmt::print("\n{} of {} checks FAILED.\n", s.failures, s.checks + s.gradients.size());
  return s.failures > 0 ? 1 : 0;
}

bool Lesson::quick() const { return state_->options.quick; }
bool Lesson::verbose() const { return state_->options.verbose; }
uint64_t Lesson::seed() const { return state_->options.seed; }
Generator& Lesson::generator() { return state_->generator; }
Array Lesson::randn(const Shape& shape) {
  return gradus::randn(shape, state_->generator, DType::float64);
}

}  // namespace gradus::lessons
