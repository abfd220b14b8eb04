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
//                        k |      |panel |      | ...   columns, 512 KiB. It is packed, panel by
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
//         it lies: six rows of k_block numbers stay in the L1 cache
//
//   for each block of k                    few, because each visits all of C
//     for each block of columns            packs the block of B
//       for each six rows                  which stay in L1 ...
//         for each tile_columns columns    ... while panel after panel of B passes by
//           for each k                     multiply_tile: 4 vectors of B times 6 numbers of A
//
// The last line is the whole secret. Its 24 vector multiply-adds keep two FMA units busy for 12
// cycles, while the 10 loads that they need take 5. With one row to a tile, there would be more
// loads than multiply-adds.
//
// An element of C is  bias + a0 b0 + a1 b1 + ...  in this order, starting from 0 where there is no
// bias; where a block of k ends, the sum so far goes to C and a new one begins. Nothing else
// enters: neither the tile that the element lies in, nor m and n. So the result has the same bits
// on any number of threads, and a row multiplied alone has the same bits as among others.
#include "kernels/isa/loops.h"
#include "kernels/tables.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// Of 32 vector registers, 6 x 4 hold C, 4 hold B and one A. Of 16: 6 x 2, 2 and one.
constexpr int tile_rows = 6;
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int tile_vectors = 4;
#else
constexpr int tile_vectors = 2;
#endif

int64_t min(int64_t x, int64_t y) { return x < y ? x : y; }
int64_t divide_up(int64_t x, int64_t y) { return (x + y - 1) / y; }
// The step that divides n into as few pieces of at most `most` as possible, all nearly equal: a
// last tile of one row would keep the FMA units waiting.
int64_t even_step(int64_t n, int64_t most) { return divide_up(n, divide_up(n, most)); }

// ---- the tile ----------------------------------------------------------------------------------

template <class T>
struct Tile {
  int64_t k;
  const T* a;
  int64_t a_row, a_col;
  const T* b;  // of each row, whole vectors may be read
  int64_t b_row;
  T* c;
  int64_t c_row;
  int64_t last_lanes;  // the columns of C in the tile's last vector: 1 to width
  bool accumulate;
  const T* bias;  // of the tile's columns, or null
};

// All loops but the one over k are unrolled: only then can c be registers.
template <int rows, int vectors, class T>
void multiply_tile(const Tile<T>& t) {
  constexpr int W = width<T>;
  const auto lanes = [&](int j) { return j == vectors - 1 ? t.last_lanes : W; };

  Vec<T> c[rows][vectors];
#pragma GCC unroll 8
  for (int j = 0; j < vectors; ++j) {
    const Vec<T> start = t.bias ? load_next(t.bias + j * W, lanes(j)) : Vec<T>{};
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) c[i][j] = start;
  }

  const T *a = t.a, *b = t.b;
  const int64_t a_row = t.a_row, a_col = t.a_col, b_row = t.b_row;
#pragma GCC unroll 1
  for (int64_t k = t.k; k > 0; --k, a += a_col, b += b_row) {
    __builtin_prefetch(a + 16 * a_col);  // A transposed: each k is another cache line, far away
    Vec<T> b_vectors[vectors];
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j) b_vectors[j] = load(b + j * W);
#pragma GCC unroll 8
    for (int i = 0; i < rows; ++i) {
      const Vec<T> a_i = broadcast(a[i * a_row]);
#pragma GCC unroll 8
      for (int j = 0; j < vectors; ++j) c[i][j] = multiply_add(a_i, b_vectors[j], c[i][j]);
    }
  }

#pragma GCC unroll 8
  for (int i = 0; i < rows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < vectors; ++j) {
      T* p = t.c + i * t.c_row + j * W;
      store_next(p, t.accumulate ? load_next(p, lanes(j)) + c[i][j] : c[i][j], lanes(j));
    }
}

