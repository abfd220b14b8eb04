// Pooling: what no table can say.
#include "gradus/ops/pool.h"

#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

TEST(MaxPool, TheFirstOfEqualMaximaGetsTheGradient) {
  const Tensor x = parameter(Array::of({1, 3, 3, 2, 3, 0, 0, 3, 3}, {1, 1, 3, 3}, DType::float64));
  const Tensor y = max_pool2d(x, 2, {.stride = 1});
  EXPECT_EQ(y.value().to_vector(), std::vector<double>(4, 3));
  y.backward(Array::of({1, 10, 100, 1000}, y.shape(), DType::float64));
  // Windows 0 and 1 see the 3 at (0, 1) first, windows 2 and 3 that at (1, 1).
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{0, 11, 0, 0, 1100, 0, 0, 0, 0}));
}

TEST(MaxPool, PaddingNeverWins) {
  const Tensor x = parameter(Array::of({-5, -INFINITY, -7}, {3}, DType::float64));
  const Tensor y = max_pool1d(x, 2, {.stride = 1, .padding = 1});
  EXPECT_EQ(y.value().to_vector(), (std::vector<double>{-5, -5, -7, -7}));
  const Tensor hidden = parameter(Array::full({2}, -INFINITY, DType::float64));
  max_pool1d(hidden, 2).backward(Array::full({1}, 1, DType::float64));
  EXPECT_EQ(hidden.grad().to_vector(), (std::vector<double>{1, 0}));
}

TEST(AvgPool, PaddingCountsAsZeros) {
  const Tensor x(Array::of({6, 6, 6}, {3}, DType::float64));
  EXPECT_EQ(avg_pool1d(x, 2, {.stride = 1, .padding = 1}).value().to_vector(),
            (std::vector<double>{3, 6, 6, 3}));
}

// More planes than one chunk has.
TEST(Pool, ManyPlanesGiveWhatEachGivesOnAnyNumberOfThreads) {
  const Array x = random_array({7, 11, 33, 35}), dy = random_array({7, 11, 17, 18}, 2);
  for (const auto pool : {max_pool2d, avg_pool2d}) {
    const Function f = [=](const Tensors& in) {
      return pool(in[0], 3, {.stride = 2, .padding = 1});
    };
    const ScopedThreads threads(3);
    const Outcome all = run(f, {x}, dy);
    for (int64_t n = 0; n < 7; ++n) {
      const Outcome one = run(f, {x.select(0, n)}, dy.select(0, n));
      EXPECT_TRUE(same_bits(one.value, all.value.select(0, n)));
      EXPECT_TRUE(same_bits(one.gradients[0], all.gradients[0].select(0, n)));
    }
  }
}

TEST(PoolErrors, NameTheRuleAndTheShapes) {
  const Tensor x(Array::zeros({2, 3, 5, 7}));
  EXPECT_EQ(error_of([&] { max_pool2d(x, 6); }),
            "max_pool2d: a kernel of [6, 6] has no place in x [2, 3, 5, 7] with padding 0");
  const Tensor endless = expand(Tensor(Array::zeros({1})), {INT64_MAX});
  EXPECT_EQ(error_of([&] { max_pool1d(endless, 2); }),
            "max_pool1d: x [9223372036854775807] is too long");
  EXPECT_EQ(error_of([&] { max_pool2d(x, 0, {.stride = 1}); }),
            "max_pool2d: the kernel size must be at least 1, got 0");
  EXPECT_EQ(error_of([&] { max_pool2d(x, 0); }),
            "max_pool2d: the kernel size must be at least 1, got 0");
  EXPECT_EQ(error_of([&] { avg_pool2d(x, 3, {.padding = 2}); }),
            "avg_pool2d: a padding of 2 is more than half the kernel size 3");
  EXPECT_EQ(error_of([&] { avg_pool1d(x, 3, {.stride = -1}); }),
            "avg_pool1d: the stride must be 1 or more (and below 2^31), got -1");
  EXPECT_EQ(error_of([&] { max_pool1d(x, 3, {.padding = -1}); }),
            "max_pool1d: the padding must be 0 or more (and below 2^31), got -1");
  EXPECT_EQ(error_of([&] { max_pool1d(Tensor(1.0), 1); }), "max_pool1d: needs a signal, got x []");
  EXPECT_EQ(error_of([&] { max_pool2d(Tensor(Array::zeros({3})), 1); }),
            "max_pool2d: needs an image, got x [3]");
  EXPECT_EQ(error_of([&] { max_pool1d(Tensor(Array::of_indices({1}, {1})), 1); }),
            "max_pool1d: needs float32 or float64, got int64");
}

}  // namespace
}  // namespace gradus::test
