#include "gradus/io/stored.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "io/elements.h"
#include "support.h"

namespace gradus::io {
namespace {

using test::error_of;
using test::same_bits;

template <class T>
StoredArray stored(ElementType type, const std::vector<T>& values, const Shape& shape) {
  return {type, shape, std::as_bytes(std::span(values))};
}

TEST(ElementTypes, HaveANameASizeAndADType) {
  std::string all;
  for (const ElementType type : all_element_types)
    all += fmt::format("{} {} {}, ", name(type), size_of(type), gradus::name(dtype_for(type)));
  EXPECT_EQ(all,
            "F32 4 float32, F64 8 float64, I64 8 int64, BOOL 1 bool, F16 2 float32, "
            "BF16 2 float32, I32 4 int64, I16 2 int64, I8 1 int64, U32 4 int64, U16 2 int64, "
            "U8 1 int64, ");
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::boolean}) {
    EXPECT_EQ(dtype_for(element_type_for(dtype)), dtype);
    EXPECT_EQ(size_of(element_type_for(dtype)), size_of(dtype));
  }
  EXPECT_EQ(error_of([] { name(static_cast<ElementType>(12)); }), "element type: 12 is none");
}

TEST(StoredArray, KeepsItsBytes) {
  const std::vector<uint16_t> bits = {0x7e01, 0x8000, 0x0001, 0xfc00, 0x3c00, 0x7c01};
  const StoredArray a = stored(ElementType::float16, bits, {2, 3});
  const StoredArray copy = a;
  EXPECT_EQ(a.type(), ElementType::float16);
  EXPECT_EQ(a.shape(), (Shape{2, 3}));
  EXPECT_EQ(std::memcmp(a.bytes().data(), bits.data(), 12), 0);
  EXPECT_EQ(copy.bytes().data(), a.bytes().data());
  EXPECT_TRUE(a == stored(ElementType::float16, bits, {2, 3}));
  EXPECT_FALSE(a == stored(ElementType::bfloat16, bits, {2, 3}));
  EXPECT_FALSE(a == stored(ElementType::float16, bits, {3, 2}));
  EXPECT_FALSE(a ==
               stored<uint16_t>(ElementType::float16, {0x7e01, 0, 1, 0xfc00, 0x3c00, 1}, {2, 3}));
}

TEST(StoredArray, HasAsManyBytesAsItsShapeTakes) {
  const std::vector<uint8_t> six(6);
  const auto error = [&](ElementType type, const Shape& shape) {
    return error_of([&] { stored(type, six, shape); });
  };
  EXPECT_EQ(error(ElementType::int16, {2}), "store: I16 of shape [2] takes 4 bytes, got 6");
  EXPECT_EQ(error(ElementType::uint8, {7}), "store: U8 of shape [7] takes 7 bytes, got 6");
  EXPECT_EQ(error(ElementType::float64, {INT64_MAX}),
            "store: F64 of shape [9223372036854775807] takes too many bytes, got 6");
  EXPECT_NE(error(ElementType::uint8, {-2, -3}), "");
  EXPECT_NE(error(ElementType::uint8, {INT64_MAX, 3}), "");
  EXPECT_EQ(stored<uint8_t>(ElementType::uint8, {}, {0, 5}).array().shape(), (Shape{0, 5}));
}

TEST(StoredArray, IsCastOnUse) {
  const auto cast = [](const StoredArray& a) { return a.array(); };
  EXPECT_TRUE(same_bits(cast(stored<uint16_t>(ElementType::float16, {0xbc00, 0x3555}, {2})),
                        Array::of({-1, 0x1.554p-2}, {2})));
  EXPECT_TRUE(same_bits(cast(stored<uint16_t>(ElementType::bfloat16, {0xbf80, 0x3eab}, {2})),
                        Array::of({-1, 0x1.56p-2}, {2})));
  EXPECT_TRUE(same_bits(cast(stored<int8_t>(ElementType::int8, {-128, 127}, {2, 1})),
                        Array::of_indices({-128, 127}, {2, 1})));
  EXPECT_TRUE(same_bits(cast(stored<uint32_t>(ElementType::uint32, {UINT32_MAX}, {})),
                        Array::of_indices({UINT32_MAX}, {})));
  EXPECT_TRUE(same_bits(cast(stored<uint8_t>(ElementType::boolean, {1, 0}, {2})),
                        Array::of_bools({true, false}, {2})));
  const StoredArray two = stored<uint8_t>(ElementType::boolean, {1, 2}, {2});
  EXPECT_EQ(error_of([&] { two.array(); }), "a BOOL must be 0 or 1, got 2");
}

