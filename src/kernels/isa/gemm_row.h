// One row times a transposed matrix, y = x W^T: what a language model does for each token that it
// writes. Every weight is used once, so the memory sets the pace, and packing would only write the
// weights once more.
//
// The obvious way, one dot product for each row of W with k along the lanes, ends in a sum across
// the lanes: other bits than the tiles give, and a token written would differ from the same token
// read. So W x W blocks of weights are turned round in registers, and each lane adds up one element
// of y, k after k, as in a tile.
#pragma once

#include "kernels/isa/gemm_pack.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// `start` plus the terms of columns j .. j + W, for a row a of k numbers. b: (k, n) columns.
template <class T>
Vec<T> add_terms(Vec<T> sum, const T* a, int64_t a_col, const T* b, int64_t b_col, int64_t k,
                 int64_t n) {
  constexpr int W = width<T>;
  int64_t r = 0;
  for (; r + W <= k && n >= W; r += W) {
    Vec<T> block[W];
    load_transposed<T>(block, b + r, b_col, W, W);
#pragma GCC unroll 16
    for (int i = 0; i < W; ++i) sum = multiply_add(broadcast(a[(r + i) * a_col]), block[i], sum);
  }
  for (; r < k; r += W) {
    Vec<T> block[W];
    load_transposed<T>(block, b + r, b_col, k - r, n);
    for (int i = 0; i < W && r + i < k; ++i)
      sum = multiply_add(broadcast(a[(r + i) * a_col]), block[i], sum);
  }
  return sum;
}

template <class T>
void multiply_row(const GemmArgs<T>& g, int64_t k_block) {
  const int64_t k_blocks = g.k > 0 ? divide_up(g.k, k_block) : 1;
  for (int64_t j = 0; j < g.n; j += width<T>) {
    const int64_t n = g.n - j;
    Vec<T> total = g.accumulate ? load_next(g.c + j, n) : Vec<T>{};
    for (int64_t q = 0; q < k_blocks; ++q) {
      const int64_t k0 = g.k * q / k_blocks, k = g.k * (q + 1) / k_blocks - k0;
      const Vec<T> start = g.bias && q == 0 ? load_next(g.bias + j, n) : Vec<T>{};
      const Vec<T> sum =
          add_terms(start, g.a + k0 * g.a_col, g.a_col, g.b + j * g.b_col + k0, g.b_col, k, n);
      total = g.accumulate || q > 0 ? total + sum : sum;
    }
    store_next(g.c + j, total, n);
  }
}

}  // namespace
}  // namespace gradus::kernels::GRADUS_ISA
