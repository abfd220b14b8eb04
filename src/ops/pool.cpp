#include "gradus/ops/pool.h"

#include <cmath>

#include "gradus/arithmetic.h"
#include "ops/reduced_axes.h"
#include "ops/windows.h"

namespace gradus {
namespace {

// The windows over each plane of x, an image (H, W) or a signal (L); all leading axes are folded.
struct Pooling {
  const char* op;
  Windows windows;
  int64_t planes;
  Shape in_shape, out_shape;

  Pooling(const char* name, int axes, const Tensor& x, int64_t kernel_size,
          const PoolOptions& options)
      : op(name), in_shape(x.shape()), out_shape(x.shape()) {
    check(x.rank() >= axes, "{}: needs {}, got x {}", op, axes == 1 ? "a signal" : "an image",
          x.shape());
    check(kernel_size >= 1, "{}: the kernel size must be at least 1, got {}", op, kernel_size);
    const int64_t stride = options.stride == 0 ? kernel_size : options.stride;
    windows =
        windows_over(op, x.shape(), Shape::filled(axes, kernel_size), stride, options.padding);
    check(options.padding <= kernel_size / 2,
          "{}: a padding of {} is more than half the kernel size {}", op, options.padding,
          kernel_size);
    out_shape[-1] = windows.width.windows();
    if (axes == 2) out_shape[-2] = windows.height.windows();
    planes = in_shape.numel() / windows.inputs();
  }

  // Calls f(o, i) for every window o and each input i that it sees, row by row; both number the
  // elements of all planes, and each plane is one thread's.
  template <class F>
  void for_each_tap(F f) const {
    const int64_t grain = kernels::grain_for(1 << 14, windows.taps() * windows.outputs());
    kernels::parallel_for(planes, grain, [&](int64_t begin, int64_t end) {
      for (int64_t plane = begin; plane < end; ++plane)
        for_each_run(windows, [&](int64_t /*tap*/, int64_t window, int64_t input, int64_t n) {
          const int64_t o = plane * windows.outputs() + window,
                        i = plane * windows.inputs() + input;
          for (int64_t k = 0; k < n; ++k) f(o + k, i + k * windows.width.stride);
        });
    });
  }
};

// y_o = x_w with w the winner of window o, so dx_i = the sum of dy_o over the windows that i won.
Tensor max_pool(const Pooling& pooling, const Tensor& x) {
  const Array source = x.value().contiguous();
  Array out(pooling.out_shape, x.dtype()), winners(pooling.out_shape, DType::int64);
  int64_t* winner = winners.mutable_data<int64_t>();
  std::fill_n(winner, winners.numel(), -1);  // nobody yet
  dispatch_float(pooling.op, x.dtype(), [&]<class T> {
    const T* from = source.data<T>();
    T* y = out.mutable_data<T>();
    pooling.for_each_tap([=](int64_t o, int64_t i) {
      if (winner[o] >= 0 && !(from[i] > y[o]) && !std::isnan(from[i])) return;
      y[o] = from[i];
      winner[o] = i;
    });
  });
  return record(pooling.op, out, {x},
                [pooling, winners = saved(winners)](const Array& dy_any, Inputs in) {
                  const Array dy = dy_any.contiguous();
                  Array dx = Array::zeros(pooling.in_shape, dy.dtype());
                  dispatch_float(pooling.op, dy.dtype(), [&]<class T> {
                    const int64_t* won = winners->data<int64_t>();
                    const T* g = dy.data<T>();
                    T* to = dx.mutable_data<T>();
                    const int64_t n = pooling.windows.outputs();
                    for_each_row(pooling.planes, n, [=](int64_t /*plane*/, int64_t at) {
                      for (int64_t o = at; o < at + n; ++o) to[won[o]] += g[o];
                    });
                  });
                  in.add(0, dx);
                });
}

// y_o = 1/K sum of the x_i that window o sees, with K taps, so dx_i = 1/K sum of dy_o over the
// windows that see i.
Tensor avg_pool(const Pooling& pooling, const Tensor& x) {
  const double share = 1 / static_cast<double>(pooling.windows.taps());
  const Array source = x.value().contiguous();
  Array out = Array::zeros(pooling.out_shape, x.dtype());
  dispatch_float(pooling.op, x.dtype(), [&]<class T> {
    const T* from = source.data<T>();
    T* y = out.mutable_data<T>();
    pooling.for_each_tap([=](int64_t o, int64_t i) { y[o] += from[i]; });
  });
  return record(pooling.op, out * share, {x}, [pooling, share](const Array& dy_any, Inputs in) {
    const Array dy = (dy_any * share).contiguous();
    Array dx = Array::zeros(pooling.in_shape, dy.dtype());
    dispatch_float(pooling.op, dy.dtype(), [&]<class T> {
      const T* g = dy.data<T>();
      T* to = dx.mutable_data<T>();
      pooling.for_each_tap([=](int64_t o, int64_t i) { to[i] += g[o]; });
    });
    in.add(0, dx);
  });
}

}  // namespace

Tensor max_pool1d(const Tensor& x, int64_t kernel_size, const PoolOptions& options) {
  return max_pool({"max_pool1d", 1, x, kernel_size, options}, x);
}
Tensor max_pool2d(const Tensor& x, int64_t kernel_size, const PoolOptions& options) {
  return max_pool({"max_pool2d", 2, x, kernel_size, options}, x);
}
Tensor avg_pool1d(const Tensor& x, int64_t kernel_size, const PoolOptions& options) {
  return avg_pool({"avg_pool1d", 1, x, kernel_size, options}, x);
}
Tensor avg_pool2d(const Tensor& x, int64_t kernel_size, const PoolOptions& options) {
  return avg_pool({"avg_pool2d", 2, x, kernel_size, options}, x);
}

}  // namespace gradus
