// Arithmetic on arrays against slow models that go index by index, in every memory layout.
#include "gradus/arithmetic.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "support.h"

namespace gradus {
namespace {

using test::counting;
using test::error_of;
using test::for_each_index;
using test::in_every_layout;
using test::on_every_isa;
using test::random_array;
using test::same_bits;

// The element of x that an index of a larger, broadcast shape stands for.
double at_broadcast(const Array& x, const Shape& index) {
  Shape own = Shape::filled(x.rank(), 0);
  for (int axis = -1; axis >= -x.rank(); --axis) own[axis] = x.size(axis) == 1 ? 0 : index[axis];
  return x.at(own);
}

// ---- elementwise

// f(a, b) element by element, rounded to the arrays' dtype: what the kernels must give exactly.
template <class F>
Array slow_binary(const Array& a, const Array& b, F f) {
  const Shape shape = broadcast("test", a.shape(), b.shape());
  std::vector<double> values;
  dispatch_float("test", a.dtype(), [&]<class T> {
    for_each_index(shape, [&](const Shape& index) {
      values.push_back(
          f(static_cast<T>(at_broadcast(a, index)), static_cast<T>(at_broadcast(b, index))));
    });
  });
  return Array::of(values, shape, a.dtype());
}

class BinaryTest : public testing::TestWithParam<std::pair<Shape, Shape>> {};

TEST_P(BinaryTest, AgreesExactlyWithASlowModelInEveryLayout) {
  const auto [a_shape, b_shape] = GetParam();
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Array a = random_array(a_shape, 1, dtype), b = random_array(b_shape, 2, dtype);
    const Array sum = slow_binary(a, b, [](auto x, auto y) { return x + y; });
    const Array difference = slow_binary(a, b, [](auto x, auto y) { return x - y; });
    const Array product = slow_binary(a, b, [](auto x, auto y) { return x * y; });
    const Array quotient = slow_binary(a, b, [](auto x, auto y) { return x / y; });
    on_every_isa([&] {
      for (const Array& x : in_every_layout(a))
        for (const Array& y : in_every_layout(b)) {
          ASSERT_TRUE(same_bits(x + y, sum)) << (x + y).to_string() << sum.to_string();
          ASSERT_TRUE(same_bits(x - y, difference));
          ASSERT_TRUE(same_bits(x * y, product));
          ASSERT_TRUE(same_bits(x / y, quotient));
        }
    });
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, BinaryTest,
    testing::Values(std::pair<Shape, Shape>{{}, {}}, std::pair<Shape, Shape>{{7}, {7}},
                    std::pair<Shape, Shape>{{3, 5}, {3, 5}}, std::pair<Shape, Shape>{{3, 5}, {5}},
                    std::pair<Shape, Shape>{{5}, {3, 5}}, std::pair<Shape, Shape>{{3, 5}, {3, 1}},
                    std::pair<Shape, Shape>{{3, 1}, {1, 5}}, std::pair<Shape, Shape>{{3, 5}, {}},
                    std::pair<Shape, Shape>{{}, {3, 5}}, std::pair<Shape, Shape>{{1, 1}, {2}},
                    std::pair<Shape, Shape>{{2, 3, 5, 7}, {3, 1, 7}},
                    std::pair<Shape, Shape>{{2, 1, 5}, {2, 3, 1}},
                    std::pair<Shape, Shape>{{0}, {0}}, std::pair<Shape, Shape>{{0, 3}, {3}},
                    std::pair<Shape, Shape>{{2, 0}, {2, 1}}, std::pair<Shape, Shape>{{1}, {0}},
                    std::pair<Shape, Shape>{{2, 37}, {37}}));

TEST(Binary, RepeatedOperandsCountEachTime) {
  const Array row = random_array({1, 5}), column = random_array({4, 1});
  const Array a = row.expand({4, 5}), b = column.expand({4, 5});
  EXPECT_TRUE(same_bits(a * b, a.clone() * b.clone()));
  EXPECT_TRUE(same_bits(a + a, a.clone() * 2));
  EXPECT_TRUE((a + a).is_contiguous());
}

TEST(Binary, LongRowsAreRightOnSeveralThreads) {
  const test::ScopedThreads threads(3);
  // Beyond the length at which work is divided, with a tail; in one row, in rows, in columns.
  const struct {
    Shape a, b;
  } cases[] = {{{100'003}, {100'003}}, {{3, 40'009}, {40'009}}, {{40'009, 3}, {40'009, 1}},
               {{3, 40'009}, {3, 1}},  {{70'001}, {}},          {{300, 301}, {301}}};
  for (const auto& [a_shape, b_shape] : cases) {
    const Array a = random_array(a_shape, 1, DType::float32),
                b = random_array(b_shape, 2, DType::float32);
    const Array sum = a + b, wide = b.expand(a_shape).clone();
    bool right = true;
    for (int64_t i = 0; i < a.numel(); ++i)
      right = right && sum.data<float>()[i] == a.data<float>()[i] + wide.data<float>()[i];
    EXPECT_TRUE(right) << a_shape.to_string() << b_shape.to_string();
    EXPECT_TRUE(
        same_bits(a.slice(0, 0, a.size(0), 2) * 3, a.slice(0, 0, a.size(0), 2).clone() * 3));
  }
  const Array turned = random_array({301, 307}).transpose();
  EXPECT_TRUE(same_bits(turned + turned, turned.clone() * 2));
}

TEST(Binary, KeepsTheLayoutOfOperandsThatAgree) {
  const Array turned = random_array({3, 4}).transpose();
  EXPECT_EQ((turned + turned).strides(), turned.strides());
  EXPECT_EQ((turned * 2).strides(), turned.strides());
  EXPECT_TRUE((turned + turned.clone()).is_contiguous());
}

TEST(Binary, ANumberTakesTheDtypeOfTheArray) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const Array x = Array::of({1, 2, 4}, {3}, dtype);
    EXPECT_EQ((x + 1).to_vector(), (std::vector<double>{2, 3, 5}));
    EXPECT_EQ((1 + x).to_vector(), (std::vector<double>{2, 3, 5}));
    EXPECT_EQ((x - 1).to_vector(), (std::vector<double>{0, 1, 3}));
    EXPECT_EQ((1 - x).to_vector(), (std::vector<double>{0, -1, -3}));
    EXPECT_EQ((x * 3).to_vector(), (std::vector<double>{3, 6, 12}));
    EXPECT_EQ((3 * x).to_vector(), (std::vector<double>{3, 6, 12}));
    EXPECT_EQ((x / 2).to_vector(), (std::vector<double>{0.5, 1, 2}));
    EXPECT_EQ((2 / x).to_vector(), (std::vector<double>{2, 1, 0.5}));
    EXPECT_EQ((-x).to_vector(), (std::vector<double>{-1, -2, -4}));
    EXPECT_EQ((x + 1).dtype(), dtype);
  }
}

