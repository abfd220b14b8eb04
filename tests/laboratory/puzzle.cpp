// make puzzle, puzzle-check: a broken copy of one source, for a learner to mend.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <optional>
#include <random>
#include <sstream>

#include "gradus/error.h"
#include "gradus/io/file.h"
#include "gradus/viz/table.h"
#include "gradus/viz/terminal.h"
#include "laboratory/exhibit.h"
#include "laboratory/saved_last.h"
#include "laboratory/workshop.h"
#include "shell.h"

namespace gradus::test {
namespace {

namespace fs = std::filesystem;

// An exhibit, as the learner knows it: by its number.
struct Puzzle {
  size_t number;
  const Exhibit& exhibit;
  fs::path directory;  // scratch/puzzle-07

  Puzzle(size_t n, const fs::path& scratch)
      : number(n),
        exhibit(exhibits()[n - 1]),
        directory(scratch / fmt::format("puzzle-{:02}", n)) {}
  fs::path file() const { return directory / fs::path(exhibit.file).filename(); }
  // A file that says when the puzzle was solved.
  fs::path mended() const { return directory / ".mended"; }
  bool is_begun() const { return fs::exists(file()); }
  // And not changed since.
  bool is_mended() const {
    return is_begun() && fs::exists(mended()) &&
           fs::last_write_time(file()) <= fs::last_write_time(mended());
  }
};

void say(const std::string& text) { fmt::print("{}", viz::wrapped(text, 80)); }

// ---- which one ---------------------------------------------------------------------------------

Puzzle find(const std::string& wanted, const fs::path& scratch) {
  const bool is_number = !wanted.empty() && wanted.size() <= 4 &&
                         wanted.find_first_not_of("0123456789") == std::string::npos;
  const size_t number = is_number ? std::stoul(wanted) : 0;
  check(number >= 1 && number <= exhibits().size(),
        "there is no puzzle {}: they are N=1 to N={}. `make puzzle LIST=1` lists them",
        is_number ? wanted : '"' + wanted + '"', exhibits().size());
  return {number, scratch};
}

std::vector<Puzzle> all_puzzles(const fs::path& scratch) {
  std::vector<Puzzle> all;
  for (size_t n = 1; n <= exhibits().size(); ++n) all.emplace_back(n, scratch);
  return all;
}

// One that has not been begun; if there is none, one that is not mended.
Puzzle any(const fs::path& scratch) {
  const std::vector<Puzzle> all = all_puzzles(scratch);
  std::vector<size_t> numbers;
  for (const Puzzle& p : all)
    if (!p.is_begun()) numbers.push_back(p.number);
  if (numbers.empty())
    for (const Puzzle& p : all)
      if (!p.is_mended()) numbers.push_back(p.number);
  check(!numbers.empty(), "all {} puzzles are mended. `make puzzle N=7` shows one again",
        all.size());
  std::random_device dice;
  return {numbers[dice() % numbers.size()], scratch};
}

// The one whose file was saved last.
Puzzle newest(const fs::path& scratch) {
  const std::vector<Puzzle> all = all_puzzles(scratch);
  const Puzzle* last = saved_last(all, std::mem_fn(&Puzzle::file));
  check(last != nullptr, "no puzzle is begun in {}/: `make puzzle` begins one", scratch.string());
  return *last;
}

// ---- make puzzle -------------------------------------------------------------------------------

int list(const fs::path& scratch) {
  viz::TableRows rows = {{"N", "op", "source", "yours"}};
  for (const Puzzle& p : all_puzzles(scratch))
    rows.push_back({fmt::format("{}", p.number), p.exhibit.op, p.exhibit.file,
                    p.is_mended()  ? "mended"
                    : p.is_begun() ? "begun"
                                   : "-"});
  fmt::print(
      "{}\n"
      "make puzzle N=7         begins that one, in {}/; without N, any\n"
      "make puzzle N=7 HINT=1  a hint; 2 and 3 come nearer to the line\n"
      "make puzzle-check       says whether the one you saved last is mended\n",
      viz::table(rows, viz::Terminal::standard_output().unicode), scratch.string());
  return 0;
}

// The tree's source with the mistake in it. It stands in a tree that its owner may have changed.
std::string broken(const Puzzle& p) {
  try {
    return planted(p.exhibit, text_of(p.exhibit.file));
  } catch (const Error&) {
    fail(
        "puzzle {} cannot be made: {} in your tree was changed just where the mistake would stand. "
        "`git diff {}` shows what you changed; another puzzle may be in another file",
        p.number, p.exhibit.file, p.exhibit.file);
  }
}

int open(const Puzzle& p) {
  const fs::path file = p.file();
  const bool was_there = p.is_begun();
  const std::string text = was_there ? "" : broken(p);
  Workshop workshop(p.directory);
  was_there ? workshop.take(p.exhibit.file) : workshop.put(p.exhibit.file, text);
  fmt::print("Puzzle {}\n\n", p.number);
  say(p.exhibit.symptom + "\n\n");
  fmt::print("One line of {} {} broken. Your copy of it:\n\n  {}\n\n", p.exhibit.file,
             p.is_mended() ? "was" : "is", file.string());
  if (p.is_mended()) fmt::print("You have mended it.\n");
  if (was_there)
    fmt::print("It was there already and stays as it is. To begin anew:\nmv -nT '{}' '{}.old'\n\n",
               p.directory.string(), p.directory.string());
  fmt::print("Compiling it and checking {} takes some seconds ...\n\n", p.exhibit.op);
  std::fflush(stdout);
  fmt::print("{}", workshop.gradcheck({p.exhibit.op}, 120, "--brief").output);
  fmt::print(
      "\nFind the line in your copy and mend it (your tree stays as it is). Then:\n\n"
      "  make puzzle-check N={}    is it mended? If not, what the numbers suggest\n"
      "  make puzzle N={} HINT=1   a hint; 2 and 3 come nearer to the line\n",
      p.number, p.number);
  return 0;
}

int hint(const Puzzle& p, int number) {
  say(fmt::format("Puzzle {}, hint {}: {}\n", p.number, number,
                  p.exhibit.hints[static_cast<size_t>(number - 1)]));
  if (number < 3) fmt::print("\nThe next one: make puzzle N={} HINT={}\n", p.number, number + 1);
  return 0;
}

// ---- make puzzle-check -------------------------------------------------------------------------

std::vector<double> numbers_of(const std::string& digits) {
  std::vector<double> numbers;
  std::istringstream in(digits);
  for (std::string word; in >> word;) numbers.push_back(std::strtod(word.c_str(), nullptr));
  return numbers;
}

// Whether the values are the same but for rounding: the library is optimised more than a copy.
bool same(const std::string& a, const std::string& b) {
  const std::vector<double> x = numbers_of(a), y = numbers_of(b);
  if (x.size() != y.size()) return false;
  double largest = 0;
  for (const double v : x)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  for (size_t k = 0; k < x.size(); ++k)
    if (x[k] != y[k] && !(std::isnan(x[k]) && std::isnan(y[k])) &&
        !(std::abs(x[k] - y[k]) <= 1e-10 * largest))
      return false;
  return true;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The lines between what the two texts begin with and what they end with.
std::string difference(const std::string& ours, const std::string& yours) {
  const std::vector<std::string> a = lines_of(ours), b = lines_of(yours);
  size_t head = 0, tail = 0;
  const size_t shorter = std::min(a.size(), b.size());
  while (head < shorter && a[head] == b[head]) ++head;
  while (tail < shorter - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  std::string text;
  for (size_t i = head; i < a.size() - tail; ++i) text += "- " + a[i] + "\n";
  for (size_t i = head; i < b.size() - tail; ++i) text += "+ " + b[i] + "\n";
  return text;
}

int congratulate(const Puzzle& p) {
  io::write_file(p.mended(), "");
  fmt::print("Mended: all gradients are right. It was \"{}\".\n\n", p.exhibit.name);
  say(p.exhibit.story + "\n");
  if (const std::string text = difference(text_of(p.exhibit.file), io::read_file(p.file()));
      !text.empty())
    fmt::print("\nOurs (-) and yours (+):\n\n{}", text);
  fmt::print("\nAnother one: make puzzle\n");
  return 0;
}

int not_mended(const Puzzle& p, const std::string& why) {
  fmt::print("{}\nPuzzle {} is not mended yet. A hint: make puzzle N={} HINT=1\n", why, p.number,
             p.number);
  return 1;
}

int check_copy(const Puzzle& p) {
  check(p.is_begun(), "puzzle {} is not begun: `make puzzle N={}` begins it", p.number, p.number);
  fmt::print("Puzzle {}: compiling {} and checking all gradients ...\n\n", p.number,
             p.file().string());
  std::fflush(stdout);
  Workshop workshop(p.directory);
  workshop.take(p.exhibit.file);
  const Verdict own = workshop.gradcheck({p.exhibit.op});
  if (!own.compiled())
    return not_mended(p, own.output + "\nIt does not compile: the first message says where.\n");
  if (!own.finished())
    return not_mended(p, own.output + "\nIt crashed, or did not end within two minutes.\n");
  if (own.wrong > 0) return not_mended(p, own.output);

  // The op is right. Is the forward pass as it was, and are the other ops right that the file has a
  // part in?
  const fs::path answer = p.directory / ".build/tree.json",
                 program = fs::path(build_directory()) / "laboratory/gradcheck";
  const Verdict ours = run_gradcheck(program, answer, {}, 120, "--values"),
                yours = workshop.gradcheck({}, 120, "--values");
  if (!ours.finished() || !yours.finished()) return not_mended(p, ours.output + yours.output);
  for (const auto& [name, value] : ours.values)
    if (!same(value, yours.values.at(name)))
      return not_mended(
          p,
          fmt::format("The gradients of {} are right for what is computed. But that has changed: "
                      "\ncase {} has another value than in the library.\n",
                      p.exhibit.op, name));
  const Verdict all = workshop.gradcheck({});
  if (!all.finished() || all.caught())
    return not_mended(
        p, fmt::format("{} is right. But, among all ops:\n\n{}", p.exhibit.op, all.output));
  return congratulate(p);
}

struct Wish {
  std::string number;
  fs::path scratch = "scratch";
  std::optional<int> hint;
};

int begin(const Wish& wish) {
  if (!wish.hint)
    return open(wish.number.empty() ? any(wish.scratch) : find(wish.number, wish.scratch));
  check(*wish.hint >= 1 && *wish.hint <= 3, "there is no hint {}: they are HINT=1 to HINT=3",
        *wish.hint);
  return hint(wish.number.empty() ? newest(wish.scratch) : find(wish.number, wish.scratch),
              *wish.hint);
}

}  // namespace
}  // namespace gradus::test

int main(int argc, char** argv) try {
  using namespace gradus::test;
  CLI::App app("Find the bug: a broken copy of one source of the library, for you to mend.");
  Wish wish;
  app.add_option("--scratch", wish.scratch, "where your files are")->capture_default_str();
  app.require_subcommand(1);
  app.fallthrough();
  CLI::App* const open = app.add_subcommand("open", "begin a puzzle, or give a hint");
  CLI::App* const check = app.add_subcommand("check", "say whether a copy is mended");
  CLI::App* const list_all = app.add_subcommand("list", "all numbers, and which are mended");
  open->add_option("N", wish.number, "the number of a puzzle; any one if none");
  open->add_option("--hint", wish.hint, "the first, second or third hint instead");
  check->add_option("N", wish.number, "the number of a puzzle; the one saved last if none");
  app.footer(
      "Exits with 0 if all is right, 1 if the copy is not mended, 2 if there is no such "
      "puzzle.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (*list_all) return list(wish.scratch);
  if (*open) return begin(wish);
  return check_copy(wish.number.empty() ? newest(wish.scratch) : find(wish.number, wish.scratch));
} catch (const std::exception& error) {
  fmt::print(stderr, "puzzle: {}\n", error.what());
  return 2;
}
