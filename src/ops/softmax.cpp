#include "gradus/ops/softmax.h"

#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace gradus {
namespace {

// The kernels see a matrix, one row for each softmax: (rows, cols), contiguous.
struct RowsOf {
  int64_t rows, cols, grain;
  explicit RowsOf(const Array& x)
      : rows(x.size(-1) == 0 ? 0 : x.numel() / x.size(-1)),
        cols(x.size(-1)),
        grain(kernels::grain_for(1 << 14, cols)) {}
};

template <class T>
using Forward = void (*)(T* y, const T* x, int64_t rows, int64_t cols);
template <class T>
using RowBackward = void (*)(T* dx, const T* dy, const T* y, int64_t rows, int64_t cols);

// Softmax and log-softmax differ in their kernels only. Another axis than the last is moved to the
// end first.
template <class PickForward, class PickBackward>
Tensor along_axis(const char* op, const Tensor& x, int axis, PickForward forward,
                  PickBackward row_backward) {
  axis = normalize_axis(op, axis, x.rank());
  const Array source = x.value().transpose(axis, -1).contiguous();
  Array out(source.shape(), source.dtype());
  const RowsOf size(source);
  dispatch_float(op, x.dtype(), [&]<class T> {
    const Forward<T> kernel = forward(kernels::rows<T>());
    T* y = out.mutable_data<T>();
    const T* data = source.data<T>();
    kernels::parallel_for(size.rows, size.grain, [&](int64_t begin, int64_t end) {
      kernel(y + begin * size.cols, data + begin * size.cols, end - begin, size.cols);
    });
  });
  return record(op, out.transpose(axis, -1), {x},
                [op, axis, row_backward, size, y = saved(out)](const Array& dy_any, Inputs in) {
                  const Array dy = dy_any.transpose(axis, -1).contiguous();
                  Array dx(dy.shape(), dy.dtype());
                  dispatch_float(op, dy.dtype(), [&]<class T> {
                    const RowBackward<T> kernel = row_backward(kernels::rows<T>());
                    T* result = dx.mutable_data<T>();
                    const T *gradient = dy.data<T>(), *value = y->data<T>();
                    kernels::parallel_for(size.rows, size.grain, [&](int64_t begin, int64_t end) {
                      const int64_t at = begin * size.cols;
                      kernel(result + at, gradient + at, value + at, end - begin, size.cols);
                    });
                  });
                  in.add(0, dx.transpose(axis, -1));
                });
}

}  // namespace

// With s = softmax(x): ds_i/dx_j = s_i ([i = j] - s_j), so dx = s (dy - sum_j s_j dy_j).
Tensor softmax(const Tensor& x, int axis) {
  return along_axis(
      "softmax", x, axis, [](const auto& table) { return table.softmax; },
      [](const auto& table) { return table.softmax_backward; });
}

// With y = log s: dy_i/dx_j = [i = j] - s_j, so dx = dy - exp(y) sum_j dy_j.
Tensor log_softmax(const Tensor& x, int axis) {
  return along_axis(
      "log_softmax", x, axis, [](const auto& table) { return table.log_softmax; },
      [](const auto& table) { return table.log_softmax_backward; });
}

}  // namespace gradus
