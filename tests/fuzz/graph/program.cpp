#include "fuzz/graph/program.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gradus/ops/create.h"
#include "gradus/ops/elementwise.h"
#include "gradus/random.h"

namespace gradus::test::fuzz {
namespace {

constexpr int64_t most_elements = 128;
constexpr size_t most_entries = 24;
constexpr int most_steps = 10;
constexpr double largest = 100;
constexpr double margin = 1e-3;  // between a value and a kink: some twenty steps of a difference

std::vector<Op>& mutable_ops() {
  static std::vector<Op> ops = [] {
    std::vector<Op> all;
    for (const auto family : {element_ops(), shape_ops(), row_ops(), layer_ops()})
      all.insert(all.end(), family.begin(), family.end());
    return all;
  }();
  return ops;
}

// Numbers from 0.2 to 1.5 and their negatives.
Array not_near_zero(const Shape& shape, Generator& generator) {
  Array array(shape, DType::float64);
  double* out = array.mutable_data<double>();
  for (int64_t i = 0; i < array.numel(); ++i) {
    const double x = 2.6 * generator.uniform() - 1.3;
    out[i] = x < 0 ? x - 0.2 : x + 0.2;
  }
  return array;
}

// The same numbers, otherwise laid out in memory: axes in reverse order, or with gaps.
Array laid_out(const Array& a, int64_t how) {
  if (a.rank() == 0 || how == 0) return a;
  Array view;
  if (how == 1) {
    std::vector<int> reversed;
    Shape turned = a.shape();
    for (int axis = 0; axis < a.rank(); ++axis) {
      reversed.push_back(a.rank() - 1 - axis);
      turned[axis] = a.size(a.rank() - 1 - axis);
    }
    view = Array::zeros(turned, a.dtype()).permute(reversed);
  } else {
    Shape roomy = a.shape();
    roomy[-1] = 2 * roomy[-1] + 1;
    view = Array::zeros(roomy, a.dtype()).slice(-1, 1, roomy[-1], 2);
  }
  view.copy_from(a);
  return view;
}

// Few numbers, and none too large. An empty tensor may have an axis of 2^62, by expand: what ops do
// with it then takes for ever, and is not what a random graph is for.
bool is_tame(const Array& a) {
  int64_t rows = 1;
  for (const int64_t size : a.shape())
    if (__builtin_mul_overflow(rows, std::max<int64_t>(size, 1), &rows)) return false;
  if (a.dtype() != DType::float64 || a.numel() > most_elements || rows > (1 << 20)) return false;
  const std::vector<double> values = a.to_vector();
  return std::ranges::all_of(values, [](double x) { return std::abs(x) <= largest; });
}

}  // namespace

const std::vector<Op>& all_ops() { return mutable_ops(); }
ScopedOp::ScopedOp(const Op& op) { mutable_ops().push_back(op); }
ScopedOp::~ScopedOp() { mutable_ops().pop_back(); }

// ---- a program ----

Pool Program::run(const std::vector<Tensor>& leaves, bool release) const {
  std::vector<size_t> last_use(entries.size(), entries.size());
  for (size_t i = 0; release && i < entries.size(); ++i)
    for (const int input : entries[i].inputs) last_use[static_cast<size_t>(input)] = i;
  for (const int output : outputs) last_use[static_cast<size_t>(output)] = entries.size();
  Pool pool;
  size_t next_leaf = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    pool.tensors.push_back(entries[i].is_leaf() ? leaves[next_leaf++] : entries[i].run(pool));
    for (const int input : entries[i].inputs)
      if (last_use[static_cast<size_t>(input)] == i) pool.tensors[static_cast<size_t>(input)] = {};
  }
  return pool;
}

Array Program::cotangent(int i) const {
  Generator generator(seed, static_cast<uint64_t>(i) + 1000);
  return not_near_zero(shape(i), generator);
}

std::string Program::text() const {
  std::string text;
  for (size_t i = 0; i < entries.size(); ++i) {
    const bool is_output = std::ranges::find(outputs, static_cast<int>(i)) != outputs.end();
    text += fmt::format("  x{} {} = {}{}\n", i, shapes[i], entries[i].text,
                        is_output ? "  (in the loss)" : "");
  }
  return text;
}

// ---- drawing ----

