// Matrix multiplication against three plain loops: every tail, layout and option, on every
// instruction set.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "gradus/error.h"
#include "kernel_test.h"
#include "kernels/gemm_kernel.h"
#include "kernels/parallel.h"

namespace gradus::kernels {
namespace {

using test::on_every_isa;
using test::ScopedThreads;

// Small tuning values send small shapes through every path: blocks of k, blocks of B, several
// threads.
constexpr GemmTuning tiny_blocks{.k_block = 8, .block_elements = 1, .parallel_flops = 1};
constexpr GemmTuning kept_blocks{.k_block = 2, .block_elements = 16, .parallel_flops = 1};

// A (rows, columns) matrix in exactly as much memory as its strides ask for, so that
// AddressSanitizer sees every access outside; misaligned by one element.
template <class T>
struct Matrix {
  int64_t rows, columns, row_stride, column_stride;
  std::vector<T> memory;

  T* data() { return memory.data() + 1; }
  const T* data() const { return memory.data() + 1; }
  T& operator()(int64_t i, int64_t j) { return data()[i * row_stride + j * column_stride]; }
  T operator()(int64_t i, int64_t j) const { return data()[i * row_stride + j * column_stride]; }
};

enum class Layout { row_major, transposed, general };
constexpr Layout layouts[] = {Layout::row_major, Layout::transposed, Layout::general};

uint32_t random_state = 1;
template <class T>
T random_value() {  // in [-0.5, 0.5), neither sign rarer
  random_state = random_state * 1664525 + 1013904223;
  return static_cast<T>(random_state >> 8) / T(1 << 24) - T(0.5);
}

template <class T>
Matrix<T> random_matrix(int64_t rows, int64_t columns, Layout layout, int64_t padding = 3) {
  int64_t row_stride = columns + padding, column_stride = 1;
  if (layout == Layout::transposed) row_stride = 1, column_stride = rows + padding;
  if (layout == Layout::general) row_stride = 2 * columns + padding, column_stride = 2;
  const int64_t extent =
      rows > 0 && columns > 0 ? (rows - 1) * row_stride + (columns - 1) * column_stride + 1 : 0;
  std::vector<T> memory(static_cast<size_t>(1 + extent));
  for (T& x : memory) x = random_value<T>();
  return {rows, columns, row_stride, column_stride, std::move(memory)};
}

template <class T>
GemmArgs<T> args(const Matrix<T>& a, const Matrix<T>& b, Matrix<T>& c, bool accumulate = false,
                 const T* bias = nullptr) {
  return {.m = a.rows,
          .n = b.columns,
          .k = a.columns,
          .a = a.data(),
          .a_row = a.row_stride,
          .a_col = a.column_stride,
          .b = b.data(),
          .b_row = b.row_stride,
          .b_col = b.column_stride,
          .c = c.data(),
          .c_row = c.row_stride,
          .accumulate = accumulate,
          .bias = bias};
}

template <class T>
bool same_bits(const Matrix<T>& x, const Matrix<T>& y) {
  return std::memcmp(x.memory.data(), y.memory.data(), x.memory.size() * sizeof(T)) == 0;
}

std::string describe(const auto& g) {
  return fmt::format("m {} n {} k {}, A strides {} {}, B strides {} {}, accumulate {}, bias {}",
                     g.m, g.n, g.k, g.a_row, g.a_col, g.b_row, g.b_col, g.accumulate,
                     g.bias != nullptr);
}

// Multiplies, and compares each element with the sum in long double. The tolerance is the proven
// bound of a sum of k products in any order, so it can be neither too tight nor too generous.
template <class T>
void check_product(int64_t m, int64_t n, int64_t k, Layout a_layout, Layout b_layout,
                   bool accumulate, bool with_bias) {
  const Matrix<T> a = random_matrix<T>(m, k, a_layout), b = random_matrix<T>(k, n, b_layout);
  Matrix<T> c = random_matrix<T>(m + 1, n, Layout::row_major, 5);  // a row and columns to spare
  const Matrix<T> bias = random_matrix<T>(1, n, Layout::row_major, 0);
  if (!accumulate)  // what is overwritten must not be read
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) c(i, j) = std::numeric_limits<T>::quiet_NaN();
  const Matrix<T> before = c;
  const GemmArgs<T> g = args(a, b, c, accumulate, with_bias ? bias.data() : nullptr);
  gemm(g);

