// Matrix multiplication, the inner half: which numbers wait in which cache, and which in registers.
//
// C = A B takes m n k multiply-adds, but only m k + k n numbers go in. Three plain loops fetch two
// numbers for each multiply-add, and a CPU multiplies dozens of times faster than memory delivers.
// So everything here serves one end: to use a number many times while it is near.
//
//                               tile_columns
//                                 |<---->|
//                          +------+------+------+----
//                          |      |      |      |       A block of B: k_block rows of n_block
//                        k |      |panel |      | ...   columns, 384 KiB. It is packed, panel by
//                          |      |      |      |       panel, and stays in the L2 cache.
//                          +------+------+------+----
//               k
//       +---------------+  +-------------------------
//       |               |  |
//       +---------------+  |      +------+
//     6 |               |  |      | tile |              6 x 64 floats of C (with AVX-512): they
//       +---------------+  |      +------+              stay in registers while k runs.
//       |               |  |
//         A, read where    C
//         it lies: six rows of 768 numbers, 18 KiB, are near while panels of B pass by.
//         Where A is transposed, its rows are packed as well, 384 numbers of each.
//
//   for each block of k                    few, because each visits all of C (multiply)
//     for each m_block rows                only where A is transposed: packs them (multiply_rows)
//       for each block of columns          packs the block of B, the first time or each time
//         for each six rows                multiply_block
//           for each tile_columns columns  a panel of B comes from the L2 cache
//             for each k                   multiply_tile: 4 vectors of B times 6 numbers of A
//
// gemm_tile.h holds the tile, gemm_pack.h the packing, gemm_row.h the product of a single row. The
// last line is the whole secret. Its 24 vector multiply-adds keep two FMA units busy for 12
// cycles, while the 10 loads that they need take 5. With one row to a tile, there would be more
// loads than multiply-adds.
//
// An element of C is  bias + a0 b0 + a1 b1 + ...  in this order, starting from 0 where there is no
// bias; where a block of k ends, the sum so far goes to C and a new one begins. Where that is
// depends on k and on whether the elements of A's rows are adjacent. Nothing else enters: neither
// the tile that the element lies in, nor m and n. So the result has the same bits on any number of
// threads, and a row multiplied alone has the same bits as among others in the same layout.
#include "kernels/isa/gemm_pack.h"
#include "kernels/isa/gemm_row.h"
#include "kernels/isa/gemm_tile.h"
#include "kernels/tables.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// A block of B and all that its products with A need.
template <class T>
struct Block {
  int64_t k0, k;  // the part of the sum
  int64_t j0, n;  // the columns
  int64_t row_step, column_step;
  T *packed_a, *packed_b;
};

// Where B is read in place, a panel that ends within a vector is packed all the same.
template <class T>
bool is_packed(const GemmPlan& plan, int64_t columns) {
  return plan.pack_b || columns % width<T> != 0;
}

template <class T>
void pack_block_of_b(const GemmArgs<T>& g, const GemmPlan& plan, const Block<T>& block) {
  const T* b = g.b + block.k0 * g.b_row + block.j0 * g.b_col;
  for (int64_t j = 0; j < block.n; j += block.column_step) {
    const int64_t columns = min(block.column_step, block.n - j);
    if (is_packed<T>(plan, columns))
      pack_panel(block.packed_b + j * block.k, b + j * g.b_col, g.b_row, g.b_col, block.k, columns);
  }
}

// Rows i0 .. i0 + m of the block's columns of C.
template <bool a_packed, class T>
void multiply_block(const GemmArgs<T>& g, const GemmPlan& plan, const Block<T>& block, int64_t i0,
                    int64_t m) {
  constexpr int W = width<T>;
  for (int64_t i = 0; i < m; i += block.row_step)
    for (int64_t j = 0; j < block.n; j += block.column_step) {
      const int64_t rows = min(block.row_step, m - i);
      const int64_t columns = min(block.column_step, block.n - j);
      const int64_t vectors = divide_up(columns, W);
      Tile<T> tile{
          .k = block.k,
          .a = a_packed ? block.packed_a + i * block.k : g.a + (i0 + i) * g.a_row + block.k0,
          .a_step = g.a_row,
          .b = block.packed_b + j * block.k,
          .b_row = vectors * W,
          .c = g.c + (i0 + i) * g.c_row + block.j0 + j,
          .c_row = g.c_row,
          .last_lanes = columns - (vectors - 1) * W,
          .accumulate = g.accumulate || block.k0 > 0,
          .bias = g.bias && block.k0 == 0 ? g.bias + block.j0 + j : nullptr};
      if (!is_packed<T>(plan, columns)) {
        tile.b = g.b + block.k0 * g.b_row + block.j0 + j;
        tile.b_row = g.b_row;
      }
      multiply_tile_of<a_packed ? OrderOfA::packed : OrderOfA::rows>(rows, vectors, tile);
    }
}

// Terms k0 .. k0 + k of the sums in rows i0 .. i0 + m of C.
template <class T>
void multiply_rows(const GemmArgs<T>& g, const GemmPlan& plan, Block<T> block, int64_t i0,
                   int64_t m) {
  const bool pack_a_here = g.a_col != 1;
  T* const packed_b = block.packed_b;
  block.row_step = even_step(m, tile_rows);
  if (pack_a_here)
    pack_a(block.packed_a, g.a + i0 * g.a_row + block.k0 * g.a_col, g.a_row, g.a_col, m,
           block.row_step, block.k);
  for (block.j0 = 0; block.j0 < g.n; block.j0 += plan.n_block) {
    block.n = min(plan.n_block, g.n - block.j0);
    block.column_step = even_step(divide_up(block.n, width<T>), tile_vectors) * width<T>;
    if (plan.keep_b) block.packed_b = packed_b + block.j0 * block.k;
    // A single block of B is still there from the rows before, and so are all that are kept.
    if (i0 == 0 || (g.n > plan.n_block && !plan.keep_b)) pack_block_of_b(g, plan, block);
    pack_a_here ? multiply_block<true>(g, plan, block, i0, m)
                : multiply_block<false>(g, plan, block, i0, m);
  }
}

template <class T>
void multiply(const GemmArgs<T>& g, const GemmPlan& plan, T* packed_b, T* packed_a) {
  if (plan.row != RowPlan::none) return multiply_row(g, plan);
  Block<T> block{};
  block.packed_a = packed_a;
  block.packed_b = packed_b;
  // At least one block, so that C gets its zeros or its bias even where k is 0.
  const int64_t k_blocks = g.k > 0 ? divide_up(g.k, plan.k_block) : 1;
  const int64_t m_step = g.a_col == 1 ? g.m : even_step(g.m, plan.m_block);
  for (int64_t q = 0; q < k_blocks; ++q) {
    block.k0 = g.k * q / k_blocks;
    block.k = g.k * (q + 1) / k_blocks - block.k0;
    for (int64_t i = 0; i < g.m; i += m_step)
      multiply_rows(g, plan, block, i, min(m_step, g.m - i));
  }
}

template <class T>
constexpr GemmKernel<T> make_kernel() {
  constexpr int W = width<T>;
  return {.lanes = W,
          .tile_rows = tile_rows,
          .tile_columns = tile_vectors * W,
          .multiply = multiply<T>};
}

}  // namespace

constinit const Family<GemmKernel> gemm_table = {make_kernel<float>(), make_kernel<double>()};

}  // namespace gradus::kernels::GRADUS_ISA