// More elements than are cast at a time.
TEST(StoredArray, LongOnesAreCastWhole) {
  std::vector<uint8_t> bytes(200'001);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 7 % 251);
  const Array a = stored(ElementType::uint8, bytes, {200'001}).array();
  for (size_t i = 0; i < bytes.size(); ++i) ASSERT_EQ(a.data<int64_t>()[i], bytes[i]) << i;
}

TEST(StoredArray, TheTypeOfTheEngineIsStoredAsItIs) {
  for (const Array& layout : test::in_every_layout(test::random_array({3, 5, 2}, 1))) {
    const StoredArray a = StoredArray::of(layout);
    EXPECT_EQ(a.type(), ElementType::float64);
    EXPECT_TRUE(same_bits(a.array(), layout));
  }
  const Array ids = Array::of_indices({INT64_MIN, INT64_MAX}, {2});
  EXPECT_TRUE(same_bits(StoredArray::of(ids).array(), ids));
  const Array mask = Array::of_bools({true, false, true}, {3});
  EXPECT_TRUE(same_bits(StoredArray::of(mask).array(), mask));
  EXPECT_EQ(error_of([] { StoredArray::of(Array()); }), "store: there is no array");
  EXPECT_EQ(error_of([] { StoredArray::of(Array(), ElementType::uint8); }),
            "store: there is no array");
}

TEST(StoredArray, LaterWritesToTheArrayDoNotReachIt) {
  Array a = Array::of({1, 2}, {2});
  const StoredArray kept = StoredArray::of(a);
  a.mutable_data<float>()[0] = 7;
  EXPECT_EQ(kept.array().to_vector(), (std::vector<double>{1, 2}));
}

// All elements of each layout, and one rounding from float64 (see half_test.cpp).
TEST(StoredArray, FloatingTypesAreRounded) {
  const Array a = test::random_array({3, 5, 7}, 2);
  for (const Array& layout : test::in_every_layout(a)) {
    EXPECT_TRUE(
        same_bits(StoredArray::of(layout, ElementType::float32).array(), a.to(DType::float32)));
    const Array half = StoredArray::of(layout, ElementType::float16).array();
    const Array bfloat = StoredArray::of(layout, ElementType::bfloat16).array();
    for (int64_t i = 0; i < a.numel(); ++i) {
      const double value = a.data<double>()[i];
      ASSERT_EQ(half.data<float>()[i], static_cast<float>(rounded<Float16>(value)));
      ASSERT_EQ(bfloat.data<float>()[i], static_cast<float>(rounded<BFloat16>(value)));
    }
  }
  const Array once = Array::scalar(1 + 0x1p-11 + 0x1p-40, DType::float64);
  EXPECT_EQ(StoredArray::of(once, ElementType::float16).array().item(), 1 + 0x1p-10);
  const Array far = Array::of({1e6, -1e6, 1e-9}, {3});
  EXPECT_EQ(StoredArray::of(far, ElementType::float16).array().to_vector(),
            (std::vector<double>{INFINITY, -INFINITY, 0}));
  EXPECT_EQ(StoredArray::of(Array::of_bools({true, false}, {2}), ElementType::bfloat16)
                .array()
                .to_vector(),
            (std::vector<double>{1, 0}));
  EXPECT_EQ(
      StoredArray::of(Array::of_indices({4097, -7}, {2}), ElementType::float16).array().to_vector(),
      (std::vector<double>{4096, -7}));
}

// The least and the greatest of each integer type are stored, from int64 and, where it has them,
// from float64; what is one beyond is not.
template <class T>
void expect_bounds(ElementType type) {
  using Limits = std::numeric_limits<T>;
  const std::vector<int64_t> bounds = {Limits::min(), 0, 1, Limits::max()};
  const Array whole = Array::of_indices(bounds, {4});
  EXPECT_TRUE(same_bits(StoredArray::of(whole, type).array(), whole)) << name(type);
  EXPECT_TRUE(same_bits(StoredArray::of(whole.to(DType::float64), type).array(), whole));
  for (const int64_t beyond : {int64_t{Limits::min()} - 1, int64_t{Limits::max()} + 1})
    for (const DType dtype : {DType::int64, DType::float64})
      EXPECT_EQ(
          error_of([&] {
            StoredArray::of(Array::of_indices({0, 0, beyond, 0}, {2, 2}).to(dtype), type);
          }),
          fmt::format("store: element [1, 0] is {}, which {} does not hold", beyond, name(type)));
  const auto cut = [&](double value) {
    return error_of([&] { StoredArray::of(Array::scalar(value), type); });
  };
  EXPECT_EQ(cut(0.5), fmt::format("store: element [] is 0.5, which {} does not hold", name(type)));
  EXPECT_EQ(cut(NAN), fmt::format("store: element [] is nan, which {} does not hold", name(type)));
  EXPECT_NE(cut(INFINITY), "");
  EXPECT_NE(cut(1e30), "");
}

TEST(StoredArray, AnIntegerTypeTakesWhatItHolds) {
  expect_bounds<int32_t>(ElementType::int32);
  expect_bounds<int16_t>(ElementType::int16);
  expect_bounds<int8_t>(ElementType::int8);
  expect_bounds<uint32_t>(ElementType::uint32);
  expect_bounds<uint16_t>(ElementType::uint16);
  expect_bounds<uint8_t>(ElementType::uint8);
  const auto as_int64 = [](double value) {
    return StoredArray::of(Array::scalar(value, DType::float64), ElementType::int64).array();
  };
  EXPECT_EQ(*as_int64(-0x1p63).data<int64_t>(), INT64_MIN);
  EXPECT_EQ(error_of([&] { as_int64(0x1p63); }),
            "store: element [] is 9.223372036854776e+18, which I64 does not hold");
}

TEST(StoredArray, ABoolTakesZeroAndOne) {
  EXPECT_TRUE(same_bits(StoredArray::of(Array::of({1, 0, -0.0}, {3}), ElementType::boolean).array(),
                        Array::of_bools({true, false, false}, {3})));
  const auto error = [](const Array& a) {
    return error_of([&] { StoredArray::of(a, ElementType::boolean); });
  };
  EXPECT_EQ(error(Array::of_indices({0, 2}, {2})),
            "store: element [1] is 2, which BOOL does not hold");
  EXPECT_EQ(error(Array::of({0.5}, {1})), "store: element [0] is 0.5, which BOOL does not hold");
  EXPECT_EQ(error(Array::of({NAN}, {1})), "store: element [0] is nan, which BOOL does not hold");
}

}  // namespace
}  // namespace gradus::io