  constexpr long double epsilon = std::numeric_limits<T>::epsilon();
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      long double sum = 0, size = 0;
      const auto add = [&](long double term) { sum += term, size += std::abs(term); };
      if (accumulate) add(before(i, j));
      if (with_bias) add(bias(0, j));
      for (int64_t l = 0; l < k; ++l) add(static_cast<long double>(a(i, l)) * b(l, j));
      const long double error = std::abs(c(i, j) - sum);
      ASSERT_LE(error, static_cast<long double>(k + 2) * epsilon * size)
          << "element " << i << ", " << j << ": " << describe(g);
      c(i, j) = before(i, j);
    }
  ASSERT_TRUE(same_bits(c, before)) << "something outside C was written: " << describe(g);
}

template <class T>
class Gemm : public testing::Test {};
TYPED_TEST_SUITE(Gemm, test::FloatingTypes);

TYPED_TEST(Gemm, AgreesWithPlainLoopsOnEveryTailAndLayout) {
  on_every_isa([&] {
    const auto& kernel = gemm_kernel<TypeParam>();
    const int64_t lanes = kernel.lanes, tile = kernel.tile_columns;
    int option = 0;
    std::vector<int64_t> widths;
    for (int64_t n = 1; n <= 2 * lanes + 1; ++n) widths.push_back(n);
    for (int64_t n : {tile - 1, tile, tile + 1, 2 * tile + 1, int64_t{65}}) widths.push_back(n);
    for (int64_t m : {int64_t{1}, int64_t{2}, int64_t{3}, int64_t{4}, int64_t{5}, int64_t{6},
                      int64_t{7}, int64_t{11}, 2 * kernel.tile_rows + 1})
      for (int64_t n : widths)
        for (int64_t k : {0, 1, 3, 17, 33})
          for (Layout a : layouts)
            for (Layout b : layouts) {
              // A small B is read where it lies, unless blocks are said to be smaller still.
              for (const int64_t block_elements : {0, 1}) {
                const ScopedGemmTuning tuning({.block_elements = block_elements});
                check_product<TypeParam>(m, n, k, a, b, option & 1, option & 2);
                if (this->HasFatalFailure()) return;
              }
              ++option;
            }
  });
}

// Blocks of B are packed anew for each part of a transposed A, or kept.
TYPED_TEST(Gemm, AgreesWithPlainLoopsInSeveralBlocksAndThreads) {
  for (const GemmTuning& tuning : {tiny_blocks, kept_blocks})
    on_every_isa([&] {
      const ScopedGemmTuning scoped_tuning(tuning);
      const int64_t tile = gemm_kernel<TypeParam>().tile_columns;
      int option = 0;
      for (int threads : {1, 3})
        for (int64_t m : {1, 7, 40})
          for (int64_t n : {int64_t{1}, tile + 1, 3 * tile - 1})
            for (int64_t k : {7, 8, 41})
              for (Layout a : layouts)
                for (Layout b : layouts) {
                  ScopedThreads scoped_threads(threads);
                  check_product<TypeParam>(m, n, k, a, b, option & 1, option & 2);
                  if (this->HasFatalFailure()) return;
                  ++option;
                }
    });
}

// Deep enough for several blocks, and large enough for several threads, without any tuning.
TYPED_TEST(Gemm, AgreesWithPlainLoopsAtItsOwnBlockSizes) {
  ScopedThreads threads(2);
  on_every_isa([&] {
    for (Layout a : layouts)
      for (Layout b : layouts) {
        check_product<TypeParam>(13, 67, 1601, a, b, true, true);
        check_product<TypeParam>(7, 451, 331, a, b, false, true);
        // A small B beside a transposed A of several parts.
        check_product<TypeParam>(200, 41, 330, a, b, true, false);
      }
  });
}

// Invariant 4.
TYPED_TEST(Gemm, GivesTheSameBitsOnAnyNumberOfThreads) {
  for (const GemmTuning& tuning : {GemmTuning{.parallel_flops = 1}, tiny_blocks}) {
    ScopedGemmTuning scoped_tuning(tuning);
    on_every_isa([&] {
      for (int64_t m : {1, 5, 61})
        for (int64_t n : {1, 67, 130})
          for (Layout a_layout : layouts)
            for (Layout b_layout : layouts) {
              const auto a = random_matrix<TypeParam>(m, 37, a_layout);
              const auto b = random_matrix<TypeParam>(37, n, b_layout);
              const auto start = random_matrix<TypeParam>(m, n, Layout::row_major);
              auto one = start;
              gemm_serial(args(a, b, one, true));
              for (int threads : {2, 3}) {
                ScopedThreads scoped_threads(threads);
                auto several = start;
                gemm(args(a, b, several, true));
                ASSERT_TRUE(same_bits(one, several))
                    << threads << " threads: " << describe(args(a, b, one));
              }
            }
    });
  }
}

