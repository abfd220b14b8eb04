// What the table covers: no op outside it, and the pages that are made from it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "gradus/arithmetic.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// An op is a function in a header of ops/ that gives tensors or arrays: its declaration begins a
// line, "Tensor softmax(".
std::set<std::string> public_ops() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("include/gradus/ops")) {
    std::istringstream text(text_of(entry.path()));
    for (std::string line; std::getline(text, line);) {
      std::string_view rest = line;
      if (rest.starts_with("inline ")) rest.remove_prefix(7);
      for (const std::string_view type :
           {"Tensor ", "Array ", "std::vector<Tensor> ", "ValuesAndIndices "})
        if (rest.starts_with(type) && rest.find('(') != rest.npos)
          names.emplace(rest.substr(type.size(), rest.find('(') - type.size()));
    }
  }
  std::erase_if(names, [](const std::string& name) { return name.starts_with("operator"); });
  names.erase("elementwise");       // makes an op out of a kernel's name; not one itself
  names.erase("key_padding_mask");  // an option of attention
  return names;
}

TEST(OpTable, NoOpIsOutsideIt) {
  std::set<std::string> in_table;
  for (const OpCase& c : op_table()) in_table.insert(c.op);
  const std::set<std::string> in_headers = public_ops();
  EXPECT_GE(in_headers.size(), 20U) << "were the headers found?";
  for (const std::string& op : in_headers)
    EXPECT_TRUE(in_table.contains(op)) << op << " has no line in tests/ops/table_*.cpp";
}

TEST(OpTable, EveryCaseHasANameOfItsOwn) {
  std::set<std::string> names;
  for (const OpCase& c : op_table()) EXPECT_TRUE(names.insert(c.name).second) << c.name;
}

// ---- the list of ops in the documentation -------------------------------------------------------

struct Line {
  std::string op, torch;
  std::map<Kind, int> cases;
  bool differentiable = false;
};

// An expression without the numbers of an index or a mask: "a.gather(0, ...)".
std::string without_literals(std::string torch) {
  for (size_t begin; (begin = torch.find("torch.tensor([")) != torch.npos;) {
    const size_t end = torch.find(')', torch.find(").reshape(", begin) + 1);
    torch.replace(begin, end + 1 - begin, "...");
  }
  return torch;
}

// The ops of a family in the order of the table, with the PyTorch expression of their first case.
std::vector<Line> lines_of(const std::string& family) {
  std::vector<Line> lines;
  for (const OpCase& c : op_table()) {
    if (c.family != family) continue;
    auto line = std::ranges::find(lines, c.op, &Line::op);
    if (line == lines.end()) {
      lines.push_back({c.op, without_literals(c.torch), {}, false});
      line = lines.end() - 1;
    }
    ++line->cases[c.kind];
    line->differentiable |= is_floating(run(c.call, inputs_of(c)).value.dtype());
  }
  return lines;
}

std::string page() {
  std::string page = R"(# The ops, and how each is proved

This page is written from the table of cases in `tests/ops/table_*.cpp`: `make test` fails when the two differ, and when
a public op has no line there; `make op-list` writes it anew. Every case runs in float64 and float32 on every
instruction set that the machine has, and its value and gradients are compared with PyTorch's (1e-10 in float64, 1e-5 in
float32). All but the extreme cases also run in six memory layouts, and in chunks of three elements on one and three
threads; all but the empty and the extreme ones have their gradients checked against differences, every element, to
1e-6.

The columns count the cases by what is special about their inputs: nothing (plain), shapes that are broadcast to one
another, an axis of size 1, numbers only (rank 0), no elements at all (empty), or special numbers such as zeros of both
signs, tiny, huge and infinite ones and NaN (extreme). The PyTorch expression is that of an op's first case. Ops marked
* give integers or truth values and have no gradient.
)";
  std::map<Kind, int> totals;
  size_t ops = 0;
  std::string families;
  for (const std::string& family : op_families()) {
    const std::vector<Line> lines = lines_of(family);
    families += fmt::format("\n## {}\n\n| op | first case, in PyTorch |", family);
    for (const Kind kind : all_kinds) families += fmt::format(" {} |", name(kind));
    families += "\n|---|---|---:|---:|---:|---:|---:|---:|\n";
    for (const Line& line : lines) {
      families += fmt::format("| `{}`{} | {} |", line.op, line.differentiable ? "" : " *",
                              line.torch.empty()       ? ""
                              : line.torch.size() > 90 ? "written out in the table"
                                                       : "`" + line.torch + "`");
      for (const Kind kind : all_kinds) {
        const auto count = line.cases.find(kind);
        families += count == line.cases.end() ? "  |" : fmt::format(" {} |", count->second);
        if (count != line.cases.end()) totals[kind] += count->second;
      }
      families += "\n";
    }
    ops += lines.size();
  }
  int cases = 0;
  std::string counts;
  for (const Kind kind : all_kinds) {
    cases += totals[kind];
    counts += fmt::format("{}{} {}", counts.empty() ? "" : ", ", totals[kind], name(kind));
  }
  page += fmt::format("\n{} ops, {} cases in each of 2 dtypes: {}.\n", ops, cases, counts);
  page += families;
  page += "\n## Where Gradus gives a number and PyTorch NaN\n\n";
  std::set<std::string> said;
  for (const OpCase& c : op_table())
    if (!c.instead_of_nan.empty() && said.insert(c.op).second)
      page += fmt::format("- `{}`: {}\n", c.op, c.instead_of_nan);
  return page;
}

