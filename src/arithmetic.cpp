#include "gradus/arithmetic.h"

#include <algorithm>

#include "elementwise.h"
#include "kernels/kernels.h"
#include "strided_loop.h"

namespace gradus {
namespace {

// A kernel reads its operands with stride 1 or 0. Any other stride is gathered first, a buffer at a
// time.
constexpr int64_t buffer_size = 512;
template <class T>
const T* adjacent(const T* x, int64_t stride, int64_t n, T* buffer) {
  if (stride == 0 || stride == 1) return x;
  for (int64_t i = 0; i < n; ++i) buffer[i] = x[i * stride];
  return buffer;
}

// out = f(a, b), where all three have one shape and out is dense along its last axis.
void binary_into(const char* op, Array& out, const Array& a, const Array& b) {
  dispatch_float(op, out.dtype(), [&]<class T> {
    T* z = out.mutable_data<T>();
    const T *x = a.data<T>(), *y = b.data<T>();
    const auto kernel = kernels::binary<T>(op).value;
    const StridedLoop<3> loop(out.shape(), {out.strides(), a.strides(), b.strides()});
    const auto step = loop.row_stride();
    loop.for_each_run([&](const auto& at, int64_t n) {
      if (step[0] == 1 && (step[1] | 1) == 1 && (step[2] | 1) == 1)
        return kernel(z + at[0], x + at[1], step[1], y + at[2], step[2], n);
      T x_buffer[buffer_size], y_buffer[buffer_size], z_buffer[buffer_size];
      for (int64_t i = 0; i < n; i += buffer_size) {
        const int64_t m = std::min(buffer_size, n - i);
        kernel(z_buffer, adjacent(x + at[1] + i * step[1], step[1], m, x_buffer), step[1] != 0,
               adjacent(y + at[2] + i * step[2], step[2], m, y_buffer), step[2] != 0, m);
        for (int64_t j = 0; j < m; ++j) z[at[0] + (i + j) * step[0]] = z_buffer[j];
      }
    });
  });
}

Array binary(const char* op, const Array& a, const Array& b) {
  check_same_dtype(op, a, b);
  if (a.shape() == b.shape()) {
    Array out = a.strides() == b.strides() ? a.empty_like() : Array(a.shape(), a.dtype());
    binary_into(op, out, a, b);
    return out;
  }
  const Shape shape = broadcast(op, a.shape(), b.shape());
  Array out = a.shape() == shape ? a.empty_like() : Array(shape, a.dtype());
  binary_into(op, out, a.expand(shape), b.expand(shape));
  return out;
}

}  // namespace

Array operator+(const Array& a, const Array& b) { return binary("add", a, b); }
Array operator-(const Array& a, const Array& b) { return binary("sub", a, b); }
Array operator*(const Array& a, const Array& b) { return binary("mul", a, b); }
Array operator/(const Array& a, const Array& b) { return binary("div", a, b); }
Array operator+(const Array& a, double b) { return a + Array::scalar(b, a.dtype()); }
Array operator-(const Array& a, double b) { return a - Array::scalar(b, a.dtype()); }
Array operator*(const Array& a, double b) { return a * Array::scalar(b, a.dtype()); }
Array operator/(const Array& a, double b) { return a / Array::scalar(b, a.dtype()); }
Array operator+(double a, const Array& b) { return Array::scalar(a, b.dtype()) + b; }
Array operator-(double a, const Array& b) { return Array::scalar(a, b.dtype()) - b; }
Array operator*(double a, const Array& b) { return Array::scalar(a, b.dtype()) * b; }
Array operator/(double a, const Array& b) { return Array::scalar(a, b.dtype()) / b; }
Array operator-(const Array& a) { return unary("neg", a); }
Array maximum(const Array& a, const Array& b) { return binary("maximum", a, b); }
Array minimum(const Array& a, const Array& b) { return binary("minimum", a, b); }
Array pow(const Array& a, const Array& b) { return binary("pow", a, b); }
Array pow(const Array& a, double b) { return pow(a, Array::scalar(b, a.dtype())); }

namespace {
void check_places(std::string_view op, const Array& a) {
  check(!a.repeats_elements(),
        "{}: in place, into {}, which was expanded: its elements share memory", op, a.shape());
}
}  // namespace

void add_in_place(Array& a, const Array& b) {
  check_places("add", a);
  check_same_dtype("add", a, b);
  const Array addend = a.shares_storage_with(b) ? b.clone() : b;  // they may overlap
  binary_into("add", a, a, addend.expand(a.shape()));
}

void scale_in_place(Array& a, double b) {
  check_places("mul", a);
  binary_into("mul", a, a, Array::scalar(b, a.dtype()).expand(a.shape()));
}

Array masked_fill(const Array& a, const Array& mask, double value) {
  check(mask.dtype() == DType::boolean, "masked_fill: the mask must be bool, got {}",
        dtype_name(mask));
  check(broadcast(a.shape(), mask.shape()) == a.shape(),
        "masked_fill: the mask {} does not broadcast to {}", mask.shape(), a.shape());
  Array out(a.shape(), a.dtype());
  dispatch_float("masked_fill", a.dtype(), [&]<class T> {
    T* y = out.mutable_data<T>();
    const T* x = a.data<T>();
    const bool* m = mask.data<bool>();
    const auto kernel = kernels::elementwise<T>().masked_fill;
    const StridedLoop<3> loop(a.shape(),
                              {out.strides(), a.strides(), mask.expand(a.shape()).strides()});
    const auto step = loop.row_stride();
    loop.for_each_run([&](const auto& at, int64_t n) {
      if (step[1] == 1 && step[2] == 1)
        return kernel(y + at[0], x + at[1], m + at[2], static_cast<T>(value), n);
      for (int64_t i = 0; i < n; ++i)
        y[at[0] + i * step[0]] =
            m[at[2] + i * step[2]] ? static_cast<T>(value) : x[at[1] + i * step[1]];
    });
  });
  return out;
}

// ---- matrix products ----------------------------------------------------------------------------

namespace {

// c (+)= a @ b (+ bias) for every matrix of the batch; a and b are already expanded to c's batch
// axes.
template <class T>
void gemm_batched(Array& c, const Array& a, const Array& b, const Array& bias, bool accumulate) {
  const int64_t m = c.size(-2), n = c.size(-1), k = a.size(-1);
  kernels::GemmArgs<T> args{.m = m,
                            .n = n,
                            .k = k,
                            .a = a.data<T>(),
                            .a_row = a.strides()[-2],
                            .a_col = a.strides()[-1],
                            .b = b.data<T>(),
                            .b_row = b.strides()[-2],
                            .b_col = b.strides()[-1],
                            .c = c.mutable_data<T>(),
                            .c_row = n,
                            .accumulate = accumulate,
                            .bias = bias.is_empty_handle() ? nullptr : bias.data<T>()};
  if (c.rank() == 2) return kernels::gemm(args);

  const auto batch_axes = [](const Shape& s) {
    return s.erased(-1 + s.rank()).erased(s.rank() - 2);
  };
  const Shape batch = batch_axes(c.shape());
  const Strides a_step = batch_axes(a.strides()), b_step = batch_axes(b.strides());
  const int64_t matrices = batch.numel();
  const auto product = [&](int64_t index, auto multiply) {
    kernels::GemmArgs<T> one = args;
    one.c += index * m * n;
    for (int axis = batch.rank() - 1; axis >= 0; --axis) {
      one.a += index % batch[axis] * a_step[axis];
      one.b += index % batch[axis] * b_step[axis];
      index /= batch[axis];
    }
    multiply(one);
  };
  // Many matrices: each is one thread's work. A few: each is divided among the threads.
  constexpr int64_t many = 16, flops_worth_a_thread = 1 << 20;
  if (matrices < many) {
    for (int64_t i = 0; i < matrices; ++i) product(i, kernels::gemm<T>);
  } else {
    kernels::parallel_for(matrices,
                          kernels::grain_for(flops_worth_a_thread, kernels::cost_of({2, m, n, k})),
                          [&](int64_t begin, int64_t end) {
                            for (int64_t i = begin; i < end; ++i)
                              product(i, kernels::gemm_serial<T>);
                          });
  }
}

Shape product_shape(const Array& a, const Array& b) {
  check(a.rank() >= 2 && b.rank() >= 2, "matmul: needs matrices, got {} @ {}", a.shape(),
        b.shape());
  check(a.size(-1) == b.size(-2), "matmul: inner sizes differ: {} @ {}", a.shape(), b.shape());
  check_same_dtype("matmul", a, b);
  // The matrix axes set aside, the batch axes broadcast.
  const auto batch_of = [](const Shape& s) { return s.erased(s.rank() - 1).erased(s.rank() - 2); };
  const std::optional<Shape> batch = broadcast(batch_of(a.shape()), batch_of(b.shape()));
  check(batch.has_value(), "matmul: batch axes do not broadcast: {} @ {}", a.shape(), b.shape());
  Shape shape = batch->inserted(batch->rank(), 1).inserted(batch->rank() + 1, 1);
  shape[-2] = a.size(-2);
  shape[-1] = b.size(-1);
  return shape;
}

Array expand_batch(const Array& a, Shape shape) {
  shape[-2] = a.size(-2);
  shape[-1] = a.size(-1);
  return a.expand(shape);
}

void gemm_into(Array& c, const Array& a, const Array& b, const Array& bias, bool accumulate) {
  if (c.numel() == 0) return;
  dispatch_float("matmul", c.dtype(), [&]<class T> {
    gemm_batched<T>(c, expand_batch(a, c.shape()), expand_batch(b, c.shape()), bias, accumulate);
  });
}

}  // namespace

Array gemm(const Array& a, const Array& b) { return gemm_bias(a, b, {}); }

Array gemm_bias(const Array& a, const Array& b, const Array& bias) {
  Array c(product_shape(a, b), a.dtype());
  check(bias.is_empty_handle() || bias.shape() == Shape{c.size(-1)},
        "matmul: a bias of shape {} for a product of shape {}", bias.shape(), c.shape());
  gemm_into(c, a, b, bias.is_empty_handle() ? bias : bias.contiguous(), false);
  return c;
}

void gemm_accumulate(Array& c, const Array& a, const Array& b) {
  check(c.shape() == product_shape(a, b) && c.dtype() == a.dtype() && c.is_contiguous(),
        "gemm_accumulate: {} @ {} into {} {}", a.shape(), b.shape(), name(c.dtype()), c.shape());
  gemm_into(c, a, b, {}, true);
}

Array transposed(const Array& a) { return a.transpose(-2, -1); }

}  // namespace gradus