// Generation with a key/value cache multiplies one row where training multiplies hundreds.
TYPED_TEST(Gemm, GivesARowAloneTheSameBitsAsAmongOthers) {
  for (const GemmTuning& tuning : {GemmTuning{}, tiny_blocks}) {
    ScopedGemmTuning scoped_tuning(tuning);
    on_every_isa([&] {
      for (Layout b_layout : layouts) {
        const auto a = random_matrix<TypeParam>(14, 53, Layout::row_major);
        const auto b = random_matrix<TypeParam>(53, 77, b_layout);
        auto together = random_matrix<TypeParam>(14, 77, Layout::row_major);
        auto alone = together;
        gemm(args(a, b, together));
        for (int64_t i = 0; i < a.rows; ++i) {
          GemmArgs<TypeParam> g = args(a, b, alone);
          g.m = 1;
          g.a = &a.data()[i * a.row_stride];
          g.c = &alone(i, 0);
          gemm(g);
        }
        EXPECT_TRUE(same_bits(together, alone));
      }
    });
  }
}

TYPED_TEST(Gemm, WithoutDepthGivesZeroBiasOrWhatWasThere) {
  using T = TypeParam;
  on_every_isa([] {
    const int64_t m = 20, n = 150;  // several tiles both ways, so that null pointers would move
    const Matrix<T> bias = random_matrix<T>(1, n, Layout::row_major);
    Matrix<T> c = random_matrix<T>(m, n, Layout::row_major);
    const Matrix<T> before = c;
    GemmArgs<T> g{};
    g.m = m, g.n = n, g.a_row = 5, g.a_col = 1, g.b_row = n, g.b_col = 2;
    g.c = c.data(), g.c_row = c.row_stride;
    const auto expect_all = [&](auto expected) {
      for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) ASSERT_EQ(c(i, j), expected(i, j));
    };
    g.accumulate = true;
    gemm(g);
    expect_all([&](int64_t i, int64_t j) { return before(i, j); });
    g.accumulate = false;
    gemm(g);
    expect_all([&](int64_t, int64_t) { return T(0); });
    g.bias = bias.data();
    gemm(g);
    expect_all([&](int64_t, int64_t j) { return bias(0, j); });
  });
}

TYPED_TEST(Gemm, OfAnEmptyMatrixDoesNothing) {
  const std::vector<TypeParam> ones(8, 1);
  std::vector<TypeParam> c(4, 7);
  for (auto [m, n] : {std::pair<int64_t, int64_t>{0, 4}, {4, 0}, {0, 0}}) {
    gemm(GemmArgs<TypeParam>{.m = m,
                             .n = n,
                             .k = 2,
                             .a = ones.data(),
                             .a_row = 2,
                             .a_col = 1,
                             .b = ones.data(),
                             .b_row = n,
                             .b_col = 1,
                             .c = c.data(),
                             .c_row = n});
    EXPECT_EQ(c, std::vector<TypeParam>(4, 7));
  }
}

// Attention multiplies one head per chunk of a parallel_for.
TYPED_TEST(Gemm, RunsInsideAParallelFor) {
  ScopedGemmTuning tuning({.parallel_flops = 1});
  ScopedThreads threads(3);
  const auto a = random_matrix<TypeParam>(20, 30, Layout::row_major);
  const auto b = random_matrix<TypeParam>(30, 40, Layout::transposed);
  const auto start = random_matrix<TypeParam>(20, 40, Layout::row_major);
  auto expected = start;
  gemm(args(a, b, expected));
  std::vector<Matrix<TypeParam>> results(7, start);
  parallel_for(7, 1,
               [&](int64_t i, int64_t) { gemm(args(a, b, results[static_cast<size_t>(i)])); });
  for (const auto& result : results) EXPECT_TRUE(same_bits(result, expected));
}

}  // namespace
}  // namespace gradus::kernels
