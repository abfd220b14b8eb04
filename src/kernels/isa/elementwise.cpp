// Elementwise kernels: a function of each element, and its slope for the backward pass.
//
// An op is one line of the tables at the end of this file; the loops it runs in are written once.
//
// The worst errors among 70 million floats of all sizes, in units in the last place (vec_math.h has
// those of exp, log, tanh and erf):
//
//   sigmoid 2.71   silu 3.54   gelu 7.25   gelu_tanh 2.5 from x = -1 on, 195 below
//
// gelu_tanh falls like e^-z, where the rounding of z weighs |z| times: the 195 are met at
// y = -1e-36. silu and the two gelus become 0 where they are smaller than 2^-119, because their
// exponential does.
#include "kernels/isa/loops.h"
#include "kernels/isa/vec_math.h"
#include "kernels/tables.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// ---- sigmoid and its kin -----------------------------------------------------------------------

// With e = e^-|x| <= 1, which cannot overflow, and r = 1 / (1 + e), the sigmoid is
//   s(x) = 1 / (1 + e^-x) = r if x > 0 and e r if not, and s'(x) = s (1 - s) = e r^2 in both cases:
// nothing cancels.
template <class T>
struct Sigmoid {
  explicit Sigmoid(Vec<T> x) {
    const Vec<T> e = exp<T>(-abs<T>(x)), r = T(1) / (T(1) + e);
    value = select(x > T(0), r, e * r);
    slope = e * r * r;
  }
  Vec<T> value, slope;
};

// log(1 + e^x) = max(x, 0) + log(1 + e) with the same e, of which w = 1 + e keeps but some digits:
// the others, e - (w - 1), are found exactly, and a change d of w changes log w by d / w.
template <class T>
Vec<T> softplus(Vec<T> x) {
  const Vec<T> e = exp<T>(-abs<T>(x)), w = T(1) + e;
  return vmax(Vec<T>{}, x) + (log<T>(w) + (e - (w - T(1))) / w);
}

// x, or the limit that it is beyond; NaN stays NaN. A slope that ends at a limit, as these do, is
// taken there instead of at infinity, where its formula would say 0 * inf.
template <class T>
Vec<T> within(T limit, Vec<T> x) {
  return vmax(broadcast(-limit), vmin(broadcast(limit), x));
}

// y = x s(x), dy/dx = s + x s'. At 1000, s' has become 0 in either type.
template <class T>
Vec<T> silu_slope(Vec<T> x) {
  const Sigmoid<T> s(x);
  return multiply_add(within(T(1000), x), s.slope, s.value);
}

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

// Now y = x s(z) and so
//   dy/dx = s + x s' dz/dx,  dz/dx = a + 3 b x^2.
// At |x| = 24 this has become exactly 1 or 0 in either type.
template <class T>
Vec<T> gelu_tanh_slope(Vec<T> any_x) {
  const Vec<T> x = within(T(24), any_x), x2 = x * x;
  const Vec<T> z = x * multiply_add(x2, broadcast(T(gelu_b)), broadcast(T(gelu_a)));
  const Vec<T> dz = multiply_add(x2, broadcast(T(3 * gelu_b)), broadcast(T(gelu_a)));
  const Sigmoid<T> s(z);
  return multiply_add(x * dz, s.slope, s.value);
}

// The exact form is y = x P(x), where P is the normal distribution's cumulative probability: its
// upper tail Q(|x|) if x < 0, 1 - Q(x) if not. P' is the density e^(-x^2 / 2) / sqrt(2 pi), so
//   dy/dx = P + x P'.
template <class T>
Vec<T> normal_probability(Vec<T> x, Vec<T> exp_minus_half_square) {
  const Vec<T> tail = normal_tail<T>(x, exp_minus_half_square);
  return select(x > T(0), T(1) - tail, tail);
}
template <class T>
Vec<T> gelu(Vec<T> x) {
  return x * normal_probability<T>(x, exp_minus_square<T>(T(0.5), x));
}
template <class T>
Vec<T> gelu_slope(Vec<T> x) {
  const Vec<T> e = exp_minus_square<T>(T(0.5), x);
  const Vec<T> density = e * T(0.39894228040143267794);
  return multiply_add(within(T(40), x), density, normal_probability<T>(x, e));
}

// ---- a few more --------------------------------------------------------------------------------

template <class T>
Vec<T> sign(Vec<T> x) {
  return select(x > T(0), broadcast(T(1)), select(x < T(0), broadcast(T(-1)), Vec<T>{}));
}

// -1/2 x^(-3/2)
template <class T>
Vec<T> rsqrt_slope(Vec<T> x) {
  const Vec<T> y = T(1) / sqrt<T>(x);
  return T(-0.5) * y * y * y;
}

// The larger one, or NaN if either is NaN.
template <class T>
Vec<T> maximum_or_nan(Vec<T> x, Vec<T> y) {
  return select(x == x, vmax(x, y), x);
}
template <class T>
Vec<T> minimum_or_nan(Vec<T> x, Vec<T> y) {
  return select(x == x, vmin(x, y), x);
}

// x^y by the C library, one lane at a time: slow, but right in all of its many special cases.
template <class T>
Vec<T> pow(Vec<T> x, Vec<T> y) {
  T base[width<T>], exponent[width<T>];
  store(base, x);
  store(exponent, y);
  for (int i = 0; i < width<T>; ++i)
    base[i] = sizeof(T) == sizeof(float) ? T(__builtin_powf(float(base[i]), float(exponent[i])))
                                         : T(__builtin_pow(base[i], exponent[i]));
  return load(base);
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
  function<T>("gelu", [](V x) { return gelu<T>(x); }, [](V x) { return gelu_slope<T>(x); }),
  function<T>("gelu_tanh", [](V x) { return gelu_tanh<T>(x); }, [](V x) { return gelu_tanh_slope<T>(x); }),
  function<T>("sigmoid", [](V x) { return Sigmoid<T>(x).value; }, [](V x) { return Sigmoid<T>(x).slope; }),
  function<T>("softplus", [](V x) { return softplus<T>(x); }, [](V x) { return Sigmoid<T>(x).value; }),
  function<T>("silu", [](V x) { return x * Sigmoid<T>(x).value; }, [](V x) { return silu_slope<T>(x); }),
  function<T>("erf", [](V x) { return erf<T>(x); }, [](V x) { return exp_minus_square<T>(T(1), x) * T(1.1283791670955125739); }),
  function<T>("abs", [](V x) { return abs<T>(x); }, [](V x) { return sign<T>(x); }),
  function<T>("square", [](V x) { return x * x; }, [](V x) { return x + x; }),
  function<T>("rsqrt", [](V x) { return T(1) / sqrt<T>(x); }, [](V x) { return rsqrt_slope<T>(x); }),
};

template <class T, class V = Vec<T>>
constexpr Binary<T> binary_functions[] = {
  function<T>("add", [](V x, V y) { return x + y; }),
  function<T>("sub", [](V x, V y) { return x - y; }),
  function<T>("mul", [](V x, V y) { return x * y; }),
  function<T>("div", [](V x, V y) { return x / y; }),
  function<T>("maximum", [](V x, V y) { return maximum_or_nan<T>(x, y); }),
  function<T>("minimum", [](V x, V y) { return minimum_or_nan<T>(x, y); }),
  function<T>("pow", [](V x, V y) { return pow<T>(x, y); }),
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
