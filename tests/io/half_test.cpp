#include "io/half.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

namespace gradus::io {
namespace {

template <class H>
H of_bits(uint32_t bits) {
  return {static_cast<uint16_t>(bits)};
}

template <class H>
bool is_nan(uint32_t bits) {
  return (bits & 0x7fff) > H::infinity;
}

// The value by the definition of the format: (-1)^sign 2^exponent 1.fraction.
template <class H>
double by_definition(uint32_t bits) {
  const int magnitude = static_cast<int>(bits & 0x7fff), unit = 1 << H::fraction_bits;
  const int exponent = magnitude / unit;
  const double part = static_cast<double>(magnitude % unit) / unit;
  const double value =
      exponent == 0 ? std::ldexp(part, 1 - H::bias) : std::ldexp(1 + part, exponent - H::bias);
  return bits >> 15 ? -value : value;
}

template <class H>
class EveryHalf : public testing::Test {};
using Halves = testing::Types<Float16, BFloat16>;
TYPED_TEST_SUITE(EveryHalf, Halves);

TYPED_TEST(EveryHalf, IsTheNumberThatTheFormatDefines) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = static_cast<float>(of_bits<TypeParam>(bits));
    ASSERT_EQ(std::signbit(value), bits >= 0x8000) << bits;
    if (is_nan<TypeParam>(bits))
      ASSERT_TRUE(std::isnan(value)) << bits;
    else if ((bits & 0x7fff) == TypeParam::infinity)
      ASSERT_TRUE(std::isinf(value)) << bits;
    else
      ASSERT_EQ(static_cast<double>(value), by_definition<TypeParam>(bits)) << bits;
  }
}

// To float32 and back: the same bits, those of NaNs included. Through float64 a NaN that traps may
// become one that does not.
TYPED_TEST(EveryHalf, ComesBack) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = static_cast<float>(of_bits<TypeParam>(bits));
    ASSERT_EQ(rounded<TypeParam>(value).bits, bits);
    const uint32_t quiet = is_nan<TypeParam>(bits) ? TypeParam::quiet : 0;
    ASSERT_EQ(rounded<TypeParam>(static_cast<double>(value)).bits | quiet, bits | quiet);
  }
}

template <class H, class F>
void expect_rounding(F value, uint32_t bits) {
  ASSERT_EQ(rounded<H>(value).bits, bits) << value;
  ASSERT_EQ(rounded<H>(-value).bits, bits | 0x8000) << value;
}

// Between every number and the next one (above the largest, the one that would follow): what lies
// beside the middle goes to the nearer of the two, the middle itself to the even one.
template <class H, class F>
void expect_rounding_between_neighbours() {
  const F infinity = std::numeric_limits<F>::infinity();
  for (uint32_t bits = 0; bits < H::infinity; ++bits) {
    const F low = static_cast<F>(by_definition<H>(bits));
    const F high = static_cast<F>(by_definition<H>(bits + 1));
    const F middle = low / 2 + high / 2;
    ASSERT_TRUE(low < middle && middle < high) << bits;
    expect_rounding<H>(std::nextafter(low, infinity), bits);
    expect_rounding<H>(std::nextafter(middle, F{0}), bits);
    expect_rounding<H>(middle, bits + bits % 2);
    expect_rounding<H>(std::nextafter(middle, infinity), bits + 1);
    expect_rounding<H>(std::nextafter(high, F{0}), bits + 1);
  }
}

TYPED_TEST(EveryHalf, IsTheNearestOfFloat64) {
  expect_rounding_between_neighbours<TypeParam, double>();
}

TEST(Float16Rounding, IsTheNearestOfFloat32) {
  expect_rounding_between_neighbours<Float16, float>();
}

// What would follow BF16's largest number is not a float32, and its smallest are so small that
// float32 has few numbers between them: every bit pattern is compared with arithmetic on the bits.
TEST(BFloat16Rounding, IsTheNearestOfFloat32) {
  for (uint64_t step = 0; step < uint64_t{1} << 32; step += 251) {  // prime: every low byte occurs
    const auto bits = static_cast<uint32_t>(step);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    if (std::isnan(value)) continue;
    const uint32_t nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    ASSERT_EQ(rounded<BFloat16>(value).bits, nearest) << value;
  }
}

TYPED_TEST(EveryHalf, IsTheNearestOfTheExtremes) {
  for (const double huge : {1e300, std::numeric_limits<double>::max(), HUGE_VAL})
    expect_rounding<TypeParam>(huge, TypeParam::infinity);
  for (const double tiny : {1e-300, std::numeric_limits<double>::denorm_min(), 0.0})
    expect_rounding<TypeParam>(tiny, 0);
  expect_rounding<TypeParam>(std::numeric_limits<float>::denorm_min(), 0);
}

// The first number is just above the middle of two F16; as a float32 it would be the middle, and
// then go to the even one below.
TEST(Float16Rounding, RoundsAFloat64Once) {
  const double above = 1 + std::ldexp(1, -11) + std::ldexp(1, -40);
  EXPECT_EQ(rounded<Float16>(above).bits, 0x3c01);
  EXPECT_EQ(rounded<Float16>(static_cast<float>(above)).bits, 0x3c00);
}

TYPED_TEST(EveryHalf, IsTheNearestOfInt64) {
  const auto expect_same = [](int64_t whole) {
    ASSERT_EQ(rounded<TypeParam>(whole).bits, rounded<TypeParam>(static_cast<double>(whole)).bits)
        << whole;
  };
  for (int64_t whole = -70'000; whole <= 70'000; ++whole) expect_same(whole);  // past F16's largest
  for (int shift = 0; shift < 62; ++shift) expect_same(int64_t{3} << shift);
  expect_same(INT64_MIN);
  expect_same(INT64_MAX);
}

// Just above the middle of two BF16: as a float64 it would be the middle.
TEST(BFloat16Rounding, RoundsAnInt64Once) {
  const int64_t middle = (int64_t{0x101} << 54);
  EXPECT_EQ(rounded<BFloat16>(middle).bits, 0x5e80);
  EXPECT_EQ(rounded<BFloat16>(middle + 1).bits, 0x5e81);
  EXPECT_EQ(rounded<BFloat16>(-middle - 1).bits, 0xde81);
}

TYPED_TEST(EveryHalf, KeepsANaN) {
  const float quiet = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(rounded<TypeParam>(quiet).bits, TypeParam::infinity | TypeParam::quiet);
  EXPECT_EQ(rounded<TypeParam>(-quiet).bits, 0x8000 | TypeParam::infinity | TypeParam::quiet);
  // A NaN whose upper bits are all 0 would be infinity.
  EXPECT_TRUE(is_nan<TypeParam>(rounded<TypeParam>(std::bit_cast<float>(0x7f800001U)).bits));
  EXPECT_TRUE(is_nan<TypeParam>(
      rounded<TypeParam>(std::bit_cast<double>(uint64_t{0x7ff0000000000001})).bits));
}

}  // namespace
}  // namespace gradus::io
