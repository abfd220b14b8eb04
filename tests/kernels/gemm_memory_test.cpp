// Matrix multiplication touches its operands and nothing else: their memory ends, or begins, where
// a page begins that may not be touched. And one row alone gives the bits that it gives among
// others.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "gradus/error.h"
#include "kernel_test.h"
#include "kernels/gemm_kernel.h"

namespace gradus::kernels {
namespace {

using test::on_every_isa;
using test::ScopedThreads;

enum class Edge { end, start };

// `count` numbers in pages of their own, with a forbidden page before and one behind. At one edge
// the numbers and the pages meet.
template <class T>
class Guarded {
 public:
  Guarded(int64_t count, Edge edge) : count_(static_cast<size_t>(count)) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), bytes = count_ * sizeof(T);
    const size_t pages = (bytes + page - 1) / page * page;
    size_ = pages + 2 * page;
    memory_ =
        static_cast<char*>(mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    check(memory_ != MAP_FAILED, "mmap failed");
    check(pages == 0 || mprotect(memory_ + page, pages, PROT_READ | PROT_WRITE) == 0,
          "mprotect failed");
    data_ = reinterpret_cast<T*>(memory_ + page + (edge == Edge::end ? pages - bytes : 0));
  }
  ~Guarded() { munmap(memory_, size_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return data_; }
  void fill(uint32_t seed) {  // in [-0.5, 0.5)
    for (size_t i = 0; i < count_; ++i) {
      seed = seed * 1664525 + 1013904223;
      data_[i] = static_cast<T>(seed >> 8) / T(1 << 24) - T(0.5);
    }
  }

 private:
  size_t count_, size_;
  char* memory_;
  T* data_;
};

struct Strides {
  int64_t row, col;
};
std::vector<Strides> layouts(int64_t rows, int64_t cols) {
  return {{cols, 1}, {1, rows}, {2 * cols + 1, 2}, {3, 3 * rows}};
}
int64_t extent(int64_t rows, int64_t cols, Strides s) {
  return rows > 0 && cols > 0 ? (rows - 1) * s.row + (cols - 1) * s.col + 1 : 0;
}

template <class T>
class GemmMemory : public testing::Test {};
TYPED_TEST_SUITE(GemmMemory, test::FloatingTypes);

// The product among guards, at both edges: no access outside, and the right sums.
template <class T>
void check_guarded(int64_t m, int64_t n, int64_t k, Strides a, Strides b, int option) {
  for (Edge edge : {Edge::end, Edge::start}) {
    Guarded<T> x(extent(m, k, a), edge), y(extent(k, n, b), edge), z(m * n, edge), bias(n, edge);
    x.fill(1), y.fill(2), z.fill(3), bias.fill(4);
    const std::vector<T> before(z.data(), z.data() + m * n);
    const bool accumulate = option & 1, with_bias = option & 2;
    gemm(GemmArgs<T>{.m = m,
                     .n = n,
                     .k = k,
                     .a = x.data(),
                     .a_row = a.row,
                     .a_col = a.col,
                     .b = y.data(),
                     .b_row = b.row,
                     .b_col = b.col,
                     .c = z.data(),
                     .c_row = n,
                     .accumulate = accumulate,
                     .bias = with_bias ? bias.data() : nullptr});
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        long double sum = 0, size = 0;
        const auto add = [&](long double term) { sum += term, size += std::abs(term); };
        if (accumulate) add(before[static_cast<size_t>(i * n + j)]);
        if (with_bias) add(bias.data()[j]);
        for (int64_t l = 0; l < k; ++l)
          add(static_cast<long double>(x.data()[i * a.row + l * a.col]) *
              y.data()[l * b.row + j * b.col]);
        ASSERT_LE(std::abs(z.data()[i * n + j] - sum),
                  static_cast<long double>(k + 2) * std::numeric_limits<T>::epsilon() * size)
            << fmt::format("{}x{}x{} at {}, {}; strides {} {} and {} {}", m, n, k, i, j, a.row,
                           a.col, b.row, b.col);
      }
  }
}

TYPED_TEST(GemmMemory, NothingOutsideTheOperandsIsTouched) {
  for (const GemmTuning& tuning :
       {GemmTuning{}, GemmTuning{.k_block = 8, .block_elements = 1, .parallel_flops = 1},
        GemmTuning{.k_block = 2, .block_elements = 16, .parallel_flops = 1}}) {
    ScopedGemmTuning scoped_tuning(tuning);
    ScopedThreads threads(1);
    on_every_isa([&] {
      const int64_t tile = gemm_kernel<TypeParam>().tile_columns;
      int option = 0;
      for (int64_t m : {1, 6, 7, 40})
        for (int64_t n : {int64_t{1}, int64_t{17}, tile + 1})
          for (int64_t k : {3, 21})
            for (Strides a : layouts(m, k))
              for (Strides b : layouts(k, n)) {
                check_guarded<TypeParam>(m, n, k, a, b, option++);
                if (this->HasFatalFailure()) return;
              }
    });
  }
}

// Row i of the product, alone, is row i of the product; whatever the sizes, blocks and threads.
template <class T>
void check_rows_alone(int64_t n, int64_t k, Strides b, int option) {
  constexpr int64_t m = 3;
  Guarded<T> x(m * k, Edge::end), y(extent(k, n, b), Edge::end), bias(n, Edge::end);
  Guarded<T> together(m * n, Edge::end), alone(m * n, Edge::end);
  x.fill(1), y.fill(2), bias.fill(3), together.fill(4), alone.fill(4);
  GemmArgs<T> g{.m = m,
                .n = n,
                .k = k,
                .a = x.data(),
                .a_row = k,
                .a_col = 1,
                .b = y.data(),
                .b_row = b.row,
                .b_col = b.col,
                .c = together.data(),
                .c_row = n,
                .accumulate = (option & 1) != 0,
                .bias = option & 2 ? bias.data() : nullptr};
  gemm_serial(g);
  for (int64_t i = 0; i < m; ++i) {
    g.m = 1;
    g.a = x.data() + i * k;
    g.c = alone.data() + i * n;
    gemm(g);
  }
  ASSERT_EQ(0, std::memcmp(alone.data(), together.data(), static_cast<size_t>(m * n) * sizeof(T)))
      << fmt::format("n {} k {}, strides of B {} {}", n, k, b.row, b.col);
}

TYPED_TEST(GemmMemory, ARowAloneHasTheSameBitsAtEveryTail) {
  // Weights of more than one number are taken to come from memory, or from a cache.
  for (int64_t block_elements : {0, 1})
    for (int64_t k_block : {0, 8})
      for (int threads : {1, 3}) {
        ScopedGemmTuning tuning(
            {.k_block = k_block, .block_elements = block_elements, .parallel_flops = 1});
        ScopedThreads scoped_threads(threads);
        on_every_isa([&] {
          const int64_t lanes = gemm_kernel<TypeParam>().lanes;
          int option = 0;
          for (int64_t n = 1; n <= 3 * lanes + 1; ++n)
            for (int64_t k : {int64_t{1}, lanes, 2 * lanes + 5})
              for (Strides b : layouts(k, n)) {
                check_rows_alone<TypeParam>(n, k, b, option++);
                if (this->HasFatalFailure()) return;
              }
          for (Strides b : layouts(1601, 65)) check_rows_alone<TypeParam>(65, 1601, b, 3);
        });
      }
}

}  // namespace
}  // namespace gradus::kernels
