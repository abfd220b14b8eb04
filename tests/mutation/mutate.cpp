// make mutate: one small change after another in what the ops do on the way back. Which of them do
// the gradient checks not notice, and what does the diagnosis call the others?
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "gradus/gradcheck/diagnosis.h"
#include "gradus/random.h"
#include "gradus/viz/progress.h"
#include "gradus/viz/table.h"
#include "laboratory/workshop.h"
#include "mutation/mutants.h"
#include "ops/op_table.h"
#include "shell.h"

namespace gradus::test {
namespace {

using Path = std::filesystem::path;
using Names = std::vector<std::string>;

// ---- which sources, and which checks -----------------------------------------------------------

struct Source {
  Names helpers = {};  // what only backward calls, beside the closures
  Names ops = {};      // whose names the source does not spell
  Names users = {};    // of a header: the sources to compile in its place
};
const std::map<std::string, Source> particulars = {
    {"src/ops/attention.cpp", {.helpers = {"Gradients backward("}}},
    {"src/ops/conv.cpp", {.helpers = {"void backward(", "void add_columns_to_image("}}},
    {"src/ops/elementwise.cpp", {.ops = {"exp", "tanh"}}},
    {"src/ops/linear.cpp", {.helpers = {"void add_product("}}},
    {"src/ops/loss.cpp", {.helpers = {"static T dx(", "static T dz(", "Array cosine_slope("}}},
    {"src/ops/loss_reduction.h",
     {.helpers = {"Array spread("}, .users = {"src/ops/loss.cpp", "src/ops/cross_entropy.cpp"}}},
    {"src/ops/reduce.cpp", {.helpers = {"Array quotient_or_zero(", "void norm_backward("}}},
    {"src/ops/reduce_max.cpp", {.helpers = {"void share_among_ties("}}},
};
Source particulars_of(const std::string& file) {
  const auto found = particulars.find(file);
  return found == particulars.end() ? Source{} : found->second;
}
Names users_of(const std::string& file) {
  const Source source = particulars_of(file);
  return source.users.empty() ? Names{file} : source.users;
}

// The ops of the table that a source defines or names.
Names ops_of(const std::string& file) {
  std::set<std::string> named;
  for (const std::string& user : users_of(file)) {
    const std::string text = text_of(user);
    static const std::regex name(R"re(\bTensor (\w+)\(|"(\w+)"|\bValuesAndIndices (\w+)\()re");
    for (std::sregex_iterator it(text.begin(), text.end(), name), end; it != end; ++it)
      for (size_t group = 1; group <= 3; ++group) named.insert((*it)[group]);
    for (const std::string& op : particulars_of(user).ops) named.insert(op);
  }
  std::set<std::string> ops;
  for (const OpCase& c : op_table())
    if (named.contains(c.op)) ops.insert(c.op);
  return {ops.begin(), ops.end()};
}

// At most `limit` mutants: one of each file, another of each, and so on, which ones being decided
// by lot, always the same.
std::vector<Mutant> sample(size_t limit) {
  Names files;
  for (const auto& entry : std::filesystem::directory_iterator("src/ops"))
    files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  std::vector<std::vector<Mutant>> decks;
  for (const std::string& file : files) {
    std::vector<Mutant> deck = mutants_of(file, text_of(file), particulars_of(file).helpers);
    Generator generator(7);
    for (size_t i = deck.size(); i > 1; --i) std::swap(deck[i - 1], deck[generator.below(i)]);
    decks.push_back(std::move(deck));
  }
  std::vector<Mutant> drawn;
  for (size_t round = 0, before = 1; drawn.size() != before && drawn.size() < limit; ++round) {
    before = drawn.size();
    for (const std::vector<Mutant>& deck : decks)
      if (round < deck.size() && drawn.size() < limit) drawn.push_back(deck[round]);
  }
  return drawn;
}

// ---- trying ------------------------------------------------------------------------------------

// What became of a mutant.
struct Trial {
  std::string
      outcome;  // "by value", "by an error", "by a crash", "without end", "survived", "invalid"
  std::string cause;  // what the diagnosis says
};

bool is_cause(const std::string& text) {
  for (int i = 0; i <= static_cast<int>(Cause::unknown); ++i)
    if (text == name(static_cast<Cause>(i))) return true;
  return false;
}

Trial try_out(const Mutant& mutant, const Path& directory) {
  Workshop workshop(directory);
  const std::string changed = mutant.apply(text_of(mutant.file));
  for (const std::string& user : users_of(mutant.file)) {
    std::string text = changed;
    if (user != mutant.file) {  // a header: its text takes the place of the line that includes it
      text = text_of(user);
      const std::string line = fmt::format("#include \"{}\"", mutant.file.substr(4));
      text.replace(text.find(line), line.size(), changed);
    }
    workshop.put(user, text);
  }
  const Verdict verdict = workshop.gradcheck(ops_of(mutant.file), 60);
  if (!verdict.compiled()) return {"invalid", ""};
  if (verdict.ending == Ending::too_long) return {"without end", ""};
  if (verdict.ending == Ending::crashed) return {"by a crash", ""};
  if (verdict.wrong == 0) return {"survived", ""};
  return {is_cause(verdict.main_cause) ? "by value" : "by an error", verdict.main_cause};
}

// ---- what is known already ---------------------------------------------------------------------

// One line of JSON for each trial: a run that is interrupted goes on where it was.
class Notebook {
 public:
  explicit Notebook(Path file) : file_(std::move(file)) {
    std::ifstream in(file_);
    for (std::string line; std::getline(in, line);) {
      const nlohmann::json entry = nlohmann::json::parse(line, nullptr, false);
      if (!entry.is_discarded())
        trials_[{entry.at("mutant"), entry.at("line")}] = {entry.at("outcome"), entry.at("cause")};
    }
  }
  bool knows(const Mutant& m) const { return trials_.contains({m.name, m.line}); }
  const Trial& operator[](const Mutant& m) const { return trials_.at({m.name, m.line}); }
  void enter(const Mutant& m, const Trial& trial) {
    trials_[{m.name, m.line}] = trial;
    const nlohmann::json entry = {
        {"mutant", m.name}, {"line", m.line}, {"outcome", trial.outcome}, {"cause", trial.cause}};
    std::ofstream(file_, std::ios::app)
        << entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  }

