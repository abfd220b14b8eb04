#include "gradus/ops/norm.h"

#include "gradus/arithmetic.h"
#include "gradus/ops/elementwise.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace gradus {
namespace {

// A weight or a bias: one number for each of the channels of x, or no tensor at all.
void check_parameter(const char* op, const char* role, const Tensor& parameter, const Tensor& x,
                     int64_t channels) {
  if (parameter.is_empty_handle()) return;
  check(parameter.shape() == Shape{channels}, "{}: x {} needs a {} of shape [{}], got {}", op,
        x.shape(), role, channels, parameter.shape());
  check(parameter.dtype() == x.dtype(), "{}: x is {}, but the {} {}", op, name(x.dtype()), role,
        name(parameter.dtype()));
}

// ---- over rows: layer_norm, and rms_norm, which has no mean ------------------------------------

// With h = (x - mean) rstd and g = dy weight, both along a row of C elements:
//   dx      = rstd (g - mean(g) - h mean(g h))
//   dweight = sum over the rows of dy h,   dbias = sum over the rows of dy
// Without a mean the term mean(g) is missing as well.
Tensor normalise_rows(const char* op, bool centred, const Tensor& x, const Tensor& weight,
                      const Tensor& bias, double eps) {
  check(x.rank() >= 1, "{}: x needs at least one axis, got {}", op, x.shape());
  const int64_t cols = x.size(-1), rows = cols == 0 ? 0 : x.numel() / cols;
  check_parameter(op, "weight", weight, x, cols);
  check_parameter(op, "bias", bias, x, cols);
  const int64_t grain = kernels::grain_for(1 << 14, cols);
  const Array source = x.value().contiguous();
  const Array scale =
      weight.is_empty_handle() ? Array::full({cols}, 1, x.dtype()) : weight.value().contiguous();
  const Array shift = bias.is_empty_handle() ? Array() : bias.value().contiguous();
  Array out(x.shape(), x.dtype()), mean({centred ? rows : 0}, x.dtype()), rstd({rows}, x.dtype());
  dispatch_float(op, x.dtype(), [&]<class T> {
    const T *from = source.data<T>(), *w = scale.data<T>(),
            *b = shift.is_empty_handle() ? nullptr : shift.data<T>();
    T *y = out.mutable_data<T>(), *m = mean.mutable_data<T>(), *r = rstd.mutable_data<T>();
    kernels::parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      kernels::rows<T>().layer_norm(y + begin * cols, centred ? m + begin : nullptr, r + begin,
                                    from + begin * cols, w, b, static_cast<T>(eps), end - begin,
                                    cols);
    });
  });
  return record(op, out, {x, weight, bias},
                [x = saved(source), mean = saved(mean), rstd = saved(rstd), weight = saved(scale),
                 op, centred, rows, cols, grain](const Array& dy_any, Inputs in) {
                  const Array dy = dy_any.contiguous();
                  Array dx(dy.shape(), dy.dtype());
                  // Each chunk of rows sums its own part of dweight and dbias; the parts are then
                  // added in order.
                  const int64_t chunks = kernels::chunk_count(rows, grain);
                  Array dweight = Array::zeros({chunks, cols}, dy.dtype()),
                        dbias = Array::zeros({chunks, cols}, dy.dtype());
                  dispatch_float(op, dy.dtype(), [&]<class T> {
                    const T *g = dy.data<T>(), *from = x->data<T>(), *m = mean->data<T>(),
                            *r = rstd->data<T>(), *w = weight->data<T>();
                    T *to = dx.mutable_data<T>(), *dw = dweight.mutable_data<T>(),
                      *db = dbias.mutable_data<T>();
                    kernels::parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
                      const int64_t at = begin * cols, part = begin / grain * cols;
                      kernels::rows<T>().layer_norm_backward(
                          to + at, in.wants(1) ? dw + part : nullptr,
                          in.wants(2) ? db + part : nullptr, g + at, from + at,
                          centred ? m + begin : nullptr, r + begin, w, end - begin, cols);
                    });
                  });
                  in.add(0, dx);
                  if (in.wants(1)) in.add(1, sum(dweight, {0}));
                  if (in.wants(2)) in.add(2, sum(dbias, {0}));
                });
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  return normalise_rows("layer_norm", true, x, weight, bias, eps);
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  return normalise_rows("rms_norm", false, x, weight, {}, eps);
}

