#include "laboratory/gradcheck_float32.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "gradus/gradcheck/float32.h"
#include "gradus/viz/progress.h"
#include "gradus/viz/table.h"

namespace gradus::test {
namespace {

// Nothing, and the reason, where a case holds numbers of float64 besides its inputs.
std::optional<Float32Result> check_case(const CheckCase& c, std::string& refusal) {
  std::vector<Tensor> inputs;
  for (const NamedArray& input : c.inputs) inputs.emplace_back(input.value.to(DType::float32));
  try {
    c.call(inputs);
  } catch (const Error& error) {
    refusal = fmt::format("{}: {}", c.name, error.what());
    return {};
  }
  return gradcheck_float32(c.name, c.call, c.inputs);
}

// What a line of the table says: of a case, or of all cases of an op.
struct Line {
  int cases = 0, wrong = 0, blind = 0;
  double difference = 0, blur = 0, beside = 0;

  void add(const Float32Result& r) {
    ++cases;
    wrong += !r.passed;
    blind += r.blind > 0;
    difference = std::max(difference, r.difference.error);
    blur = std::max(blur, r.blur);
    beside = std::max(beside, r.beside.error);
  }
};

std::string verdict(const Line& line) {
  if (line.wrong > 0) return line.cases == 1 ? "WRONG" : fmt::format("{} WRONG", line.wrong);
  return line.blind > 0 ? "right where visible" : "right";
}

void print(const std::map<std::string, Line>& lines, const char* title) {
  viz::TableRows rows = {{title, "differences", "can see", "beside float64", "verdict"}};
  for (const auto& [name, line] : lines)
    rows.push_back({name, fmt::format("{:.1e}", line.difference), fmt::format("{:.1e}", line.blur),
                    fmt::format("{:.1e}", line.beside), verdict(line)});
  fmt::print("{}", viz::table(rows, viz::Terminal::standard_output().unicode));
}

}  // namespace

int check_in_float32(const std::vector<CheckCase>& cases, bool one_op) {
  std::map<std::string, Line> lines;
  std::vector<Float32Result> results;
  std::string refusal;
  {
    viz::Progress progress;
    for (size_t i = 0; i < cases.size(); ++i) {
      if (const auto result = check_case(cases[i], refusal)) {
        lines[one_op ? cases[i].name : cases[i].op].add(*result);
        results.push_back(*result);
      }
      if (!one_op)
        progress.update(static_cast<double>(i + 1) / static_cast<double>(cases.size()),
                        "checking gradients in float32");
    }
  }
  if (cases.empty()) {
    fmt::print("It has no gradient: its result is made of indices or comparisons.\n");
    return 0;
  }
  if (!results.empty()) print(lines, one_op ? "case" : "op");

  // At length: a wrong case, if there is one, and of those the one with the largest error.
  const auto shown = std::max_element(
      results.begin(), results.end(), [](const Float32Result& x, const Float32Result& y) {
        return std::pair(!x.passed, x.difference.error) < std::pair(!y.passed, y.difference.error);
      });
  if (shown != results.end()) fmt::print("\n{}", shown->report());
  const auto wrong = std::count_if(results.begin(), results.end(),
                                   [](const Float32Result& r) { return !r.passed; });
  fmt::print("\n{} cases in float32: {}.\n", results.size(),
             wrong == 0 ? "all right" : fmt::format("{} wrong", wrong));
  if (const size_t refused = cases.size() - results.size(); refused > 0)
    fmt::print("{} not checked, for they hold numbers of float64 besides their inputs:\n  {}\n",
               refused, refusal);
  return wrong == 0 && !results.empty() ? 0 : 1;
}

}  // namespace gradus::test
