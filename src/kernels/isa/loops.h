// How a kernel walks an array: in whole vectors, and then one that is partly filled.
//
// The tail goes through the same vector code as all the rest, so what an element becomes never
// depends on where the array, or a thread's chunk of it, happens to end.
#pragma once

#include "kernels/isa/vec.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// The next width<T> elements, or the n that are left: lanes beyond read as 0 and are not written.
template <class T>
Vec<T> load_next(const T* p, int64_t n) {
  return n >= width<T> ? load(p) : load_n(p, n);
}
template <class T>
void store_next(T* p, Vec<T> v, int64_t n) {
  n >= width<T> ? store(p, v) : store_n(p, v, n);
}

// The mask of the lanes 0 .. n - 1.
template <class T, int... i>
VecInt<T> first_lanes(int64_t n, Lanes<i...>) {
  return VecInt<T>{i...} < static_cast<decltype(VecInt<T>{}[0] + 0)>(n);
}
template <class T>
VecInt<T> first_lanes(int64_t n) {
  return first_lanes<T>(n < width<T> ? n : width<T>, FirstLanes<width<T>>{});
}

// The mask of the lanes whose bool is true, lanes beyond the n that are left being false.
template <class T, int... i>
VecInt<T> load_mask(const bool* p, int64_t n, Lanes<i...>) {
  if (n >= width<T>) return VecInt<T>{p[i]...} != 0;
  return VecInt<T>{(i < n && p[i])...} != 0;
}
template <class T>
VecInt<T> load_mask(const bool* p, int64_t n) {
  return load_mask<T>(p, n, FirstLanes<width<T>>{});
}

// ---- out[i] = f(a[i], b[i], ...) ---------------------------------------------------------------

// What f is applied to: each element of an array, one value always, each bool of a mask. All are
// functions that give the vector standing at i, where n elements are left.
template <class T>
auto each(const T* p) {
  return [p](int64_t i, int64_t n) { return load_next(p + i, n); };
}
template <class T>
auto always(T value) {
  return [v = broadcast(value)](int64_t, int64_t) { return v; };
}
template <class T>
auto each_mask(const bool* p) {
  return [p](int64_t i, int64_t n) { return load_mask<T>(p + i, n); };
}

// out may be any of the arrays read: what is stored was loaded before from the same place or from
// none. Two vectors at a time: an exponential is a chain of a dozen operations that wait for one
// another, four cycles each, and two chains side by side leave fewer of these cycles empty.
template <class T, class F, class... Source>
void map(T* out, int64_t n, F f, Source... source) {
  constexpr int64_t w = width<T>;
  int64_t i = 0;
#pragma GCC unroll 1
  for (; i + 2 * w <= n; i += 2 * w) {
    const Vec<T> first = f(source(i, w)...), second = f(source(i + w, w)...);
    store(out + i, first);
    store(out + i + w, second);
  }
#pragma GCC unroll 1
  for (; i < n; i += w) store_next(out + i, f(source(i, n - i)...), n - i);
}

template <class T>
constexpr auto plus = [](Vec<T> x, Vec<T> y) { return x + y; };

// ---- sums and maxima ---------------------------------------------------------------------------

// Combines the vectors f(i, n - i) that stand at i = 0, W, 2W, ... < n into one. Four partial
// results, because an addition takes four cycles but one can start in each; lanes beyond n count as
// `identity`. The order of the operations depends on n alone.
template <class T, class F, class Op>
Vec<T> reduce(int64_t n, T identity, F f, Op op) {
  Vec<T> p0 = broadcast(identity), p1 = p0, p2 = p0, p3 = p0;
  int64_t i = 0;
  for (; i + 4 * width<T> <= n; i += 4 * width<T>) {
    p0 = op(p0, f(i, width<T>));
    p1 = op(p1, f(i + width<T>, width<T>));
    p2 = op(p2, f(i + 2 * width<T>, width<T>));
    p3 = op(p3, f(i + 3 * width<T>, width<T>));
  }
  for (; i < n; i += width<T>)
    p0 = op(p0, select(first_lanes<T>(n - i), f(i, n - i), broadcast(identity)));
  return op(op(p0, p1), op(p2, p3));
}

template <class T, class F>
T sum(int64_t n, F f) {
  return sum_lanes(reduce(n, T(0), f, plus<T>));
}

// NaN is passed over: it makes itself known in whatever is computed with the maximum.
template <class T, class F>
T maximum(int64_t n, F f) {
  return max_lanes(reduce(n, static_cast<T>(-__builtin_inf()), f,
                          [](Vec<T> x, Vec<T> y) { return vmax(y, x); }));
}

}  // namespace
}  // namespace gradus::kernels::GRADUS_ISA