// Calls the multiply_tile made for this many rows and vectors: the edges of C have smaller tiles.
template <int rows = tile_rows, int vectors = tile_vectors, class T>
void multiply_tile_of(int64_t r, int64_t v, const Tile<T>& t) {
  if constexpr (rows > 1)
    if (r < rows) return multiply_tile_of<rows - 1, vectors>(r, v, t);
  if constexpr (vectors > 1)
    if (v < vectors) return multiply_tile_of<rows, vectors - 1>(r, v, t);
  multiply_tile<rows, vectors>(t);
}

// ---- packing -----------------------------------------------------------------------------------

// Copies one panel of B, (k, n): row after row, each padded with zeros to whole vectors. Then the
// tile reads memory strictly forwards, and needs to know nothing of B's strides.
template <class T>
void pack_panel(T* to, const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n) {
  constexpr int W = width<T>;
  const int64_t to_row = divide_up(n, W) * W;
  if (b_col == 1) {
    for (int64_t r = 0; r < k; ++r)
      for (int64_t j = 0; j < n; j += W)
        store(to + r * to_row + j, load_next(b + r * b_row + j, n - j));
  } else if (b_row == 1) {  // B is a transposed matrix: W x W blocks are turned round in registers
    for (int64_t r = 0; r < k; r += W)
      for (int64_t j = 0; j < n; j += W) {
        Vec<T> block[W];
        for (int i = 0; i < W; ++i)
          block[i] = i < n - j ? load_next(b + (j + i) * b_col + r, k - r) : Vec<T>{};
        transpose(block);
        for (int i = 0; i < min(W, k - r); ++i) store(to + (r + i) * to_row + j, block[i]);
      }
  } else {
    for (int64_t r = 0; r < k; ++r)
      for (int64_t j = 0; j < to_row; ++j)
        to[r * to_row + j] = j < n ? b[r * b_row + j * b_col] : T(0);
  }
}

// ---- the loops around the tile -----------------------------------------------------------------

template <class T>
void multiply(const GemmArgs<T>& g, const GemmPlan& plan, T* packed) {
  constexpr int W = width<T>;
  const int64_t row_step = even_step(g.m, tile_rows);
  // At least one block, so that C gets its zeros or its bias even where k is 0.
  const int64_t k_blocks = g.k > 0 ? divide_up(g.k, plan.k_block) : 1;
  for (int64_t q = 0; q < k_blocks; ++q) {
    const int64_t k0 = g.k * q / k_blocks, k = g.k * (q + 1) / k_blocks - k0;
    for (int64_t j0 = 0; j0 < g.n; j0 += plan.n_block) {
      const int64_t n = min(plan.n_block, g.n - j0);
      const int64_t column_step = even_step(divide_up(n, W), tile_vectors) * W;
      const T* b = g.b + k0 * g.b_row + j0 * g.b_col;
      // Where B is read in place, a panel that ends within a vector is packed all the same.
      const auto is_packed = [&](int64_t columns) { return plan.pack_b || columns % W != 0; };

      for (int64_t j = 0; j < n; j += column_step) {
        const int64_t columns = min(column_step, n - j);
        if (is_packed(columns))
          pack_panel(packed + j * k, b + j * g.b_col, g.b_row, g.b_col, k, columns);
      }

      for (int64_t i = 0; i < g.m; i += row_step) {
        for (int64_t j = 0; j < n; j += column_step) {
          const int64_t rows = min(row_step, g.m - i), columns = min(column_step, n - j);
          const int64_t vectors = divide_up(columns, W);
          Tile<T> tile{.k = k,
                       .a = g.a + i * g.a_row + k0 * g.a_col,
                       .a_row = g.a_row,
                       .a_col = g.a_col,
                       .b = b + j,
                       .b_row = g.b_row,
                       .c = g.c + i * g.c_row + j0 + j,
                       .c_row = g.c_row,
                       .last_lanes = columns - (vectors - 1) * W,
                       .accumulate = g.accumulate || q > 0,
                       .bias = g.bias && q == 0 ? g.bias + j0 + j : nullptr};
          if (is_packed(columns)) {
            tile.b = packed + j * k;
            tile.b_row = vectors * W;
          }
          multiply_tile_of(rows, vectors, tile);
        }
      }
    }
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
