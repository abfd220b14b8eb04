// Vec<T>: the one vector type that every kernel is written on.
//
// GCC and Clang let us declare "16 floats in one register" as an ordinary type: + - * / and the
// comparisons work lane by lane, also between a vector and a scalar (2.0f * v). A kernel source is
// compiled once per instruction set; only the width of Vec changes: 16 bytes (portable), 32 (avx2)
// or 64 (avx512).
//
//   load(p)        store(p, v)        width<T> adjacent values; p may have any alignment
//   load_n(p, n)   store_n(p, v, n)   the first n lanes, 0 <= n <= width<T>: the tail of an array
//   broadcast(x)                      x in every lane
//   multiply_add(x, y, z)             x y + z, fused where the CPU can
//   multiply_accumulate(sum, x, y)    sum += x y, in place: for the sums of a matrix product
//   vmin   vmax   select              lane by lane
//   sum_lanes(v)   max_lanes(v)       across the lanes, always in the same order
//   transpose(rows)                   a width<T> x width<T> block, in registers
//
// Everything stands in an unnamed namespace, and nothing comes from std: an inline function with
// external linkage would be merged across the ISAs by the linker, and a CPU could then meet
// instructions it lacks.
#pragma once

#include <cstdint>
#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>  // for the masked loads and stores in load_n and store_n, nothing else
#endif

#ifndef GRADUS_ISA
#error "kernels are compiled with -DGRADUS_ISA=portable, avx2 or avx512"
#endif

namespace gradus::kernels::GRADUS_ISA {
namespace {

// ---- types -------------------------------------------------------------------------------------

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;  // SSE2 on x86-64, NEON on ARM
#endif

// The number of lanes.
template <class T>
constexpr int width = vector_bytes / static_cast<int>(sizeof(T));

template <class T>
struct VecTypes;
template <>
struct VecTypes<float> {
  typedef float Vec __attribute__((vector_size(vector_bytes)));
  typedef int32_t Int __attribute__((vector_size(vector_bytes)));
};
template <>
struct VecTypes<double> {
  typedef double Vec __attribute__((vector_size(vector_bytes)));
  typedef int64_t Int __attribute__((vector_size(vector_bytes)));
};

template <class T>
using Vec = typename VecTypes<T>::Vec;
// Integers as wide as T: int32 for float, int64 for double. Comparing two Vec<T> gives one: a mask,
// -1 in the lanes where the comparison holds and 0 elsewhere.
template <class T>
using VecInt = typename VecTypes<T>::Int;

// The same bits seen as the other type: as_int(v), as_float<T>(i).
template <class V>
auto as_int(V v) {
  return (decltype(v < v))v;
}
template <class T>
Vec<T> as_float(VecInt<T> i) {
  return (Vec<T>)i;
}

// ---- lane numbers, known when the program is compiled ------------------------------------------

template <int... i>
struct Lanes {};
template <int count>
struct FirstLanes;
template <>
struct FirstLanes<2> : Lanes<0, 1> {};
template <>
struct FirstLanes<4> : Lanes<0, 1, 2, 3> {};
template <>
struct FirstLanes<8> : Lanes<0, 1, 2, 3, 4, 5, 6, 7> {};
template <>
struct FirstLanes<16> : Lanes<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15> {};

// Lane i of the result is lane source(i) of x, or, counting on from width, of y.
template <class V, class Source, int... i>
V shuffle_lanes(V x, V y, Source source, Lanes<i...>) {
  return __builtin_shufflevector(x, y, source(i)...);
}
template <class V, class Source>
V shuffle(V x, V y, Source source) {
  return shuffle_lanes(x, y, source, FirstLanes<sizeof(V) / sizeof(x[0])>{});
}

// ---- memory ------------------------------------------------------------------------------------

template <class T>
Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);  // one unaligned load
  return v;
}

template <class T>
void store(T* p, Vec<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <class T>
Vec<T> broadcast(T x) {
  return x - Vec<T>{};  // and not x + 0, which would turn -0 into +0
}

#if defined(__AVX512F__)

template <class T>
Vec<T> load_n(const T* p, int64_t n) {
  const unsigned mask = (1u << n) - 1;
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), p);
  else
    return (Vec<T>)_mm512_maskz_loadu_pd(static_cast<__mmask8>(mask), p);
}

template <class T>
void store_n(T* p, Vec<T> v, int64_t n) {
  const unsigned mask = (1u << n) - 1;
  if constexpr (sizeof(T) == 4)
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>(mask), (__m512)v);
  else
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>(mask), (__m512d)v);
}

#elif defined(__AVX2__)

template <class T, int... i>
__m256i tail_mask(int64_t n, Lanes<i...>) {
  using Integer = decltype(VecInt<T>{}[0] + 0);
  return (__m256i)(VecInt<T>{i...} < static_cast<Integer>(n));
}
template <class T>
__m256i tail_mask(int64_t n) {
  constexpr int all = width<T>;
  return tail_mask<T>(n, FirstLanes<all>{});
}

template <class T>
Vec<T> load_n(const T* p, int64_t n) {
  if constexpr (sizeof(T) == 4)
    return (Vec<T>)_mm256_maskload_ps(p, tail_mask<T>(n));
  else
    return (Vec<T>)_mm256_maskload_pd(p, tail_mask<T>(n));
}

template <class T>
void store_n(T* p, Vec<T> v, int64_t n) {
  if constexpr (sizeof(T) == 4)
    _mm256_maskstore_ps(p, tail_mask<T>(n), (__m256)v);
  else
    _mm256_maskstore_pd(p, tail_mask<T>(n), (__m256d)v);
}

