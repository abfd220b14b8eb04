#include "ops/op_table.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "support.h"

namespace gradus::test {

// ---- the parts of the table --------------------------------------------------------------------

#define GRADUS_FAMILIES(family)                                                                  \
  family(elementwise) family(compare) family(reduce) family(shape) family(index) family(product) \
      family(softmax) family(norm) family(loss) family(conv) family(attention)

#define GRADUS_DECLARE(family) void family##_cases(OpTable& t);
GRADUS_FAMILIES(GRADUS_DECLARE)

const std::vector<OpCase>& op_table() {
  static const std::vector<OpCase> table = [] {
    std::vector<OpCase> all;
    const auto append = [&](const char* family, void (*fill)(OpTable&)) {
      OpTable part(family);
      fill(part);
      all.insert(all.end(), part.cases.begin(), part.cases.end());
    };
#define GRADUS_APPEND(family) append(#family, family##_cases);
    GRADUS_FAMILIES(GRADUS_APPEND)
    return all;
  }();
  return table;
}

std::vector<std::string> op_families() {
#define GRADUS_NAME(family) #family,
  return {GRADUS_FAMILIES(GRADUS_NAME)};
}

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::plain: return "plain";
    case Kind::broadcast: return "broadcast";
    case Kind::size1: return "size 1";
    case Kind::rank0: return "rank 0";
    case Kind::empty: return "empty";
    case Kind::extreme: return "extreme";
  }
  return "";
}

// ---- adding cases ------------------------------------------------------------------------------

namespace {

Kind kind_of(const OpTable::Inputs& inputs) {
  bool all_rank0 = true, size1 = false;
  for (const Input& input : inputs) {
    if (input.shape.numel() == 0) return Kind::empty;
    all_rank0 &= input.shape.rank() == 0;
    for (const int64_t size : input.shape) size1 |= size == 1;
  }
  return all_rank0 ? Kind::rank0 : size1 ? Kind::size1 : Kind::plain;
}

std::string text_of(const Shape& shape) {
  if (shape.rank() == 0) return "scalar";
  return fmt::format("{}", fmt::join(shape.begin(), shape.end(), "x"));
}

}  // namespace

void OpTable::add_kind(const std::string& title, const Function& call, const std::string& torch,
                       const Inputs& inputs, Kind kind) {
  std::string name = title;
  std::ranges::replace(name, ' ', '_');
  for (const Input& input : inputs) name += "_" + text_of(input.shape);
  if (kind == Kind::extreme) name += "_extreme";
  const auto same_name = [&](const OpCase& c) { return c.name == name; };
  for (int copy = 2; std::ranges::any_of(cases, same_name); ++copy)
    name = name.substr(0, name.find("_no")) + "_no" + std::to_string(copy);
  cases.push_back({name, title.substr(0, title.find(' ')), family_, kind, call, torch, inputs, ""});
}

void OpTable::add(const std::string& title, const Function& call, const std::string& torch,
                  const std::vector<Inputs>& inputs) {
  for (const Inputs& one : inputs) add_kind(title, call, torch, one, kind_of(one));
}

void OpTable::extreme(const std::string& title, const Function& call, const std::string& torch,
                      const std::vector<Inputs>& inputs) {
  for (const Inputs& one : inputs) add_kind(title, call, torch, one, Kind::extreme);
}

void OpTable::numbers_instead_of_nan(const std::string& op, const std::string& reason) {
  for (OpCase& c : cases)
    if (c.op == op && c.kind == Kind::extreme) c.instead_of_nan = reason;
}

namespace {
// Zeros of both signs, a float32 denormal, tiny, ordinary, large and infinite numbers, and NaN.
const std::vector<double> special_numbers = {0.0,    -0.0, 0x1p-140, -0x1p-140, 1e-30,
                                             -1e-30, 1,    -1,       20,        -20,
                                             1e4,    -1e4, INFINITY, -INFINITY, NAN};
}  // namespace

void OpTable::unary(const std::string& title, Unary call, const std::string& torch, Domain domain) {
  const Function f = on_one(call);
  for (const Shape& shape :
       std::vector<Shape>{Shape{}, {1}, {67}, {3, 5}, {2, 3, 1, 7}, {0}, {3, 0}})
    add(title, f, torch, {Inputs{Input(shape, domain)}});
  extreme(title, f, torch, {Inputs{Input({15}, special_numbers)}});
}

void OpTable::binary(const std::string& title, Binary call, const std::string& torch,
                     Domain domain) {
  const Function f = on_two(call);
  const auto both = [&](const Shape& a, const Shape& b, Kind kind) {
    add_kind(title, f, torch, {Input(a, domain), Input(b, domain)}, kind);
  };
  both({3, 5, 7}, {3, 5, 7}, Kind::plain);
  both({67}, {67}, Kind::plain);
  both(Shape{}, Shape{}, Kind::rank0);
  both({3, 1}, {3, 1}, Kind::size1);
  both({3, 5}, {5}, Kind::broadcast);
  both({5}, {3, 5}, Kind::broadcast);
  both({5, 1, 7}, {3, 1}, Kind::broadcast);
  both({3, 1, 7}, {1, 5, 1}, Kind::broadcast);
  both({3, 5}, Shape{}, Kind::broadcast);
  both(Shape{}, {3, 5}, Kind::broadcast);
  both({1}, {3, 37}, Kind::broadcast);
  both({0, 3}, {3}, Kind::empty);
  both({1, 3}, {0, 1}, Kind::empty);
  both({0}, Shape{}, Kind::empty);
  const Inputs grid = {Input({15, 1}, special_numbers), Input({15}, special_numbers)};
  extreme(title, f, torch, {grid});
}

