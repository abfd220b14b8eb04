#include "gradus/ops/conv.h"

#include "gradus/arithmetic.h"
#include "kernels/kernels.h"
#include "ops/matrix.h"
#include "ops/windows.h"

namespace gradus {
namespace {

// Convolution becomes a matrix product once every window of an image is written out as a column:
//
//     image (Cin = 1)     windows of 2 x 2       columns (Cin KH KW, OH OW)
//
//        0 1 2            0 1   1 2              0 1 3 4     what tap (0, 0) of each window sees
//        3 4 5            3 4   4 5              1 2 4 5     tap (0, 1)
//        6 7 8                                   3 4 6 7     tap (1, 0)
//                         3 4   4 5              4 5 7 8     tap (1, 1)
//                         6 7   7 8
//
// y = W columns, with W as (Cout, Cin KH KW), is then the image (Cout, OH OW). The columns repeat
// each input KH KW times: so they are made for one image at a time, and made again on the way back
// instead of being kept.
template <class T>
void image_to_columns(T* columns, const T* image, int64_t channels, const Windows& w) {
  std::fill_n(columns, channels * w.taps() * w.outputs(), T{});
  const int64_t stride = w.width.stride;
  for (int64_t c = 0; c < channels; ++c, image += w.inputs(), columns += w.taps() * w.outputs())
    for_each_run(w, [=](int64_t tap, int64_t window, int64_t input, int64_t n) {
      T* to = columns + tap * w.outputs() + window;
      for (int64_t i = 0; i < n; ++i) to[i] = image[input + i * stride];
    });
}

// The way back: an input that stands in several columns receives the sum of their gradients.
template <class T>
void add_columns_to_image(T* image, const T* columns, int64_t channels, const Windows& w) {
  const int64_t stride = w.width.stride;
  for (int64_t c = 0; c < channels; ++c, image += w.inputs(), columns += w.taps() * w.outputs())
    for_each_run(w, [=](int64_t tap, int64_t window, int64_t input, int64_t n) {
      const T* from = columns + tap * w.outputs() + window;
      for (int64_t i = 0; i < n; ++i) image[input + i * stride] += from[i];
    });
}

// The sizes of one convolution. A chunk of images is one thread's work: some 20 us at least; and at
// most 16 chunks, because each sums a gradient of the weight of its own.
struct Sizes {
  int64_t images, in_channels, out_channels;
  Windows windows;

