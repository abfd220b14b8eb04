// The rivals that a benchmark can be linked with: those whose headers were there when it was built.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace gradus::bench {

// C(m, n) = A(m, k) B(k, n), float32, all dense. Where a flag says "transposed", the memory of that
// operand holds the rows of its transpose.
struct Product {
  int64_t m, n, k;
  bool a_transposed = false, b_transposed = false;
};

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
