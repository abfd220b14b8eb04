// exp, log, tanh, erf and sqrt of a vector, in float and in double.
//
// Each function reduces its argument to a small interval, evaluates a polynomial there and undoes
// the reduction. The polynomials are minimax fits: of all polynomials of that degree, those whose
// worst relative error on the interval is smallest (found by Remez's exchange algorithm in 50-digit
// arithmetic, then rounded to T). Errors are in ulps, units in the last place of the exact result;
// the best possible is 0.5. The worst that were found, of exp among all floats, of the others among
// millions of all sizes, and among 16 million doubles:
//
//   float    exp 1.04   log 0.84   tanh 1.52   erf 1.68   sqrt 0.50
//   double   exp 1.01   log 0.87   tanh 1.53   erf 2.36   sqrt 0.50
#pragma once

#include "kernels/isa/vec.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// Numbers and fits for each type.
//   round            1.5 * 2^mantissa_bits: so large that a sum with it has no room for a fraction;
//                    its last bits are then the other summand, rounded to an integer.
//   ln2_high, _low   sum to ln 2; n * ln2_high is exact for every exponent n, so few bits it has.
//   exp_min, _max    the arguments whose exp is the smallest normal and the largest finite number.
//   exp_fit          (e^r - 1 - r) / r^2 on |r| <= ln2 / 2, which makes the relative error of e^r
//                    2^-28.2 in float and 2^-57.9 in double
//   log_fit          (log((1 + s) / (1 - s)) - 2 s) / s^3 on |s| <= 3 - sqrt(8), in powers of s^2:
//                    2^-30.2 and 2^-59.5 of the logarithm
//   tanh_fit         (tanh x - x) / x^3 on |x| <= 0.55, in powers of x^2:
//                    2^-29.4 and 2^-60.6 of tanh x
//   erf_fit          (erf x - x) / x on |x| <= 1, in powers of x^2: 2^-29.6 and 2^-62.7 of erf x
//   tail_fit         Q(x) e^(x^2 / 2) / u in powers of 2 u - 1, where Q(x) is the upper tail of the
//                    normal distribution and u = c / (c + x) with c = tail_scale: 2^-30.1 of Q on
//                    0 <= x <= 13.4 and 2^-64.8 on 0 <= x <= 37.9, where Q(x) has become denormal
template <class T>
struct Constants;

template <>
struct Constants<float> {
  static constexpr int mantissa_bits = 23;
  static constexpr float round = 0x1.8p23f, smallest_normal = 0x1p-126f;
  static constexpr float infinity = __builtin_inff(), nan = __builtin_nanf("");
  static constexpr float log2_e = 0x1.715476p+0f, sqrt_half = 0x1.6a09e6p-1f;
  static constexpr float ln2_high = 0x1.62e4p-1f, ln2_low = 0x1.7f7d1cp-20f;
  static constexpr float exp_min = -0x1.5d589ep+6f, exp_max = 0x1.62e42ep+6f;
  static constexpr float exp_fit[] = {0x1.fffffcp-2f, 0x1.55548cp-3f, 0x1.555858p-5f,
                                      0x1.123dcap-7f, 0x1.6ac6fep-10f};
  static constexpr float log_fit[] = {0x1.55557ap-1f, 0x1.995ed4p-2f, 0x1.31e0d8p-2f};
  static constexpr float tanh_fit[] = {-0x1.55554ap-2f, 0x1.110ceep-3f, -0x1.b91eb4p-5f,
                                       0x1.58e756p-6f, -0x1.993076p-8f};
  static constexpr float erf_fit[] = {0x1.06eba8p-3f,  -0x1.81273ep-2f, 0x1.ce2cf8p-4f,
                                      -0x1.b7f90ep-6f, 0x1.5405b2p-8f,  -0x1.a3f702p-11f,
                                      0x1.496a38p-14f};
  static constexpr float tail_scale = 4;
  static constexpr float tail_fit[] = {0x1.82b4bcp-3f,   0x1.373e3ap-3f,   0x1.8c6dbcp-4f,
                                       0x1.7dffp-5f,     0x1.eec71ap-7f,   0x1.ee5cfep-10f,
                                       -0x1.c94e5cp-11f, -0x1.ae0752p-12f, 0x1.60a222p-15f,
                                       0x1.dfc0bap-15f,  -0x1.9d04d8p-17f};
};

