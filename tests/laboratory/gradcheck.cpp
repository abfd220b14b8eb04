// make gradcheck OP=softmax: the cases of one op from the table that the tests use, each gradient
// checked, and what is wrong explained.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>
#include <set>

#include "gradus/gradcheck/curve.h"
#include "gradus/gradcheck/diagnosis.h"
#include "gradus/viz/progress.h"
#include "gradus/viz/table.h"
#include "laboratory/nearest.h"
#include "ops/op_table.h"

namespace gradus::test {
namespace {

struct Checked {
  const OpCase* op_case;
  std::vector<NamedArray> inputs;
  GradcheckResult result;
};

std::set<std::string> known_ops() {
  std::set<std::string> ops;
  for (const OpCase& c : op_table()) ops.insert(c.op);
  return ops;
}

// Cases with ordinary numbers whose result has a gradient.
bool can_be_checked(const OpCase& c) {
  return c.kind != Kind::extreme && c.kind != Kind::empty &&
         !run(c.call, inputs_of(c)).gradients.empty();
}

Checked check_case(const OpCase& c) {
  Checked checked{&c, {}, {}};
  for (const Array& input : inputs_of(c))
    checked.inputs.push_back(
        {std::string(1, static_cast<char>('a' + checked.inputs.size())), input});
  checked.result = gradcheck(c.name, c.call, checked.inputs);
  return checked;
}

std::string shapes(const Checked& c) {
  std::string text;
  for (const NamedArray& input : c.inputs)
    text += (text.empty() ? "" : " ") + fmt::format("{}", input.value.shape());
  return text;
}

// What is wrong, the most frequent cause first, and at length the case with the most elements:
// there a pattern is least likely to be chance.
void print_causes(const std::vector<Checked>& wrong) {
  std::map<std::string, int> count;
  for (const Checked& c : wrong) {
    if (!c.result.problem.empty()) ++count[c.result.problem];
    for (const Diagnosis& d : diagnose(c.op_case->call, c.inputs, c.result))
      ++count[fmt::format("d{}: {}", d.input, name(d.cause))];
  }
  std::vector<std::pair<std::string, int>> causes(count.begin(), count.end());
  std::stable_sort(causes.begin(), causes.end(),
                   [](const auto& x, const auto& y) { return x.second > y.second; });
  fmt::print("\n");
  for (const auto& [cause, cases] : causes)
    fmt::print("  {:>4} case{} {}\n", cases, cases == 1 ? ": " : "s:", cause);
  const Checked& largest = *std::max_element(
      wrong.begin(), wrong.end(),
      [](const Checked& x, const Checked& y) { return x.result.elements < y.result.elements; });
  fmt::print("\n{}", explain(largest.op_case->call, largest.inputs, largest.result));
}

// One op: a line for each case.
void print_cases(const std::vector<Checked>& all) {
  viz::TableRows rows = {{"case", "shapes", "elements", "worst error", "verdict"}};
  for (const Checked& c : all)
    rows.push_back({c.op_case->name, shapes(c), fmt::format("{}", c.result.elements),
                    fmt::format("{:.1e}", std::max(0.0, c.result.worst.error)),
                    c.result.passed ? "right" : "WRONG"});
  fmt::print("{}", viz::table(rows, viz::Terminal::standard_output().unicode));
}

// All ops: a line for each of them.
void print_ops(const std::vector<Checked>& all) {
  struct Op {
    int cases = 0, wrong = 0;
    double worst = 0;
  };
  std::map<std::string, Op> ops;
  for (const Checked& c : all) {
    Op& op = ops[c.op_case->op];
    ++op.cases;
    op.wrong += !c.result.passed;
    op.worst = std::max(op.worst, c.result.worst.error);
  }
  viz::TableRows rows = {{"op", "cases", "worst error", "verdict"}};
  for (const auto& [name, op] : ops)
    rows.push_back({name, fmt::format("{}", op.cases), fmt::format("{:.1e}", op.worst),
                    op.wrong == 0 ? "right" : fmt::format("{} WRONG", op.wrong)});
  fmt::print("{}", viz::table(rows, viz::Terminal::standard_output().unicode));
}

int check_ops(const std::string& op) {
  const std::set<std::string> ops = known_ops();
  if (!op.empty() && !ops.contains(op)) {
    const std::vector<std::string> names = nearest_first(op, {ops.begin(), ops.end()});
    fmt::print(stderr,
               "gradcheck: the table has no op \"{}\". Did you mean {}?\nAll, nearest first: {}.\n",
               op, names.front(), fmt::join(names, ", "));
    return 2;
  }
  std::vector<const OpCase*> cases;
  for (const OpCase& c : op_table())
    if (op.empty() || c.op == op) cases.push_back(&c);
  std::vector<Checked> all;
  {
    viz::Progress progress;
    for (size_t i = 0; i < cases.size(); ++i) {
      if (can_be_checked(*cases[i])) all.push_back(check_case(*cases[i]));
      if (op.empty())
        progress.update(static_cast<double>(i + 1) / static_cast<double>(cases.size()),
                        "checking gradients");
    }
  }
  if (all.empty()) {
    fmt::print("{} has no gradient: its result is made of indices or comparisons.\n", op);
    return 0;
  }
  op.empty() ? print_ops(all) : print_cases(all);

  std::vector<Checked> wrong;
  std::copy_if(all.begin(), all.end(), std::back_inserter(wrong),
               [](const Checked& c) { return !c.result.passed; });
  if (!wrong.empty()) print_causes(wrong);
  const auto elements =
      std::accumulate(all.begin(), all.end(), int64_t{0},
                      [](int64_t sum, const Checked& c) { return sum + c.result.elements; });
  fmt::print("\n{} cases, {} gradients: {}.\n", all.size(), elements,
             wrong.empty() ? "all right" : fmt::format("{} cases wrong", wrong.size()));
  return wrong.empty() ? 0 : 1;
}

}  // namespace
}  // namespace gradus::test

int main(int argc, char** argv) try {
  CLI::App app("Checks the gradients of one op, or of all, on the cases that the tests use.");
  std::string op;
  app.add_option("op", op, "the op, as in softmax; all if none is named");
  app.footer(
      "Exits with 0 if all gradients are right, 1 if one is wrong, 2 if there is no such op.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return gradus::test::check_ops(op);
} catch (const std::exception& error) {
  fmt::print(stderr, "gradcheck: {}\n", error.what());
  return 2;
}
