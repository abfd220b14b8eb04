/// \file
/// What the tests of the kernels share: arrays with a fence around them, the lengths that reach
/// every tail, and comparison with a long double reference.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "support.h"

namespace gradus::test {

using FloatingTypes = ::testing::Types<float, double>;

/// What references are computed in.
using Real = long double;
using Row = std::vector<Real>;

/// n values that start `misalignment` elements after an aligned address, between two fences that no
/// kernel may write to: expect_fences_untouched() says whether one did.
template <class T>
class Fenced {
 public:
  explicit Fenced(int64_t n, T value = T(0), int64_t misalignment = 1)
      : begin_(64 / static_cast<int64_t>(sizeof(T)) + misalignment), n_(n) {
    memory_ = static_cast<T*>(::operator new(bytes(), std::align_val_t(64)));
    for (int64_t i = 0; i < total(); ++i) memory_[i] = is_inside(i) ? value : fence;
  }
  Fenced(const Fenced& other) : Fenced(other.n_, T(0), other.misalignment()) {
    std::memcpy(memory_, other.memory_, bytes());
  }
  Fenced& operator=(const Fenced&) = delete;
  ~Fenced() { ::operator delete(memory_, std::align_val_t(64)); }

  int64_t size() const { return n_; }
  T* data() { return memory_ + begin_; }
  const T* data() const { return memory_ + begin_; }
  T& operator[](int64_t i) { return data()[i]; }
  const T& operator[](int64_t i) const { return data()[i]; }

  /// The same values, bit for bit.
  bool operator==(const Fenced& other) const {
    return n_ == other.n_ &&
           (n_ == 0 || std::memcmp(data(), other.data(), sizeof(T) * static_cast<size_t>(n_)) == 0);
  }

  void expect_fences_untouched() const {
    for (int64_t i = 0; i < total(); ++i) {
      if (is_inside(i)) continue;
      ASSERT_EQ(memory_[i], fence) << "written at " << i - begin_ << " of " << n_;
    }
  }

 private:
  static constexpr T fence = T(-12345);
  int64_t misalignment() const { return begin_ - 64 / static_cast<int64_t>(sizeof(T)); }
  int64_t total() const { return begin_ + n_ + 64; }
  size_t bytes() const { return static_cast<size_t>(total()) * sizeof(T); }
  bool is_inside(int64_t i) const { return i >= begin_ && i < begin_ + n_; }

  int64_t begin_, n_;
  T* memory_;
};

/// n numbers drawn evenly from [low, high), the same for the same seed.
template <class T>
Fenced<T> uniform(int64_t n, unsigned seed, double low = -3, double high = 3,
                  int64_t misalignment = 1) {
  Fenced<T> x(n, T(0), misalignment);
  std::mt19937 random(seed);
  for (int64_t i = 0; i < n; ++i)
    x[i] = static_cast<T>(low + (high - low) * (static_cast<double>(random()) / 4294967296.0));
  return x;
}

/// Row i of a dense matrix of so many columns.
template <class T>
Row row_of(const Fenced<T>& matrix, int64_t i, int64_t cols) {
  return Row(matrix.data() + i * cols, matrix.data() + (i + 1) * cols);
}

/// Every length from 0 to two of the widest vectors and one, and then the edges of the loops that
/// take four vectors at a time.
inline std::vector<int64_t> tail_lengths() {
  std::vector<int64_t> lengths;
  for (int64_t n = 0; n <= 33; ++n) lengths.push_back(n);
  for (int64_t n : {47, 63, 64, 65, 79, 100, 128, 129}) lengths.push_back(n);
  return lengths;
}

/// x equals the reference up to `ulps` roundings of a number of the reference's size, or of `scale`
/// where intermediate results were that large. NaN and infinity must be met exactly.
template <class T>
::testing::AssertionResult is_close(T x, Real reference, double ulps, Real scale = 0) {
  if (std::isnan(reference) && std::isnan(x)) return ::testing::AssertionSuccess();
  if (static_cast<Real>(x) == reference) return ::testing::AssertionSuccess();
  const Real size = std::max(std::fabs(reference), std::fabs(scale));
  const Real error = std::fabs(static_cast<Real>(x) - reference);
  if (std::isfinite(size) && error <= ulps * std::numeric_limits<T>::epsilon() * size)
    return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << x << " is not " << reference << ": off by "
                                       << error / (std::numeric_limits<T>::epsilon() * size)
                                       << " roundings, " << ulps << " allowed";
}

/// The same bits: tells -0 from 0, and a NaN equals itself.
template <class T>
bool same_bits(T x, T y) {
  return std::memcmp(&x, &y, sizeof x) == 0;
}

}  // namespace gradus::test
