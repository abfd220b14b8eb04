#include "gradus/ops/create.h"

#include <algorithm>
#include <cmath>

namespace gradus {
namespace {

// The array of f(0), f(1), ...
template <class F>
Array tabulate(int64_t count, DType dtype, F f) {
  Array result({count}, dtype);
  dispatch(dtype, [&]<class T> {
    T* out = result.mutable_data<T>();
    for (int64_t i = 0; i < count; ++i) out[i] = static_cast<T>(f(static_cast<double>(i)));
  });
  return result;
}

// true where f(row, column)
template <class F>
Array mask_of(const char* op, int64_t rows, int64_t cols, F f) {
  check(rows >= 0 && cols >= 0, "{}: a matrix of {} rows and {} columns", op, rows, cols);
  Array mask({rows, cols}, DType::boolean);
  bool* out = mask.mutable_data<bool>();
  for (int64_t i = 0; i < mask.numel(); ++i) out[i] = f(i / cols, i % cols);
  return mask;
}

}  // namespace

Array arange(double start, double stop, double step, DType dtype) {
  const double count = std::ceil((stop - start) / step);
  check(step != 0 && count >= 0 && count < 0x1p62, "arange: no steps of {} lead from {} to {}",
        step, start, stop);
  check(dtype != DType::int64 || std::max(std::abs(start), std::abs(stop)) < 0x1p63,
        "arange: {} to {} are not numbers of int64", start, stop);
  return tabulate(static_cast<int64_t>(count), dtype, [=](double i) { return start + i * step; });
}

Array linspace(double start, double stop, int64_t count, DType dtype) {
  check_floating("linspace", dtype);
  check(count >= 0, "linspace: {} numbers", count);
  const auto last = static_cast<double>(count - 1);
  const double step = count > 1 ? (stop - start) / last : 0;
  // From both ends to the middle, so that both are exact.
  return tabulate(count, dtype, [=](double i) {
    return 2 * i <= last ? start + i * step : stop - (last - i) * step;
  });
}

Array eye(int64_t n, DType dtype) {
  return mask_of("eye", n, n, [](int64_t i, int64_t j) { return i == j; }).to(dtype);
}

Array lower_triangle(int64_t rows, int64_t cols, int64_t diagonal) {
  return mask_of("lower_triangle", rows, cols,
                 [=](int64_t i, int64_t j) { return j - i <= diagonal; });
}
Array upper_triangle(int64_t rows, int64_t cols, int64_t diagonal) {
  return mask_of("upper_triangle", rows, cols,
                 [=](int64_t i, int64_t j) { return j - i >= diagonal; });
}

}  // namespace gradus