template <>
struct Constants<double> {
  static constexpr int mantissa_bits = 52;
  static constexpr double round = 0x1.8p52, smallest_normal = 0x1p-1022;
  static constexpr double infinity = __builtin_inf(), nan = __builtin_nan("");
  static constexpr double log2_e = 0x1.71547652b82fep+0, sqrt_half = 0x1.6a09e667f3bcdp-1;
  static constexpr double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr double exp_min = -0x1.6232bdd7abcd2p+9, exp_max = 0x1.62e42fefa39efp+9;
  static constexpr double exp_fit[] = {
      0x1.000000000000ap-1,  0x1.5555555555503p-3,  0x1.5555555550604p-5,  0x1.1111111124db1p-7,
      0x1.6c16c184b62c9p-10, 0x1.a01a013d30a11p-13, 0x1.a0199889b884dp-16, 0x1.71def437816efp-19,
      0x1.28aeded19e161p-22, 0x1.add8078806b93p-26};
  static constexpr double log_fit[] = {
      0x1.5555555555592p-1, 0x1.999999997fef0p-2, 0x1.24924941e50b1p-2, 0x1.c71c52106e468p-3,
      0x1.74663ddedb8a1p-3, 0x1.39a1cd35b5dd3p-3, 0x1.2f04ed1ecb1ecp-3};
  static constexpr double tanh_fit[] = {
      -0x1.555555555554fp-2,  0x1.1111111110797p-3,  -0x1.ba1ba1b97d159p-5,  0x1.664f485950f79p-6,
      -0x1.226e2f0f946fdp-7,  0x1.d6d29ab01a274p-9,  -0x1.7d8fc68a9ca10p-10, 0x1.348336ef3133fp-11,
      -0x1.e96a9808d7662p-13, 0x1.5d6461443e075p-14, -0x1.46e6ffe290dd4p-16};
  static constexpr double erf_fit[] = {
      0x1.06eba8214db69p-3,  -0x1.812746b0379e6p-2,  0x1.ce2f21a042b2p-4,   -0x1.b82ce3128499dp-6,
      0x1.565bcd0db02f1p-8,  -0x1.c02db3d8ed44fp-11, 0x1.f9a321a12125cp-14, -0x1.f4d1df39865ep-17,
      0x1.b9def1a0b9273p-20, -0x1.5f1d36d87c849p-23, 0x1.f7a41310aa441p-27, -0x1.386ac35b0dc55p-30,
      0x1.0579b1501ea54p-34};
  static constexpr double tail_scale = 7;
  static constexpr double tail_fit[] = {
      0x1.c9e120e488937p-4,   0x1.a7d4b26cab315p-4,   0x1.6ad69f3380d0ep-4,
      0x1.1ec976d1f0e4dp-4,   0x1.a166395829467p-5,   0x1.16840873c3576p-5,
      0x1.52d11cf056b2fp-6,   0x1.749165226bbc4p-7,   0x1.6db95bde457a7p-8,
      0x1.3a47c47524a92p-9,   0x1.c91b55f1a89cep-11,  0x1.06444dbb6e8d7p-12,
      0x1.804c97c9dbd79p-15,  -0x1.6e11d6f25e4ep-20,  -0x1.3523a2e4ffea8p-18,
      -0x1.a94815892c214p-20, -0x1.97fd67f38fb52p-24, 0x1.1cc28cb588ed2p-23,
      0x1.abe1c49232083p-25,  -0x1.31199093a8f94p-30, -0x1.aac9b3a494bc5p-28,
      -0x1.58c3b27699a54p-30, 0x1.520b735c75b37p-31,  0x1.b4238e47803edp-33,
      -0x1.35c62e256cc96p-34};
};

// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule.
template <class T, int n>
Vec<T> polynomial(Vec<T> x, const T (&c)[n]) {
  Vec<T> y = broadcast(c[n - 1]);
#pragma GCC unroll 16
  for (int i = n - 2; i >= 0; --i) y = multiply_add(y, x, broadcast(c[i]));
  return y;
}

