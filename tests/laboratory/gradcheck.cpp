// make gradcheck OP=softmax: the cases of one op from the tables that the tests use, each gradient
// checked, and what is wrong explained.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "gradus/gradcheck/curve.h"
#include "gradus/gradcheck/diagnosis.h"
#include "gradus/viz/progress.h"
#include "gradus/viz/table.h"
#include "gradus/viz/terminal.h"
#include "kernels/attention.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "laboratory/gradcheck_float32.h"
#include "laboratory/nearest.h"
#include "nn/module_table.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

struct Checked {
  CheckCase check;
  GradcheckResult result;
};

// Both tables; of the ops, the cases with ordinary numbers.
std::vector<CheckCase> all_cases() {
  std::vector<CheckCase> cases;
  for (const OpCase& c : op_table()) {
    if (c.kind == Kind::extreme || c.kind == Kind::empty) continue;
    CheckCase& added = cases.emplace_back(CheckCase{c.name, c.op, c.call, {}});
    for (const Array& input : inputs_of(c))
      added.inputs.push_back({std::string(1, static_cast<char>('a' + added.inputs.size())), input});
  }
  cases.insert(cases.end(), module_table().begin(), module_table().end());
  return cases;
}

// Whether the result has a gradient; an op that fails is checked, and found to be wrong.
bool has_gradient(const CheckCase& c) try {
  Tensors leaves;
  for (const NamedArray& input : c.inputs) leaves.push_back(parameter(input.value.clone()));
  const Tensor y = c.call(leaves);
  return is_floating(y.dtype()) && y.requires_grad();
} catch (const Error&) {
  return true;
}

// What the case computes, with nothing checked.
Checked value_of(const CheckCase& c) {
  Tensors inputs;
  for (const NamedArray& input : c.inputs) inputs.emplace_back(input.value.clone());
  GradcheckResult result{};
  if (const Tensor y = c.call(inputs); is_floating(y.dtype())) result.value = y.value();
  return {c, result};
}

// While one is alive, work is divided into chunks of a few elements, products into blocks and
// attention into tiles, as happens to large inputs only: what begins at 0 in every small case
// begins elsewhere here.
struct Divided {
  Divided()
      : grain(3),
        blocks({.k_block = 2, .block_elements = 64}),
        tiles({.way = kernels::AttentionTuning::Way::tiled,
               .query_block = 2,
               .key_block = 2,
               .parts = 2}),
        one_thread(1) {}
  kernels::ScopedGrain grain;
  kernels::ScopedGemmTuning blocks;
  kernels::ScopedAttentionTuning tiles;
  ScopedThreads one_thread;
};

// Whether backward says the same there. (Differences need not be taken again for that.)
bool is_same_divided(const CheckCase& c, const GradcheckResult& result) {
  const Divided divided;
  Arrays inputs;
  for (const NamedArray& input : c.inputs) inputs.push_back(input.value.clone());
  const Arrays arrived = run(c.call, inputs, result.cotangent).gradients;
  return std::all_of(result.gradients.begin(), result.gradients.end(),
                     [&](const GradcheckGradient& g) {
                       const Array& dx = arrived[g.input];
                       const Array expected = Array::of(g.analytic, dx.shape(), DType::float64);
                       return relative_distance(dx, expected) < 1e-9;
                     });
}

GradcheckResult gradcheck_twice(const CheckCase& c) {
  const GradcheckResult result = gradcheck(c.name, c.call, c.inputs);
  if (!result.passed || is_same_divided(c, result)) return result;
  const Divided divided;
  return gradcheck(c.name + ", in small chunks", c.call, c.inputs);
}

Checked check_case(const CheckCase& c) {
  try {
    return {c, gradcheck_twice(c)};
  } catch (const Error& error) {
    GradcheckResult result{};
    result.name = c.name;
    result.passed = false;
    result.problem = error.what();
    return {c, result};
  }
}

std::string shapes(const Checked& c) {
  std::string text;
  for (const NamedArray& input : c.check.inputs)
    text += (text.empty() ? "" : " ") + fmt::format("{}", input.value.shape());
  return text;
}

// ---- what is wrong -----------------------------------------------------------------------------

// A cause, and what it explains.
struct Explained {
  std::string cause;
  int inputs = 0;
  int64_t elements = 0;
};

