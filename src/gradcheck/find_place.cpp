// Hypotheses: the right numbers, put or gathered in the wrong places.
#include <algorithm>

#include "gradcheck/evidence.h"
#include "gradus/arithmetic.h"

namespace gradus {
namespace {

Finding find_transposed(const Evidence& e) {
  const Array numeric = Array::of(e.numeric, e.shape, DType::float64);
  for (int i = 0; i < e.shape.rank(); ++i)
    for (int j = i + 1; j < e.shape.rank(); ++j)
      if (e.is_analytic(numeric.transpose(i, j).to_vector()))
        return Diagnosis{{},
                         Cause::transposed,
                         fmt::format("the measured gradient with axes {} and {} exchanged", i, j)};
  return {};
}

Finding find_misplaced(const Evidence& e) {
  for (int axis = 0; axis < e.shape.rank(); ++axis) {
    const auto lines = lines_along(e.shape, axis);
    const auto length = static_cast<size_t>(e.shape[axis]);
    for (const bool reversed : {false, true})
      for (size_t shift = reversed ? 0 : 1; shift < length; ++shift) {
        Values moved(e.count());
        for (const std::vector<size_t>& line : lines)
          for (size_t j = 0; j < length; ++j)
            moved[line[(j + shift) % length]] = e.numeric[line[reversed ? length - 1 - j : j]];
        if (e.is_analytic(moved))
          return Diagnosis{{},
                           Cause::misplaced,
                           reversed ? fmt::format("reversed along axis {}", axis)
                                    : fmt::format("shifted by {} along axis {}", shift, axis)};
      }
  }
  Values ours = e.analytic, measured = e.numeric;
  std::sort(ours.begin(), ours.end());
  std::sort(measured.begin(), measured.end());
  const double largest = largest_magnitude(measured);
  for (size_t k = 0; k < ours.size(); ++k)
    if (!(relative_error(ours[k], measured[k], largest) < 1e-5)) return {};
  return ours.front() == ours.back() || ours.size() < 3
             ? Finding{}
             : Diagnosis{{}, Cause::misplaced, "the measured numbers in another order"};
}

// The gradient of a repeated input, before it is summed over the repetitions: measured where f
// takes the input repeated, or else the gradient that arrives, if its sum is what was measured.
std::optional<Values> unreduced(const Evidence& e, const Shape& aligned) {
  std::vector<NamedArray> repeated = e.inputs;
  Array& input = repeated[e.gradient.input].value;
  input = input.reshape(aligned).expand(e.y_shape).clone();
  if (auto measured = e.differences(repeated, e.w)) return measured;
  const Values total = sum_to(Array::of(e.w, e.y_shape, DType::float64), aligned).to_vector();
  for (size_t k = 0; k < total.size(); ++k)
    if (relative_error(total[k], e.numeric[k], 1) > 1e-5) return {};
  return e.w;
}

// The input was repeated to the shape of the result, and only some of the repetitions count.
Finding find_broadcast(const Evidence& e) {
  const int missing = e.y_shape.rank() - e.shape.rank();
  if (missing < 0 || e.same_shape()) return {};
  Shape aligned = e.y_shape;
  std::vector<int> repeated;
  for (int axis = 0; axis < e.y_shape.rank(); ++axis) {
    aligned[axis] = axis < missing ? 1 : e.shape[axis - missing];
    if (aligned[axis] != 1 && aligned[axis] != e.y_shape[axis]) return {};
    if (aligned[axis] == 1 && e.y_shape[axis] > 1) repeated.push_back(axis);
  }
  if (repeated.empty()) return {};
  const std::optional<Values> all = unreduced(e, aligned);
  if (!all) return {};
  // For every set of the repeated axes: one slice of them, the sum over the others.
  for (size_t set = 1; set < size_t{1} << repeated.size(); ++set)
    for (const bool last : {false, true}) {
      Array part = Array::of(*all, e.y_shape, DType::float64);
      std::string axes;
      for (size_t i = 0; i < repeated.size(); ++i) {
        const int axis = repeated[i];
        if (set >> i & 1) {
          const int64_t index = last ? part.size(axis) - 1 : 0;
          part = part.slice(axis, index, index + 1);
          axes += fmt::format("{}{}", axes.empty() ? "" : ", ", axis);
        } else {
          part = sum(part, {axis}, true);
        }
      }
      if (e.is_analytic(part.to_vector()))
        return Diagnosis{{},
                         Cause::broadcast,
                         fmt::format("only the {} repetition along axis {} of the result counts",
                                     last ? "last" : "first", axes)};
    }
  return {};
}

}  // namespace

// Both are made of elements of the gradient that arrives, but of other ones: numbers were moved,
// and came back from where they had not gone.
Finding find_taken_from_elsewhere(const Evidence& e) {
  Values arriving = e.w;
  std::sort(arriving.begin(), arriving.end());
  const double largest = largest_magnitude(e.w);
  const auto arrived = [&](double value) {
    const auto next = std::lower_bound(arriving.begin(), arriving.end(), value);
    return (next != arriving.end() && relative_error(*next, value, largest) < 1e-7) ||
           (next != arriving.begin() && relative_error(*std::prev(next), value, largest) < 1e-7);
  };
  const auto all_arrived = [&](const Values& values) {
    return values.size() >= 2 && std::all_of(values.begin(), values.end(), arrived);
  };
  if (!all_arrived(e.analytic) || !all_arrived(e.numeric)) return {};
  return Diagnosis{{}, Cause::misplaced, "other elements of the gradient that arrives"};
}

Finding find_other_place(const Evidence& e) {
  for (const auto find : {find_transposed, find_misplaced, find_broadcast})
    if (const Finding found = find(e)) return found;
  return {};
}

}  // namespace gradus
