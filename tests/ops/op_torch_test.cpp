// The table beside PyTorch: forward and gradients of every case, in both precisions.
//
// `make reference` runs three steps. WritesTheCasesForPyTorch below writes every case (its inputs,
// the gradient that arrives, PyTorch's expression) to a file, make_reference.py evaluates them in
// float64, and the results, one small file for each family, are committed in tests/reference.
#include <cstdlib>
#include <map>

#include "gradus/io/safetensors.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

std::string letter(size_t i) { return std::string(1, static_cast<char>('a' + i)); }

// Everything that PyTorch's numbers depend on, in 64 bits (the hash FNV-1a): were they made of this
// very case?
int64_t fingerprint(const OpCase& c) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](const auto& bytes) {
    for (const auto byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
  };
  add(c.torch);
  for (const Array& input : inputs_of(c)) {
    add(input.shape().to_string());
    const auto* first = reinterpret_cast<const char*>(input.data<double>());
    add(std::span(first, static_cast<size_t>(input.numel()) * sizeof(double)));
  }
  return static_cast<int64_t>(hash);
}

const io::State& reference(const std::string& family) {
  static std::map<std::string, io::State> read;
  const auto found = read.find(family);
  if (found != read.end()) return found->second;
  return read[family] = io::load_safetensors("tests/reference/ops_" + family + ".safetensors");
}

TEST(OpTable, WritesTheCasesForPyTorch) {
  const char* build = std::getenv("GRADUS_BUILD");
  const std::string directory = build != nullptr ? build : "build";
  for (const std::string& family : op_families()) {
    io::State state;
    for (const OpCase& c : op_table()) {
      if (c.family != family || c.torch.empty()) continue;
      const Arrays inputs = inputs_of(c);
      const Outcome outcome = run(c.call, inputs);
      state.metadata[c.name] = fmt::format("{} {}", fingerprint(c), c.torch);
      for (size_t i = 0; i < inputs.size(); ++i)
        state.arrays.push_back({c.name + "/" + letter(i), inputs[i]});
      if (!outcome.gradients.empty())
        state.arrays.push_back({c.name + "/dy", cotangent_of(outcome.value)});
    }
    const std::string path = directory + "/ops_" + family + ".cases.safetensors";
    io::save_safetensors(path, state);
    EXPECT_EQ(io::load_safetensors(path).metadata, state.metadata);
  }
}

// What was found when a result, or a gradient, was compared with PyTorch's.
struct Comparison {
  int instead_of_nan = 0;  // elements that are numbers where PyTorch has NaN, as the case allows
  std::string worst;       // the element that is furthest off, if one is
};

// Both must be the same kind of number, and within `tolerance` of the size of what is compared: of
// the largest element, or, for special numbers, of each element itself, if it is not next to
// nothing (where PyTorch's own roundings show).
Comparison compare(const Array& actual, const Array& torch, double tolerance, const OpCase& c) {
  const bool special = c.kind == Kind::extreme, single = actual.dtype() == DType::float32;
  const std::vector<double> a = actual.to_vector();
  // In float32 the exact result may overflow, or vanish.
  const std::vector<double> e = (single ? torch.to(DType::float32) : torch).to_vector();
  const double smallest_normal = single ? 0x1p-126 : 0x1p-1022;
  double largest = 0;
  for (const double x : e)
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  Comparison result;
  double worst = 1;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == e[i] || (std::isnan(a[i]) && std::isnan(e[i]))) continue;
    if (std::isnan(e[i]) && !c.instead_of_nan.empty()) {
      ++result.instead_of_nan;
      continue;
    }
    const double size = special ? std::max(std::abs(e[i]), 1e-30) : largest;
    double error = std::abs(a[i] - e[i]) / (tolerance * size + smallest_normal);
    if (!std::isfinite(a[i]) || !std::isfinite(e[i])) error = INFINITY;
    if (error <= worst) continue;
    worst = error;
    result.worst =
        fmt::format("element {} of {} is {}, PyTorch has {}: {}", i, a.size(), a[i], e[i],
                    std::isfinite(error) ? fmt::format("{:.1g} times what is allowed", error)
                                         : "not the same kind of number");
    if (std::isnan(e[i]))
      result.worst += "\n(a number where PyTorch has NaN is stated with numbers_instead_of_nan)";
  }
  return result;
}

void expect_what_torch_gives(const OpCase& c, DType dtype, double tolerance) {
  const io::State& torch = reference(c.family);
  const Array* made_of = torch.find(c.name + "/fingerprint");
  if (made_of == nullptr || *made_of->data<int64_t>() != fingerprint(c))
    FAIL() << "PyTorch's numbers are of an older table: `make reference` makes them anew";
  const Outcome outcome = run(c.call, inputs_of(c, dtype));
  int instead_of_nan = 0;
  const auto expect_close = [&](const std::string& what, const Array& actual, const Array& expected,
                                DType expected_dtype) {
    EXPECT_EQ(actual.dtype(), expected_dtype) << what;
    ASSERT_EQ(actual.shape(), expected.shape()) << what;
    const Comparison found = compare(actual, expected, tolerance, c);
    instead_of_nan += found.instead_of_nan;
    if (!found.worst.empty()) ADD_FAILURE() << what << ": " << found.worst;
  };
  const Array& y = torch.at(c.name + "/y");
  expect_close(c.torch, outcome.value, y, is_floating(y.dtype()) ? dtype : y.dtype());
  for (size_t i = 0; i < outcome.gradients.size(); ++i)
    expect_close("d" + letter(i) + " of " + c.torch, outcome.gradients[i],
                 torch.at(c.name + "/d" + letter(i)), dtype);
  EXPECT_EQ(instead_of_nan > 0, !c.instead_of_nan.empty()) << "the stated difference is gone";
}

std::vector<OpCase> cases_that_torch_has() {
  std::vector<OpCase> cases = op_table();
  std::erase_if(cases, [](const OpCase& c) { return c.torch.empty(); });
  return cases;
}

class TorchTest : public testing::TestWithParam<OpCase> {};
INSTANTIATE_TEST_SUITE_P(Ops, TorchTest, testing::ValuesIn(cases_that_torch_has()),
                         [](const auto& test) { return test.param.name; });

TEST_P(TorchTest, Float64GivesWhatPyTorchGives) {
  on_every_isa([] { expect_what_torch_gives(GetParam(), DType::float64, 1e-10); });
}

TEST_P(TorchTest, Float32GivesWhatPyTorchGives) {
  on_every_isa([] { expect_what_torch_gives(GetParam(), DType::float32, 1e-5); });
}

}  // namespace
}  // namespace gradus::test
