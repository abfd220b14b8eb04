// One row times a transposed matrix, y = x W^T: what a language model does for each token that it
// writes. Every weight is used once, so packing would only write the weights once more.
//
// The obvious way, one dot product for each row of W with k along the lanes, ends in a sum across
// the lanes: other bits than the tiles give, and a token written would differ from the same token
// read. So W x W blocks of weights are turned round in registers, and each lane adds up one element
// of y, k after k, as in a tile.
//
// Where the weights come from memory, that sets the pace, and it is asked in time for what comes
// next. Where a cache holds them, the sums do: each is a chain of multiply-adds of four cycles. So
// two groups of W columns stand side by side there, two chains that wait at the same time.
#pragma once

#include "kernels/isa/gemm_pack.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// Adds their terms to the sums of `groups` times W columns, one group in each vector; a single
// group may be the last, of n < W columns. a is a row of k numbers, b is (k, n).
template <int groups, class T>
[[gnu::always_inline]] inline void add_terms(Vec<T> (&sums)[groups], const T* a, int64_t a_col,
                                             const T* b, int64_t b_col, int64_t k, int64_t n) {
  constexpr int W = width<T>;
  constexpr bool from_memory = groups == 1;
  Vec<T> block[W];
  int64_t r = 0;
  for (; r + W <= k && n >= W; r += W)
#pragma GCC unroll 2
    for (int g = 0; g < groups; ++g) {
      load_transposed<from_memory>(block, b + g * W * b_col + r, b_col, W, W);
#pragma GCC unroll 16
      for (int i = 0; i < W; ++i)
        multiply_accumulate(sums[g], broadcast(a[(r + i) * a_col]), block[i]);
    }
  for (; r < k; r += W)
#pragma GCC unroll 2
    for (int g = 0; g < groups; ++g) {
      load_transposed<from_memory>(block, b + g * W * b_col + r, b_col, k - r, n);
      for (int i = 0; i < W && r + i < k; ++i)
        multiply_accumulate(sums[g], broadcast(a[(r + i) * a_col]), block[i]);
    }
}

// The columns j, j + 1, ... of `groups` groups, of which a single one may be incomplete.
template <int groups, class T>
void multiply_columns(const GemmArgs<T>& g, int64_t k_block, int64_t j) {
  constexpr int W = width<T>;
  const int64_t k_blocks = g.k > 0 ? divide_up(g.k, k_block) : 1;
  const int64_t n = g.n - j;  // the columns that are left: with two groups at least 2 W
  Vec<T> totals[groups] = {}, sums[groups];
#pragma GCC unroll 2
  for (int i = 0; i < groups; ++i)
    if (g.accumulate) totals[i] = load_next(g.c + j + i * W, n);
  for (int64_t q = 0; q < k_blocks; ++q) {
    const int64_t k0 = g.k * q / k_blocks, k = g.k * (q + 1) / k_blocks - k0;
#pragma GCC unroll 2
    for (int i = 0; i < groups; ++i)
      sums[i] = g.bias && q == 0 ? load_next(g.bias + j + i * W, n) : Vec<T>{};
    add_terms(sums, g.a + k0 * g.a_col, g.a_col, g.b + j * g.b_col + k0, g.b_col, k, n);
#pragma GCC unroll 2
    for (int i = 0; i < groups; ++i)
      totals[i] = g.accumulate || q > 0 ? totals[i] + sums[i] : sums[i];
  }
#pragma GCC unroll 2
  for (int i = 0; i < groups; ++i) store_next(g.c + j + i * W, totals[i], n);
}

template <class T>
void multiply_row(const GemmArgs<T>& g, const GemmPlan& plan) {
  constexpr int W = width<T>;
  int64_t j = 0;
  if (plan.row == RowPlan::from_cache)
    for (; j + 2 * W <= g.n; j += 2 * W) multiply_columns<2>(g, plan.k_block, j);
  for (; j < g.n; j += W) multiply_columns<1>(g, plan.k_block, j);
}

}  // namespace
}  // namespace gradus::kernels::GRADUS_ISA