// ---- over the batch, for each channel ----------------------------------------------------------

namespace {

// The sum and the mean over all axes but 1 of an (N, C, ...), as (1, C, 1, ...).
Array sum_channels(const Array& x) {
  Axes axes{0};
  for (int axis = 2; axis < x.rank(); ++axis) axes.push_back(axis);
  return sum(x, axes, true);
}
int64_t channel_size(const Array& x) { return x.numel() / std::max<int64_t>(1, x.size(1)); }
Array mean_channels(const Array& x) {
  return sum_channels(x) / static_cast<double>(channel_size(x));
}

// With h = (x - mean) rstd, and g = dy weight, the gradient that arrives at it:
//   dweight = sum dy h,   dbias = sum dy,   dx = rstd g
// for each channel; or, where mean and rstd are the batch's own and so depend on x, as in a row of
// layer_norm,
//   dx = rstd (g - mean(g) - h mean(g h)).
Tensor normalise_channels(const Tensor& x, const BatchStatistics& statistics, bool of_the_batch,
                          const Tensor& weight, const Tensor& bias, double eps) {
  const int64_t channels = x.size(1);
  check_parameter("batch_norm", "weight", weight, x, channels);
  check_parameter("batch_norm", "bias", bias, x, channels);
  Shape shape = Shape::filled(x.rank(), 1);  // of one number for each channel
  shape[1] = channels;
  const Array rstd = rsqrt(Tensor(statistics.variance.reshape(shape) + eps)).value();
  const Array h = (x.value() - statistics.mean.reshape(shape)) * rstd;
  const Array scale =
      (weight.is_empty_handle() ? Array::full(shape, 1, x.dtype()) : weight.value()).reshape(shape);
  Array y = h * scale;
  if (!bias.is_empty_handle()) y = y + bias.value().reshape(shape);
  return record("batch_norm", y, {x, weight, bias},
                [h = saved(h), rstd = saved(rstd), weight = saved(scale), of_the_batch, channels](
                    const Array& dy, Inputs in) {
                  if (in.wants(1)) in.add(1, sum_channels(dy * *h).reshape({channels}));
                  if (in.wants(2)) in.add(2, sum_channels(dy).reshape({channels}));
                  if (!in.wants(0)) return;
                  Array g = dy * *weight;
                  if (of_the_batch) g = g - mean_channels(g) - *h * mean_channels(g * *h);
                  in.add(0, *rstd * g);
                });
}

void check_batch(const char* op, const Array& x) {
  check_floating(op, x.dtype());
  check(x.rank() >= 2, "{}: x needs the axes (N, C, ...), got {}", op, x.shape());
}

}  // namespace

BatchStatistics batch_statistics(const Array& x) {
  check_batch("batch_statistics", x);
  const Array mean = mean_channels(x), deviation = x - mean;
  const Shape channels{x.size(1)};
  return {mean.reshape(channels), mean_channels(deviation * deviation).reshape(channels)};
}

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  check_batch("batch_norm", x.value());
  check(channel_size(x.value()) != 1,
        "batch_norm: needs more than one element in each channel, got x {}", x.shape());
  return normalise_channels(x, batch_statistics(x.value()), true, weight, bias, eps);
}

Tensor batch_norm(const Tensor& x, const BatchStatistics& given, const Tensor& weight,
                  const Tensor& bias, double eps) {
  check_batch("batch_norm", x.value());
  for (const Array& a : {given.mean, given.variance})
    check(a.shape() == Shape{x.size(1)} && a.dtype() == x.dtype(),
          "batch_norm: x {} {} needs a mean and a variance of shape [{}], got {} {}",
          name(x.dtype()), x.shape(), x.size(1), dtype_name(a), a.shape());
  return normalise_channels(x, given, false, weight, bias, eps);
}

}  // namespace gradus
