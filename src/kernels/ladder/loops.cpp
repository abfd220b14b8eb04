// The first three rungs: plain loops over single numbers. The Makefile keeps the compiler from
// turning them into vector code, so that each shows what its loops do and nothing else.
#include "kernels/ladder/rungs.h"

namespace gradus::kernels::ladder {
namespace {

int64_t min(int64_t x, int64_t y) { return x < y ? x : y; }

void clear(const Product& p) {
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) p.c[i * p.c_row + j] = 0;
}

}  // namespace

// The formula c_ij = sum over l of a_il b_lj, as it stands. Two loads for each multiply-add; the
// one from B is a whole row further each time: of every cache line that comes, one number is used.
// And each addition waits for the one before.
// [naive]
void multiply_naive(const Product& p) {
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) {
      float sum = 0;
      for (int64_t l = 0; l < p.k; ++l) sum += p.a[i * p.a_row + l] * p.b[l * p.b_row + j];
      p.c[i * p.c_row + j] = sum;
    }
}
// [naive]

// The same multiply-adds with the two inner loops exchanged: now B and C are read along their rows,
// and neighbouring additions belong to different sums, so that none waits.
// [reordered]
void multiply_reordered(const Product& p) {
  clear(p);
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t l = 0; l < p.k; ++l) {
      const float a = p.a[i * p.a_row + l], *b = p.b + l * p.b_row;
      float* c = p.c + i * p.c_row;
      for (int64_t j = 0; j < p.n; ++j) c[j] += a * b[j];
    }
}
// [reordered]

// Reordered, in squares: a tile of B that fits into the L1 cache is used for every row of A before
// the next one is fetched.
// [tiled]
void multiply_tiled(const Product& p, int64_t tile) {
  clear(p);
  for (int64_t l0 = 0; l0 < p.k; l0 += tile)
    for (int64_t j0 = 0; j0 < p.n; j0 += tile) {
      const int64_t l1 = min(l0 + tile, p.k), j1 = min(j0 + tile, p.n);
      for (int64_t i = 0; i < p.m; ++i)
        for (int64_t l = l0; l < l1; ++l) {
          const float a = p.a[i * p.a_row + l], *b = p.b + l * p.b_row;
          float* c = p.c + i * p.c_row;
          for (int64_t j = j0; j < j1; ++j) c[j] += a * b[j];
        }
    }
}
// [tiled]

}  // namespace gradus::kernels::ladder