namespace {
// How many numbers an argument of this shape has. An empty tensor may have an axis of 2^32, and
// what is drawn to go with it would have as many: no test needs those.
size_t count_of(const Shape& shape) {
  check(shape.numel() <= 8 * most_elements, "too many numbers are wanted: {}", shape);
  return static_cast<size_t>(shape.numel());
}
}  // namespace

uint8_t Builder::byte() { return next_ < input_.size() ? input_[next_++] : uint8_t{0}; }

int64_t Builder::below(int64_t n) { return n <= 1 ? 0 : byte() % n; }

int64_t Builder::number(int64_t low, int64_t high) {
  int64_t result = low + below(high - low + 1);
  if (wild_ && chance(2)) {
    using Limits = std::numeric_limits<int64_t>;
    constexpr int64_t extremes[] = {
        Limits::min(),   Limits::max(), Limits::min() + 1, -1, 0, Limits::max() - 1, -9, 9,
        int64_t{1} << 32};
    result = extremes[below(std::size(extremes))];
  }
  args_ += fmt::format(", {}", result);
  return result;
}

int64_t Builder::size(int64_t low, int64_t high) {
  const int64_t slack = wild_ ? 2 : 0;
  const int64_t result = low - slack + below(high - low + 1 + 2 * slack);
  args_ += fmt::format(", {}", result);
  return result;
}

// ---- the tensors so far ----

int Builder::pick() {
  const int64_t count = values_.count();
  const int64_t draw = below(2 * count);
  return static_cast<int>(draw < count ? draw : count - 1);
}

int Builder::pick_rank(int low, int high) {
  const int first = pick(), count = values_.count();
  if (wild_) return first;
  for (int i = 0; i < count; ++i) {
    const int candidate = (first + i) % count, rank = value(candidate).rank();
    if (rank >= low && rank <= high) return candidate;
  }
  Shape shape = Shape::filled(low, 1);
  for (int axis = 0; axis < low; ++axis) shape[axis] = 1 + below(3);
  return leaf(shape);
}

int Builder::leaf(const Shape& shape) {
  count_of(shape);
  const bool constant = chance(8);
  const int64_t layout = below(4);
  Generator generator(program_.seed, values_.tensors.size());
  Entry entry;
  entry.leaf = laid_out(not_near_zero(shape, generator), layout);
  entry.wants_gradient = !constant;
  entry.text = fmt::format("{}{}", constant ? "constant" : "leaf",
                           layout == 1   ? ", axes reversed in memory"
                           : layout == 2 ? ", with gaps in memory"
                                         : "");
  Tensor value(entry.leaf);
  return append(std::move(entry), std::move(value));
}

int Builder::like(const Shape& shape) {
  const int first = pick(), count = values_.count();
  if (wild_) return first;
  for (int i = 0; i < count; ++i) {
    const int candidate = (first + i) % count;
    if (value(candidate).shape() == shape) return candidate;
  }
  return leaf(shape);
}

int Builder::partner(int i) {
  const int first = pick(), count = values_.count();
  if (wild_) return first;
  if (!chance(4))
    for (int k = 0; k < count; ++k) {
      const int candidate = (first + k) % count;
      if (broadcast(value(i).shape(), value(candidate).shape())) return candidate;
    }
  const Shape whole = value(i).shape();
  const auto rank = static_cast<int>(below(whole.rank() + 1));
  Shape shape = Shape::filled(rank, 1);
  for (int axis = -1; axis >= -rank; --axis)
    if (!chance(3)) shape[axis] = whole[axis] == 1 ? 1 + below(3) : whole[axis];
  return leaf(shape);
}

int Builder::positive(int i) {
  const std::vector<double> x = value(i).to_vector();
  if (std::ranges::all_of(x, [](double v) { return v > 0.1; })) return i;
  const std::string op = std::exchange(op_, "sigmoid"), args = std::exchange(args_, "");
  const bool added = add({i}, [i](const Pool& p) { return sigmoid(p[i]) + 0.15; });
  op_ = op, args_ = args;
  return added ? values_.count() - 1 : i;
}

// ---- arguments ----

int Builder::axis(int i) {
  const int rank = value(i).rank();
  const auto axis = static_cast<int>(below(2 * rank)) - rank;
  const auto result = wild_ ? static_cast<int>(below(24)) - 12 : axis;
  args_ += fmt::format(", axis {}", result);
  return result;
}