// The causes, the one that explains most elements first: on very small inputs several fit.
std::vector<Explained> causes_of(const std::vector<Checked>& wrong) {
  std::map<std::string, Explained> found;
  const auto count = [&](const std::string& cause, int64_t elements) {
    Explained& entry = found[cause];
    entry.cause = cause;
    ++entry.inputs;
    entry.elements += elements;
  };
  for (const auto& [c, result] : wrong) {
    if (!result.problem.empty()) count(result.problem, 1);
    for (const Diagnosis& d : diagnose(c.call, c.inputs, result)) {
      const auto input = std::find_if(c.inputs.begin(), c.inputs.end(),
                                      [&](const NamedArray& x) { return x.name == d.input; });
      count(std::string(name(d.cause)), input->value.numel());
    }
  }
  std::vector<Explained> causes;
  for (const auto& [cause, entry] : found) causes.push_back(entry);
  std::stable_sort(causes.begin(), causes.end(),
                   [](const Explained& x, const Explained& y) { return x.elements > y.elements; });
  return causes;
}

// The one with the most elements: there a pattern is least likely to be chance.
const Checked& largest(const std::vector<Checked>& wrong) {
  return *std::max_element(wrong.begin(), wrong.end(), [](const Checked& x, const Checked& y) {
    return x.result.elements < y.result.elements;
  });
}

// The causes, and at length the largest case.
void print_causes(const std::vector<Checked>& wrong, const std::vector<Explained>& causes) {
  fmt::print("\n");
  for (const Explained& e : causes)
    fmt::print("  {:>4} gradient{} {}\n", e.inputs, e.inputs == 1 ? ": " : "s:", e.cause);
  const auto& [check, result] = largest(wrong);
  fmt::print("\n{}", explain(check.call, check.inputs, result));
}

// What somebody needs who wants to find the cause: the worst element of each wrong input of the
// largest cases.
void print_numbers(std::vector<Checked> wrong) {
  constexpr size_t most = 6;
  std::stable_sort(wrong.begin(), wrong.end(), [](const Checked& x, const Checked& y) {
    return x.result.elements > y.result.elements;
  });
  fmt::print("\nThe worst element of each wrong input{}:\n",
             wrong.size() > most ? fmt::format(", in the {} largest cases", most) : "");
  wrong.resize(std::min(wrong.size(), most));
  for (const auto& [check, result] : wrong) {
    fmt::print("\n  {}\n", check.name);
    if (!result.problem.empty()) fmt::print("    {}\n", result.problem);
    for (size_t i = 0; i < result.inputs.size(); ++i) {
      const GradcheckElement& e = result.inputs[i];
      if (result.gradients[i].passed) continue;
      fmt::print("    {:<16} analytic {:>13.6e}  numeric {:>13.6e}  {}\n",
                 fmt::format("{}{}", e.input, e.index), e.analytic, e.numeric,
                 e.numeric == 0 ? "" : fmt::format("ratio {:.5g}", e.analytic / e.numeric));
    }
  }
}

