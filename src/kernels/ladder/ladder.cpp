// What the rungs check before they start, and the last one, which divides the work among threads.
#include "kernels/ladder/ladder.h"

#include <algorithm>
#include <memory>
#include <new>

#include "gradus/error.h"
#include "kernels/kernels.h"
#include "kernels/ladder/rungs.h"
#include "kernels/parallel.h"

namespace gradus::kernels::ladder {
namespace {

// In the order of enum Isa.
constexpr const VectorRungs* all_tables[] = {
    &portable::ladder_table,
#ifdef GRADUS_X86
    &avx2::ladder_table,
    &avx512::ladder_table,
#endif
};
const VectorRungs& table() { return *all_tables[static_cast<int>(active_isa())]; }

void check_product(const char* rung, const Product& p) {
  check(p.m >= 0 && p.n >= 0 && p.k >= 0, "{}: ({}, {}) times ({}, {}): a size is negative", rung,
        p.m, p.k, p.k, p.n);
  check(p.a_row >= p.k && p.b_row >= p.n && p.c_row >= p.n,
        "{}: rows of {}, {} and {} numbers cannot begin every {}, {} and {}", rung, p.k, p.n, p.n,
        p.a_row, p.b_row, p.c_row);
}

void check_block(const char* rung, const char* what, int64_t size) {
  check(size >= 1, "{}: {} must be 1 or more, got {}", rung, what, size);
}

void check_tile(const char* rung, RegisterTile tile) {
  const RegisterTile most = table().largest;
  check(
      tile.rows >= 1 && tile.rows <= most.rows && tile.vectors >= 1 && tile.vectors <= most.vectors,
      "{}: a register tile has 1 to {} rows of 1 to {} vectors with {}, not {} x {}", rung,
      most.rows, most.vectors, isa_name(active_isa()), tile.rows, tile.vectors);
}

// Memory that starts at a page, so that no vector of a panel lies across two cache lines.
struct Release {
  void operator()(float* p) const { ::operator delete(p, std::align_val_t(4096)); }
};
std::unique_ptr<float, Release> aligned(int64_t count) {
  return std::unique_ptr<float, Release>(static_cast<float*>(
      ::operator new(static_cast<size_t>(count) * sizeof(float), std::align_val_t(4096))));
}

void run_packed(const Product& p, RegisterTile tile, int64_t depth) {
  depth = std::clamp<int64_t>(depth, 1, std::max<int64_t>(p.k, 1));
  const auto panel = aligned(depth * tile.vectors * lanes());
  table().packed(p, tile, depth, panel.get());
}

}  // namespace

RegisterTile largest_register_tile() { return table().largest; }
int64_t lanes() { return table().lanes; }

void naive(const Product& p) {
  check_product("naive", p);
  multiply_naive(p);
}

void reordered(const Product& p) {
  check_product("reordered", p);
  multiply_reordered(p);
}

void tiled(const Product& p, int64_t tile) {
  check_product("tiled", p);
  check_block("tiled", "tile", tile);
  multiply_tiled(p, tile);
}

void vectorised(const Product& p, RegisterTile tile) {
  check_product("vectorised", p);
  check_tile("vectorised", tile);
  table().vectorised(p, tile);
}

void packed(const Product& p, RegisterTile tile, int64_t depth) {
  check_product("packed", p);
  check_tile("packed", tile);
  check_block("packed", "depth", depth);
  run_packed(p, tile, depth);
}

// The rows of C are shared out, by whole register tiles; each thread packs for itself. No element
// of C belongs to two threads, so none waits for another, and the result has the same bits for any
// number of threads.
// [threaded]
void threaded(const Product& p, RegisterTile tile, int64_t depth) {
  check_product("threaded", p);
  check_tile("threaded", tile);
  check_block("threaded", "depth", depth);
  const int64_t threads = usable_threads(), tiles = chunk_count(p.m, tile.rows);
  parallel_for(threads, 1, [&](int64_t thread, int64_t next) {
    const int64_t from = tiles * thread / threads * tile.rows;
    Product rows = p;
    rows.m = std::min(p.m, tiles * next / threads * tile.rows) - from;
    rows.a += from * p.a_row;
    rows.c += from * p.c_row;
    run_packed(rows, tile, depth);
  });
}
// [threaded]

}  // namespace gradus::kernels::ladder