#else

template <class T>
Vec<T> load_n(const T* p, int64_t n) {
  Vec<T> v{};
  for (int i = 0; i < width<T>; ++i)
    if (i < n) v[i] = p[i];
  return v;
}

template <class T>
void store_n(T* p, Vec<T> v, int64_t n) {
  for (int i = 0; i < width<T>; ++i)
    if (i < n) p[i] = v[i];
}

#endif

// ---- arithmetic --------------------------------------------------------------------------------

// x y + z. Write it so, or in one expression: Clang fuses nothing across statements, GCC does.
template <class V>
V multiply_add(V x, V y, V z) {
  return x * y + z;
}

// sum += x y. With FMA instructions it is always one of them, at any level of optimisation: so what
// must have the bits of a matrix product's sum is summed with this.
//
// GCC 12 takes the result of multiply_add for a new value, likes to put it where x or y was, and
// copies and spills its way out of that. In a loop that needs all registers, as a tile of a matrix
// product does, that cost a tenth of the time; so GCC is told the instruction, with a sum that is
// read and written in one register.
template <class V>
[[gnu::always_inline]] inline void multiply_accumulate(V& sum, V x, V y) {
#if defined(__FMA__) && !defined(__clang__)
  if constexpr (sizeof(sum[0]) == sizeof(float))
    asm("vfmadd231ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y));
  else
    asm("vfmadd231pd %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y));
#else
  sum = multiply_add(x, y, sum);
#endif
}

template <class Mask, class V>
V select(Mask mask, V x, V y) {
  return mask ? x : y;
}

// If either lane is NaN, the result is the second operand, y (one instruction on x86). So a kernel
// that clamps chooses: vmin(limit, v) lets NaN through, vmin(v, limit) replaces it by the limit.
template <class V>
V vmin(V x, V y) {
  return x < y ? x : y;
}
template <class V>
V vmax(V x, V y) {
  return x > y ? x : y;
}

// ---- across the lanes --------------------------------------------------------------------------

// Folds the vector onto itself: with 8 lanes, lane i meets lane i ^ 4, then i ^ 2, then i ^ 1.
template <int distance, class V, class Op>
auto fold_lanes(V v, Op op) {
  v = op(v, shuffle(v, v, [](int i) { return i ^ distance; }));
  if constexpr (distance > 1)
    return fold_lanes<distance / 2>(v, op);
  else
    return v[0];
}
template <class V>
auto sum_lanes(V v) {
  constexpr int lanes = sizeof(V) / sizeof(v[0]);
  return fold_lanes<lanes / 2>(v, [](V x, V y) { return x + y; });
}
template <class V>
auto max_lanes(V v) {
  constexpr int lanes = sizeof(V) / sizeof(v[0]);
  return fold_lanes<lanes / 2>(v, [](V x, V y) { return vmax(x, y); });
}

// Two rows x and y become two others: within every 16 bytes of them, first their lower halves (or
// the first and third quarters ...) and then the rest: x0 y0 x1 y1 and x2 y2 x3 y3 if `piece` is
// one element of four, x0 x1 y0 y1 and x2 x3 y2 y3 if it is two. One instruction each on x86.
template <int piece, class V>
void interleave(V& x, V& y) {
  constexpr int lanes = sizeof(V) / sizeof(x[0]), group = 16 / static_cast<int>(sizeof(x[0]));
  constexpr auto source = [](int j) {
    const int in_group = j % group, pair = in_group / (2 * piece);
    return j - in_group + pair * piece + j % piece + (in_group / piece % 2 ? lanes : 0);
  };
  const V low = shuffle(x, y, source);
  y = shuffle(x, y, [=](int j) { return source(j) + group / 2; });
  x = low;
}

// Transposes each square block of 16 bytes x 16 bytes: 4 x 4 floats, 2 x 2 doubles.
template <class V>
void transpose_groups(V* row) {
  constexpr int lanes = sizeof(V) / sizeof(row[0][0]), group = 16 / sizeof(row[0][0]);
#pragma GCC unroll 16
  for (int i = 0; i < lanes; i += group) {
    V* r = row + i;
    interleave<1>(r[0], r[1]);  // a0 b0 a1 b1 | a2 b2 a3 b3
    if constexpr (group == 4) {
      interleave<1>(r[2], r[3]);  // c0 d0 c1 d1 | c2 d2 c3 d3
      interleave<2>(r[0], r[2]);  // a0 b0 c0 d0 | a1 b1 c1 d1
      interleave<2>(r[1], r[3]);  // a2 b2 c2 d2 | a3 b3 c3 d3
      const V second = r[2];
      r[2] = r[1];
      r[1] = second;
    }
  }
}

// Swaps the off-diagonal quarters of ever larger blocks, beginning with blocks of 2 x 2 groups.
template <int distance, class V>
void transpose_blocks(V* row) {
  constexpr int lanes = sizeof(V) / sizeof(row[0][0]);
  if constexpr (distance < lanes) {
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      if (i & distance) continue;
      const V x = row[i], y = row[i + distance];
      row[i] = shuffle(x, y, [](int j) { return j & distance ? lanes + j - distance : j; });
      row[i + distance] =
          shuffle(x, y, [](int j) { return j & distance ? lanes + j : j + distance; });
    }
    transpose_blocks<2 * distance>(row);
  }
}

// Transposes a square block of as many vectors as a vector has lanes.
template <class V>
void transpose(V* row) {
  transpose_groups(row);
  transpose_blocks<16 / sizeof(row[0][0])>(row);
}

}  // namespace
}  // namespace gradus::kernels::GRADUS_ISA
