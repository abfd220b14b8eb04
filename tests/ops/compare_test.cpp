// What the table of cases cannot say about comparisons and choices.
#include "gradus/ops/compare.h"

#include <cmath>
#include <limits>

#include "gradus/arithmetic.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
const double nan = std::nan("");

Array mask_of(const std::vector<bool>& bits) {
  return Array::of_bools(bits, {static_cast<int64_t>(bits.size())});
}

// f of two leaves, and the gradients for a cotangent of ones.
Arrays gradients_of_two(Tensor (*f)(const Tensor&, const Tensor&), const Array& a, const Array& b) {
  return run(on_two(f), {a, b}, Array::full(a.shape(), 1, a.dtype())).gradients;
}

TEST(MaximumAndMinimum, ShareTheGradientAtTies) {
  const Array a = Array::of({1, 2, 3, 0.0}, {4}), b = Array::of({2, 2, 1, -0.0}, {4});
  const Arrays larger = gradients_of_two(maximum, a, b), smaller = gradients_of_two(minimum, a, b);
  EXPECT_EQ(larger[0].to_vector(), (std::vector<double>{0, 0.5, 1, 0.5}));
  EXPECT_EQ(larger[1].to_vector(), (std::vector<double>{1, 0.5, 0, 0.5}));
  EXPECT_EQ(smaller[0].to_vector(), (std::vector<double>{1, 0.5, 0, 0.5}));
  EXPECT_EQ(smaller[1].to_vector(), (std::vector<double>{0, 0.5, 1, 0.5}));
}

// The gradient that arrives where an input lost may be anything: nothing of it gets through.
TEST(MaximumAndMinimum, LetNothingThroughToTheLoser) {
  for (const double arriving : {nan, infinity}) {
    const Arrays gradients =
        run(on_two([](const Tensor& a, const Tensor& b) { return maximum(a, b); }),
            {Array::of({1, 5}, {2}), Array::of({2, 3}, {2})}, Array::full({2}, arriving))
            .gradients;
    EXPECT_EQ(gradients[0].at({0}), 0);
    EXPECT_EQ(gradients[1].at({1}), 0);
  }
}

TEST(Clamp, HasSlopeOneAtItsBounds) {
  const Tensor x = parameter(Array::of({-2, -1, 0, 1, 2, infinity, nan}, {7}));
  const Tensor y = clamp(x, -1, 1);
  y.backward(Array::full({7}, 1));
  const std::vector<double> value = y.value().to_vector();
  EXPECT_EQ(std::vector(value.begin(), value.end() - 1), (std::vector<double>{-1, -1, 0, 1, 1, 1}));
  EXPECT_TRUE(std::isnan(value.back()));
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{0, 1, 1, 1, 0, 0, 0}));
}

TEST(Where, LetsNothingOfWhatIsNotChosenThrough) {
  const Tensor a = parameter(Array::of({1, nan}, {2})), b = parameter(Array::of({nan, 2}, {2}));
  const Tensor y = where(mask_of({true, false}), a, b);
  EXPECT_EQ(y.value().to_vector(), (std::vector<double>{1, 2}));
  y.backward(Array::of({nan, 3}, {2}));
  EXPECT_TRUE(std::isnan(a.grad().at({0})));
  EXPECT_EQ(a.grad().at({1}), 0);
  EXPECT_EQ(b.grad().to_vector(), (std::vector<double>{0, 3}));
}

// Arrays of indices and masks are compared and chosen from as well.
TEST(Comparisons, TakeEveryDType) {
  const Array ids = Array::of_indices({3, 1, 2}, {3}), two = Array::of_indices({2}, {1});
  EXPECT_EQ(lt(ids, two).to_vector(), (std::vector<double>{0, 1, 0}));
  EXPECT_EQ(eq(ids, two).to_vector(), (std::vector<double>{0, 0, 1}));
  EXPECT_EQ(lt(ids, two).dtype(), DType::boolean);
  // A float would not tell these apart.
  const int64_t large = (int64_t{1} << 60) + 1;
  EXPECT_EQ(gt(Array::of_indices({large}, {1}), Array::of_indices({large - 1}, {1})).item(), 1);
  EXPECT_EQ(where(mask_of({true, false, true}), ids, two).to_vector(),
            (std::vector<double>{3, 2, 2}));
}

TEST(LogicalOps, FollowTheirTruthTables) {
  const Array a = mask_of({false, false, true, true}), b = mask_of({false, true, false, true});
  EXPECT_EQ(logical_not(a).to_vector(), (std::vector<double>{1, 1, 0, 0}));
  EXPECT_EQ(logical_and(a, b).to_vector(), (std::vector<double>{0, 0, 0, 1}));
  EXPECT_EQ(logical_or(a, b).to_vector(), (std::vector<double>{0, 1, 1, 1}));
  EXPECT_EQ(logical_or(a.reshape({4, 1}), b).shape(), (Shape{4, 4}));
}

TEST(CompareErrors, NameTheOpTheRuleAndTheShapes) {
  const Tensor a(Array::zeros({2, 3})), b(Array::zeros({4})), c(Array::zeros({3}, DType::float64));
  const Array mask = mask_of({true, false, true});
  EXPECT_EQ(error_of([&] { static_cast<void>(a < b); }),
            "lt: shapes [2, 3] and [4] do not broadcast");
  EXPECT_EQ(error_of([&] { eq(a, c); }),
            "eq: dtypes differ: float32 [2, 3] and float64 [3] (there is no type promotion)");
  EXPECT_EQ(error_of([&] { maximum(a, b); }), "maximum: shapes [2, 3] and [4] do not broadcast");
  EXPECT_EQ(error_of([&] { minimum(a, c); }),
            "minimum: dtypes differ: float32 [2, 3] and float64 [3] (there is no type promotion)");
  EXPECT_EQ(error_of([&] { where(mask, a, b); }), "where: shapes [2, 3] and [4] do not broadcast");
  EXPECT_EQ(error_of([&] { where(mask, a, c); }),
            "where: dtypes differ: float32 [2, 3] and float64 [3] (there is no type promotion)");
  EXPECT_EQ(error_of([&] { where(mask, b, b); }), "where: shapes [3] and [4] do not broadcast");
  EXPECT_EQ(error_of([&] { where(b.value(), b, b); }), "where: a mask must be bool, got float32");
  EXPECT_EQ(error_of([&] { clamp(a, 2, 1); }),
            "clamp: the lower bound 2 is not below the upper bound 1");
  EXPECT_THROW(clamp(a, nan, 1), Error);
  EXPECT_EQ(error_of([&] { clamp(Tensor(Array::of_indices({1}, {1})), 0, 1); }),
            "clamp: needs float32 or float64, got int64");
  EXPECT_EQ(error_of([&] { logical_not(b.value()); }),
            "logical_not: a mask must be bool, got float32");
  EXPECT_EQ(error_of([&] { logical_and(mask, b.value()); }),
            "logical_and: dtypes differ: bool [3] and float32 [4] (there is no type promotion)");
}

}  // namespace
}  // namespace gradus::test
