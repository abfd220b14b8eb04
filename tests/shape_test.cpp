// Shape, its strides, and the broadcasting rule.
#include "gradus/shape.h"

#include <gtest/gtest.h>

#include "support.h"

namespace gradus {
namespace {

using test::error_of;

constexpr int64_t huge = int64_t{1} << 40;

TEST(Shape, NegativeAxesCountFromTheEnd) {
  const Shape shape{2, 3, 5};
  EXPECT_EQ(shape[0], 2);
  EXPECT_EQ(shape[2], 5);
  EXPECT_EQ(shape[-1], 5);
  EXPECT_EQ(shape[-3], 2);
}

TEST(Shape, AnAxisThatDoesNotExistIsAnError) {
  const Shape shape{2, 3};
  EXPECT_EQ(error_of([&] { return shape[2]; }), "shape: axis 2 of a shape of rank 2");
  EXPECT_EQ(error_of([&] { return shape[-3]; }), "shape: axis -3 of a shape of rank 2");
  EXPECT_EQ(error_of([] { return Shape{}[-1]; }), "shape: axis -1 of a shape of rank 0");
}

TEST(Shape, NumelIsTheProductOfTheSizes) {
  EXPECT_EQ(Shape{}.numel(), 1);
  EXPECT_EQ((Shape{7}.numel()), 7);
  EXPECT_EQ((Shape{2, 3, 5}.numel()), 30);
  EXPECT_EQ((Shape{2, 0, 5}.numel()), 0);
}

TEST(Shape, SizesWhoseProductDoesNotFit64BitsAreAnError) {
  EXPECT_EQ(
      error_of([] {
        return Shape{huge, huge}.numel();
      }),
      "shape: the sizes of [1099511627776, 1099511627776] multiply to more than 64 bits hold");
  // Also where another axis is empty: the strides would not fit.
  for (const Shape& shape : {Shape{0, huge, huge}, Shape{huge, huge, 0}, Shape{huge, 0, huge}})
    error_of([&] { return shape.numel(); });
  EXPECT_EQ((Shape{huge, 1 << 22, 1}.numel()), huge << 22);
}

TEST(Shape, ANegativeSizeIsAnError) {
  EXPECT_EQ(error_of([] { return Shape{2, -3}.numel(); }), "shape: negative size in [2, -3]");
}

TEST(Shape, HoldsAtMostEightAxes) {
  EXPECT_EQ(Shape::filled(8, 1).rank(), 8);
  EXPECT_EQ(error_of([] { return Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; }),
            "shape: at most 8 axes, got 9");
  EXPECT_EQ(error_of([] { return Shape::filled(9, 1); }), "shape: at most 8 axes, got 9");
  EXPECT_EQ(error_of([] { return Shape::filled(8, 1).inserted(0, 1); }),
            "shape: at most 8 axes, got 9");
}

TEST(Shape, PrintsAsAListInBrackets) {
  EXPECT_EQ(Shape{}.to_string(), "[]");
  EXPECT_EQ((Shape{2, 3}.to_string()), "[2, 3]");
  EXPECT_EQ(fmt::format("x {}", Shape{4, 0}), "x [4, 0]");
}

TEST(Shape, EqualMeansTheSameSizesInTheSameOrder) {
  EXPECT_TRUE((Shape{2, 3} == Shape{2, 3}));
  EXPECT_FALSE((Shape{2, 3} == Shape{3, 2}));
  EXPECT_FALSE((Shape{2, 3} == Shape{2, 3, 1}));
  EXPECT_FALSE((Shape{0} == Shape{}));
}

TEST(Shape, InsertedAndErasedUndoEachOther) {
  const Shape shape{2, 3, 5};
  EXPECT_EQ(shape.inserted(0, 7), (Shape{7, 2, 3, 5}));
  EXPECT_EQ(shape.inserted(2, 7), (Shape{2, 3, 7, 5}));
  EXPECT_EQ(shape.inserted(3, 7), (Shape{2, 3, 5, 7}));
  for (int axis = 0; axis <= 3; ++axis)
    EXPECT_EQ(shape.inserted(axis, 7).erased(axis), shape) << axis;
}

TEST(Shape, ContiguousStridesAreRowMajor) {
  EXPECT_EQ(contiguous_strides({2, 3, 5}), (Strides{15, 5, 1}));
  EXPECT_EQ(contiguous_strides({7}), (Strides{1}));
  EXPECT_EQ(contiguous_strides({}), (Strides{}));
  // Nothing to walk, but the strides stay usable.
  EXPECT_EQ(contiguous_strides({2, 0, 3}), (Strides{3, 3, 1}));
}

TEST(NormalizeAxis, NamesTheOpInItsError) {
  EXPECT_EQ(normalize_axis("softmax", -1, 3), 2);
  EXPECT_EQ(normalize_axis("softmax", 0, 3), 0);
  EXPECT_EQ(error_of([] { normalize_axis("softmax", 3, 2); }),
            "softmax: axis 3 of a tensor of rank 2");
  EXPECT_EQ(error_of([] { normalize_axis("softmax", -1, 0); }),
            "softmax: axis -1 of a tensor of rank 0");
}

TEST(NormalizeNewAxis, CountsThePlacesBetweenTheAxesAndAtBothEnds) {
  EXPECT_EQ(normalize_new_axis("stack", 2, 2), 2);
  EXPECT_EQ(normalize_new_axis("stack", -1, 2), 2);
  EXPECT_EQ(normalize_new_axis("stack", -3, 2), 0);
  EXPECT_EQ(normalize_new_axis("stack", -1, 0), 0);
  EXPECT_EQ(error_of([] { normalize_new_axis("stack", 3, 2); }),
            "stack: a new axis of a tensor of rank 2 is one of -3 to 2, got 3");
  EXPECT_EQ(error_of([] { normalize_new_axis("stack", -4, 2); }),
            "stack: a new axis of a tensor of rank 2 is one of -3 to 2, got -4");
}

TEST(Broadcast, AlignsTheLastAxesAndStretchesOnes) {
  struct Case {
    Shape a, b, result;
  };
  const std::vector<Case> cases = {
      {{2, 3}, {2, 3}, {2, 3}},
      {{2, 3}, {3}, {2, 3}},
      {{2, 3}, {1}, {2, 3}},
      {{2, 3}, {}, {2, 3}},
      {{2, 1}, {1, 3}, {2, 3}},
      {{1}, {4, 1, 1}, {4, 1, 1}},
      {{5, 1, 3}, {7, 1}, {5, 7, 3}},
      {{0, 3}, {1, 3}, {0, 3}},
      {{2, 1}, {0}, {2, 0}},
      {{8, 1, 6, 1}, {7, 1, 5}, {8, 7, 6, 5}},
      {{}, {}, {}},
  };
  for (const auto& [a, b, result] : cases) {
    EXPECT_EQ(broadcast("add", a, b), result) << a.to_string() << b.to_string();
    EXPECT_EQ(broadcast("add", b, a), result) << b.to_string() << a.to_string();
  }
}

TEST(Broadcast, OtherSizesAreAnErrorThatNamesBothShapes) {
  EXPECT_EQ(error_of([] {
              broadcast("add", {2, 3}, {4});
            }),
            "add: shapes [2, 3] and [4] do not broadcast");
  EXPECT_EQ(error_of([] {
              broadcast("mul", {4}, {2, 3});
            }),
            "mul: shapes [4] and [2, 3] do not broadcast");
  error_of([] { broadcast("add", {2, 3}, {3, 2}); });
  error_of([] { broadcast("add", {0}, {2}); });
  error_of([] { broadcast("add", {2, 3}, {2, 1, 2}); });
  EXPECT_EQ(broadcast({2, 1}, {3}), (Shape{2, 3}));
  EXPECT_EQ(broadcast({2, 3}, {4}), std::nullopt);
}

}  // namespace
}  // namespace gradus
