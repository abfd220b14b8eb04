// The yardsticks: how fast the CPU multiplies and adds when nothing has to be fetched, and how fast
// it fetches when nothing has to be computed.
#include "kernels/isa/loops.h"
#include "kernels/tables.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// A multiply-add takes 4 cycles, but two can start in each: at least 8 must be under way that do
// not wait for one another. Twelve fit into the registers of every ISA.
template <class T>
int64_t multiply_adds(int64_t rounds, T* sink) {
  constexpr int chains = 12, unrolled = 4;
  // x <- x / 2 + 1 tends to 2 and never leaves the range of normal numbers. The factors come from
  // memory: a compiler that knew them could know the result.
  const volatile T half = T(0.5), one = T(1);
  const Vec<T> factor = broadcast<T>(half), term = broadcast<T>(one);
  Vec<T> x[chains];
  for (int i = 0; i < chains; ++i) x[i] = broadcast(T(i));
#pragma GCC unroll 1
  for (int64_t r = 0; r < rounds; ++r)
#pragma GCC unroll 4
    for (int u = 0; u < unrolled; ++u)
#pragma GCC unroll 12
      for (int i = 0; i < chains; ++i) x[i] = multiply_add(x[i], factor, term);
  Vec<T> total{};
  for (int i = 0; i < chains; ++i) total = total + x[i];
  *sink = sum_lanes(total);
  return 2 * rounds * unrolled * chains * width<T>;
}

template <class T>
T read(const T* x, int64_t n) {
  return sum<T>(n, each(x));
}

template <class T>
void copy(T* y, const T* x, int64_t n) {
  map(
      y, n, [](Vec<T> v) { return v; }, each(x));
}

template <class T>
constexpr Peak<T> make_table() {
  return {.multiply_adds = multiply_adds<T>, .read = read<T>, .copy = copy<T>};
}

}  // namespace

constinit const Family<Peak> peak_table = {make_table<float>(), make_table<double>()};

}  // namespace gradus::kernels::GRADUS_ISA
