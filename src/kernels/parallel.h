// parallel_for: the one place where work is divided among threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <type_traits>

namespace gradus::kernels {

// A non-owning reference to a callable: two words, no allocation.
class RangeFunction {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_cvref_t<F>, RangeFunction>)
      RangeFunction(F&& f)  // NOLINT: implicit on purpose, so that a lambda can be passed
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(f)))),
        call_([](void* object, int64_t begin, int64_t end) {
          (*static_cast<std::remove_reference_t<F>*>(object))(begin, end);
        }) {}
  void operator()(int64_t begin, int64_t end) const { call_(object_, begin, end); }

 private:
  void* object_;
  void (*call_)(void*, int64_t, int64_t);
};

// Calls f(begin, end) once for each chunk [0, grain), [grain, 2 grain), ... of [0, n).
//
// The chunks depend on n and grain alone, never on the number of threads; so a kernel that rounds
// differently at a chunk's edge, or that leaves one partial sum per chunk, still gives the same
// bits on any number of threads. Choose grain so that a chunk is worth some 20 us: a single chunk,
// or a call from inside another parallel_for, runs on the caller's thread and costs nothing. An
// exception thrown by f is rethrown here, in the caller's thread: the one of the lowest chunk.
void parallel_for(int64_t n, int64_t grain, RangeFunction f);

// The threads that a parallel_for called here may use: num_threads(), or 1 inside another
// parallel_for.
int usable_threads();

// The number of chunks that parallel_for(n, grain, ...) makes: the number of partial sums to
// provide.
inline int64_t chunk_count(int64_t n, int64_t grain) { return n / grain + (n % grain > 0); }

// What so many multiplications (the product of these numbers) cost, for grain_for: where 64 bits do
// not hold that, as much as they do. Beside an axis of 0 another may be of any length.
inline int64_t cost_of(std::initializer_list<int64_t> sizes) {
  int64_t cost = 1;
  for (const int64_t size : sizes)
    if (__builtin_mul_overflow(cost, std::max<int64_t>(1, size), &cost))
      return std::numeric_limits<int64_t>::max();
  return cost;
}

// A grain for items of `cost` each, so that a chunk costs about `worth`, in the same unit; at least
// 1.
int64_t grain_for(int64_t worth, int64_t cost = 1);

// While one is alive, all chunks are worth so little: tests divide small shapes with it.
class ScopedGrain {
 public:
  explicit ScopedGrain(int64_t worth);
  ~ScopedGrain();
  ScopedGrain(const ScopedGrain&) = delete;
  ScopedGrain& operator=(const ScopedGrain&) = delete;

 private:
  int64_t previous_;
};

}  // namespace gradus::kernels
