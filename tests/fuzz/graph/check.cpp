#include "fuzz/graph/check.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "fuzz/files.h"
#include "gradus/arithmetic.h"
#include "gradus/ops.h"
#include "gradus/random.h"

namespace gradus::test::fuzz {
namespace {

using Values = std::vector<double>;

constexpr double tolerance = 1e-6, step = 3e-5;

// A leaf of the program, and what became of it.
struct Leaf {
  int entry;
  Shape shape;
  bool is_wanted;   // a gradient is asked for
  bool is_reached;  // the loss depends on it
  Values values;
  Values gradient;  // zeros if none arrived
};

struct Outcome {
  std::vector<Array> values;     // of the outputs
  std::vector<Array> gradients;  // of the leaves; an empty handle where none arrived
};

Outcome go_back(const Program& program, bool release, double cotangents_times = 1) {
  std::vector<Tensor> leaves;
  for (const Entry& entry : program.entries)
    if (entry.is_leaf())
      leaves.push_back(entry.wants_gradient ? parameter(entry.leaf) : Tensor(entry.leaf));
  Outcome outcome;
  {
    const Pool pool = program.run(leaves, release);
    Tensor loss(0.0, DType::float64);
    for (const int output : program.outputs) {
      outcome.values.push_back(pool[output].value());
      loss = loss + sum(pool[output] * Tensor(program.cotangent(output) * cotangents_times));
    }
    if (loss.requires_grad()) loss.backward();
  }
  for (const Tensor& leaf : leaves)
    outcome.gradients.push_back(leaf.has_grad() ? leaf.grad() : Array());
  return outcome;
}

// sum(w (plus - minus)) needs the outputs side by side: the loss of single runs would round.
class Measure {
 public:
  Measure(const Program& program, const std::vector<Leaf>& leaves)
      : program_(program), leaves_(leaves) {
    const NoGrad guard;
    std::vector<Tensor> tensors;
    for (const Leaf& leaf : leaves) tensors.emplace_back(array(leaf.values, leaf.shape));
    unmoved_ = program.run(tensors);
    double size = 0;
    for (const int output : program.outputs) {
      cotangents_.push_back(program.cotangent(output).to_vector());
      const Values values = unmoved_[output].value().to_vector();
      for (size_t k = 0; k < values.size(); ++k)
        size += std::abs(cotangents_.back()[k]) * (std::abs(values[k]) + 1);
    }
    rounding_ = 4 * std::numeric_limits<double>::epsilon() * size / step;
  }

  // How far rounding alone may put a difference off: that of the outputs, divided by the step,
  // where an output near 0 may come from numbers near 1.
  double rounding() const { return rounding_; }

  double central(const std::vector<Values>& direction, double h) const {
    const std::vector<Values> plus = moved(direction, h), minus = moved(direction, -h);
    double total = 0;
    for (size_t i = 0; i < plus.size(); ++i)
      for (size_t k = 0; k < plus[i].size(); ++k)
        total += cotangents_[i][k] * (plus[i][k] - minus[i][k]);
    return total / (2 * h);
  }

  // The derivative along `direction`, a list of numbers for each leaf (none: it stays).
  double derivative(const std::vector<Values>& direction, double h) const {
    return (4 * central(direction, h) - central(direction, 2 * h)) / 3;
  }

 private:
  static Array array(const Values& values, const Shape& shape) {
    return Array::of(values, shape, DType::float64);
  }