TEST(Negation, ReadsEveryLayout) {
  const Array a = random_array({3, 5, 2});
  for (const Array& x : in_every_layout(a)) EXPECT_TRUE(same_bits(-x, 0 - a));
  EXPECT_TRUE(same_bits(-random_array({1, 5}).expand({3, 5}),
                        random_array({1, 5}) * -1 + Array::zeros({3, 5}, DType::float64)));
}

TEST(Binary, OperandsThatDoNotFitAreErrors) {
  EXPECT_EQ(error_of([] {
              Array::zeros({2, 3}) + Array::zeros({4});
            }),
            "add: shapes [2, 3] and [4] do not broadcast");
  EXPECT_EQ(error_of([] { Array::zeros({2}) * Array::zeros({2}, DType::float64); }),
            "mul: dtypes differ: float32 [2] and float64 [2] (there is no type promotion)");
  EXPECT_EQ(error_of([] { counting({2}, DType::int64) - counting({2}, DType::int64); }),
            "sub: needs float32 or float64, got int64");
  EXPECT_NE(error_of([] { Array() / Array(); }), "");
}

// ---- in place

TEST(InPlace, AddsIntoAnyDenseOrGappyMemory) {
  const Array a = random_array({3, 4, 5}, 1);
  for (const Shape& shape : {Shape{3, 4, 5}, Shape{5}, Shape{4, 1}, Shape{}}) {
    const Array b = random_array(shape, 2), sum = a + b;
    for (const Array& target : in_every_layout(a))
      for (const Array& y : in_every_layout(b)) {
        const Array fresh = target.clone();
        Array x = target;
        add_in_place(x, y);
        EXPECT_TRUE(same_bits(target, sum));
        x.copy_from(fresh);
      }
  }
}

TEST(InPlace, AStridedViewIsChangedAndItsNeighboursAreNot) {
  const Array x = Array::zeros({3, 6}, DType::float64);
  Array odd = x.slice(1, 1, 6, 2).slice(0, 0, 3, 2);
  add_in_place(odd, Array::of({1, 2, 3}, {3}, DType::float64));
  scale_in_place(odd, 10);
  EXPECT_EQ(x.to_vector(), (std::vector<double>{0, 10, 0, 20, 0, 30,  //
                                                0, 0, 0, 0, 0, 0,     //
                                                0, 10, 0, 20, 0, 30}));
}

TEST(InPlace, AnArrayMayBeAddedToItself) {
  Array x = counting({2, 2});
  add_in_place(x, x);
  EXPECT_EQ(x.to_vector(), (std::vector<double>{0, 2, 4, 6}));
  add_in_place(x, x.transpose());
  EXPECT_EQ(x.to_vector(), (std::vector<double>{0, 6, 6, 12}));
}

