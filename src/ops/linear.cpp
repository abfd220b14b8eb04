#include "gradus/ops/linear.h"

#include "gradus/arithmetic.h"

namespace gradus {
namespace {

// Adds a b to the gradient of input i: the first share to arrive becomes the gradient, a later one
// is added to it while it is computed.
void add_product(Inputs& in, size_t i, const Array& a, const Array& b) {
  if (in.has_share(i))
    gemm_accumulate(in.buffer(i), a, b);
  else
    in.add(i, gemm(a, b));
}

}  // namespace

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check(weight.rank() == 2 && x.rank() >= 1 && x.size(-1) == weight.size(1),
        "linear: x {} needs a weight of shape [out, {}], got {}", x.shape(),
        x.rank() > 0 ? x.size(-1) : 0, weight.shape());
  check(bias.is_empty_handle() || bias.shape() == Shape{weight.size(0)},
        "linear: bias {} for {} outputs", bias.shape(), weight.size(0));
  check(weight.dtype() == x.dtype(), "linear: x is {}, but the weight {}", name(x.dtype()),
        name(weight.dtype()));
  check(bias.is_empty_handle() || bias.dtype() == x.dtype(), "linear: x is {}, but the bias {}",
        name(x.dtype()), name(bias.dtype()));
  const int64_t in_features = weight.size(1), out_features = weight.size(0);
  const int64_t row_count = x.shape().erased(x.rank() - 1).numel();
  const Array rows =
      x.value().reshape({row_count, in_features});  // all leading axes folded into one
  Shape shape = x.shape();
  shape[-1] = out_features;

  // y_ij = sum_k x_ik W_jk + b_j, so dx_ik = sum_j dy_ij W_jk, dW_jk = sum_i dy_ij x_ik, db_j =
  // sum_i dy_ij:
  return record("linear", gemm_bias(rows, transposed(weight.value()), bias.value()).reshape(shape),
                {x, weight, bias},
                [rows = saved(rows), weight = saved(weight), shape = x.shape()](const Array& dy_any,
                                                                                Inputs in) {
                  const Array dy = dy_any.reshape({rows->size(0), weight->size(0)});
                  if (in.wants(0)) in.add(0, gemm(dy, *weight).reshape(shape));  // dx = dy W
                  if (in.wants(1)) add_product(in, 1, transposed(dy), *rows);    // dW = dyT x
                  if (in.wants(2)) in.add(2, sum(dy, {0}));                      // db = sum of rows
                });
}

}  // namespace gradus