// The same, as (c[0] + c[1] x) + x^2 ((c[2] + c[3] x) + x^2 (...)), x2 being x^2: the brackets do
// not wait for one another, so that the chain of operations that do is half as long (Estrin's
// idea).
template <class T, int n>
Vec<T> polynomial_in_pairs(Vec<T> x, Vec<T> x2, const T (&c)[n]) {
  constexpr int top = (n - 1) / 2 * 2;
  Vec<T> y = broadcast(c[top]);
  if constexpr (top + 1 < n) y = multiply_add(x, broadcast(c[top + 1]), y);
#pragma GCC unroll 16
  for (int i = top - 2; i >= 0; i -= 2)
    y = multiply_add(y, x2, multiply_add(x, broadcast(c[i + 1]), broadcast(c[i])));
  return y;
}

// The bits of each lane as an unsigned integer. Unsigned, because those may wrap around: arithmetic
// on bits is done in all lanes, also where it makes no sense and its result is not used.
template <class T>
struct BitsOf;
template <>
struct BitsOf<float> {
  typedef uint32_t Vec __attribute__((vector_size(vector_bytes)));
};
template <>
struct BitsOf<double> {
  typedef uint64_t Vec __attribute__((vector_size(vector_bytes)));
};
template <class T>
using Bits = typename BitsOf<T>::Vec;

template <class T>
Bits<T> to_bits(Vec<T> x) {
  return (Bits<T>)x;
}
template <class T>
Vec<T> from_bits(Bits<T> bits) {
  return (Vec<T>)bits;
}

// The sign of a number is its first bit, the only one that is set in -0.
template <class T>
Bits<T> sign_bit() {
  return to_bits<T>(broadcast(T(-0.0)));
}
template <class T>
Vec<T> abs(Vec<T> x) {
  return from_bits<T>(to_bits<T>(x) & ~sign_bit<T>());
}

// Correctly rounded; the compiler turns the loop over the lanes into one instruction.
template <class T>
T sqrt_of(T x) {
  if constexpr (sizeof(T) == sizeof(float))
    return __builtin_sqrtf(x);
  else
    return __builtin_sqrt(x);
}
template <class T>
Vec<T> sqrt(Vec<T> x) {
  T lane[width<T>];
  store(lane, x);
  for (T& value : lane) value = sqrt_of(value);
  return load(lane);
}

// e^x = 2^n e^r with n = round(x / ln 2), so that |r| = |x - n ln 2| <= ln2 / 2. A number's
// exponent stands just above its mantissa: adding n to it, in the bits, multiplies by 2^n.
//
// That addition knows nothing of NaN, of infinity, or of the denormals below the smallest normal
// number, so these are selected at the end. Denormal results are flushed to 0: computing with them
// costs a CPU a hundred cycles each, and no softmax can tell e^-88 from 0.
template <class T>
Vec<T> exp(Vec<T> x) {
  using C = Constants<T>;
  const Vec<T> shifted = multiply_add(x, broadcast(C::log2_e), broadcast(C::round));
  const Vec<T> n = shifted - C::round;
  const Vec<T> x_less_high = multiply_add(n, broadcast(-C::ln2_high), x);  // exact
  const Vec<T> r = multiply_add(n, broadcast(-C::ln2_low), x_less_high);
  const Vec<T> r2 = r * r;
  const Vec<T> e_r = multiply_add(r2, polynomial_in_pairs(r, r2, C::exp_fit), r) + T(1);
  const Vec<T> y = from_bits<T>(to_bits<T>(e_r) + (to_bits<T>(shifted) << C::mantissa_bits));
  const Vec<T> y_or_too_large = select(x <= C::exp_max, y, x + C::infinity);  // NaN + inf is NaN
  return select(x < C::exp_min, Vec<T>{}, y_or_too_large);
}

// For |x| >= 0.55, tanh |x| = (1 - e) / (1 + e) = 1 - 2 e / (1 + e) with e = e^(-2 |x|) <= 1/3.
// Closer to 0 that difference would lose the digits that matter, and an odd polynomial takes over.
template <class T>
Vec<T> tanh(Vec<T> x) {
  const Vec<T> a = abs<T>(x), a2 = a * a;
  const Vec<T> near = multiply_add(a * a2, polynomial(a2, Constants<T>::tanh_fit), a);
  const Vec<T> e = exp<T>(T(-2) * a);
  const Vec<T> far = T(1) - (e + e) / (T(1) + e);
  const Bits<T> sign = to_bits<T>(x) & sign_bit<T>();
  return from_bits<T>(to_bits<T>(select(a < T(0.55), near, far)) | sign);
}