TEST(InPlace, CountsAsAWrite) {
  Array x = Array::zeros({3});
  const uint64_t before = x.storage().version();
  add_in_place(x, Array::scalar(1));
  EXPECT_GT(x.storage().version(), before);
  const uint64_t between = x.storage().version();
  scale_in_place(x, 2);
  EXPECT_GT(x.storage().version(), between);
}

TEST(InPlace, TheTargetDoesNotGrow) {
  Array x = Array::zeros({3});
  EXPECT_EQ(error_of([&] {
              add_in_place(x, Array::zeros({2, 3}));
            }),
            "expand: [2, 3] does not expand to [3]");
  error_of([&] { add_in_place(x, Array::zeros({3}, DType::float64)); });
}

// ---- masks

TEST(MaskedFill, AgreesWithASlowModelInEveryLayout) {
  const Array a = random_array({2, 3, 5});
  for (const Shape& shape : {Shape{2, 3, 5}, Shape{3, 5}, Shape{3, 1}, Shape{}, Shape{2, 1, 1}}) {
    Generator generator(7);
    std::vector<bool> bits;
    for (int64_t i = 0; i < shape.numel(); ++i) bits.push_back(generator.below(2) == 1);
    const Array mask = Array::of_bools(bits, shape);
    std::vector<double> expected;
    for_each_index(a.shape(), [&](const Shape& index) {
      expected.push_back(at_broadcast(mask, index) != 0 ? -7 : a.at(index));
    });
    on_every_isa([&] {
      for (const Array& x : in_every_layout(a))
        for (const Array& m : in_every_layout(mask))
          EXPECT_EQ(masked_fill(x, m, -7).to_vector(), expected);
    });
  }
}

TEST(MaskedFill, TheMaskIsBoolAndNoLargerThanTheArray) {
  const Array x = Array::zeros({2, 3});
  EXPECT_EQ(error_of([&] { masked_fill(x, x, 0); }),
            "masked_fill: the mask must be bool, got float32");
  EXPECT_EQ(error_of([&] {
              masked_fill(x, Array::of_bools({true, true}, {2, 1, 1}), 0);
            }),
            "masked_fill: the mask [2, 1, 1] does not broadcast to [2, 3]");
  EXPECT_EQ(error_of([&] {
              masked_fill(x, Array::of_bools({true, true}, {2}), 0);
            }),
            "masked_fill: the mask [2] does not broadcast to [2, 3]");
  EXPECT_EQ(error_of([&] { masked_fill(x, Array(), 0); }),
            "masked_fill: the mask must be bool, got no array");
}

// ---- sums

// Whole numbers from -50 to 50: their sums are exact in float64, in whatever order.
Array random_integers(const Shape& shape) {
  Generator generator(5);
  std::vector<double> values(static_cast<size_t>(shape.numel()));
  for (double& value : values) value = static_cast<double>(generator.below(101)) - 50;
  return Array::of(values, shape, DType::float64);
}

// The sum over some axes, one element at a time; summed axes keep size 1.
Array slow_sum(const Array& a, const std::vector<int>& axes) {
  Shape kept = a.shape();
  for (const int axis : axes) kept[axis] = 1;
  std::vector<double> totals(static_cast<size_t>(kept.numel())), values = a.to_vector();
  size_t next = 0;
  for_each_index(a.shape(), [&](const Shape& index) {
    int64_t flat = 0;
    for (int i = 0; i < a.rank(); ++i) flat = flat * kept[i] + (kept[i] == 1 ? 0 : index[i]);
    totals[static_cast<size_t>(flat)] += values[next++];
  });
  return Array::of(totals, kept, DType::float64);
}

TEST(Sum, OverEverySetOfAxesAgreesWithASlowModel) {
  for (const Shape& shape : {Shape{7}, Shape{3, 5}, Shape{1, 7}, Shape{2, 3, 5}, Shape{3, 0, 2},
                             Shape{2, 3, 4, 5}, Shape{5, 1, 3, 1}}) {
    const Array a = random_integers(shape);
    for (int set = 1; set < 1 << shape.rank(); ++set) {
      std::vector<int> axes, named;
      Shape left;
      for (int axis = 0; axis < shape.rank(); ++axis)
        if (set >> axis & 1) {
          axes.push_back(axis);
          named.insert(named.begin(), axis % 2 == 0 ? axis : axis - shape.rank());
        } else {
          left = left.inserted(left.rank(), shape[axis]);
        }
      const Array expected = slow_sum(a, axes);
      for (const Array& x : in_every_layout(a)) {
        EXPECT_TRUE(same_bits(sum(x, named, true), expected)) << shape.to_string() << set;
        EXPECT_TRUE(same_bits(sum(x, named), expected.reshape(left))) << shape.to_string() << set;
      }
    }
    std::vector<int> all;
    for (int axis = 0; axis < shape.rank(); ++axis) all.push_back(axis);
    EXPECT_TRUE(same_bits(sum(a, {}, true), slow_sum(a, all)));
    EXPECT_TRUE(same_bits(sum(a), slow_sum(a, all).reshape({})));
  }
}

