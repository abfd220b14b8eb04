/// \file
/// Random programs of ops: bytes decide which op comes next, what it is given and with which
/// arguments. They are made for gradient checks, so what is not differentiable, or too large or too
/// steep to be measured by differences, is left out while the program is made.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <vector>

#include "fuzz/target.h"
#include "gradus/tensor.h"

namespace gradus::test::fuzz {

/// All tensors of a program, in the order in which they are made.
struct Pool {
  std::vector<Tensor> tensors;
  const Tensor& operator[](int i) const { return tensors[static_cast<size_t>(i)]; }
  int count() const { return static_cast<int>(tensors.size()); }
};

/// One tensor of a program: a leaf, or what a step makes of tensors before it.
struct Entry {
  std::string text;                        ///< "softmax x1, -1"
  Array leaf;                              ///< a leaf's value; an empty handle for a step
  bool wants_gradient = false;             ///< whether the leaf is no constant
  std::vector<int> inputs;                 ///< what the step looks at
  std::function<Tensor(const Pool&)> run;  ///< the step
  bool is_leaf() const { return !leaf.is_empty_handle(); }
};

/// A program.
struct Program {
  std::vector<Entry> entries;
  std::vector<int> outputs;      ///< what the loss is made of
  std::vector<bool> reached;     ///< whether the loss depends on an entry
  Array cotangent(int i) const;  ///< of output i: random numbers, not near 0
  Shape shape(int i) const { return shapes[static_cast<size_t>(i)]; }
  std::vector<Shape> shapes;
  uint64_t seed = 0;

  /// Runs all steps, with these tensors for the leaves in their order. With `release`, tensors are
  /// let go after their last use, as temporaries are in a program that somebody wrote.
  Pool run(const std::vector<Tensor>& leaves, bool release = false) const;
  /// One line for each entry.
  std::string text() const;
};

/// Makes a program: bytes are drawn from the input, zeros when there are no more.
class Builder {
 public:
  explicit Builder(Bytes input) : input_(input) {}
  Program build();

  // ---- drawing; one draw for each full expression, so that all compilers draw in one order ----

  /// A number from 0 to n - 1.
  int64_t below(int64_t n);
  /// True one time in n.
  bool chance(int64_t n) { return below(n) == n - 1; }
  /// A number from low to high; in a wild step any number, up to the limits of its type.
  int64_t number(int64_t low, int64_t high);
  /// A number from low to high; in a wild step one a little beyond them.
  int64_t size(int64_t low, int64_t high);

  // ---- the tensors so far ----

  const Array& value(int i) const { return values_[i].value(); }
  /// One of them, half the time the newest.
  int pick();
  /// One whose rank is from low to high.
  int pick_rank(int low, int high);
  /// A new leaf.
  int leaf(const Shape& shape);
  /// One of this shape: a tensor that there is, or a new leaf. In a wild step, any.
  int like(const Shape& shape);
  /// One that broadcasts with i.
  int partner(int i);
  /// One whose elements are all above 0.1: i itself or a function of it.
  int positive(int i);

  // ---- arguments ----

  int axis(int i);
  /// Several axes, or none.
  std::vector<int> axes(int i);
  Array indices(const Shape& shape, int64_t below);
  Array mask(const Shape& shape);
  /// Some shape with few elements; sizes 0 and 1 are frequent.
  Shape small_shape(int highest_rank);

  // ---- staying away from kinks ----

  /// Whether no element of i is near c.
  bool is_away(int i, double c = 0) const;
  /// Whether no element of i is near another one, or, with `magnitudes`, near another's negative.
  bool is_distinct(int i, bool magnitudes = false) const;

  /// Adds a step, unless it is refused with an Error or its result is no float64 tensor with few
  /// elements, none of them large or not a number. Says whether it did.
  bool add(std::initializer_list<int> inputs, std::function<Tensor(const Pool&)> run);

 private:
  uint8_t byte();
  int append(Entry entry, Tensor value);
  void choose_outputs();
  Bytes input_;
  size_t next_ = 0;
  bool wild_ = false;
  std::string op_;    // the step that is being made: its name,
  std::string args_;  // and the arguments drawn for it
  Program program_;
  Pool values_;
};

/// An op that a program may take.
struct Op {
  const char* name;
  void (*apply)(Builder& builder, const char* name);
};
std::span<const Op> element_ops();
std::span<const Op> shape_ops();
std::span<const Op> row_ops();
std::span<const Op> layer_ops();
/// All of them.
const std::vector<Op>& all_ops();

/// While one is alive, programs take this op as well.
class ScopedOp {
 public:
  explicit ScopedOp(const Op& op);
  ~ScopedOp();
  ScopedOp(const ScopedOp&) = delete;
  ScopedOp& operator=(const ScopedOp&) = delete;
};

}  // namespace gradus::test::fuzz
