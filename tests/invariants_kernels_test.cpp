// Invariants 4, 5 and 6 of the engine, those that the kernels keep: the same bits on any number of
// threads, true float64, one owner of all threads. Each test fails when its invariant is broken on
// purpose.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gradus/arithmetic.h"
#include "gradus/gradcheck.h"
#include "gradus/ops.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "support.h"

namespace gradus {
namespace {

using test::on_every_isa;
using test::random_array;
using test::random_indices;
using test::random_parameter;
using test::same_bits;
using test::ScopedThreads;

// ---- 4. The same bits, whatever the number of threads.

// Every op that is ever divided among threads, large enough that it is: values and gradients.
std::vector<std::pair<std::string, Array>> everything(DType dtype) {
  std::vector<std::pair<std::string, Array>> results;
  uint64_t seed = 0;
  const auto leaf = [&](const Shape& shape) { return random_parameter(shape, ++seed, dtype); };
  const auto keep = [&](const char* name, const Tensor& y, std::initializer_list<Tensor> leaves) {
    results.emplace_back(name, y.value());
    y.backward(random_array(y.shape(), ++seed, dtype));
    for (const Tensor& x : leaves) results.emplace_back(fmt::format("d{}", name), x.grad());
  };
  const Tensor x = leaf({130, 301}), row = leaf({301}), column = leaf({130, 1});
  keep("sum", sum(x), {x});
  keep("sum of rows", sum(x, {1}), {x});
  keep("sum of columns", sum(x, {0}), {x});
  keep("mul", x * row, {x, row});
  keep("div", x / column, {column});
  keep("gelu", gelu_tanh(x), {x});
  keep("tanh", tanh(transpose(x)), {x});
  keep("softmax", softmax(x), {x});
  keep("log_softmax", log_softmax(x, 0), {x});
  keep("layer_norm", layer_norm(x, row, row), {x, row});
  keep("cross_entropy", cross_entropy(x, random_indices({130}, 301)), {x});
  keep("embedding", embedding(x, random_indices({1000}, 130)), {x});
  Generator generator(5);
  keep("dropout", dropout(x, 0.3, generator), {x});

  const Tensor weight = leaf({70, 301}), bias = leaf({70});
  keep("linear", linear(x, weight, bias), {x, weight, bias});
  const Tensor a = leaf({31, 67}), b = leaf({67, 403});  // C is wide: its columns are divided
  keep("matmul", matmul(a, b), {a, b});
  const Tensor c = leaf({33, 40, 21}), d = leaf({33, 21, 50});
  keep("batched matmul", matmul(c, d), {c, d});
  const Tensor q = leaf({40, 33, 21}), k = leaf({40, 33, 21}), v = leaf({40, 33, 10});
  keep("attention", scaled_dot_product_attention(q, k, v, {.causal = true, .mask = {}}), {q, k, v});
  results.emplace_back("sum of squares", Array::scalar(sum_squares(x.value()), DType::float64));
  return results;
}

TEST(Invariant4_SameBits, WhateverTheNumberOfThreads) {
  const auto on_threads = [](int threads, DType dtype) {
    const ScopedThreads scope(threads);
    return everything(dtype);
  };
  on_every_isa([&] {
    for (const DType dtype : {DType::float32, DType::float64}) {
      const auto alone = on_threads(1, dtype);
      for (const int threads : {2, 3}) {
        const auto together = on_threads(threads, dtype);
        ASSERT_EQ(together.size(), alone.size());
        for (size_t i = 0; i < alone.size(); ++i)
          EXPECT_TRUE(same_bits(together[i].second, alone[i].second))
              << alone[i].first << " in " << name(dtype) << " on " << threads << " threads";
      }
    }
  });
}

// ---- 5. float64 is float64, in the loops that float32 runs; and tests reach every path of GEMM.

TEST(Invariant5_TrueFloat64, ExpTanhGeluAndLogAreRightToTheLastDigits) {
  using Long = long double;
  const struct {
    const char* name;
    Tensor (*op)(const Tensor&);
    Long (*exact)(Long);
    double tolerance;  // relative
  } cases[] = {
      {"exp", exp, [](Long x) { return std::exp(x); }, 1e-15},
      {"log", [](const Tensor& x) { return log(exp(x)); },
       [](Long x) { return std::log(static_cast<Long>(std::exp(static_cast<double>(x)))); }, 3e-15},
      {"tanh", tanh, [](Long x) { return std::tanh(x); }, 1e-15},
      // x / (1 + e^-z): a relative error of z epsilon is all that a rounded z allows.
      {"gelu_tanh", gelu_tanh,
       [](Long x) {
         return x / (1 + std::exp(-1.59576912160573071176L * (x + 0.044715L * x * x * x)));
       },
       1e-14},
  };
  std::vector<double> points;
  for (double x = -6; x < 6; x += 0.00917) points.push_back(x);
  for (const double tiny : {1e-3, 1e-8, 1e-300}) points.push_back(tiny), points.push_back(-tiny);
  const Tensor x(Array::of(points, {static_cast<int64_t>(points.size())}, DType::float64));
  on_every_isa([&] {
    for (const auto& [name, op, exact, tolerance] : cases) {
      const std::vector<double> y = op(x).value().to_vector();
      double worst = 0;
      for (size_t i = 0; i < y.size(); ++i) {
        const double right = static_cast<double>(exact(points[i]));
        worst = std::max(worst, std::abs(y[i] - right) / std::abs(right));
      }
      EXPECT_LT(worst, tolerance) << name;
    }
  });
}

TEST(Invariant5_TrueFloat64, SoftmaxIsRightToTheLastDigits) {
  const Array x = random_array({7, 37}) * 5;
  const std::vector<double> in = x.to_vector();
  on_every_isa([&] {
    const std::vector<double> s = softmax(Tensor(x)).value().to_vector(),
                              l = log_softmax(Tensor(x)).value().to_vector();
    double worst = 0;
    for (size_t row = 0; row < 7; ++row) {
      long double total = 0;
      for (size_t j = 0; j < 37; ++j) total += std::exp(static_cast<long double>(in[row * 37 + j]));
      for (size_t j = row * 37; j < (row + 1) * 37; ++j) {
        const long double right = std::exp(static_cast<long double>(in[j])) / total;
        worst = std::max(worst, std::abs(s[j] / static_cast<double>(right) - 1));
        worst = std::max(worst, std::abs(l[j] / static_cast<double>(std::log(right)) - 1));
      }
    }
    EXPECT_LT(worst, 4e-15);
  });
}

// M = 1, tails of rows, columns and depth, several blocks of each, B packed or read in place:
// on shapes small enough to check every element.
constexpr kernels::GemmTuning tunings[] = {{},
                                           {.k_block = 2, .block_elements = 1},
                                           {.k_block = 3, .block_elements = 64},
                                           {.k_block = 1000, .block_elements = 1}};
const std::pair<Shape, Shape> small_products[] = {{{1, 7}, {7, 19}},
                                                  {{13, 5}, {5, 1}},
                                                  {{17, 7}, {7, 5}},
                                                  {{3, 11}, {11, 35}},
                                                  {{2, 3, 5}, {2, 5, 17}}};

TEST(Invariant5_EveryPathOfGemm, PassesTheGradientCheckOnEveryIsa) {
  const ScopedThreads threads(1);
  on_every_isa([] {
    for (const kernels::GemmTuning& tuning : tunings)
      for (const auto& [a, b] : small_products)
        for (const bool turned : {false, true}) {
          const kernels::ScopedGemmTuning scope(tuning);
          // A transposed view of each operand: the other two ways to walk the memory.
          const auto operand = [=](const char* name, const Shape& shape, uint64_t seed) {
            const Array x = random_array(shape, seed);
            return NamedArray{name, turned ? x.transpose().clone() : x};
          };
          const GradcheckResult result = gradcheck(
              "matmul",
              [=](const auto& in) {
                return turned ? matmul(transpose(in[0]), transpose(in[1])) : matmul(in[0], in[1]);
              },
              {operand("a", a, 1), operand("b", b, 2)});
          EXPECT_TRUE(result.passed) << a.to_string() << b.to_string() << result.report();
        }
  });
}

TEST(Invariant5_EveryPathOfGemm, GivesTheSameBitsOnTwoThreads) {
  on_every_isa([] {
    for (kernels::GemmTuning tuning : tunings)
      for (const auto& [a_shape, b_shape] : small_products) {
        const Array a = random_array(a_shape, 1), b = random_array(b_shape, 2);
        const auto product_on = [&](int threads) {
          const ScopedThreads scoped_threads(threads);
          tuning.parallel_flops = 1;
          const kernels::ScopedGemmTuning scope(tuning);
          return gemm(a, b);
        };
        EXPECT_TRUE(same_bits(product_on(2), product_on(1)));
      }
  });
}

TEST(Invariant5_EveryPathOfGemm, TheOverrideReachesSeveralBlocksOfASmallShape) {
  const Array a = random_array({5, 37}, 1, DType::float32),
              b = random_array({37, 19}, 2, DType::float32);
  on_every_isa([&] {
    const Array whole = gemm(a, b);
    const kernels::ScopedGemmTuning scope({.k_block = 7});
    EXPECT_FALSE(same_bits(gemm(a, b), whole));  // a sum is rounded once more where a block ends
    EXPECT_LT(test::relative_distance(gemm(a, b), whole), 1e-6);
  });
  const Array whole = gemm(a, b);
  EXPECT_TRUE(same_bits(gemm(a, b), whole));  // and the override has ended
}

// ---- 6. A kernel is serial over a range; parallel_for owns the threads.

// The thread that each of n elements was given to.
std::vector<std::thread::id> owners(int64_t n, int64_t grain) {
  std::vector<std::thread::id> owner(static_cast<size_t>(n));
  kernels::parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      owner[static_cast<size_t>(i)] = std::this_thread::get_id();
  });
  return owner;
}

