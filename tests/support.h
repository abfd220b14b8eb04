/// \file
/// What many tests need: errors as text, random arrays in every memory layout, exact comparison.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ostream>
#include <string>
#include <vector>

#include "gradus/array.h"
#include "gradus/random.h"
#include "gradus/tensor.h"
#include "gradus/threads.h"
#include "kernels/kernels.h"

namespace gradus {

/// How a failed EXPECT_EQ shows a shape.
inline void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.to_string(); }

}  // namespace gradus

namespace gradus::test {

/// The message of the gradus::Error that f throws. The test fails if f throws none, or anything
/// else.
template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  } catch (...) {
    ADD_FAILURE() << "threw something that is not a gradus::Error";
    return {};
  }
  ADD_FAILURE() << "threw nothing";
  return {};
}

/// Calls f(index) for every index of a shape, the last axis fastest.
template <class F>
void for_each_index(const Shape& shape, F&& f) {
  Shape index = Shape::filled(shape.rank(), 0);
  for (int64_t i = 0, n = shape.numel(); i < n; ++i) {
    f(index);
    for (int axis = shape.rank() - 1; axis >= 0 && ++index[axis] == shape[axis]; --axis)
      index[axis] = 0;
  }
}

/// Draws from the standard normal distribution, the same for the same seed.
inline Array random_array(const Shape& shape, uint64_t seed = 1, DType dtype = DType::float64) {
  Generator generator(seed);
  return randn(shape, generator, dtype);
}

/// A leaf of such draws, and an array of indices from [0, below).
inline Tensor random_parameter(const Shape& shape, uint64_t seed = 1,
                               DType dtype = DType::float64) {
  return parameter(random_array(shape, seed, dtype));
}
inline Array random_indices(const Shape& shape, uint64_t below, uint64_t seed = 11) {
  Generator generator(seed);
  std::vector<int64_t> indices(static_cast<size_t>(shape.numel()));
  for (int64_t& index : indices) index = static_cast<int64_t>(generator.below(below));
  return Array::of_indices(indices, shape);
}

/// A mask for attention: true at two of three places; where the mask has several rows, its second
/// one sees nothing.
inline Array attention_mask(const Shape& shape) {
  std::vector<bool> bits;
  for (int64_t i = 0; i < shape.numel(); ++i) {
    const int64_t row = i / shape[-1] % shape[-2];
    bits.push_back(i % 3 != 0 && !(shape[-2] > 1 && row == 1));
  }
  return Array::of_bools(bits, shape);
}

/// 0, 1, 2, ... in row-major order: each element's value is its place in memory.
inline Array counting(const Shape& shape, DType dtype = DType::float64) {
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i);
  return Array::of(values, shape, dtype);
}

/// The elements of `a` again, in the memory layouts that an op meets: row-major, at an offset,
/// with the axes in reverse order, and (first and last axis) with gaps.
inline std::vector<Array> in_every_layout(const Array& a) {
  std::vector<Array> layouts = {a.clone()};
  const auto add = [&](Array view) {
    view.copy_from(a);
    layouts.push_back(view);
  };
  std::vector<int> reversed;
  Shape turned = a.shape();
  for (int axis = 0; axis < a.rank(); ++axis) {
    reversed.push_back(a.rank() - 1 - axis);
    turned[axis] = a.size(a.rank() - 1 - axis);
  }
  add(Array::zeros(turned, a.dtype()).permute(reversed));
  if (a.rank() == 0) return layouts;
  for (const int axis : {0, a.rank() - 1}) {
    Shape roomy = a.shape();
    roomy[axis] = 2 * a.size(axis) + 1;
    add(Array::zeros(roomy, a.dtype()).slice(axis, 1, roomy[axis], 2));
    add(Array::zeros(roomy, a.dtype()).slice(axis, 1, 1 + a.size(axis)));
  }
  return layouts;
}

/// True if both hold the same numbers, bit for bit (NaNs included), whatever their layouts.
inline bool same_bits(const Array& a, const Array& b) {
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  const Array x = a.contiguous(), y = b.contiguous();
  return dispatch(a.dtype(), [&]<class T> {
    return std::memcmp(x.data<T>(), y.data<T>(), static_cast<size_t>(x.numel()) * sizeof(T)) == 0;
  });
}

/// The largest |a - b| over the largest |b|: the distance of two arrays of one shape, relative to
/// their size. Infinite if the shapes differ or a number is not finite.
inline double relative_distance(const Array& a, const Array& b) {
  if (!(a.shape() == b.shape())) return INFINITY;
  const std::vector<double> x = a.to_vector(), y = b.to_vector();
  double distance = 0, size = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) return INFINITY;
    distance = std::max(distance, std::abs(x[i] - y[i]));
    size = std::max(size, std::abs(y[i]));
  }
  return distance == 0 ? 0 : distance / size;
}

/// While one is alive, the engine uses so many threads.
class ScopedThreads {
 public:
  explicit ScopedThreads(int threads) : before_(num_threads()) { set_num_threads(threads); }
  ~ScopedThreads() { set_num_threads(before_); }
  ScopedThreads(const ScopedThreads&) = delete;
  ScopedThreads& operator=(const ScopedThreads&) = delete;

 private:
  int before_;
};

/// Runs f once on every instruction set that this machine has, up to the first on which it fails.
template <class F>
void on_every_isa(F&& f) {
  for (const kernels::Isa isa : kernels::available_isas()) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE(kernels::isa_name(isa));
    const kernels::ScopedIsa scope(isa);
    f();
  }
}

/// Whether released blocks are kept for reuse: not under AddressSanitizer, which wants to see them.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool memory_is_pooled = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
inline constexpr bool memory_is_pooled = false;
#else
inline constexpr bool memory_is_pooled = true;
#endif
#else
inline constexpr bool memory_is_pooled = true;
#endif

}  // namespace gradus::test
