// What this machine can do at best, measured: the yardsticks beside which a kernel's figures are
// shown.
#pragma once

#include <cstdint>
#include <string>

namespace gradus::kernels {

// Loops that do one thing only, as fast as the active ISA can.
template <class T>
struct Peak {
  // Multiply-adds on registers alone, `rounds` times; returns the floating-point operations done:
  // two for each multiply-add. *sink gets the result, so that no compiler may leave the work out.
  int64_t (*multiply_adds)(int64_t rounds, T* sink);
  // Reads n adjacent numbers and returns their sum.
  T (*read)(const T* x, int64_t n);
  // y[i] = x[i]
  void (*copy)(T* y, const T* x, int64_t n);
};
template <class T>
const Peak<T>& peak();

// Bytes per second. A copy counts both the bytes read and the bytes written, but not that a written
// line is fetched first.
struct Bandwidth {
  double read, copy;
};

// Floating-point operations per second of that many threads of the active ISA: the best of several
// trials, some 50 ms in all.
template <class T>
double fma_peak(int threads);
// From and to memory that no cache holds (a quarter of a GiB), the best of several trials, some 200
// ms.
Bandwidth memory_bandwidth(int threads);

// What the system says of this machine; empty or 0 where it says nothing.
struct Machine {
  std::string cpu;     // its model name
  int cores;           // that this process may use
  int64_t l1, l2, l3;  // bytes of the data caches; l1 and l2 of each core
};
Machine this_machine();

}  // namespace gradus::kernels
