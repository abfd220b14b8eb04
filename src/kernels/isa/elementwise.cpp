// Elementwise kernels: a function of each element, and its slope for the backward pass.
//
// An op is one line of the tables at the end of this file; the loops it runs in are written once.
#include "kernels/isa/loops.h"
#include "kernels/isa/vec_math.h"
#include "kernels/tables.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// ---- gelu --------------------------------------------------------------------------------------

// The Gaussian error linear unit in its tanh form (Hendrycks & Gimpel 2016):
//   y = x/2 (1 + tanh u),  u = sqrt(2/pi) (x + 0.044715 x^3).
// Since (1 + tanh u) / 2 = 1 / (1 + e^-2u), this is, with z = 2 u,
//   y = x / (1 + e^-z),  z = x (a + b x^2).
// Here nothing cancels where y is small, and a large |x| gives x or -0.
constexpr double gelu_a = 1.5957691216057307118;    // 2 sqrt(2/pi)
constexpr double gelu_b = 0.071354816272600248776;  // 0.044715 a

template <class T>
Vec<T> gelu_tanh(Vec<T> x) {
  const Vec<T> z = x * multiply_add(x * x, broadcast(T(gelu_b)), broadcast(T(gelu_a)));
  return x / (T(1) + exp<T>(-z));
}

// With s = 1 / (1 + e^-z) we have y = x s and ds/dz = s (1 - s), so
//   dy/dx = s + x s (1 - s) dz/dx,  dz/dx = a + 3 b x^2.
// With e = e^-|z| <= 1, which cannot overflow, and r = 1 / (1 + e),
//   s = r if z > 0 and e r if not;  s (1 - s) = e r^2 in both cases.
// At |x| = 24, e has become 0 in either type and the slope exactly 1 or 0. Larger numbers are taken
// for 24, or dz/dx would overflow and give 0 * inf.
template <class T>
Vec<T> gelu_tanh_slope(Vec<T> any_x) {
  const Vec<T> x = vmax(broadcast(T(-24)), vmin(broadcast(T(24)), any_x));  // NaN stays NaN
  const Vec<T> x2 = x * x;
  const Vec<T> z = x * multiply_add(x2, broadcast(T(gelu_b)), broadcast(T(gelu_a)));
  const Vec<T> dz = multiply_add(x2, broadcast(T(3 * gelu_b)), broadcast(T(gelu_a)));
  const Vec<T> e = exp<T>(-abs<T>(z));
  const Vec<T> r = T(1) / (T(1) + e);
  const Vec<T> s = select(z > T(0), r, e * r);
  return multiply_add(x * dz, e * r * r, s);
}

// ---- the loops ---------------------------------------------------------------------------------

template <class T, class Value>
void unary(T* y, const T* x, int64_t n) {
  map(y, n, Value{}, each(x));
}

// The chain rule: dx = dy f'(x).
template <class T, class Slope>
void unary_backward(T* dx, const T* dy, const T* x, int64_t n) {
  const auto gradient = [](Vec<T> g, Vec<T> v) { return g * Slope{}(v); };
  map(dx, n, gradient, each(dy), each(x));
}

template <class T, class Value>
void binary(T* z, const T* x, int64_t x_stride, const T* y, int64_t y_stride, int64_t n) {
  if (x_stride != 0 && y_stride != 0)
    map(z, n, Value{}, each(x), each(y));
  else if (x_stride != 0)
    map(z, n, Value{}, each(x), always(*y));
  else if (y_stride != 0)
    map(z, n, Value{}, always(*x), each(y));
  else
    map(z, n, Value{}, always(*x), always(*y));
}

template <class T>
void accumulate(T* y, const T* x, int64_t n) {
  map(y, n, plus<T>, each(y), each(x));
}

template <class T>
void masked_fill(T* y, const T* x, const bool* mask, T value, int64_t n) {
  const auto fill = [v = broadcast(value)](VecInt<T> m, Vec<T> x_i) { return select(m, v, x_i); };
  map(y, n, fill, each_mask<T>(mask), each(x));
}

// ---- the table ---------------------------------------------------------------------------------

// An op by its name, its value f(x) and its slope f'(x), or its value f(x, y).
template <class T, class Value, class Slope>
constexpr Unary<T> function(const char* name, Value, Slope) {
  return {name, unary<T, Value>, unary_backward<T, Slope>};
}
template <class T, class Value>
constexpr Binary<T> function(const char* name, Value) {
  return {name, binary<T, Value>};
}

// Each op is one line.
// clang-format off
template <class T, class V = Vec<T>>
constexpr Unary<T> unary_functions[] = {
  function<T>("neg", [](V x) { return -x; }, [](V) { return broadcast(T(-1)); }),
  function<T>("exp", [](V x) { return exp<T>(x); }, [](V x) { return exp<T>(x); }),
  function<T>("log", [](V x) { return log<T>(x); }, [](V x) { return T(1) / x; }),
  function<T>("sqrt", [](V x) { return sqrt<T>(x); }, [](V x) { return T(0.5) / sqrt<T>(x); }),
  function<T>("tanh", [](V x) { return tanh<T>(x); }, [](V x) { const V y = tanh<T>(x); return T(1) - y * y; }),
  function<T>("relu", [](V x) { return vmax(V{}, x); }, [](V x) { return select(x <= T(0), V{}, broadcast(T(1))); }),
  function<T>("gelu_tanh", [](V x) { return gelu_tanh<T>(x); }, [](V x) { return gelu_tanh_slope<T>(x); }),
};

template <class T, class V = Vec<T>>
constexpr Binary<T> binary_functions[] = {
  function<T>("add", [](V x, V y) { return x + y; }),
  function<T>("sub", [](V x, V y) { return x - y; }),
  function<T>("mul", [](V x, V y) { return x * y; }),
  function<T>("div", [](V x, V y) { return x / y; }),
};
// clang-format on

template <class Entry, int count>
constexpr Entries<Entry> entries(const Entry (&list)[count]) {
  return {list, count};
}

template <class T>
constexpr Elementwise<T> make_table() {
  return {.unary = entries(unary_functions<T>),
          .binary = entries(binary_functions<T>),
          .accumulate = accumulate<T>,
          .masked_fill = masked_fill<T>};
}

}  // namespace

constinit const Family<Elementwise> elementwise_table = {make_table<float>(), make_table<double>()};

}  // namespace gradus::kernels::GRADUS_ISA