// x = 2^k (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), so log x = k ln 2 + log(1 + f). And with
// s = f / (2 + f),
//   log(1 + f) = log((1 + s) / (1 - s)) = 2 s + s R, where R = s^2 log_fit(s^2) is small,
// and 2 s = f - s f = f - (h - s h) with h = f^2 / 2, so that the exact f carries most of the
// result (the form is fdlibm's). A denormal has no exponent to take k from: it is scaled up first.
template <class T>
Vec<T> log(Vec<T> x) {
  using C = Constants<T>;
  constexpr int mantissa = C::mantissa_bits;
  const auto denormal = x < C::smallest_normal;
  const Vec<T> normal = select(denormal, x * static_cast<T>(int64_t{1} << mantissa), x);
  const Bits<T> above_root = to_bits<T>(normal) - to_bits<T>(broadcast(C::sqrt_half));
  const Bits<T> k_bits = (Bits<T>)((VecInt<T>)above_root >> mantissa);  // rounded down: k < 0, too
  const Vec<T> f = from_bits<T>(to_bits<T>(normal) - (k_bits << mantissa)) - T(1);
  const Vec<T> k = from_bits<T>(to_bits<T>(broadcast(C::round)) + k_bits) - C::round -
                   select(denormal, broadcast(T(mantissa)), Vec<T>{});

  const Vec<T> s = f / (T(2) + f), s2 = s * s, h = T(0.5) * f * f;
  const Vec<T> r = s2 * polynomial(s2, C::log_fit);
  const Vec<T> y = k * C::ln2_high - ((h - (s * (h + r) + k * C::ln2_low)) - f);

  const Vec<T> of_zero_or_less = select(x == T(0), broadcast(-C::infinity), broadcast(C::nan));
  return select(x > T(0), select(x < C::infinity, y, x), of_zero_or_less);
}

// ---- the error function and the normal distribution --------------------------------------------

// e^(-c x^2), for c = 1/2 or 1. The rounding error of x^2 would be a relative error of that size in
// the result, so it is computed and made good: the upper half of |x|'s digits has an exact square,
// and the rest of x^2 is (|x| - high) (|x| + high).
template <class T>
Vec<T> exp_minus_square(T c, Vec<T> x) {
  constexpr int half = Constants<T>::mantissa_bits / 2 + 1;
  const Vec<T> a = vmin(broadcast(T(40)), abs<T>(x));  // where the result is 0; NaN stays
  const Vec<T> high = from_bits<T>(to_bits<T>(a) >> half << half);
  const Vec<T> square = a * a, rest = (high * high - square) + (a - high) * (a + high);
  const Vec<T> y = exp<T>(-c * square);
  return y - y * (c * rest);
}

// The upper tail Q(|x|) of the standard normal distribution, given e^(-x^2 / 2): that times a
// function which falls gently, like 1 / |x|, and is a polynomial of u = c / (c + |x|) <= 1.
template <class T>
Vec<T> normal_tail(Vec<T> x, Vec<T> exp_minus_half_square) {
  using C = Constants<T>;
  const Vec<T> u = C::tail_scale / (C::tail_scale + abs<T>(x));
  return exp_minus_half_square * (u * polynomial(u + u - T(1), C::tail_fit));
}

// erf x = x (1 + a small even polynomial) near 0; farther out 1 - 2 Q(sqrt(2) |x|), with x's sign.
template <class T>
Vec<T> erf(Vec<T> x) {
  const Vec<T> a = abs<T>(x), root2_a = a * T(1.4142135623730950488);
  const Vec<T> near = multiply_add(a, polynomial(a * a, Constants<T>::erf_fit), a);
  const Vec<T> far = T(1) - T(2) * normal_tail<T>(root2_a, exp_minus_square<T>(T(0.5), root2_a));
  const Bits<T> sign = to_bits<T>(x) & sign_bit<T>();
  return from_bits<T>(to_bits<T>(select(a < T(1), near, far)) | sign);
}

template <class T>
T exp_of(T x) {
  return exp<T>(broadcast(x))[0];
}
template <class T>
T log_of(T x) {
  return log<T>(broadcast(x))[0];
}

}  // namespace
}  // namespace gradus::kernels::GRADUS_ISA