TEST(OpTable, TheListInTheDocumentationIsMadeFromIt) {
  const char* build = std::getenv("GRADUS_BUILD");
  const std::string fresh = (build != nullptr ? std::string(build) : "build") + "/ops.md";
  std::ofstream(fresh) << page();
  if (text_of("docs/ops.md") != text_of(fresh))
    FAIL() << "docs/ops.md does not list the table as it is: `make op-list` writes it anew";
}

// ---- float32 against float64 --------------------------------------------------------------------

// The distance from a float32 number to its next neighbour.
double ulp(double x) {
  const auto f = static_cast<float>(std::abs(x));
  return f == 0 ? 0x1p-149
                : static_cast<double>(std::nextafter(f, INFINITY)) - static_cast<double>(f);
}

// The worst error of an op: in ulps of the element itself, and of the largest element of its array.
struct Worst {
  double own = 0, largest = 0;
  void look(const Array& single, const Array& exact) {
    const std::vector<double> s = single.to_vector(), e = exact.to_vector();
    double size = 0;
    for (const double x : e) size = std::max(size, std::abs(x));
    for (size_t i = 0; i < s.size(); ++i) {
      const double error = std::isnan(s[i]) ? INFINITY : std::abs(s[i] - e[i]);
      own = std::max(own, error / ulp(e[i]));
      largest = std::max(largest, error / ulp(size));
    }
  }
};

// The table's numbers have few digits, so that sums of them are exact. These have all that float32
// holds.
Array with_all_digits(const Array& a) {
  return (a * 1.0471975511965976).to(DType::float32).to(DType::float64);
}

TEST(Float32, TheWorstErrorOfEveryOpInUlps) {
  std::vector<std::string> order;
  std::map<std::string, std::pair<Worst, Worst>> errors;  // of the value and of the gradients
  for (const OpCase& c : op_table()) {
    if (c.kind == Kind::empty || c.kind == Kind::extreme || c.inputs.empty()) continue;
    Arrays inputs, narrow;
    for (const Array& input : inputs_of(c)) {
      inputs.push_back(with_all_digits(input));
      narrow.push_back(inputs.back().to(DType::float32));
    }
    const Array y = run(c.call, inputs).value;
    if (!is_floating(y.dtype())) continue;
    const Array dy = with_all_digits(cotangent_of(y));
    const Outcome exact = run(c.call, inputs, dy),
                  single = run(c.call, narrow, dy.to(DType::float32));
    if (!errors.contains(c.op)) order.push_back(c.op);
    auto& [value, gradient] = errors[c.op];
    value.look(single.value, exact.value);
    for (size_t i = 0; i < exact.gradients.size(); ++i)
      gradient.look(single.gradients[i], exact.gradients[i]);
    EXPECT_LE(value.largest, 64) << c.name;
    EXPECT_LE(gradient.largest, 64) << c.name;
  }
  std::string without_error;
  std::cout
      << R"(The worst float32 error of each op over all its ordinary cases, against float64, in units in
the last place: of the element itself / of the largest element of its array. The second number
is the one to judge by. The first grows without bound where large terms cancel: what is left of
them has few digits of its own, and that is so in every float32 program.

op                                         value               gradient
)";
  for (const std::string& op : order) {
    const auto& [value, gradient] = errors[op];
    if (value.own == 0 && gradient.own == 0)
      without_error += (without_error.empty() ? "" : ", ") + op;
    else
      std::cout << fmt::format("{:<34} {:>9.1f} /{:>5.1f} {:>13.1f} /{:>5.1f}\n", op, value.own,
                               value.largest, gradient.own, gradient.largest);
  }
  std::cout << "\nwithout any error: " << without_error << "\n";
}

}  // namespace
}  // namespace gradus::test