TEST(Sum, OfNothingIsZeroAndOfANumberItself) {
  EXPECT_EQ(sum(Array::zeros({0})).item(), 0);
  EXPECT_EQ(sum(Array::zeros({3, 0}), {1}).to_vector(), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(sum(Array::zeros({3, 0}), {0}).shape(), Shape{0});
  EXPECT_EQ(sum(Array::scalar(4)).item(), 4);
}

TEST(Sum, LargeArraysAreRightOnSeveralThreadsAndEveryIsa) {
  const test::ScopedThreads threads(3);
  const struct {
    Shape shape;
    int axis;
  } cases[] = {{{100'003}, 0},   {{300, 701}, 0},  {{300, 701}, 1},    {{2, 5'001, 31}, 1},
               {{70'001, 3}, 0}, {{3, 70'001}, 1}, {{5, 3, 40'009}, 1}};
  for (const auto& c : cases) {
    const Array a = random_integers(c.shape), expected = slow_sum(a, {c.axis});
    on_every_isa([&] {
      EXPECT_TRUE(same_bits(sum(a, {c.axis}, true), expected)) << c.shape.to_string() << c.axis;
    });
  }
}

TEST(Sum, InFloat32LosesLittleOverAMillionElements) {
  const Array a = Array::full({1'000'000}, 0.1);
  on_every_isa([&] {
    EXPECT_NEAR(sum(a).item(), 100'000, 0.25);  // one by one it would be 958 too much
  });
}

TEST(Sum, MistakesAreErrors) {
  const Array x = Array::zeros({2, 3});
  EXPECT_EQ(error_of([&] { sum(x, {2}); }), "sum: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { sum(x, {0, -2}); }), "sum: axis -2 is named twice");
  EXPECT_EQ(error_of([] { sum(counting({2}, DType::int64)); }),
            "sum: needs float32 or float64, got int64");
}

TEST(SumTo, UndoesBroadcasting) {
  const struct {
    Shape from, to;
    std::vector<int> axes;
  } cases[] = {{{2, 3}, {3}, {0}},
               {{2, 3}, {1, 3}, {0}},
               {{2, 3}, {2, 1}, {1}},
               {{2, 3}, {}, {0, 1}},
               {{2, 3}, {1, 1}, {0, 1}},
               {{2, 3}, {2, 3}, {}},
               {{4, 2, 3}, {2, 1}, {0, 2}},
               {{1, 2}, {2}, {}},
               {{0, 3}, {3}, {0}},
               {{2, 0}, {2, 1}, {1}},
               {{3, 2, 5, 7}, {2, 1, 7}, {0, 2}}};
  for (const auto& [from, to, axes] : cases) {
    const Array a = random_integers(from);
    for (const Array& x : in_every_layout(a))
      EXPECT_TRUE(same_bits(sum_to(x, to), slow_sum(a, axes).reshape(to)))
          << from.to_string() << to.to_string();
  }
}

TEST(SumTo, AShapeThatWasNotBroadcastIsAnError) {
  EXPECT_EQ(error_of([] {
              sum_to(Array::zeros({4, 3}), {2, 3});
            }),
            "sum_to: [2, 3] is not broadcast to [4, 3], so no sum undoes it");
  EXPECT_EQ(error_of([] {
              sum_to(Array::zeros({3}), {1, 3});
            }),
            "sum_to: [1, 3] is not broadcast to [3], so no sum undoes it");
  error_of([] { sum_to(Array::zeros({4, 3}), {2, 6}); });
}

TEST(SumSquares, IsExactToDoublePrecisionInEveryLayout) {
  const Array a = random_array({30, 41, 7}, 1, DType::float32);
  long double expected = 0;
  for (const double x : a.to_vector()) expected += x * x;
  for (const Array& x : in_every_layout(a))
    EXPECT_NEAR(sum_squares(x), static_cast<double>(expected), 1e-9);
  EXPECT_EQ(sum_squares(Array::zeros({0})), 0);
  const test::ScopedThreads threads(3);
  EXPECT_EQ(sum_squares(Array::full({100'003}, 0.5)), 25'000.75);
  EXPECT_EQ(sum_squares(Array::full({4}, 1e30)), 4 * std::pow(static_cast<double>(1e30f), 2));
}

}  // namespace
}  // namespace gradus
