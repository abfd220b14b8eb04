#include "lesson.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <utility>

#include "curriculum.h"
#include "gradus/io/file.h"
#include "gradus/viz/math.h"
#include "gradus/viz/progress.h"
#include "layout.h"
#include "stage.h"

namespace gradus::lessons {
namespace {

double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

}  // namespace

double largest_difference(const Tensor& a, const Tensor& b) {
  check(a.shape() == b.shape(), "largest_difference: the shapes differ, {} and {}", a.shape(),
        b.shape());
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

// ---- printing ----

void Lesson::State::print(Block block, std::string_view text) {
  // Blocks are a blank line apart; only lines that report one after the other stand together.
  if (block != Block::report || last != Block::report) fmt::print("\n");
  last = block;
  fmt::print("{}", terminal.unicode ? std::string(text) : in_ascii(text));
  if (text.empty() || text.back() != '\n') fmt::print("\n");
  std::fflush(stdout);
}

std::string Lesson::State::folded(std::string_view text, int margin) const {
  const std::string bare = plain(text);
  return indented(viz::wrapped(terminal.unicode ? bare : in_ascii(bare), columns() - margin),
                  margin);
}

std::string Lesson::State::table(viz::TableRows rows) const {
  if (!terminal.unicode)  // before the columns are laid out: an arrow becomes two characters
    for (auto& row : rows)
      for (std::string& cell : row) cell = in_ascii(cell);
  return viz::table(rows, terminal.unicode);
}

std::string Lesson::State::styled(const char* code, std::string_view text) const {
  return terminal.colour ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

void Lesson::State::mark(std::string_view tolerance) {
  if (options.contract && tolerance != marked) fmt::print("~ {}\n", tolerance);
  marked = tolerance;
}

void Lesson::State::picture(std::string_view title, const std::string& html, bool has_title) {
  page.figure(html, has_title ? "" : title);
  if (options.pictures.empty()) return;
  io::write_file(fmt::format("{}/{}-{}.html", options.pictures, name, slug(title)), html);
}

// ---- saying ----

void Lesson::section(std::string_view title) {
  state_->mark("exact");
  const std::string heading = state_->folded(fmt::format("{}  {}", ++state_->sections, title), 0);
  std::string rule;
  for (int i = viz::columns_of(heading) + 1; i < std::min(80, state_->terminal.width); ++i)
    rule += state_->terminal.unicode ? "─" : "-";
  state_->print(State::Block::text, state_->styled("1", heading) + " " + state_->styled("2", rule));
  state_->page.heading(fmt::format("{}  {}", state_->sections, title));
}

void Lesson::paragraph(const std::string& raw) {
  const std::string text = unfolded(raw);
  state_->print(State::Block::text, state_->folded(text, 0));
  state_->page.paragraph(text);
}

void Lesson::equation(std::string_view formula) {
  std::vector<std::string> parts;  // a comma and two spaces or more stand between them
  std::string line;
  while (!formula.empty()) {
    const size_t end = std::min(formula.find(",  "), formula.size());
    parts.emplace_back(formula.substr(0, end));
    line += fmt::format("{}{}", line.empty() ? "    " : ",   ", viz::math_text(parts.back()));
    formula.remove_prefix(end);
    formula.remove_prefix(std::min(formula.find_first_not_of(", "), formula.size()));
  }
  state_->print(State::Block::text, line);
  state_->page.formulas(parts);
}

void Lesson::table(const viz::TableRows& rows) {
  state_->print(State::Block::text, state_->table(rows));
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
  viz::TableRows rows = matrix_rows(matrix, axes, decimals);
  if (values.rank() < 2) {  // a vector has no rows to name
    for (auto& row : rows) row.erase(row.begin());
    if (axes.columns.empty()) rows.erase(rows.begin());
    state_->print(State::Block::text,
                  fmt::format("  {} = [{}]", title, fmt::join(rows.back(), ", ")));
    state_->page.preformatted(fmt::format("{} = [{}]", title, fmt::join(rows.back(), ", ")));
    return;
  }
  state_->print(State::Block::text, "  " + title + "\n" + state_->table(rows));
  state_->page.figure(viz::table_html(rows), title);
}

void Lesson::beside(std::string_view name_a, const Tensor& a, const Axes& axes_a,
                    std::string_view name_b, const Tensor& b, const Axes& axes_b, int decimals) {
  std::vector<std::pair<std::string, std::string>> html;
  const auto block = [&](std::string_view name, const Tensor& t, const Axes& axes) {
    const std::string title = fmt::format("{} {}", name, t.shape());
    const viz::TableRows rows = matrix_rows(t.value(), axes, decimals);
    html.push_back({title, viz::table_html(rows)});
    return fmt::format("  {}\n", title) + state_->table(rows);
  };
  const std::string left = block(name_a, a, axes_a), right = block(name_b, b, axes_b);
  state_->print(State::Block::text, side_by_side(left, right, state_->columns()));
  state_->page.pair(html[0].second, html[0].first, html[1].second, html[1].first);
}

void Lesson::text(std::string_view lines) {
  state_->print(State::Block::text, indented(lines, 2));
  state_->page.preformatted(lines);
}

void Lesson::printed(std::string_view lines) {
  if (state_->options.contract)
    text(lines);
  else
    state_->page.preformatted(lines);
}

// ---- pictures ----

void Lesson::heatmap(const viz::Heatmap& map) {
  state_->print(State::Block::text, viz::heatmap(map, state_->terminal));
  state_->picture(map.title, viz::heatmap_svg(map), true);
}

void Lesson::plot(const std::vector<viz::Series>& series, const viz::PlotOptions& options) {
  state_->print(State::Block::text, viz::plot(series, options, state_->terminal));
  state_->picture(options.title, viz::plot_svg(series, options), true);
}

void Lesson::graph(const viz::GraphTrace& graph, std::string_view title, bool brief) {
  if (!brief || verbose())
    state_->print(State::Block::text,
                  fmt::format("  {}\n", title) + state_->table(graph.table(4, state_->columns())));
  if (!state_->wants_pictures()) return;
  try {
    state_->picture(title, graph.svg(), false);
  } catch (const Error& error) {  // without Graphviz the page says what is missing
    state_->page.box("note", title, error.what());
  }
}

// ---- asking and proving ----

void Lesson::predict(std::string_view question, std::string_view answer, std::string_view why) {
  std::string text = state_->folded(question, 4);
  text.replace(2, 1, "?");
  state_->print(State::Block::text, state_->styled("1", text));
  std::string given;
  if (state_->options.predict) {
    fmt::print("    Your answer: {}", state_->terminal.live ? "" : "\n");
    std::fflush(stdout);
    if (!std::getline(std::cin, given)) state_->options.predict = false;  // nobody is there
    if (state_->options.predict && !given.empty())
      fmt::print("    {}\n", same_answer(given, std::string(answer))
                                 ? state_->styled("32", "Yes.")
                                 : state_->styled("33", "Not quite."));
  }
  fmt::print("{}\n", state_->folded(fmt::format("{}. {}", answer, why), 4));
  state_->page.box("question", question, fmt::format("{}. {}", answer, why));
}

void Lesson::verdict(bool good, std::string_view what) {
  const std::string sign = good ? state_->styled("32", "✓") : state_->styled("31", "✗");
  const std::string lines =
      state_->folded(good ? std::string(what) : fmt::format("FAILED: {}", what), 4).substr(4);
  state_->print(State::Block::report, fmt::format("  {} {}", sign, lines));
  state_->page.box(good ? "passed" : "failed", "", what);
  if (!good && state_->failures++ == 0)
    paragraph("From here on the text describes the lesson as it was.");
}

bool Lesson::check(std::string_view what, bool holds) {
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

void Lesson::gradcheck(const std::string& name, const Function& f,
                       const std::vector<NamedArray>& inputs) {
  state_->gradients.push_back(gradus::gradcheck(name, f, inputs));
}

// ---- breaking ----

void Lesson::compare(std::string_view name, const Tensor& correct, const Tensor& broken,
                     const Axes& axes, int decimals) {
  beside(fmt::format("correct: {}", name), correct, axes, fmt::format("broken: {}", name), broken,
         axes, decimals);
}

void Lesson::symptom(std::string_view what, bool shows) {
  verdict(shows, shows ? fmt::format("as expected: {}", what)
                       : fmt::format("expected, and not seen: {}", what));
}

void Lesson::caught(const std::string& name, const Function& f,
                    const std::vector<NamedArray>& inputs) {
  const GradcheckResult result = gradus::gradcheck(name, f, inputs);
  verdict(!result.passed, result.passed
                              ? fmt::format("the gradient check of {} noticed nothing", name)
                              : fmt::format("caught by the gradient check of {}", name));
  if (!result.passed) text(result.report());
}

// ---- working ----

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

void Lesson::unchecked() { state_->mark("unchecked"); }

void Lesson::change_one_line(std::initializer_list<Edit> edits) { state_->edits = edits; }

// ---- the end ----

void Lesson::show_gradients() {
  State& s = *state_;
  if (s.gradients.empty()) return;
  section("Gradient check");
  say(R"(Each element of each input is nudged up and down; how the result changes is compared with what
      backward says.)");
  viz::TableRows rows{{"function", "elements", "worst relative error", "at"}};
  int64_t elements = 0;
  const GradcheckResult* worst = &s.gradients.front();
  for (const GradcheckResult& r : s.gradients) {
    elements += r.elements;
    if (r.worst.error > worst->worst.error) worst = &r;
    rows.push_back(row("{} | {} | {:.1e} | {}{}", r.name, r.elements, r.worst.error, r.worst.input,
                       r.worst.index));
  }
  std::string functions;
  for (const GradcheckResult& r : s.gradients) {
    functions += fmt::format("{}{} ({})", functions.empty() ? "" : ", ", r.name, r.elements);
    if (r.passed) continue;
    verdict(false, fmt::format("the gradient of {} is wrong", r.name));
    text(r.report());
  }
  if (std::all_of(s.gradients.begin(), s.gradients.end(), [](const auto& r) { return r.passed; }))
    verdict(true, fmt::format("{} partial derivatives agree to 1e-6: {}", elements, functions));
  s.mark("unchecked");
  s.print(State::Block::report, fmt::format("    worst {:.0e}, at {}{} of {}", worst->worst.error,
                                            worst->worst.input, worst->worst.index, worst->name));
  if (verbose()) table(rows);
  s.mark("exact");
}

void Lesson::show_edits() {
  State& s = *state_;
  if (s.edits.empty()) return;
  section("Change one line");
  std::string list;
  for (size_t i = 0; i < s.edits.size(); ++i) {
    const Edit& edit = s.edits[i];
    const std::string text = unfolded(fmt::format("{} {}", edit.change, edit.effect));
    list += fmt::format("  {}. {}\n       {}\n", i + 1, s.folded(text, 5).substr(5), edit.command);
    s.page.paragraph(fmt::format("{}. {} `{}`", i + 1, text, edit.command));
  }
  s.print(State::Block::text, list);
}

void Lesson::show_the_way() {
  State& s = *state_;
  const std::string here = target(s.chapter.number);
  std::string lines = fmt::format("Read it:   lessons/{0}.cpp, lessons/broken/{0}.cpp\n",
                                  entry(s.chapter.number).program);
  lines += fmt::format("More:      make {} ARGS=--predict, --verbose, \"--html FILE\"\n", here);
  const char* label = "Break it: ";
  for (const Break& b : breaks()) {
    lines += fmt::format("{} make {} ARGS=--break={}\n", label, here, b.name);
    label = "          ";
  }
  if (const Entry* next = neighbour(s.chapter.number, 1))
    lines += fmt::format("Next:      make {}  ({})\n", target(next->number), next->title);
  s.print(State::Block::text, lines);
}

int Lesson::finish() {
  State& s = *state_;
  show_gradients();
  show_edits();
  if (s.options.break_name.empty()) show_the_way();
  if (!s.options.html.empty()) {
    s.page.write(s.options.html);
    if (!s.options.contract) fmt::print("\nThe page is {}\n", s.options.html);
  }
  const auto wrong = s.failures;
  if (wrong > 0) fmt::print("\n{} check{} FAILED.\n", wrong, wrong == 1 ? "" : "s");
  return wrong > 0 ? 1 : 0;
}

bool Lesson::quick() const { return state_->options.quick; }
bool Lesson::verbose() const { return state_->options.verbose; }
bool Lesson::contract() const { return state_->options.contract; }
uint64_t Lesson::seed() const { return state_->options.seed; }
Generator& Lesson::generator() { return state_->generator; }
Array Lesson::randn(const Shape& shape) {
  return gradus::randn(shape, state_->generator, DType::float64);
}

}  // namespace gradus::lessons
