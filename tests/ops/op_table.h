/// \file
/// The one table of cases: every op, on many inputs, beside the PyTorch expression that says the
/// same.
///
/// Gradient checks, the comparison with PyTorch's numbers, the float32 errors and the list of ops
/// in the documentation all derive from it. Each table_*.cpp fills the part of one family; a new op
/// is one line there:
///
///     t.unary("softplus", softplus, "F.softplus(a)");
///
/// The inputs a, b, c, ... are float64 numbers that float32 holds exactly, the same on every
/// machine. PyTorch's results on them are committed in tests/reference; `make reference` makes them
/// anew.
#pragma once

#include <functional>
#include <initializer_list>
#include <ostream>
#include <string>
#include <vector>

#include "gradus/gradcheck.h"
#include "gradus/ops.h"

namespace gradus::test {

using Arrays = std::vector<Array>;
using Tensors = std::vector<Tensor>;

/// Which numbers an input is drawn from. All are odd multiples of a small power of 2, so that no
/// element is equal to an element of another input or to a round number, where an op may have a
/// kink.
enum class Domain {
  all,       ///< -3 to 3
  positive,  ///< 0.3 to 3.3
  nonzero,   ///< -3.3 to 3.3 without the middle, -0.3 to 0.3
  unit,      ///< 0.05 to 0.95
  distinct,  ///< -3 to 3, no two of one input closer than 6 / numel: for a maximum
};

/// An input of a case: numbers drawn for a shape, or given.
struct Input {
  Input(std::initializer_list<int64_t> s) : shape(s) {}
  Input(const Shape& s, Domain d = Domain::all) : shape(s), domain(d) {}  // NOLINT: implicit
  Input(const Shape& s, std::vector<double> v) : shape(s), values(std::move(v)) {}
  Shape shape;
  Domain domain = Domain::all;
  std::vector<double> values;  ///< if given, row-major
};

/// What is special about a case.
enum class Kind { plain, broadcast, size1, rank0, empty, extreme };
inline constexpr Kind all_kinds[] = {Kind::plain, Kind::broadcast, Kind::size1,
                                     Kind::rank0, Kind::empty,     Kind::extreme};
std::string_view name(Kind kind);

/// One op on some inputs.
struct OpCase {
  std::string name;    ///< "softmax_axis0_3x5"
  std::string op;      ///< the public function: "softmax"
  std::string family;  ///< the part of the table that it stands in
  Kind kind;
  Function call;      ///< what Gradus does with the inputs
  std::string torch;  ///< what PyTorch does with them: "a.softmax(0)"; empty if it has no such op
  std::vector<Input> inputs;  ///< a, b, c, ...
  /// Why Gradus, on purpose, gives a number where PyTorch gives NaN; empty if it does not.
  std::string instead_of_nan;
};
inline void PrintTo(const OpCase& c, std::ostream* out) { *out << c.name; }

/// The part of one family, being filled.
class OpTable {
 public:
  explicit OpTable(std::string family) : family_(std::move(family)) {}

  using Inputs = std::vector<Input>;
  using Unary = Tensor (*)(const Tensor& a);
  using Binary = Tensor (*)(const Tensor& a, const Tensor& b);

  /// A case for each list of inputs. The first word of `title` is the op, "softmax axis0"; the rest
  /// tells cases of one op apart.
  void add(const std::string& title, const Function& call, const std::string& torch,
           const std::vector<Inputs>& inputs);
  /// The same, compared with PyTorch only: for numbers where differences mean nothing, such as
  /// 1e30, infinities and NaN.
  void extreme(const std::string& title, const Function& call, const std::string& torch,
               const std::vector<Inputs>& inputs);

  /// A function of each element: on shapes of every kind, and at 0, tiny, large and infinite
  /// numbers and NaN.
  void unary(const std::string& title, Unary call, const std::string& torch,
             Domain domain = Domain::all);
  /// A function of two elements with broadcasting: on shapes of every kind, on a * a, and on all
  /// pairs of special numbers.
  void binary(const std::string& title, Binary call, const std::string& torch,
              Domain domain = Domain::all);
  /// An op on one tensor that takes one axis: written with {} for the axis, "a.cumsum({})", it is
  /// tried on every axis of several shapes, counted from the front and from the back.
  void along_axis(const std::string& title, const std::function<Tensor(const Tensor&, int)>& call,
                  const std::string& torch, Domain domain = Domain::all);

  /// States why the extreme cases of an op, entered before, give numbers where PyTorch gives NaN.
  /// The documentation lists the reason, the op's own tests pin the numbers, and a case where
  /// nothing differs fails.
  void numbers_instead_of_nan(const std::string& op, const std::string& reason);

  std::vector<OpCase> cases;

 private:
  void add_kind(const std::string& title, const Function& call, const std::string& torch,
                const Inputs& inputs, Kind kind);
  std::string family_;
};

/// Indices, a mask or numbers as PyTorch would be given them, so that the C++ call and the PyTorch
/// expression of a case are made from one array: "torch.tensor([0, 2, 1]).reshape(3)".
std::string torch_literal(const Array& a);

/// All cases, family by family, and the names of the families.
const std::vector<OpCase>& op_table();
std::vector<std::string> op_families();

/// The inputs of a case, and the gradient that arrives at a result of that shape.
Arrays inputs_of(const OpCase& c, DType dtype = DType::float64);
Array cotangent_of(const Array& value);

/// What an op gives, and the gradients of sum(cotangent * result).
struct Outcome {
  Array value;
  Arrays gradients;  ///< zeros for an input that none reached; empty if the result has none
};

/// Forward and backward. The inputs become leaves as they are, in their own memory and layout.
Outcome run(const Function& f, const Arrays& inputs, const Array& cotangent = {});

/// Both runs agree, each array to `tolerance` of its largest element.
void expect_same_outcome(const Outcome& actual, const Outcome& expected, double tolerance);

/// An index with another number at one axis.
inline Shape with(Shape index, int axis, int64_t value) {
  index[axis] = value;
  return index;
}

/// A function that ignores the vector around a single input, or around two.
template <class F>
Function on_one(F f) {
  return [f](const Tensors& in) { return f(in[0]); };
}
template <class F>
Function on_two(F f) {
  return [f](const Tensors& in) { return f(in[0], in[1]); };
}

}  // namespace gradus::test
