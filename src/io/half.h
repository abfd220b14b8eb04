// The 16-bit floating types: what their bits mean, and how a number is rounded to them.
#pragma once

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace gradus::io {

// A floating number of 16 bits: sign, exponent, fraction, as IEEE 754 has them.
template <int ExponentBits>
struct Half {
  static constexpr int fraction_bits = 15 - ExponentBits;
  static constexpr int bias = (1 << (ExponentBits - 1)) - 1;
  static constexpr uint16_t infinity = ((1 << ExponentBits) - 1) << fraction_bits;
  static constexpr uint16_t quiet = 1 << (fraction_bits - 1);  // set in a NaN that does not trap

  uint16_t bits;

  explicit operator float() const {
    constexpr int shift = 23 - fraction_bits;
    const uint32_t magnitude = bits & 0x7fff, sign = uint32_t{bits} >> 15 << 31;
    uint32_t wide = (magnitude << shift) + ((127u - bias) << 23);
    if (magnitude >= infinity)
      wide = magnitude << shift | 0x7f800000;
    else if (bias < 127 && magnitude < 1 << fraction_bits)  // zero and what has no leading 1
      wide = std::bit_cast<uint32_t>(static_cast<float>(magnitude) * smallest());
    return std::bit_cast<float>(sign | wide);
  }

 private:
  static constexpr float smallest() {
    return std::bit_cast<float>(static_cast<uint32_t>(128 - bias - fraction_bits) << 23);
  }
};
using Float16 = Half<5>;
using BFloat16 = Half<8>;

// The number nearest to +-significand 2^scale; of two that are as near, the even one. One rounding
// from the exact number: rounding a float64 to float32 first would give another one now and then.
template <class H>
H rounded(bool negative, uint64_t significand, int scale) {
  if (significand == 0) return {static_cast<uint16_t>(negative << 15)};
  const int leading = 63 - std::countl_zero(significand);       // its value is 1.xxx 2^leading
  const int exponent = std::max(scale + leading, 1 - H::bias);  // below it, no leading 1
  const int dropped = exponent - H::fraction_bits - scale;      // bits that do not fit
  uint64_t kept = 0;
  if (dropped <= 0) {
    kept = significand << -dropped;
  } else if (dropped < 64) {
    const uint64_t half = uint64_t{1} << (dropped - 1), rest = significand & (2 * half - 1);
    kept = significand >> (dropped - 1) >> 1;
    kept += rest > half || (rest == half && kept % 2 == 1);
  }  // else less than half of the smallest number
  // The leading 1 of `kept` counts as 1 of the exponent; so does a carry out of the rounding.
  const uint64_t magnitude =
      (static_cast<uint64_t>(exponent + H::bias - 1) << H::fraction_bits) + kept;
  const auto bits = static_cast<uint16_t>(std::min<uint64_t>(magnitude, H::infinity));
  return {static_cast<uint16_t>(bits | negative << 15)};
}

template <class H>
H rounded(int64_t value) {
  const auto bits = static_cast<uint64_t>(value);
  return rounded<H>(value < 0, value < 0 ? 0 - bits : bits, 0);
}

// From float or double. A NaN keeps its sign and the upper bits of its fraction.
template <class H, std::floating_point F>
H rounded(F value) {
  using Bits = std::conditional_t<sizeof(F) == 4, uint32_t, uint64_t>;
  constexpr int fraction_bits = std::numeric_limits<F>::digits - 1;
  constexpr int bias = std::numeric_limits<F>::max_exponent - 1;
  const Bits bits = std::bit_cast<Bits>(value);
  const bool negative = bits >> (8 * sizeof(F) - 1) != 0;
  const Bits fraction = bits & ((Bits{1} << fraction_bits) - 1);
  const int exponent = static_cast<int>(bits >> fraction_bits) & (2 * bias + 1);
  if (exponent == 2 * bias + 1) {
    const auto upper = static_cast<uint16_t>(fraction >> (fraction_bits - H::fraction_bits));
    const uint16_t nan = upper == 0 && fraction != 0 ? H::quiet : upper;
    return {static_cast<uint16_t>(H::infinity | nan | negative << 15)};
  }
  const Bits leading = exponent == 0 ? 0 : Bits{1} << fraction_bits;
  return rounded<H>(negative, leading | fraction, std::max(exponent, 1) - bias - fraction_bits);
}

}  // namespace gradus::io
