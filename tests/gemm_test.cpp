// Matrix products of arrays against three plain loops, in every memory layout.
#include <gtest/gtest.h>

#include <vector>

#include "gradus/arithmetic.h"
#include "support.h"

namespace gradus {
namespace {

using test::counting;
using test::error_of;
using test::in_every_layout;
using test::on_every_isa;
using test::random_array;
using test::relative_distance;
using test::same_bits;

// The product one element at a time, in double.
Array slow_gemm(const Array& a, const Array& b) {
  const int64_t m = a.size(-2), depth = a.size(-1), n = b.size(-1);
  const auto with_matrix = [](Shape s, int64_t rows, int64_t columns) {
    return s[-2] = rows, s[-1] = columns, s;
  };
  const Shape batch = broadcast("test", with_matrix(a.shape(), 1, 1), with_matrix(b.shape(), 1, 1));
  const std::vector<double> x = a.expand(with_matrix(batch, m, depth)).to_vector(),
                            y = b.expand(with_matrix(batch, depth, n)).to_vector();
  std::vector<double> product;
  for (int64_t matrix = 0; matrix < batch.numel(); ++matrix)
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double total = 0;
        for (int64_t k = 0; k < depth; ++k)
          total += x[static_cast<size_t>((matrix * m + i) * depth + k)] *
                   y[static_cast<size_t>((matrix * depth + k) * n + j)];
        product.push_back(total);
      }
  return Array::of(product, with_matrix(batch, m, n), DType::float64);
}

class GemmTest : public testing::TestWithParam<std::pair<Shape, Shape>> {};

TEST_P(GemmTest, AgreesWithASlowModelInEveryLayout) {
  const auto [a_shape, b_shape] = GetParam();
  for (const DType dtype : {DType::float32, DType::float64}) {
    const double tolerance = dtype == DType::float32 ? 1e-5 : 1e-14;
    const Array a = random_array(a_shape, 1, dtype), b = random_array(b_shape, 2, dtype);
    const Array product = slow_gemm(a, b);
    const Array bias = random_array({b.size(-1)}, 3, dtype);
    const Array sum = product + bias.to(DType::float64);
    on_every_isa([&] {
      for (const Array& x : in_every_layout(a))
        for (const Array& y : in_every_layout(b)) {
          ASSERT_LT(relative_distance(gemm(x, y), product), tolerance);
          ASSERT_LT(relative_distance(gemm_bias(x, y, bias), sum), tolerance);
          ASSERT_TRUE(same_bits(gemm_bias(x, y, {}), gemm(x, y)));
          Array total = bias.expand(product.shape()).clone();
          gemm_accumulate(total, x, y);
          ASSERT_LT(relative_distance(total, sum), tolerance);
        }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, GemmTest,
                         testing::Values(std::pair<Shape, Shape>{{1, 1}, {1, 1}},
                                         std::pair<Shape, Shape>{{3, 5}, {5, 7}},
                                         std::pair<Shape, Shape>{{1, 5}, {5, 37}},
                                         std::pair<Shape, Shape>{{13, 1}, {1, 3}},
                                         std::pair<Shape, Shape>{{2, 3, 5}, {2, 5, 7}},
                                         std::pair<Shape, Shape>{{2, 3, 5}, {5, 7}},
                                         std::pair<Shape, Shape>{{3, 5}, {2, 5, 7}},
                                         std::pair<Shape, Shape>{{2, 1, 3, 5}, {3, 5, 2}},
                                         std::pair<Shape, Shape>{{2, 1, 3, 5}, {1, 2, 5, 2}},
                                         std::pair<Shape, Shape>{{5, 7, 2, 3}, {5, 7, 3, 2}},
                                         std::pair<Shape, Shape>{{0, 3}, {3, 2}},
                                         std::pair<Shape, Shape>{{3, 0}, {0, 2}},
                                         std::pair<Shape, Shape>{{2, 3}, {3, 0}},
                                         std::pair<Shape, Shape>{{0, 2, 3}, {3, 2}},
                                         std::pair<Shape, Shape>{{20, 2, 0}, {0, 3}}));

TEST(Gemm, ReadsRepeatedRowsAndColumns) {
  const Array row = random_array({1, 5}).expand({4, 5}),
              column = random_array({5, 1}).expand({5, 3});
  EXPECT_LT(relative_distance(gemm(row, column), slow_gemm(row, column)), 1e-14);
  EXPECT_LT(relative_distance(gemm(transposed(column), transposed(row)),
                              slow_gemm(transposed(column), transposed(row))),
            1e-14);
}

TEST(Gemm, LargeProductsAreRightOnSeveralThreads) {
  const test::ScopedThreads threads(3);
  for (const auto& [a_shape, b_shape] :
       {std::pair<Shape, Shape>{{130, 97}, {97, 61}}, std::pair<Shape, Shape>{{31, 97}, {97, 260}},
        std::pair<Shape, Shape>{{33, 40, 30}, {33, 30, 50}},
        std::pair<Shape, Shape>{{3, 60, 97}, {3, 97, 61}}}) {
    const Array a = random_array(a_shape, 1), b = random_array(b_shape, 2);
    on_every_isa([&] { EXPECT_LT(relative_distance(gemm(a, b), slow_gemm(a, b)), 1e-14); });
  }
}

TEST(Gemm, AccumulatesInTheMemoryOfItsTarget) {
  const Array memory = Array::full({4, 2, 3}, 1, DType::float64);
  Array c = memory.select(0, 2);
  gemm_accumulate(c, Array::full({2, 5}, 1, DType::float64),
                  Array::full({5, 3}, 2, DType::float64));
  EXPECT_EQ(sum(memory, {1, 2}).to_vector(), (std::vector<double>{6, 6, 66, 6}));
}

TEST(Gemm, MistakesAreErrorsThatNameTheShapes) {
  const auto zeros = [](const Shape& shape) { return Array::zeros(shape); };
  EXPECT_EQ(error_of([&] {
              gemm(zeros({2, 3}), zeros({4, 5}));
            }),
            "matmul: inner sizes differ: [2, 3] @ [4, 5]");
  EXPECT_EQ(error_of([&] {
              gemm(zeros({3}), zeros({3, 5}));
            }),
            "matmul: needs matrices, got [3] @ [3, 5]");
  error_of([&] { gemm(zeros({2, 2, 3}), zeros({3, 3, 5})); });
  error_of([&] { gemm(zeros({2, 3}), Array::zeros({3, 5}, DType::float64)); });
  error_of([&] { gemm(counting({2, 2}, DType::int64), counting({2, 2}, DType::int64)); });
  EXPECT_EQ(error_of([&] {
              gemm_bias(zeros({2, 3}), zeros({3, 5}), zeros({4}));
            }),
            "matmul: a bias of shape [4] for a product of shape [2, 5]");
  Array c = zeros({2, 4}), turned = zeros({5, 2}).transpose();
  EXPECT_EQ(error_of([&] {
              gemm_accumulate(c, zeros({2, 3}), zeros({3, 5}));
            }),
            "gemm_accumulate: [2, 3] @ [3, 5] into float32 [2, 4]");
  error_of([&] { gemm_accumulate(turned, zeros({2, 3}), zeros({3, 5})); });
}

}  // namespace
}  // namespace gradus
