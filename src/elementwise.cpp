#include "elementwise.h"

#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace gradus {
namespace {
// Elements of a chunk: some 10 us of tanh, and two chunks are the least that is divided.
constexpr int64_t worth = 1 << 14;
}  // namespace

Array unary(const char* op, const Array& x_any) {
  check(!x_any.is_empty_handle(), "{}: this handle holds no array", op);
  const Array x = x_any.is_dense() ? x_any : x_any.clone();
  Array y = x.empty_like();
  dispatch_float(op, x.dtype(), [&]<class T> {
    T* out = y.mutable_data<T>();
    const T* in = x.data<T>();
    const auto kernel = kernels::unary<T>(op).value;
    kernels::parallel_for(x.numel(), kernels::grain_for(worth), [&](int64_t begin, int64_t end) {
      kernel(out + begin, in + begin, end - begin);
    });
  });
  return y;
}

Array unary_backward(const char* op, const Array& dy_any, const Array& x_any) {
  // Both are walked as flat memory, so both need one layout.
  const bool alike = dy_any.is_dense() && dy_any.strides() == x_any.strides();
  const Array x = alike ? x_any : x_any.contiguous();
  const Array dy_copy = alike ? Array() : dy_any.contiguous();
  const Array& dy = alike ? dy_any : dy_copy;
  Array dx = reuse_or_allocate(dy);
  dispatch_float(op, x.dtype(), [&]<class T> {
    const T *gradient = dy.data<T>(), *in = x.data<T>();
    T* out = dx.mutable_data<T>();
    const auto kernel = kernels::unary<T>(op).backward;
    kernels::parallel_for(x.numel(), kernels::grain_for(worth), [&](int64_t begin, int64_t end) {
      kernel(out + begin, gradient + begin, in + begin, end - begin);
    });
  });
  return dx;
}

void check_same_dtype(std::string_view op, const Array& a, const Array& b) {
  check(!a.is_empty_handle() && !b.is_empty_handle(), "{}: this handle holds no array", op);
  check(a.dtype() == b.dtype(), "{}: dtypes differ: {} {} and {} {} (there is no type promotion)",
        op, name(a.dtype()), a.shape(), name(b.dtype()), b.shape());
}

}  // namespace gradus
