// The rivals that a benchmark can be linked with: those whose headers were there when it was built.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace gradus::bench {

// C(m, n) = A(m, k) B(k, n), float32, all dense. Where a flag says "transposed", the memory of that
// operand holds the rows of its transpose.
struct Product {
  int64_t m, n, k;
  bool a_transposed = false, b_transposed = false;
};
// What our kernel is told of it.
inline kernels::GemmArgs<float> arguments(const Product& p, const float* a, const float* b,
                                          float* c) {
  return {.m = p.m,
          .n = p.n,
          .k = p.k,
          .a = a,
          .a_row = p.a_transposed ? 1 : p.k,
          .a_col = p.a_transposed ? p.m : 1,
          .b = b,
          .b_row = p.b_transposed ? 1 : p.n,
          .b_col = p.b_transposed ? p.k : 1,
          .c = c,
          .c_row = p.n};
}

// A library's matrix product.
struct GemmPeer {
  std::string name;
  void (*multiply)(const Product& product, const float* a, const float* b, float* c);
  void (*set_num_threads)(int threads);
};
// Those that are linked in; tests/bench/peers.cpp knows them all.
const std::vector<GemmPeer>& gemm_peers();
// The names of those that are not.
const std::vector<std::string>& missing_gemm_peers();

}  // namespace gradus::bench