  int64_t column() const { return in_channels * windows.taps(); }
  int64_t image() const { return in_channels * windows.inputs(); }
  int64_t result() const { return out_channels * windows.outputs(); }
  int64_t grain() const {
    return std::max(kernels::chunk_count(images, 16),
                    kernels::grain_for(1 << 20, 2 * result() * column()));
  }
};

// y += W columns(x), image by image.
template <class T>
void forward(T* y, const T* x, const T* weight, const Sizes& s) {
  const Matrix<const T> W(weight, s.out_channels, s.column());
  kernels::parallel_for(s.images, s.grain(), [&](int64_t begin, int64_t end) {
    Array memory({s.column(), s.windows.outputs()}, dtype_of<T>);
    const Matrix<T> columns(memory.mutable_data<T>(), s.column(), s.windows.outputs());
    for (int64_t i = begin; i < end; ++i) {
      image_to_columns(columns.data, x + i * s.image(), s.in_channels, s.windows);
      const Matrix<T> Y(y + i * s.result(), s.out_channels, s.windows.outputs());
      kernels::gemm(product<T>(Y, W, columns, true));
    }
  });
}

// dx += image(WT dy), image by image. dW += dy columns(x)T, summed over the images of each chunk;
// the chunks' sums stand one after the other. Either may be null.
template <class T>
void backward(T* dx, T* dweights, const T* dy, const T* x, const T* weight, const Sizes& s) {
  const Matrix<const T> W(weight, s.out_channels, s.column());
  kernels::parallel_for(s.images, s.grain(), [&](int64_t begin, int64_t end) {
    const int64_t chunk = begin / s.grain();
    Array memory({s.column(), s.windows.outputs()}, dtype_of<T>);
    const Matrix<T> columns(memory.mutable_data<T>(), s.column(), s.windows.outputs());
    for (int64_t i = begin; i < end; ++i) {
      const Matrix<const T> dY(dy + i * s.result(), s.out_channels, s.windows.outputs());
      if (dweights != nullptr) {
        const Matrix<T> dW(dweights + chunk * W.rows * W.cols, W.rows, W.cols);
        image_to_columns(columns.data, x + i * s.image(), s.in_channels, s.windows);
        kernels::gemm(product<T>(dW, dY, columns.transposed(), true));
      }
      if (dx != nullptr) {
        kernels::gemm(product<T>(columns, W.transposed(), dY));
        add_columns_to_image(dx + i * s.image(), columns.data, s.in_channels, s.windows);
      }
    }
  });
}

Sizes sizes_of(std::string_view op, int rank, const Tensor& x, const Tensor& weight,
               const Tensor& bias, const ConvOptions& options) {
  check(x.rank() == rank, "{}: x must be ({}), got {}", op,
        rank == 3 ? "N, Cin, L" : "N, Cin, H, W", x.shape());
  check(weight.rank() == rank, "{}: the weight must be ({}), got {}", op,
        rank == 3 ? "Cout, Cin, K" : "Cout, Cin, KH, KW", weight.shape());
  check(x.size(1) == weight.size(1), "{}: x {} has {} channels, the weight {} takes {}", op,
        x.shape(), x.size(1), weight.shape(), weight.size(1));
  check(weight.dtype() == x.dtype(), "{}: x is {}, but the weight {}", op, name(x.dtype()),
        name(weight.dtype()));
  check(bias.is_empty_handle() || bias.shape() == Shape{weight.size(0)},
        "{}: a weight {} needs a bias of shape [{}], got {}", op, weight.shape(), weight.size(0),
        bias.shape());
  check(bias.is_empty_handle() || bias.dtype() == x.dtype(), "{}: x is {}, but the bias {}", op,
        name(x.dtype()), name(bias.dtype()));
  const Shape kernel = weight.shape().erased(0).erased(0);
  return {x.size(0), x.size(1), weight.size(0),
          windows_over(op, x.shape(), kernel, options.stride, options.padding,
                       x.size(1) * weight.size(0))};
}

// With the windows of image n as columns, Y_n = W columns(x_n) + b, and so, as in every product of
// matrices,
//   dW = sum over n of dY_n columns(x_n)T,   dx_n = image(WT dY_n),
//   db = sum of dY over n, OH, OW.
Tensor convolve(const char* op, int rank, const Tensor& x, const Tensor& weight, const Tensor& bias,
                const ConvOptions& options) {
  const Sizes size = sizes_of(op, rank, x, weight, bias, options);
  Shape shape = x.shape();
  shape[1] = size.out_channels;
  shape[-1] = size.windows.width.windows();
  if (rank == 4) shape[-2] = size.windows.height.windows();

  Array y = Array::zeros(shape, x.dtype());
  if (!bias.is_empty_handle()) {
    Shape channels = Shape::filled(rank, 1);
    channels[1] = size.out_channels;
    y.copy_from(bias.value().reshape(channels).expand(shape));
  }
  const Array images = x.value().contiguous(), weights = weight.value().contiguous();
  dispatch_float(op, x.dtype(), [&]<class T> {
    forward(y.mutable_data<T>(), images.data<T>(), weights.data<T>(), size);
  });
  return record(
      op, y, {x, weight, bias},
      [op, size, x = saved(images), weight = saved(weights)](const Array& dy_any, Inputs in) {
        const Array dy = dy_any.contiguous();
        const int64_t chunks = kernels::chunk_count(size.images, size.grain());
        Array dx, dweights;
        if (in.wants(0)) dx = Array::zeros(x->shape(), x->dtype());
        if (in.wants(1)) dweights = Array::zeros(weight->shape().inserted(0, chunks), x->dtype());
        dispatch_float(op, x->dtype(), [&]<class T> {
          backward(in.wants(0) ? dx.mutable_data<T>() : nullptr,
                   in.wants(1) ? dweights.mutable_data<T>() : nullptr, dy.data<T>(), x->data<T>(),
                   weight->data<T>(), size);
        });
        if (in.wants(0)) in.add(0, dx);
        if (in.wants(1)) in.add(1, sum(dweights, {0}));
        if (in.wants(2)) in.add(2, sum(dy, dy.rank() == 4 ? Axes{0, 2, 3} : Axes{0, 2}));
      });
}

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  return convolve("conv1d", 3, x, weight, bias, options);
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const ConvOptions& options) {
  return convolve("conv2d", 4, x, weight, bias, options);
}

}  // namespace gradus
