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

// Adds the terms of n columns, at most groups * W, to their sums: one group of W columns in each
// vector. a is a row of k numbers; b is (k, n).
//
// A sum is one chain of multiply-adds, four cycles each, whatever is near: two groups side by side
// wait half as long. Where the weights come from memory, though, one group is enough to keep up
// with it, and two are further from what was fetched ahead.
template <int groups, class T>
[[gnu::always_inline]] inline void add_terms(Vec<T> (&sums)[groups], const T* a, int64_t a_col,
                                             const T* b, int64_t b_col, int64_t k, int64_t n) {
  constexpr int W = width<T>;
  constexpr bool from_memory = groups == 1;
  Vec<T> block[W];
  int64_t r = 0;
  for (; r + W <= k && n >= groups * W; r += W)
#pragma GCC unroll 2
    for (int g = 0; g < groups; ++g) {
      load_transposed<from_memory>(block, b + g * W * b_col + r, b_col, W, W);
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i) add_product(sums[g], broadcast(a[(r + i) * a_col]), block[i]);
    }
  for (; r < k; r += W)
    for (int g = 0; g < groups && g * W < n; ++g) {
      load_transposed<from_memory>(block, b + g * W * b_col + r, b_col, k - r, n - g * W);
      for (int i = 0; i < W && r + i < k; ++i)
        add_product(sums[g], broadcast(a[(r + i) * a_col]), block[i]);
    }
}

template <int groups, class T>
void multiply_row(const GemmArgs<T>& g, int64_t k_block) {
  constexpr int W = width<T>;
  const int64_t k_blocks = g.k > 0 ? divide_up(g.k, k_block) : 1;
  for (int64_t j = 0; j < g.n; j += groups * W) {
    // The columns that are left, from those of group i on.
    const auto left = [&](int i) { return g.n - j - i * W; };
    Vec<T> totals[groups] = {}, sums[groups];
    for (int i = 0; g.accumulate && i < groups && left(i) > 0; ++i)
      totals[i] = load_next(g.c + j + i * W, left(i));
    for (int64_t q = 0; q < k_blocks; ++q) {
      const int64_t k0 = g.k * q / k_blocks, k = g.k * (q + 1) / k_blocks - k0;
      for (int i = 0; i < groups; ++i)
        sums[i] =
            g.bias && q == 0 && left(i) > 0 ? load_next(g.bias + j + i * W, left(i)) : Vec<T>{};
      add_terms(sums, g.a + k0 * g.a_col, g.a_col, g.b + j * g.b_col + k0, g.b_col, k, left(0));
      for (int i = 0; i < groups; ++i)
        totals[i] = g.accumulate || q > 0 ? totals[i] + sums[i] : sums[i];
    }
    for (int i = 0; i < groups && left(i) > 0; ++i) store_next(g.c + j + i * W, totals[i], left(i));
  }
}

template <class T>
void multiply_row(const GemmArgs<T>& g, int64_t k_block) {
  // Weights of so many bytes were read from memory the last time, and wait in a cache now.
  constexpr int64_t cached = 4 << 20;
  const bool from_memory = g.n * g.k * static_cast<int64_t>(sizeof(T)) > cached;
  from_memory ? multiply_row<1>(g, k_block) : multiply_row<2>(g, k_block);
}

}  // namespace
}  // namespace gradus::kernels::GRADUS_ISA
