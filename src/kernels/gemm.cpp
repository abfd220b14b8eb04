// Matrix multiplication, the outer half: a plan from the shape, memory to pack into, shares for the
// threads. The arithmetic is in isa/gemm.cpp; read that first.
#include <algorithm>

#include "kernels/gemm_kernel.h"
#include "kernels/parallel.h"
#include "kernels/scratch.h"

namespace gradus::kernels {
namespace {

GemmTuning tuning;

// What a thread keeps of B, of an L2 cache of 1 MiB. A and C pass by in the rest of it. Half of the
// cache is too much already: pages lie in it as chance will have it, and some of its sets overflow.
constexpr int64_t packed_bytes = 384 << 10;
constexpr int64_t packed_bytes_beside_a = 256 << 10;
// What is packed of a transposed A. Its next part is written over it: that is quicker where all of
// it is still in the L2 cache.
constexpr int64_t packed_a_bytes = 192 << 10;
// Where A has many such parts, B is packed once for all of them, if it is not larger than this: its
// blocks then come from the L3 cache.
constexpr int64_t kept_bytes = 2 << 20;
// The part of a row of A in one block: six of them fill half of an L1 cache of 32 KiB.
constexpr int64_t row_bytes = 3 << 10;
// The same where A is transposed and packed: half as deep was faster by a tenth.
constexpr int64_t packed_row_bytes = row_bytes / 2;
// B is not packed where it spans at most so many bytes, which caches hold, and A has at most so
// many rows: a copy pays only if it is read by more tiles, one for six rows, than these.
constexpr int64_t most_bytes_in_place = 64 << 10, most_rows_in_place = 256;
// Up to so many bytes, the weights of a single row are taken to be in a cache from their last use.
constexpr int64_t cached_bytes = 4 << 20;
// Some 10 us of work; below that a fork costs more than it brings.
constexpr int64_t parallel_flops = 1'000'000;

template <class T>
GemmPlan make_plan(const GemmArgs<T>& g, const GemmKernel<T>& kernel) {
  constexpr int64_t size = sizeof(T);
  const auto choose = [](int64_t tuned, int64_t ours) { return tuned > 0 ? tuned : ours; };
  const int64_t k_block =
      choose(tuning.k_block, (g.a_col == 1 ? row_bytes : packed_row_bytes) / size);
  const int64_t elements =
      choose(tuning.block_elements, (g.a_col == 1 ? packed_bytes : packed_bytes_beside_a) / size);
  const int64_t k = std::clamp<int64_t>(g.k, 1, k_block);
  const int64_t panel = kernel.tile_columns * k;
  const int64_t a_elements = choose(2 * tuning.block_elements, packed_a_bytes / size);
  const int64_t m_block = std::max(kernel.tile_rows, a_elements / k);
  const bool in_place =
      g.m <= kernel.tile_rows ||
      (g.m <= most_rows_in_place && cost_of({g.k, std::max(g.b_row, g.n)}) <=
                                        choose(tuning.block_elements, most_bytes_in_place / size));
  const bool one_row = g.m == 1 && g.b_row == 1 && g.b_col != 1;
  const bool cached = cost_of({g.k, g.n}) <= choose(tuning.block_elements, cached_bytes / size);
  const int64_t most_kept = choose(16 * tuning.block_elements, kept_bytes / size);
  return {.k_block = k_block,
          .m_block = m_block,
          .n_block = kernel.tile_columns * std::max<int64_t>(1, elements / panel),
          .keep_b = g.a_col != 1 && g.m > 2 * m_block && k * g.n <= most_kept,
          .row = !one_row ? RowPlan::none
                 : cached ? RowPlan::from_cache
                          : RowPlan::from_memory,
          .pack_b = g.b_col != 1 || !in_place};
}

// One thread's share, which may be all of it.
template <class T>
void multiply(GemmArgs<T> g, const GemmPlan& plan, const GemmKernel<T>& kernel) {
  if (g.m <= 0 || g.n <= 0) return;
  if (g.k == 0) g.a = g.b = g.c;  // A and B are empty, maybe null; nothing is read from there
  thread_local Scratch packed;
  const int64_t whole_vectors = chunk_count(g.n, kernel.lanes) * kernel.lanes;
  const int64_t k = std::min(g.k, plan.k_block);
  const int64_t b_count = (plan.keep_b ? whole_vectors : std::min(whole_vectors, plan.n_block)) * k;
  const int64_t a_count = g.a_col == 1 ? 0 : std::min(g.m, plan.m_block) * k;
  T* memory = packed.room_for<T>(b_count + a_count);
  kernel.multiply(g, plan, memory, memory + b_count);
}

// The part from..to of C's rows or columns.
template <class T>
GemmArgs<T> rows_of(GemmArgs<T> g, int64_t from, int64_t to) {
  g.m = to - from;
  g.a += from * g.a_row;
  g.c += from * g.c_row;
  return g;
}
template <class T>
GemmArgs<T> columns_of(GemmArgs<T> g, int64_t from, int64_t to) {
  g.n = to - from;
  g.b += from * g.b_col;
  g.c += from;
  if (g.bias) g.bias += from;
  return g;
}

}  // namespace

ScopedGemmTuning::ScopedGemmTuning(const GemmTuning& t) : previous_(tuning) { tuning = t; }
ScopedGemmTuning::~ScopedGemmTuning() { tuning = previous_; }

template <class T>
void gemm_serial(const GemmArgs<T>& g) {
  const GemmKernel<T>& kernel = gemm_kernel<T>();
  multiply(g, make_plan(g, kernel), kernel);
}

template <class T>
void gemm(const GemmArgs<T>& g) {
  const double flops =
      2.0 * static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k);
  const int64_t least = tuning.parallel_flops > 0 ? tuning.parallel_flops : parallel_flops;
  const int64_t threads = usable_threads();
  if (threads == 1 || flops < static_cast<double>(least)) return gemm_serial(g);

  // The longer side of C is divided, by single rows or by whole vectors of columns. Never k: then
  // two threads would add to the same element.
  const GemmKernel<T>& kernel = gemm_kernel<T>();
  const GemmPlan plan = make_plan(g, kernel);
  const bool by_rows = g.m >= g.n;
  const int64_t unit = by_rows ? 1 : kernel.lanes, length = by_rows ? g.m : g.n;
  const int64_t units = chunk_count(length, unit);
  parallel_for(threads, 1, [&](int64_t thread, int64_t next) {
    const int64_t from = units * thread / threads * unit;
    const int64_t to = std::min(length, units * next / threads * unit);
    multiply(by_rows ? rows_of(g, from, to) : columns_of(g, from, to), plan, kernel);
  });
}

template void gemm_serial(const GemmArgs<float>&);
template void gemm_serial(const GemmArgs<double>&);
template void gemm(const GemmArgs<float>&);
template void gemm(const GemmArgs<double>&);

}  // namespace gradus::kernels
