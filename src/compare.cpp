// Comparisons, and choices between two arrays: bool masks made and used.
#include <functional>

#include "elementwise.h"
#include "gradus/arithmetic.h"
#include "strided_loop.h"

namespace gradus {
namespace {

// f(a, b), element by element with broadcasting, as bool.
template <class F>
Array compare(std::string_view op, const Array& a, const Array& b, F f) {
  check_same_dtype(op, a, b);
  const Shape shape = broadcast(op, a.shape(), b.shape());
  Array out(shape, DType::boolean);
  dispatch(a.dtype(), [&]<class T> {
    bool* z = out.mutable_data<bool>();
    const T *x = a.data<T>(), *y = b.data<T>();
    const StridedLoop<3> loop(
        shape, {out.strides(), a.expand(shape).strides(), b.expand(shape).strides()});
    const auto step = loop.row_stride();
    loop.for_each_run([&](const auto& at, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        z[at[0] + i * step[0]] = f(x[at[1] + i * step[1]], y[at[2] + i * step[2]]);
    });
  });
  return out;
}

void check_mask(std::string_view op, const Array& mask) {
  check(mask.dtype() == DType::boolean, "{}: a mask must be bool, got {}", op, dtype_name(mask));
}

}  // namespace

Array eq(const Array& a, const Array& b) { return compare("eq", a, b, std::equal_to<>()); }
Array ne(const Array& a, const Array& b) { return compare("ne", a, b, std::not_equal_to<>()); }
Array lt(const Array& a, const Array& b) { return compare("lt", a, b, std::less<>()); }
Array le(const Array& a, const Array& b) { return compare("le", a, b, std::less_equal<>()); }
Array gt(const Array& a, const Array& b) { return compare("gt", a, b, std::greater<>()); }
Array ge(const Array& a, const Array& b) { return compare("ge", a, b, std::greater_equal<>()); }

Array logical_not(const Array& mask) {
  check_mask("logical_not", mask);
  return ne(mask, Array::scalar(true, DType::boolean));
}

Array logical_and(const Array& a, const Array& b) {
  check_mask("logical_and", a);
  return compare("logical_and", a, b, [](auto x, auto y) { return x != 0 && y != 0; });
}

Array logical_or(const Array& a, const Array& b) {
  check_mask("logical_or", a);
  return compare("logical_or", a, b, [](auto x, auto y) { return x != 0 || y != 0; });
}

Array where(const Array& mask, const Array& a, const Array& b) {
  check_mask("where", mask);
  check_same_dtype("where", a, b);
  const Shape shape = broadcast("where", mask.shape(), broadcast("where", a.shape(), b.shape()));
  Array out(shape, a.dtype());
  dispatch(a.dtype(), [&]<class T> {
    T* z = out.mutable_data<T>();
    const bool* m = mask.data<bool>();
    const T *x = a.data<T>(), *y = b.data<T>();
    const StridedLoop<4> loop(shape, {out.strides(), mask.expand(shape).strides(),
                                      a.expand(shape).strides(), b.expand(shape).strides()});
    const auto step = loop.row_stride();
    loop.for_each_run([&](const auto& at, int64_t n) {
      for (int64_t i = 0; i < n; ++i)
        z[at[0] + i * step[0]] =
            m[at[1] + i * step[1]] ? x[at[2] + i * step[2]] : y[at[3] + i * step[3]];
    });
  });
  return out;
}

}  // namespace gradus
