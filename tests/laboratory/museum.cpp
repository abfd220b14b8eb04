// make museum: every broken backward of the museum is caught by the ordinary gradient checks, and
// most are called what they are.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "gradus/error.h"
#include "gradus/viz/progress.h"
#include "laboratory/museum.h"
#include "laboratory/nearest.h"
#include "shell.h"

namespace gradus::test {
namespace {

std::string caught(const Shown& shown) {
  const Verdict& v = shown.verdict;
  if (!shown.obstacle.empty()) return "?";
  if (v.ending == Ending::crashed) return "crash";
  if (v.ending == Ending::too_long) return "no end";
  return v.wrong > 0 ? fmt::format("{} of {}", v.wrong, v.cases) : "NO";
}

// Two lines: the exhibit, and what the gradient checks say of it.
std::string entry(const Shown& shown, size_t number) {
  std::string text = fmt::format("{:>4}  {:<31} {:<29} {:>8}\n", number, shown.exhibit->name,
                                 shown.exhibit->op, caught(shown));
  const std::string& said = shown.verdict.main_cause;
  if (!said.empty()) text += fmt::format("      {}\n", said);
  if (!shown.named()) text += fmt::format("      planted: {}\n", name(shown.exhibit->cause));
  return text;
}

int visit(const std::string& only) {
  std::vector<const Exhibit*> wanted;
  std::vector<size_t> numbers;
  std::vector<std::string> names;
  for (const Exhibit& e : exhibits()) {
    names.push_back(e.name);
    if (!only.empty() && e.name != only && std::to_string(names.size()) != only) continue;
    wanted.push_back(&e);
    numbers.push_back(names.size());
  }
  if (wanted.empty()) {
    names = nearest_first(only, names);
    fmt::print(stderr,
               "museum: there is no exhibit \"{}\". Did you mean {}?\nAll, nearest first: {}.\n",
               only, names.front(), fmt::join(names, ", "));
    return 2;
  }
  std::vector<Shown> all;
  {
    viz::Progress progress;
    all = show(wanted, std::filesystem::path(build_directory()) / "museum",
               [&](const Shown& shown, size_t done, size_t count) {
                 progress.update(static_cast<double>(done) / static_cast<double>(count),
                                 fmt::format("{} of {}: {}", done, count, shown.exhibit->name));
               });
    progress.finish();
  }
  fmt::print("{:>4}  {:<31} {:<29} {:>8}\n", "no.", "exhibit", "op", "wrong");
  for (size_t i = 0; i < all.size(); ++i) fmt::print("{}", entry(all[i], numbers[i]));
  int obstacles = 0, missed = 0, named = 0;
  for (const Shown& shown : all) {
    obstacles += !shown.obstacle.empty();
    missed += shown.obstacle.empty() && !shown.caught();
    named += shown.named();
    if (!shown.obstacle.empty())
      fmt::print("\n{} cannot be shown: {}\n", shown.exhibit->name, shown.obstacle);
    if (!only.empty()) fmt::print("\n{}", shown.verdict.output);
  }
  fmt::print("\n{} exhibits: {} caught, {} missed, {} cannot be shown; {} named, {:.0f} %.\n",
             all.size(), all.size() - static_cast<size_t>(missed + obstacles), missed, obstacles,
             named, 100 * share_named(all));
  return missed + obstacles == 0 && (!only.empty() || share_named(all) >= wanted_share) ? 0 : 1;
}

}  // namespace
}  // namespace gradus::test

int main(int argc, char** argv) try {
  CLI::App app(
      "Plants every mistake of the museum of broken backwards in a copy of its source, "
      "and shows what the gradient checks of its op say.");
  std::string only;
  app.add_option("--only", only,
                 "one exhibit, by its name or number, with all that its gradient check prints");
  app.footer(
      fmt::format("Exits with 0 if every exhibit is caught and {:.0f} % are called what they "
                  "are, 1 if not, 2 if there is no such exhibit.",
                  100 * gradus::test::wanted_share));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return gradus::test::visit(only);
} catch (const std::exception& error) {
  fmt::print(stderr, "museum: {}\n", error.what());
  return 2;
}
