// Windows that slide over an image: what convolution and pooling have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string_view>

#include "gradus/shape.h"
#include "kernels/parallel.h"

namespace gradus {

// Windows along one axis. Window o sees the inputs o * stride - padding + tap, where tap counts
// through the window: 0 <= tap < size. With input 5, size 3, stride 2, padding 1:
//
//     input          .  0  1  2  3  4  .
//     window 0       0  1  2                 its tap 0 falls into the padding
//     window 1             0  1  2
//     window 2                   0  1  2     its tap 2 does
struct SlidingAxis {
  int64_t input, size, stride, padding;

  int64_t windows() const { return (input + 2 * padding - size) / stride + 1; }
  int64_t position(int64_t window, int64_t tap) const { return window * stride + tap - padding; }
  // The windows whose `tap` lies inside the input, 0 <= position < input, are begin <= o < end.
  int64_t begin(int64_t tap) const { return first_at(0, tap); }
  int64_t end(int64_t tap) const { return std::min(windows(), first_at(input, tap)); }

 private:
  // The first window with position(window, tap) >= from.
  int64_t first_at(int64_t from, int64_t tap) const {
    return kernels::chunk_count(std::max<int64_t>(0, from + padding - tap), stride);
  }
};

// Windows over images (..., height, width).
struct Windows {
  SlidingAxis height, width;

  int64_t inputs() const { return height.input * width.input; }           // of one image
  int64_t taps() const { return height.size * width.size; }               // of one window
  int64_t outputs() const { return height.windows() * width.windows(); }  // windows per image
};

// Calls f(tap, window, input, n) for runs of n windows beside each other in one row: `tap` of the
// windows window, window + 1, ... falls on the inputs input, input + stride, ... (Places in the
// padding are left out.) All windows take their taps in row-major order.
template <class F>
void for_each_run(const Windows& w, F f) {
  for (int64_t i = 0; i < w.height.size; ++i)
    for (int64_t j = 0; j < w.width.size; ++j) {
      const int64_t left = w.width.begin(j), n = w.width.end(j) - left;
      if (n <= 0) continue;
      for (int64_t row = w.height.begin(i); row < w.height.end(i); ++row)
        f(i * w.width.size + j, row * w.width.windows() + left,
          w.height.position(row, i) * w.width.input + w.width.position(left, j), n);
    }
}

// The windows of size `kernel`, (KH, KW) or (K), over the last axes of x: (N, C, H, W) or (N, C,
// L), which is an image of one row; each tap of a window takes `each` multiplications. \throws
// Error if there is no place for a single one, or for more of them than can be counted: an axis
// that was broadcast takes no memory and may be of any length.
inline Windows windows_over(std::string_view op, const Shape& x, const Shape& kernel,
                            int64_t stride, int64_t padding, int64_t each = 1) {
  constexpr int64_t most = int64_t{1} << 31;  // so that no position overflows
  check(padding >= 0 && padding < most,
        "{}: the padding must be 0 or more (and below 2^31), got {}", op, padding);
  const auto along = [&](int axis) {
    const SlidingAxis result{x[axis], kernel[axis], stride, padding};
    check(result.size >= 1 && result.input >= 1 && result.size - 2 * padding <= result.input,
          "{}: a kernel of {} has no place in x {} with padding {}", op, kernel, x, padding);
    check(result.input <= most * most, "{}: x {} is too long", op, x);
    return result;
  };
  const Windows result{kernel.rank() == 2 ? along(-2) : SlidingAxis{1, 1, 1, 0}, along(-1)};
  check(stride >= 1 && stride < most, "{}: the stride must be 1 or more (and below 2^31), got {}",
        op, stride);
  const SlidingAxis &h = result.height, &w = result.width;
  const int64_t work = kernels::cost_of({2, each, h.size, w.size, h.windows(), w.windows()});
  check(work < std::numeric_limits<int64_t>::max(),
        "{}: all windows of {} in x {} are more work than 64 bits can count", op, kernel, x);
  return result;
}

}  // namespace gradus