 private:
  Path file_;
  // By name and line: in a source that has been edited, a name may stand for another change.
  std::map<std::pair<std::string, std::string>, Trial> trials_;
};

void try_all(const std::vector<Mutant>& mutants, Notebook& notebook, unsigned workers) {
  std::vector<Mutant> left;
  for (const Mutant& m : mutants)
    if (!notebook.knows(m)) left.push_back(m);
  viz::Progress progress;
  std::mutex one_at_a_time;
  size_t done = 0;
  in_parallel(left.size(), workers, [&](size_t i) {
    const Path directory = Path(build_directory()) / "mutate" / std::to_string(i);
    const Trial trial = try_out(left[i], directory);
    std::filesystem::remove_all(directory);
    const std::lock_guard lock(one_at_a_time);
    notebook.enter(left[i], trial);
    ++done;
    progress.update(static_cast<double>(done) / static_cast<double>(left.size()),
                    fmt::format("{} of {} mutants, {}", done, left.size(), trial.outcome));
  });
  progress.finish();
}

// ---- the report --------------------------------------------------------------------------------

std::string percent(int part, int whole) {
  return whole == 0 ? "-" : fmt::format("{:.0f} %", 100.0 * part / whole);
}

struct Count {
  int value = 0, other = 0, survived = 0, invalid = 0, named = 0;
  void add(const Trial& trial) {
    value += trial.outcome == "by value";
    other += trial.outcome == "by an error" || trial.outcome == "by a crash" ||
             trial.outcome == "without end";
    survived += trial.outcome == "survived";
    invalid += trial.outcome == "invalid";
    named += trial.outcome == "by value" && trial.cause != name(Cause::unknown);
  }
  std::vector<std::string> row(const std::string& what) const {
    return {what,
            fmt::format("{}", value),
            fmt::format("{}", other),
            fmt::format("{}", survived),
            fmt::format("{}", invalid),
            percent(named, value)};
  }
};

// By file and by kind; then, for the kinds whose right name is evident, how often it is said.
void print_tables(const std::vector<Mutant>& mutants, const Notebook& notebook) {
  std::map<std::string, Count> by_file, by_kind;
  Count all;
  for (const Mutant& m : mutants)
    for (Count* count : {&by_file[m.file], &by_kind[m.kind], &all}) count->add(notebook[m]);
  for (const auto& [title, counts] : {std::pair{"file", by_file}, {"kind of change", by_kind}}) {
    viz::TableRows rows = {{title, "wrong", "failed", "survived", "invalid", "named"}};
    for (const auto& [what, count] : counts) rows.push_back(count.row(what));
    rows.push_back(all.row("all"));
    fmt::print("{}\n", viz::table(rows, viz::Terminal::standard_output().unicode));
  }
  fmt::print(
      "wrong: a gradient was reported wrong. failed: an error, a crash, no end. invalid: does not\n"
      "compile. named: of the wrong ones, a cause other than \"{}\".\n\n",
      name(Cause::unknown));
  for (const auto& [kind, cause] : {std::pair{"negated", Cause::sign},
                                    {"twice", Cause::counted_twice},
                                    {"dropped", Cause::never_added}}) {
    int wrong = 0, right = 0;
    for (const Mutant& m : mutants) {
      if (m.kind != kind || notebook[m].outcome != "by value") continue;
      ++wrong;
      right += notebook[m].cause == name(cause);
    }
    fmt::print("{:<8} called \"{}\": {} of {}\n", kind, name(cause), right, wrong);
  }
}

// Every survivor must stand in the list that says why it is one. Returns how many do not.
int print_survivors(const std::vector<Mutant>& mutants, const Notebook& notebook) {
  const std::string known = text_of("tests/mutation/survivors.md");
  int unknown = 0;
  for (const Mutant& m : mutants) {
    if (notebook[m].outcome != "survived" || known.find("`" + m.name + "`") != known.npos) continue;
    if (unknown++ == 0)
      fmt::print("\nSurvivors that tests/mutation/survivors.md does not explain:\n");
    fmt::print("- `{}`\n  `{}`\n", m.name, m.line);
  }
  return unknown;
}

int mutate(size_t limit, unsigned workers, bool only_list) {
  const std::vector<Mutant> mutants = sample(limit);
  if (only_list) {
    for (const Mutant& m : mutants) fmt::print("{}\n    {}\n", m.name, m.line);
    fmt::print("{} mutants\n", mutants.size());
    return 0;
  }
  std::filesystem::create_directories(build_directory());
  Notebook notebook(Path(build_directory()) / "mutants.json");
  try_all(mutants, notebook, workers);
  print_tables(mutants, notebook);
  return print_survivors(mutants, notebook) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace gradus::test

int main(int argc, char** argv) try {
  CLI::App app(
      "Changes what the ops do on the way back, one place at a time, and asks the gradient "
      "checks of the source's ops.");
  size_t limit = 400;
  unsigned workers = 1;
  bool only_list = false;
  app.add_option("--limit", limit, "how many mutants at most")->capture_default_str();
  app.add_option("--workers", workers, "how many at a time")->capture_default_str();
  app.add_flag("--list", only_list, "print the mutants and try none");
  app.footer(
      "What is known stands in mutants.json in the build directory; a run goes on from there.\n"
      "Exits with 0 if tests/mutation/survivors.md explains every survivor, 1 if not.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return gradus::test::mutate(limit, workers, only_list);
} catch (const std::exception& error) {
  fmt::print(stderr, "mutate: {}\n", error.what());
  return 2;
}