std::vector<int> Builder::axes(int i) {
  std::vector<int> result;
  for (int axis = 0; axis < value(i).rank(); ++axis)
    if (chance(3)) result.push_back(chance(2) ? axis - value(i).rank() : axis);
  if (wild_) result.push_back(axis(i));
  if (result.size() > 1 && chance(2)) std::swap(result.front(), result.back());
  args_ += ", axes";
  for (const int axis : result) args_ += fmt::format(" {}", axis);
  return result;
}

Array Builder::indices(const Shape& shape, int64_t below_this) {
  std::vector<int64_t> result(count_of(shape));
  for (int64_t& index : result)
    index = wild_ && chance(4) ? below(9) - 3 : below(std::max<int64_t>(below_this, 1));
  args_ += fmt::format(", indices {}", shape);
  return Array::of_indices(result, shape);
}

Array Builder::mask(const Shape& shape) {
  std::vector<bool> bits(count_of(shape));
  for (size_t i = 0; i < bits.size(); ++i) bits[i] = !chance(3);
  args_ += fmt::format(", mask {}", shape);
  return Array::of_bools(bits, shape);
}

Shape Builder::small_shape(int highest_rank) {
  constexpr int64_t sizes[] = {1, 2, 3, 4, 1, 2, 3, 5, 2, 0, 3, 7};
  Shape shape = Shape::filled(static_cast<int>(below(highest_rank + 1)), 1);
  for (int axis = 0; axis < shape.rank(); ++axis) shape[axis] = sizes[below(std::size(sizes))];
  for (int axis = 0; shape.numel() > most_elements / 2; ++axis) shape[axis] = 1;
  return shape;
}

// ---- kinks ----

bool Builder::is_away(int i, double c) const {
  const std::vector<double> x = value(i).to_vector();
  return std::ranges::all_of(x, [&](double v) { return std::abs(v - c) > margin; });
}

bool Builder::is_distinct(int i, bool magnitudes) const {
  std::vector<double> x = value(i).to_vector();
  if (magnitudes)
    for (double& v : x) v = std::abs(v);
  std::ranges::sort(x);
  for (size_t k = 1; k < x.size(); ++k)
    if (x[k] - x[k - 1] <= margin) return false;
  return true;
}

// ---- making the program ----

int Builder::append(Entry entry, Tensor value) {
  program_.shapes.push_back(value.shape());
  program_.entries.push_back(std::move(entry));
  values_.tensors.push_back(std::move(value));
  return values_.count() - 1;
}

bool Builder::add(std::initializer_list<int> inputs, std::function<Tensor(const Pool&)> run) {
  const NoGrad guard;
  Tensor value;
  try {
    value = run(values_);
  } catch (const Error&) {
    return false;
  }
  if (!is_tame(value.value())) return false;
  std::string text = op_;
  for (const int input : inputs) text += fmt::format(" x{}", input);
  append({.text = text + args_, .leaf = {}, .inputs = inputs, .run = std::move(run)},
         std::move(value));
  return true;
}

Program Builder::build() {
  program_.seed = static_cast<uint64_t>(byte());
  leaf(small_shape(4));
  const std::vector<Op>& ops = all_ops();
  for (int step = 0; step < most_steps && next_ < input_.size(); ++step) {
    if (values_.tensors.size() >= most_entries) break;
    const Op& op = ops[static_cast<size_t>(below(static_cast<int64_t>(ops.size())))];
    wild_ = chance(16);
    op_ = op.name;
    args_.clear();
    try {
      op.apply(*this, op.name);
    } catch (const Error&) {
      // Arguments that do not fit were refused before the op had them, by Shape or Array.
    }
  }
  choose_outputs();
  return std::move(program_);
}

// What nothing else uses; one in eight of them is left out, so that some leaves are not reached.
void Builder::choose_outputs() {
  std::vector<Entry>& entries = program_.entries;
  std::vector<bool> used(entries.size(), false);
  for (const Entry& entry : entries)
    for (const int input : entry.inputs) used[static_cast<size_t>(input)] = true;
  program_.reached.assign(entries.size(), false);
  for (size_t i = 0; i < entries.size(); ++i)
    if (!used[i] && !entries[i].is_leaf() && (i + 1 == entries.size() || !chance(8))) {
      program_.outputs.push_back(static_cast<int>(i));
      program_.reached[i] = true;
    }
  for (size_t i = entries.size(); i-- > 0;)
    for (const int input : entries[i].inputs)
      if (program_.reached[i]) program_.reached[static_cast<size_t>(input)] = true;
}

}  // namespace gradus::test::fuzz
