// Reductions: what the table of cases cannot say.
#include "gradus/ops/reduce.h"

#include <algorithm>

#include "gradus/arithmetic.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

TEST(Reduce, OfNoElementsIsZeroOrNaN) {
  const Tensor x = parameter(Array::zeros({3, 0}));
  EXPECT_EQ(sum(x).item(), 0);
  EXPECT_EQ(sum(x, {1}).value().to_vector(), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(sum(x, {0}).shape(), Shape{0});
  EXPECT_TRUE(std::isnan(mean(x).item()));
  sum(x).backward();
  EXPECT_EQ(x.grad().shape(), (Shape{3, 0}));
}

// A million float32 rows: added one by one, their sum loses the last three digits.
TEST(Reduce, ManyRowsKeepTheirDigits) {
  for (const int64_t rows : {257, 100'003, 1'000'003}) {
    const Tensor x(Array::full({rows, 3}, 0.1));
    const double exact = static_cast<double>(rows) * static_cast<double>(0.1F);
    on_every_isa([&] {
      for (const double column : sum(x, {0}).value().to_vector())
        EXPECT_NEAR(column, exact, 3e-7 * exact) << rows;
    });
  }
}

TEST(Reduce, SumsHaveTheSameBitsForAnyNumberOfThreads) {
  for (const Shape& shape : {Shape{5003, 331}, Shape{3, 2003, 37}, Shape{200'003}}) {
    const Tensor x(random_array(shape, 1, DType::float32));
    const auto sum_with = [&](int count) {
      const ScopedThreads threads(count);
      return sum(x, {shape.rank() == 3 ? 1 : 0}).value();
    };
    const Array one = sum_with(1);
    for (const int count : {2, 3, 5}) EXPECT_TRUE(same_bits(sum_with(count), one)) << count;
  }
}

// A float32 total of 2^24 ones, added one by one, would still be right, but not of 2^25.
TEST(Reduce, ManyNumbersKeepTheirDigits) {
  const int64_t n = 100'003;
  const Tensor x(Array::full({n}, 0.1));
  const double exact = static_cast<double>(n) * static_cast<double>(0.1F);
  EXPECT_NEAR(sum(x).item(), exact, 1e-6 * exact);
  EXPECT_NEAR(mean(x).item(), static_cast<double>(0.1F), 1e-7);
}

TEST(Reduce, NaNAndInfinityAreNotHidden) {
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL})
    for (const int64_t place : {0, 8, 36}) {
      Array x = random_array({37}, 1, DType::float32);
      x.slice(0, place, place + 1).copy_from(Array::full({1}, bad));
      const double total = sum(Tensor(x)).item();
      EXPECT_TRUE(std::isnan(bad) ? std::isnan(total) : total == bad) << place;
    }
}

// PyTorch spreads NaN over the whole row here; in max(), as we do, over the NaN alone.
TEST(Max, SeveralNaNShareTheGradientAsTiesDo) {
  for (const auto& extreme : {amax, amin}) {
    const Tensor x = parameter(Array::of({1, NAN, 5, NAN, 2, 4, 4, 2}, {2, 4}));
    const Tensor y = extreme(x, {1}, false);
    EXPECT_TRUE(std::isnan(y.value().at({0})));
    y.backward(Array::of({1, 1}, {2}));
    EXPECT_EQ(x.grad().slice(0, 0, 1).to_vector(), (std::vector<double>{0, 0.5, 0, 0.5}));
  }
}

TEST(Max, IndicesAreThoseOfTheFirstOfEquals) {
  const Tensor x(Array::of({3, 1, 3, 1, -1, NAN, 5, NAN}, {2, 4}));
  const auto [values, indices] = max(x, -1);
  EXPECT_EQ(values.value().at({0}), 3);
  EXPECT_EQ(indices.dtype(), DType::int64);
  EXPECT_EQ(indices.to_vector(), (std::vector<double>{0, 1}));
  EXPECT_EQ(min(x, 1, true).indices.shape(), (Shape{2, 1}));
  EXPECT_EQ(argmin(x, 1).to_vector(), (std::vector<double>{1, 1}));
  EXPECT_EQ(argmax(x, 0).to_vector(), (std::vector<double>{0, 1, 1, 1}));
  EXPECT_EQ(argmax(x, 0, true).shape(), (Shape{1, 4}));
  for (const Array& layout : in_every_layout(x.value()))
    EXPECT_TRUE(same_bits(argmax(Tensor(layout), -1), argmax(x, -1)));
}

// Beside a million, one has no digits left in float32 sums; the running sum is kept in double.
TEST(Cumsum, OfManyNumbersKeepsItsDigits) {
  const Tensor y = cumsum(Tensor(Array::full({100'003}, 0.1)), 0);
  EXPECT_NEAR(y.value().at({100'002}), 100'003 * static_cast<double>(0.1F), 1e-3);
}

TEST(ReduceErrors, NameTheOpAndTheAxis) {
  const Tensor x(Array::zeros({2, 3}));
  EXPECT_EQ(error_of([&] { sum(x, {2}); }), "sum: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { mean(x, {-3}); }), "mean: axis -3 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { sum(x, {1, -1}); }), "sum: axis -1 is named twice");
  EXPECT_EQ(error_of([&] { mean(x, {1, -1}); }), "mean: axis -1 is named twice");
  EXPECT_EQ(error_of([&] { variance(x, {0, 0}); }), "variance: axis 0 is named twice");
  EXPECT_EQ(error_of([&] { standard_deviation(x, {5}); }),
            "standard_deviation: axis 5 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { logsumexp(x, {2}); }), "logsumexp: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { amax(x, {2}); }), "amax: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { max(x, -3); }), "max: axis -3 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { argmin(x, 2); }), "argmin: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { cumsum(x, 2); }), "cumsum: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { norm(x, {}, false, 0.5); }), "norm: needs p >= 1, got 0.5");
  const Tensor none(Array::zeros({3, 0}));
  EXPECT_EQ(error_of([&] { amax(none, {1}); }), "amax: of no elements there is none, shape [3, 0]");
  EXPECT_EQ(error_of([&] { min(none); }), "min: of no elements there is none, shape [3, 0]");
  EXPECT_EQ(error_of([&] { argmax(none, 1); }),
            "argmax: of no elements there is none, shape [3, 0]");
  EXPECT_EQ(error_of([&] { norm(none, {1}, false, INFINITY); }),
            "norm: the maximum of no elements, shape [3, 0]");
  EXPECT_EQ(error_of([&] {
              sum(Tensor(Array::of_indices({1, 2}, {2})));
            }),
            "sum: needs float32 or float64, got int64");
}

}  // namespace
}  // namespace gradus::test