void OpTable::along_axis(const std::string& title,
                         const std::function<Tensor(const Tensor&, int)>& call,
                         const std::string& torch, Domain domain) {
  for (const Shape& shape :
       std::vector<Shape>{{5}, {67}, {3, 5}, {2, 3, 5, 7}, {1, 3}, {3, 1}, {0, 3}})
    for (int axis = -shape.rank(); axis < shape.rank(); ++axis) {
      if (axis < -1 && shape.rank() > 2) continue;  // one negative axis is enough there
      const std::string label =
          axis < 0 ? fmt::format(" axis_minus{}", -axis) : fmt::format(" axis{}", axis);
      add(title + label, [=](const Tensors& in) { return call(in[0], axis); },
          fmt::format(fmt::runtime(torch), axis), {Inputs{Input(shape, domain)}});
    }
}

// ---- numbers -----------------------------------------------------------------------------------

namespace {

// Input number i has the numbers (k + (2 i + 1) / 16) / 1024 for whole k: no two inputs share one,
// and none is a multiple of 1 / 1024.
std::vector<double> draw(const Shape& shape, Domain domain, size_t number) {
  const auto size = static_cast<size_t>(shape.numel());
  Generator generator(number + 1);
  std::vector<double> k(size);
  switch (domain) {
    case Domain::distinct:  // a random order of equally spaced numbers
      std::iota(k.begin(), k.end(), 0.0);
      for (size_t i = size; i > 1; --i) std::swap(k[i - 1], k[generator.below(i)]);
      for (double& x : k) x = std::floor(6144 * (x + 0.5) / static_cast<double>(size)) - 3072;
      break;
    case Domain::all:
      for (double& x : k) x = static_cast<double>(generator.below(6144)) - 3072;
      break;
    case Domain::positive:
      for (double& x : k) x = static_cast<double>(generator.below(3072)) + 308;
      break;
    case Domain::nonzero:
      for (double& x : k) x = static_cast<double>(generator.below(6144)) - 3072;
      for (double& x : k) x += x < 0 ? -308 : 308;
      break;
    case Domain::unit:
      for (double& x : k) x = static_cast<double>(generator.below(922)) + 51;
      break;
  }
  const double offset = static_cast<double>(2 * number + 1) / 16;
  for (double& x : k) x = (x + offset) / 1024;
  return k;
}

}  // namespace

Arrays inputs_of(const OpCase& c, DType dtype) {
  Arrays inputs;
  for (const Input& input : c.inputs) {
    const std::vector<double> values =
        input.values.empty() ? draw(input.shape, input.domain, inputs.size()) : input.values;
    inputs.push_back(Array::of(values, input.shape, DType::float32).to(dtype));
  }
  return inputs;
}

Array cotangent_of(const Array& value) {
  return Array::of(draw(value.shape(), Domain::nonzero, 7), value.shape(), value.dtype());
}

std::string torch_literal(const Array& a) {
  const Array flat = a.contiguous();
  std::vector<std::string> elements;
  for (const double x : flat.to_vector())
    elements.push_back(a.dtype() == DType::boolean ? (x != 0 ? "True" : "False")
                                                   : fmt::format("{}", x));
  const bool floating = is_floating(a.dtype());
  return fmt::format("torch.tensor([{}], dtype=torch.{}).reshape({})", fmt::join(elements, ", "),
                     floating ? "float64" : name(a.dtype()), a.shape());
}

// ---- running a case ----------------------------------------------------------------------------

Outcome run(const Function& f, const Arrays& inputs, const Array& cotangent) {
  Tensors leaves;
  for (const Array& input : inputs) leaves.push_back(parameter(input));
  const Tensor y = f(leaves);
  Outcome result{.value = y.value(), .gradients = {}};
  if (!is_floating(y.dtype())) return result;
  if (y.requires_grad())
    y.backward(cotangent.is_empty_handle() ? cotangent_of(y.value()) : cotangent);
  for (const Tensor& leaf : leaves)
    result.gradients.push_back(leaf.has_grad() ? leaf.grad()
                                               : Array::zeros(leaf.shape(), leaf.dtype()));
  return result;
}

void expect_same_outcome(const Outcome& actual, const Outcome& expected, double tolerance) {
  EXPECT_LE(relative_distance(actual.value, expected.value), tolerance)
      << actual.value.to_string(9) << "\nexpected\n"
      << expected.value.to_string(9);
  ASSERT_EQ(actual.gradients.size(), expected.gradients.size());
  for (size_t i = 0; i < expected.gradients.size(); ++i)
    EXPECT_LE(relative_distance(actual.gradients[i], expected.gradients[i]), tolerance)
        << "gradient of input " << i << "\n"
        << actual.gradients[i].to_string(9) << "\nexpected\n"
        << expected.gradients[i].to_string(9);
}

}  // namespace gradus::test
