#include "gradus/ops/norm.h"

#include "gradus/arithmetic.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace gradus {

// With h = (x - mean) rstd and g = dy weight, both along a row of C elements:
//   dx      = rstd (g - mean(g) - h mean(g h))
//   dweight = sum over the rows of dy h,   dbias = sum over the rows of dy
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  check(x.rank() >= 1 && weight.shape() == Shape{x.size(-1)},
        "layer_norm: x {} with a weight of shape {}", x.shape(), weight.shape());
  check(bias.is_empty_handle() || bias.shape() == weight.shape(),
        "layer_norm: x {} with a bias of shape {}", x.shape(), bias.shape());
  check(weight.dtype() == x.dtype(), "layer_norm: x is {}, but the weight {}", name(x.dtype()),
        name(weight.dtype()));
  check(bias.is_empty_handle() || bias.dtype() == x.dtype(), "layer_norm: x is {}, but the bias {}",
        name(x.dtype()), name(bias.dtype()));
  const int64_t cols = x.size(-1), rows = cols == 0 ? 0 : x.numel() / cols;
  const int64_t grain = std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(1, cols));
  const Array source = x.value().contiguous(), scale = weight.value().contiguous();
  const Array shift = bias.is_empty_handle() ? Array() : bias.value().contiguous();
  Array out(x.shape(), x.dtype()), mean({rows}, x.dtype()), rstd({rows}, x.dtype());
  dispatch_float("layer_norm", x.dtype(), [&]<class T> {
    const T *from = source.data<T>(), *w = scale.data<T>(),
            *b = shift.is_empty_handle() ? nullptr : shift.data<T>();
    T *y = out.mutable_data<T>(), *m = mean.mutable_data<T>(), *r = rstd.mutable_data<T>();
    kernels::parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      kernels::rows<T>().layer_norm(y + begin * cols, m + begin, r + begin, from + begin * cols, w,
                                    b, static_cast<T>(eps), end - begin, cols);
    });
  });
  return record("layer_norm", out, {x, weight, bias},
                [x = saved(source), mean = saved(mean), rstd = saved(rstd), weight = saved(scale),
                 rows, cols, grain](const Array& dy_any, Inputs in) {
                  const Array dy = dy_any.contiguous();
                  Array dx(dy.shape(), dy.dtype());
                  // Each chunk of rows sums its own part of dweight and dbias; the parts are then
                  // added in order.
                  const int64_t chunks = kernels::chunk_count(rows, grain);
                  Array dweight = Array::zeros({chunks, cols}, dy.dtype()),
                        dbias = Array::zeros({chunks, cols}, dy.dtype());
                  dispatch_float("layer_norm", dy.dtype(), [&]<class T> {
                    const T *g = dy.data<T>(), *from = x->data<T>(), *m = mean->data<T>(),
                            *r = rstd->data<T>(), *w = weight->data<T>();
                    T *to = dx.mutable_data<T>(), *dw = dweight.mutable_data<T>(),
                      *db = dbias.mutable_data<T>();
                    kernels::parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
                      const int64_t at = begin * cols, part = begin / grain * cols;
                      kernels::rows<T>().layer_norm_backward(to + at, dw + part, db + part, g + at,
                                                             from + at, m + begin, r + begin, w,
                                                             end - begin, cols);
                    });
                  });
                  in.add(0, dx);
                  if (in.wants(1)) in.add(1, sum(dweight, {0}));
                  if (in.wants(2)) in.add(2, sum(dbias, {0}));
                });
}

}  // namespace gradus