TEST(Invariant6_ParallelFor, StaysOnTheCallersThreadForASingleChunk) {
  const ScopedThreads threads(3);
  for (const int64_t n : {1, 7, 1000})
    for (const std::thread::id owner : owners(n, 1000))
      EXPECT_EQ(owner, std::this_thread::get_id());
}

TEST(Invariant6_ParallelFor, DividesSeveralChunksAmongTheThreads) {
  const ScopedThreads threads(3);
  const std::vector<std::thread::id> owner = owners(3000, 1000);
  EXPECT_NE(owner[0], owner[1000]);
  EXPECT_NE(owner[1000], owner[2000]);
  for (size_t i = 0; i < 3000; ++i) EXPECT_EQ(owner[i], owner[i / 1000 * 1000]);
}

TEST(Invariant6_ParallelFor, IsSerialInsideAnother) {
  const ScopedThreads threads(3);
  EXPECT_EQ(kernels::usable_threads(), 3);
  std::atomic<int> strangers = 0, usable = 0, inside = 0;
  kernels::parallel_for(3, 1, [&](int64_t, int64_t) {
    usable += kernels::usable_threads();
    for (const std::thread::id owner : owners(100, 1)) {
      strangers += owner != std::this_thread::get_id();
      ++inside;
    }
  });
  EXPECT_EQ(strangers, 0);
  EXPECT_EQ(usable, 3);
  EXPECT_EQ(inside, 300);
}

}  // namespace
}  // namespace gradus
