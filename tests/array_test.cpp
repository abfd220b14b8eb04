// Array: creation, copies, conversions, text, errors. (Its views: array_views_test.cpp.)
#include "gradus/array.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "support.h"

namespace gradus {
namespace {

using test::counting;
using test::error_of;

// ---- creation

TEST(DType, HasTheNameAndSizeOfNumPys) {
  EXPECT_EQ(name(DType::float32), "float32");
  EXPECT_EQ(name(DType::float64), "float64");
  EXPECT_EQ(name(DType::int64), "int64");
  EXPECT_EQ(name(DType::boolean), "bool");
  EXPECT_EQ(size_of(DType::float32), 4);
  EXPECT_EQ(size_of(DType::float64), 8);
  EXPECT_EQ(size_of(DType::int64), 8);
  EXPECT_EQ(size_of(DType::boolean), 1);
}

// The name stands in messages about what went wrong, so it is not itself a reason to fail.
TEST(DType, OneThatIsNoneSaysSo) { EXPECT_EQ(name(static_cast<DType>(100)), "no dtype"); }

TEST(DType, AnOpForFloatingDtypesRefusesTheOthersByName) {
  EXPECT_EQ(error_of([] { dispatch_float("gelu", DType::int64, []<class T> {}); }),
            "gelu: needs float32 or float64, got int64");
}

TEST(Array, HoldsTheValuesItWasMadeOfInRowMajorOrder) {
  for (const DType dtype : {DType::float32, DType::float64, DType::int64}) {
    const Array a = Array::of({1, 2, 3, 4, 5, 6}, {2, 3}, dtype);
    EXPECT_EQ(a.dtype(), dtype);
    EXPECT_EQ(a.rank(), 2);
    EXPECT_EQ(a.size(-1), 3);
    EXPECT_EQ(a.numel(), 6);
    EXPECT_EQ(a.at({0, 2}), 3);
    EXPECT_EQ(a.at({1, 0}), 4);
    EXPECT_TRUE(a.is_contiguous());
  }
  EXPECT_EQ(Array::of_indices({7, int64_t{1} << 60}, {2}).data<int64_t>()[1], int64_t{1} << 60);
  EXPECT_EQ(Array::of_bools({true, false}, {2}).to_vector(), (std::vector<double>{1, 0}));
  EXPECT_EQ(Array::zeros({2, 2}).to_vector(), (std::vector<double>{0, 0, 0, 0}));
  EXPECT_EQ(Array::full({3}, -2.5).to_vector(), (std::vector<double>{-2.5, -2.5, -2.5}));
  EXPECT_EQ(Array::scalar(4, DType::float64).item(), 4);
  EXPECT_EQ(Array::scalar(4).rank(), 0);
}

TEST(Array, WithoutElementsIsAnArrayLikeAnyOther) {
  const Array a({2, 0, 3}, DType::float32);
  EXPECT_EQ(a.numel(), 0);
  EXPECT_TRUE(a.to_vector().empty());
  EXPECT_TRUE(a.is_contiguous() && a.transpose().is_contiguous());
  EXPECT_EQ(a.transpose(0, 2).reshape({0, 5}).shape(), (Shape{0, 5}));
  EXPECT_EQ(a.clone().to(DType::int64).numel(), 0);
}

TEST(Array, ACopiedHandleSharesTheNumbers) {
  Array a = Array::zeros({3});
  const Array b = a;
  EXPECT_TRUE(a.shares_storage_with(b));
  EXPECT_FALSE(a.is_unique());
  a.mutable_data<float>()[1] = 5;
  EXPECT_EQ(b.at({1}), 5);
  EXPECT_FALSE(a.shares_storage_with(a.clone()));
  EXPECT_FALSE(Array().shares_storage_with(Array()));
}

TEST(Array, OnlyAPointerForWritingCountsAsAWrite) {
  Array a = Array::zeros({3});
  const uint64_t before = a.storage().version();
  (void)a.data<float>();
  (void)a.slice(0, 0, 1).to_vector();
  EXPECT_EQ(a.storage().version(), before);
  (void)a.mutable_data<float>();
  EXPECT_EQ(a.storage().version(), before + 1);
  a.select(0, 1).copy_from(Array::scalar(1));
  EXPECT_EQ(a.storage().version(), before + 2);  // through a view, too
}

// ---- copies

TEST(Array, CopyFromReadsAndWritesAnyLayout) {
  const Array values = test::random_array({3, 5, 4});
  for (const Array& source : test::in_every_layout(values))
    for (const Array& target : test::in_every_layout(Array::zeros({3, 5, 4}, DType::float64))) {
      Array view = target;
      view.copy_from(source);
      EXPECT_TRUE(test::same_bits(target, values));
    }
}

TEST(Array, CopyFromWritesNothingBesideTheView) {
  const Array x = counting({4, 5});
  x.slice(0, 1, 4, 2).slice(1, 1, 4, 2).copy_from(Array::full({2, 2}, -1, DType::float64));
  EXPECT_EQ(x.to_vector(), (std::vector<double>{0,  1,  2,  3,  4,   //
                                                5,  -1, 7,  -1, 9,   //
                                                10, 11, 12, 13, 14,  //
                                                15, -1, 17, -1, 19}));
}

TEST(Array, CopyFromMayReadTheMemoryThatItWrites) {
  const Array shifted = counting({100});
  shifted.slice(0, 0, 90).copy_from(shifted.slice(0, 10, 100));
  EXPECT_EQ(shifted.at({0}), 10);
  EXPECT_EQ(shifted.at({89}), 99);
  const Array right = counting({100});
  right.slice(0, 10, 100).copy_from(right.slice(0, 0, 90));
  EXPECT_EQ(right.at({10}), 0);
  EXPECT_EQ(right.at({99}), 89);
  Array turned = counting({2, 2});
  turned.copy_from(turned.transpose());
  EXPECT_EQ(turned.to_vector(), (std::vector<double>{0, 2, 1, 3}));
}

TEST(Array, LargeCopiesAreRightOnSeveralThreads) {
  const test::ScopedThreads threads(3);
  const Array x = counting({401, 503}), turned = x.transpose().clone();
  bool right = true;
  for (int64_t i = 0; i < 503; ++i)
    for (int64_t j = 0; j < 401; ++j)
      right = right && turned.data<double>()[i * 401 + j] == static_cast<double>(j * 503 + i);
  EXPECT_TRUE(right);
  const Array row = counting({300'001}), same = row.clone();
  EXPECT_TRUE(test::same_bits(row, same));
}

TEST(Array, ConvertsAsCppDoes) {
  const Array x = Array::of({-1.75, 0, 0.5, 2.75}, {4}, DType::float64);
  EXPECT_EQ(x.to(DType::int64).to_vector(), (std::vector<double>{-1, 0, 0, 2}));
  for (const double beyond : {HUGE_VAL, 0x1p63, -0x1p64, std::nan("")})
    EXPECT_EQ(error_of([&] {
                Array::of({1, beyond}, {2}).to(DType::int64);
              }),
              fmt::format("to: {} is no int64", beyond));
  EXPECT_EQ(x.to(DType::boolean).to_vector(), (std::vector<double>{1, 0, 1, 1}));
  EXPECT_EQ(x.to(DType::boolean).to(DType::float32).to_vector(), (std::vector<double>{1, 0, 1, 1}));
  EXPECT_EQ(Array::scalar(0.1, DType::float64).to(DType::float32).item(),
            static_cast<double>(0.1f));
  EXPECT_EQ(Array::scalar(0.1f).to(DType::float64).item(), static_cast<double>(0.1f));
  EXPECT_TRUE(x.to(DType::float64).shares_storage_with(x));
}

TEST(Array, ConversionReadsAnyLayoutAndGivesARowMajorResult) {
  const Array values = counting({3, 4, 5});
  for (const Array& x : test::in_every_layout(values)) {
    const Array converted = x.to(DType::int64);
    EXPECT_EQ(converted.to_vector(), values.to_vector());
    EXPECT_TRUE(converted.is_contiguous());
  }
}

TEST(Array, ReuseIsForDenseMemoryThatNobodyElseHolds) {
  const Array alone = counting({3, 4});
  EXPECT_TRUE(reuse_or_allocate(alone).shares_storage_with(alone));

  const Array shared = counting({3, 4}), holder = shared.slice(0, 0, 1);
  EXPECT_FALSE(reuse_or_allocate(shared).shares_storage_with(shared));

  const Array turned = counting({3, 4}).transpose();
  EXPECT_TRUE(reuse_or_allocate(turned).shares_storage_with(turned));
  EXPECT_EQ(reuse_or_allocate(turned).strides(), turned.strides());

  const Array gaps = counting({3, 4}).slice(1, 0, 2), repeated = counting({1, 4}).expand({3, 4});
  for (const Array& a : {gaps, repeated}) {
    const Array fresh = reuse_or_allocate(a);
    EXPECT_FALSE(fresh.shares_storage_with(a));
    EXPECT_TRUE(fresh.is_dense() && fresh.shape() == a.shape());
  }
}

// ---- text

TEST(Array, PrintsAsNestedLists) {
  EXPECT_EQ(Array::of({1, -2.5, 3.14159, 0, 5, 6}, {2, 3}).to_string(2),
            "[[1.00, -2.50, 3.14],\n [0.00, 5.00, 6.00]]");
  EXPECT_EQ(counting({2, 1, 2}, DType::int64).to_string(), "[[[0, 1]],\n [[2, 3]]]");
  EXPECT_EQ(Array::of_bools({true, false}, {2}).to_string(), "[true, false]");
  EXPECT_EQ(Array::scalar(1.5).to_string(), "1.5000");
  EXPECT_EQ(Array::of_indices({int64_t{1} << 60}, {1}).to_string(), "[1152921504606846976]");
  EXPECT_EQ(Array::zeros({2, 0}).to_string(), "[[],\n []]");
  EXPECT_EQ(Array().to_string(), "(no array)");
}

TEST(Array, PrintsOnlyTheEdgesOfALongAxis) {
  EXPECT_EQ(counting({8}, DType::int64).to_string(), "[0, 1, 2, 3, 4, 5, 6, 7]");
  EXPECT_EQ(counting({100}, DType::int64).to_string(), "[0, 1, 2, 3, ..., 96, 97, 98, 99]");
  EXPECT_EQ(counting({9, 1}, DType::int64).transpose().to_string(),
            "[[0, 1, 2, 3, ..., 5, 6, 7, 8]]");
}

// ---- errors

TEST(Array, ReadingAsAnotherTypeIsAnError) {
  Array x = Array::zeros({2});
  EXPECT_EQ(error_of([&] { (void)x.data<double>(); }),
            "array: read as float64, but its dtype is float32");
  EXPECT_EQ(error_of([&] { (void)x.mutable_data<int64_t>(); }),
            "array: read as int64, but its dtype is float32");
}

TEST(Array, AnEmptyHandleAnswersWithAnError) {
  Array none;
  EXPECT_TRUE(none.is_empty_handle());
  EXPECT_EQ(none.numel(), 0);
  EXPECT_EQ(error_of([&] { none.storage(); }), "array: this handle holds no array");
  EXPECT_EQ(error_of([&] { (void)none.data<float>(); }), "array: this handle holds no array");
  EXPECT_EQ(error_of([&] { (void)none.mutable_data<float>(); }),
            "array: this handle holds no array");
  EXPECT_EQ(error_of([&] { none.item(); }), "item: this handle holds no array");
  EXPECT_EQ(error_of([&] { none.expand({4}); }), "array: this handle holds no array");
  const std::function<void()> questions[] = {
      [&] { none.item(); },       [&] { none.at({}); },      [&] { none.clone(); },
      [&] { none.to_vector(); },  [&] { none.reshape({}); }, [&] { none.to(DType::float64); },
      [&] { none.select(0, 0); }, [&] { none.transpose(); }, [&] { none.copy_from(Array()); }};
  for (const auto& question : questions) EXPECT_NE(error_of(question), "");
}

TEST(Array, AWrongNumberOfValuesIsAnError) {
  EXPECT_EQ(error_of([] { Array::of({1, 2, 3}, {2, 2}); }), "array: 3 values for the shape [2, 2]");
  error_of([] { Array::of_indices({}, {}); });
  error_of([] { Array::of_bools({true}, {0}); });
}

TEST(Array, TooManyElementsAreAnErrorNotAnAllocation) {
  error_of([] { Array({int64_t{1} << 31, int64_t{1} << 31, 4}, DType::float32); });
  EXPECT_EQ(error_of([] { Array({int64_t{1} << 61}, DType::float64); }),
            "array: [2305843009213693952] of float64 needs more bytes than 64 bits can count");
  error_of([] { Array({-1}, DType::float32); });
  error_of([] { Array({0, int64_t{1} << 40, int64_t{1} << 40}, DType::float32); });
}

TEST(Array, SingleElementAccessChecksTheIndex) {
  const Array x = counting({2, 3});
  EXPECT_EQ(x.at({-1, -1}), 5);
  EXPECT_EQ(error_of([&] { x.at({1}); }), "at: 1 indices for the shape [2, 3]");
  error_of([&] { x.at({2, 0}); });
  EXPECT_EQ(error_of([&] { x.item(); }), "item: needs exactly one element, the shape is [2, 3]");
  EXPECT_EQ(counting({1, 1}).item(), 0);
}

TEST(Array, CopyFromChecksShapeAndDtype) {
  Array x = Array::zeros({2, 3});
  EXPECT_EQ(error_of([&] {
              x.copy_from(Array::zeros({3, 2}));
            }),
            "copy: float32 [3, 2] into float32 [2, 3]");
  EXPECT_EQ(error_of([&] {
              x.copy_from(Array::zeros({2, 3}, DType::float64));
            }),
            "copy: float64 [2, 3] into float32 [2, 3]");
}

}  // namespace
}  // namespace gradus
