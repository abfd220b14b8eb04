// The reductions of arithmetic.h: sums over axes.
#include <algorithm>
#include <vector>

#include "gradus/arithmetic.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "out_of_memory.h"

namespace gradus {
namespace {

// y += the sum of n rows of at most `most_columns` numbers. Of many rows each half is summed on its
// own: a number then meets some log2(n) roundings instead of n (pairwise summation; Higham, "The
// accuracy of floating point summation", 1993).
constexpr int64_t few_rows = 64, most_columns = 128;
template <class T>
void add_rows(T* y, const T* x, int64_t n, int64_t columns, int64_t stride) {
  if (n <= few_rows) return kernels::rows<T>().add_rows(y, x, n, columns, stride);
  T second_half[most_columns] = {};
  add_rows(y, x, n / 2, columns, stride);
  add_rows(second_half, x + n / 2 * stride, n - n / 2, columns, stride);
  kernels::elementwise<T>().accumulate(y, second_half, columns);
}

// Room for the partial sum of each chunk.
template <class T>
std::vector<T> partial_sums(int64_t chunks) {
  return with_memory([&] { return std::vector<T>(static_cast<size_t>(chunks)); }, "sum");
}

// Sums the middle axis of x, seen as (outer, n, inner) and contiguous, into y: (outer, inner).
template <class T>
void sum_middle(T* y, const T* x, int64_t outer, int64_t n, int64_t inner) {
  constexpr int64_t worth = 1 << 15;  // elements of a chunk
  const auto& kernel = kernels::rows<T>();
  if (inner > 1) {
    // Columns are added row by row; each thread has columns of its own.
    std::fill_n(y, outer * inner, T{});
    const int64_t columns = n > few_rows
                                ? most_columns
                                : std::max(kernels::grain_for(64), kernels::grain_for(worth, n));
    for (int64_t o = 0; o < outer; ++o)
      kernels::parallel_for(inner, columns, [&, o](int64_t begin, int64_t end) {
        add_rows(y + o * inner + begin, x + o * n * inner + begin, n, end - begin, inner);
      });
  } else if (outer > 1) {
    kernels::parallel_for(outer, kernels::grain_for(worth, n), [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) y[o] = kernel.sum(x + o * n, n);
    });
  } else {
    // One long row: a partial sum for each chunk, then their sum in order.
    const int64_t grain = kernels::grain_for(worth);
    std::vector<T> partial = partial_sums<T>(kernels::chunk_count(n, grain));
    kernels::parallel_for(n, grain, [&](int64_t begin, int64_t end) {
      partial[static_cast<size_t>(begin / grain)] = kernel.sum(x + begin, end - begin);
    });
    *y = kernel.sum(partial.data(), static_cast<int64_t>(partial.size()));
  }
}

// The sum over the adjacent axes first..last, which keep size 1.
Array sum_axes(const Array& a, int first, int last) {
  Shape shape = a.shape();
  int64_t outer = 1, n = 1, inner = 1;
  for (int axis = 0; axis < a.rank(); ++axis) {
    (axis < first ? outer : axis <= last ? n : inner) *= a.size(axis);
    if (axis >= first && axis <= last) shape[axis] = 1;
  }
  const Array x = a.contiguous();
  Array y(shape, a.dtype());
  dispatch_float("sum", a.dtype(),
                 [&]<class T> { sum_middle(y.mutable_data<T>(), x.data<T>(), outer, n, inner); });
  return y;
}

}  // namespace

Array sum(const Array& a, const Axes& axes, bool keepdim) {
  check_floating("sum", a.dtype());
  const Axes summed = normalize_axes("sum", axes, a.rank());
  Array result = a;
  if (a.numel() == 0) {  // not axis by axis: beside an axis of 0 another may be of any length
    Shape kept = a.shape();
    for (const int axis : summed) kept[axis] = 1;
    result = Array::zeros(kept, a.dtype());
  } else {
    for (size_t last = summed.size(); last-- > 0;) {  // neighbouring axes are summed together
      const size_t end = last;
      while (last > 0 && summed[last - 1] == summed[last] - 1) --last;
      result = sum_axes(result, summed[last], summed[end]);
    }
  }
  if (keepdim) return result;
  Shape shape = result.shape();
  for (size_t i = summed.size(); i-- > 0;) shape = shape.erased(summed[i]);
  return result.reshape(shape);
}

Array sum_to(const Array& a, const Shape& shape) {
  if (a.shape() == shape) return a;
  check(broadcast(a.shape(), shape) == a.shape(),
        "sum_to: {} is not broadcast to {}, so no sum undoes it", shape, a.shape());
  const int extra = a.rank() - shape.rank();
  Axes axes;
  for (int axis = 0; axis < a.rank(); ++axis)
    if (axis < extra || (shape[axis - extra] == 1 && a.size(axis) != 1)) axes.push_back(axis);
  return axes.empty() ? a.reshape(shape) : sum(a, axes, true).reshape(shape);
}

double sum_squares(const Array& a) {
  const int64_t grain = kernels::grain_for(1 << 15);
  const Array x = a.contiguous();
  std::vector<double> partial = partial_sums<double>(kernels::chunk_count(x.numel(), grain));
  dispatch_float("sum_squares", a.dtype(), [&]<class T> {
    const T* data = x.data<T>();
    kernels::parallel_for(x.numel(), grain, [&](int64_t begin, int64_t end) {
      partial[static_cast<size_t>(begin / grain)] =
          kernels::rows<T>().sum_squares(data + begin, end - begin);
    });
  });
  double total = 0;
  for (const double value : partial) total += value;
  return total;
}

}  // namespace gradus