// The same for a program, and the value of every case: JSON has no NaN, so as text.
void tell(const std::string& file, const std::vector<Checked>& all, size_t wrong,
          const std::vector<Explained>& causes) {
  std::map<std::string, std::string> values;
  for (const auto& [check, result] : all)
    if (!result.value.is_empty_handle())
      values[check.name] += fmt::format("{} ", fmt::join(result.value.to_vector(), " "));
  nlohmann::json answer = {{"cases", all.size()},
                           {"wrong", wrong},
                           {"values", values},
                           {"causes", nlohmann::json::object()},
                           {"main_cause", causes.empty() ? "" : causes.front().cause}};
  for (const Explained& e : causes) answer["causes"][e.cause] = e.inputs;
  std::ofstream(file) << answer.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// ---- tables ------------------------------------------------------------------------------------

// One op: a line for each case.
void print_cases(const std::vector<Checked>& all) {
  viz::TableRows rows = {{"case", "shapes", "elements", "worst error", "verdict"}};
  for (const Checked& c : all)
    rows.push_back({c.check.name, shapes(c), fmt::format("{}", c.result.elements),
                    fmt::format("{:.1e}", std::max(0.0, c.result.worst.error)),
                    c.result.passed ? "right" : "WRONG"});
  fmt::print("{}", viz::table(rows, viz::Terminal::standard_output().unicode));
}

// Several: a line for each of them.
void print_ops(const std::vector<Checked>& all) {
  struct Op {
    int cases = 0, wrong = 0;
    double worst = 0;
  };
  std::map<std::string, Op> ops;
  for (const Checked& c : all) {
    Op& op = ops[c.check.op];
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

// ---- the program -------------------------------------------------------------------------------

struct Wish {
  std::vector<std::string> ops;  // all, if empty
  std::string tell;              // a file, or empty
  bool brief = false;            // the numbers, but not what they may mean
  std::string dtype = "float64";
  bool values = false;  // tell the values, check nothing
};

// 0, or 2 after a message about an op that is not in the tables.
int check_names(const Wish& wish, const std::vector<CheckCase>& cases) {
  std::set<std::string> known;
  for (const CheckCase& c : cases) known.insert(c.op);
  for (const std::string& op : wish.ops) {
    if (known.contains(op)) continue;
    const std::vector<std::string> names = nearest_first(op, {known.begin(), known.end()});
    fmt::print(stderr, "gradcheck: the table has no op \"{}\". Did you mean {}?\n{}", op,
               names.front(),
               viz::wrapped(fmt::format("All, nearest first: {}.\n", fmt::join(names, ", ")), 80));
    return 2;
  }
  return 0;
}

std::vector<Checked> check_all(const std::vector<CheckCase>& cases, bool show_progress) {
  std::vector<Checked> all;
  viz::Progress progress;
  for (size_t i = 0; i < cases.size(); ++i) {
    if (has_gradient(cases[i])) all.push_back(check_case(cases[i]));
    if (show_progress)
      progress.update(static_cast<double>(i + 1) / static_cast<double>(cases.size()),
                      "checking gradients");
  }
  return all;
}

int check_gradients(const Wish& wish) {
  std::vector<CheckCase> cases = all_cases();
  if (const int status = check_names(wish, cases)) return status;
  std::erase_if(cases, [&](const CheckCase& c) {
    return !wish.ops.empty() && std::find(wish.ops.begin(), wish.ops.end(), c.op) == wish.ops.end();
  });
  if (wish.values) {
    std::vector<Checked> all;
    for (const CheckCase& c : cases) all.push_back(value_of(c));
    tell(wish.tell, all, 0, {});
    return 0;
  }
  const bool one_op = wish.ops.size() == 1;
  if (wish.dtype == "float32") {
    std::erase_if(cases, [](const CheckCase& c) { return !has_gradient(c); });
    return check_in_float32(cases, one_op);
  }
  const std::vector<Checked> all = check_all(cases, !one_op);
  if (all.empty()) {
    fmt::print("{} has no gradient: its result is made of indices or comparisons.\n",
               fmt::join(wish.ops, ", "));
    return 0;
  }
  one_op ? print_cases(all) : print_ops(all);

  std::vector<Checked> wrong;
  std::copy_if(all.begin(), all.end(), std::back_inserter(wrong),
               [](const Checked& c) { return !c.result.passed; });
  const std::vector<Explained> causes = causes_of(wrong);
  if (wish.brief && !wrong.empty()) print_numbers(wrong);
  if (!wish.brief && !wrong.empty()) print_causes(wrong, causes);
  const auto elements =
      std::accumulate(all.begin(), all.end(), int64_t{0},
                      [](int64_t sum, const Checked& c) { return sum + c.result.elements; });
  fmt::print("\n{} cases, {} gradients: {}.\n", all.size(), elements,
             wrong.empty() ? "all right" : fmt::format("{} cases wrong", wrong.size()));
  if (!wish.tell.empty()) tell(wish.tell, all, wrong.size(), causes);
  return wrong.empty() ? 0 : 1;
}

}  // namespace
}  // namespace gradus::test

int main(int argc, char** argv) try {
  CLI::App app("Checks the gradients of ops and modules, on the cases that the tests use.");
  gradus::test::Wish wish;
  unsigned seconds = 0;
  app.add_option("op", wish.ops, "ops or modules, as in softmax TransformerBlock; all if none");
  app.add_option("--dtype", wish.dtype, "float64, or float32: that sees less, and says how little")
      ->check(CLI::IsMember({"float64", "float32"}))
      ->capture_default_str();
  app.add_option("--tell", wish.tell,
                 "write how many cases were wrong, and why, to this JSON file");
  app.add_flag("--brief", wish.brief, "without the likely causes");
  app.add_flag("--values", wish.values, "check nothing: tell the value of every case")
      ->needs("--tell");
  app.add_option("--seconds", seconds, "end after this time, as if killed");
  app.footer(
      "Exits with 0 if all gradients are right, 1 if one is wrong, 2 if there is no such op.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  ::alarm(seconds);
  return gradus::test::check_gradients(wish);
} catch (const std::exception& error) {
  fmt::print(stderr, "gradcheck: {}\n", error.what());
  return 2;
}