  // The outputs. What does not depend on a leaf that moves is not computed again; such an output is
  // left empty.
  std::vector<Values> moved(const std::vector<Values>& direction, double h) const {
    const NoGrad guard;
    Pool pool = unmoved_;
    std::vector<bool> moves(program_.entries.size(), false);
    for (size_t i = 0; i < leaves_.size(); ++i) {
      if (direction[i].empty()) continue;
      Values values = leaves_[i].values;
      for (size_t k = 0; k < values.size(); ++k) values[k] += h * direction[i][k];
      const auto entry = static_cast<size_t>(leaves_[i].entry);
      pool.tensors[entry] = Tensor(array(values, leaves_[i].shape));
      moves[entry] = true;
    }
    for (size_t i = 0; i < program_.entries.size(); ++i) {
      const Entry& entry = program_.entries[i];
      for (const int input : entry.inputs)
        if (moves[static_cast<size_t>(input)]) moves[i] = true;
      if (moves[i] && !entry.is_leaf()) pool.tensors[i] = entry.run(pool);
    }
    std::vector<Values> outputs;
    for (const int output : program_.outputs)
      outputs.push_back(moves[static_cast<size_t>(output)] ? pool[output].value().to_vector()
                                                           : Values());
    return outputs;
  }

  const Program& program_;
  const std::vector<Leaf>& leaves_;
  Pool unmoved_;
  std::vector<Values> cotangents_;
  double rounding_;
};

void require_same_again(const Program& program, const Outcome& first) {
  const Outcome second = go_back(program, true);
  for (size_t i = 0; i < first.values.size(); ++i)
    require_same("the value of an output, computed again", first.values[i], second.values[i]);
  for (size_t i = 0; i < first.gradients.size(); ++i) {
    const bool none = first.gradients[i].is_empty_handle();
    require(none == second.gradients[i].is_empty_handle(), "only one of two gradients arrived");
    if (!none) require_same("a gradient, computed again", first.gradients[i], second.gradients[i]);
  }
}

std::vector<Leaf> leaves_of(const Program& program, const Outcome& outcome) {
  std::vector<Leaf> leaves;
  for (size_t i = 0; i < program.entries.size(); ++i) {
    const Entry& entry = program.entries[i];
    if (!entry.is_leaf()) continue;
    Leaf leaf{.entry = static_cast<int>(i),
              .shape = entry.leaf.shape(),
              .is_wanted = entry.wants_gradient,
              .is_reached = program.reached[i],
              .values = entry.leaf.to_vector(),
              .gradient = Values(static_cast<size_t>(entry.leaf.numel()), 0.0)};
    const Array& gradient = outcome.gradients[leaves.size()];
    if (!gradient.is_empty_handle()) {
      require(leaf.is_wanted && leaf.is_reached, "x{} has a gradient, and should have none", i);
      require(gradient.shape() == leaf.shape && gradient.dtype() == DType::float64,
              "the gradient of x{} {} is {} {}", i, leaf.shape, name(gradient.dtype()),
              gradient.shape());
      leaf.gradient = gradient.to_vector();
      for (const double g : leaf.gradient)
        require(std::isfinite(g), "the gradient of x{} holds {}", i, g);
    }
    leaves.push_back(std::move(leaf));
  }
  return leaves;
}

double largest_magnitude(const Values& values) {
  double largest = 0;
  for (const double v : values) largest = std::max(largest, std::abs(v));
  return largest;
}

// How far rounding may put backward's derivative along `direction` off, where factors of hundreds
// (a norm of equal numbers) meet terms that cancel. Backward is linear: the gradients of cotangents
// that are 3, 5 or 7 times as large are 3, 5 or 7 times as large, but for their rounding. Of
// doubled ones they are doubled bit for bit; where they are not, a formula is wrong, and nothing is
// excused.
double backward_rounding(const Program& program, const std::vector<Leaf>& leaves,
                         const std::vector<Values>& direction) {
  double most = 0;
  for (const double factor : {2.0, 3.0, 5.0, 7.0}) {
    const Outcome outcome = go_back(program, true, factor);
    double total = 0;
    for (size_t i = 0; i < leaves.size(); ++i) {
      if (direction[i].empty() || outcome.gradients[i].is_empty_handle()) continue;
      const Values gradient = outcome.gradients[i].to_vector();
      for (size_t k = 0; k < gradient.size(); ++k)
        total += std::abs((gradient[k] / factor - leaves[i].gradient[k]) * direction[i][k]);
    }
    if (factor == 2 && total > 0) return 0;
    most = std::max(most, total);
  }
  return most;
}

// A program whose derivatives are compared.
struct Checked {
  const Program& program;
  const std::vector<Leaf>& leaves;
  const Measure& measure;
  GraphCounts& counts;
};

// Compares backward's number with the measured one. `size` is how large its like can be.
void compare(const Checked& in, const std::vector<Values>& direction, double analytic, double size,
             const std::string& where) {
  const Measure& measure = in.measure;
  GraphCounts& counts = in.counts;
  const auto allowed = [&](double numeric) {
    const double larger = std::max({std::abs(analytic), std::abs(numeric), 0.01 * size});
    return std::max(tolerance * larger, measure.rounding());
  };
  const auto agrees = [&](double numeric) {
    return std::abs(analytic - numeric) <= allowed(numeric);
  };
  // The second difference, which doubles the work, is seldom needed.
  if (agrees(measure.central(direction, step))) {
    ++counts.derivatives;
    return;
  }
  const double numeric = measure.derivative(direction, step);
  if (agrees(numeric)) {
    ++counts.derivatives;
    return;
  }
  const auto is_another = [&](double factor) {
    const double again = measure.derivative(direction, factor * step);
    return !(std::abs(again - numeric) <= 0.1 * allowed(numeric));
  };
  if (std::ranges::any_of(std::array{0.5, 0.7, 1.3}, is_another) ||
      std::abs(analytic - numeric) <= 10 * backward_rounding(in.program, in.leaves, direction)) {
    ++counts.skipped;
    return;
  }
  require(false, "the derivative {} is {:.12g} by backward and {:.12g} by differences", where,
          analytic, numeric);
}

void check_direction(const Checked& in, Generator& random) {
  const std::vector<Leaf>& leaves = in.leaves;
  std::vector<Values> direction(leaves.size());
  double analytic = 0, largest = 0;
  for (size_t i = 0; i < leaves.size(); ++i)
    if (leaves[i].is_wanted && leaves[i].is_reached)
      for (const double g : leaves[i].gradient) {
        direction[i].push_back(2 * random.uniform() - 1);
        analytic += g * direction[i].back();
        largest = std::max(largest, std::abs(g * direction[i].back()));
      }
  compare(in, direction, analytic, largest, "along a random direction");
}

void check_elements(const Checked& in, Generator& random) {
  const std::vector<Leaf>& leaves = in.leaves;
  for (size_t i = 0; i < leaves.size(); ++i) {
    const Leaf& leaf = leaves[i];
    if (!leaf.is_wanted || !leaf.is_reached || leaf.values.empty()) continue;
    const double largest = largest_magnitude(leaf.gradient);
    const size_t count = leaf.values.size();
    for (size_t tries = 0; tries < std::min<size_t>(count, 2); ++tries) {
      const size_t k = count <= 2 ? tries : static_cast<size_t>(random.below(count));
      std::vector<Values> direction(leaves.size());
      direction[i].assign(count, 0.0);
      direction[i][k] = 1;
      compare(in, direction, leaf.gradient[k], largest,
              fmt::format("at element {} of x{}", k, leaf.entry));
    }
  }
}

void check_all(const Program& program, GraphCounts& counts) {
  const Outcome outcome = go_back(program, false);
  require_same_again(program, outcome);
  const std::vector<Leaf> leaves = leaves_of(program, outcome);
  ++counts.programs;
  counts.steps += static_cast<int64_t>(program.entries.size() - leaves.size());
  const bool depends = std::ranges::any_of(leaves, [](const Leaf& leaf) {
    return leaf.is_wanted && leaf.is_reached && !leaf.values.empty();
  });
  if (!depends) {
    ++counts.constant;
    return;
  }
  const Measure measure(program, leaves);
  Generator random(program.seed, 99);
  const Checked checked{program, leaves, measure, counts};
  check_direction(checked, random);
  check_elements(checked, random);
}

}  // namespace

void check_gradients(const Program& program, GraphCounts& counts) {
  try {
    check_all(program, counts);
  } catch (const std::exception& error) {
    throw Finding(fmt::format("{}\n{}", error.what(), program.text()));
  }
}

}  // namespace gradus::test::fuzz
