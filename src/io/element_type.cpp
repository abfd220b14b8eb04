#include "io/element_type.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace gradus::io {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied as they are");

// IEEE half precision: 1 sign bit, 5 exponent bits, 10 fraction bits.
struct Half {
  uint16_t bits;
  explicit operator float() const {
    const int exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float infinity_or_nan = fraction == 0 ? std::numeric_limits<float>::infinity()
                                                : std::numeric_limits<float>::quiet_NaN();
    const float magnitude = exponent == 31 ? infinity_or_nan
                            : exponent > 0
                                ? std::ldexp(1024.0f + static_cast<float>(fraction), exponent - 25)
                                : std::ldexp(static_cast<float>(fraction), -24);
    return std::copysign(magnitude, bits >> 15 ? -1.0f : 1.0f);
  }
};

// bfloat16 is the upper half of a float32.
struct BFloat16 {
  uint16_t bits;
  explicit operator float() const { return std::bit_cast<float>(uint32_t{bits} << 16); }
};

struct Bool {
  uint8_t byte;
  explicit operator bool() const {
    check(byte <= 1, "a BOOL must be 0 or 1, got {}", byte);
    return byte == 1;
  }
};

// Fills `array` with elements of type From that begin at byte `offset` of the file.
template <class From, class To>
void read_elements(const InputFile& file, uint64_t offset, Array& array) {
  To* out = array.mutable_data<To>();
  const size_t count = static_cast<size_t>(array.numel());
  if constexpr (std::is_same_v<From, To>) {
    file.read(offset, out, count * sizeof(To));
  } else {
    std::array<From, 4096> buffer;
    for (size_t done = 0; done < count; done += buffer.size()) {
      const size_t n = std::min(buffer.size(), count - done);
      file.read(offset + done * sizeof(From), buffer.data(), n * sizeof(From));
      std::transform(buffer.begin(), buffer.begin() + n, out + done,
                     [](From element) { return static_cast<To>(element); });
    }
  }
}

template <class From, class To>
constexpr ElementType element_type(std::string_view name) {
  return {name, dtype_of<To>, sizeof(From), read_elements<From, To>};
}

}  // namespace

std::span<const ElementType> element_types() {
  static constexpr std::array types = {
      element_type<float, float>("F32"),      element_type<double, double>("F64"),
      element_type<int64_t, int64_t>("I64"),  element_type<Bool, bool>("BOOL"),
      element_type<Half, float>("F16"),       element_type<BFloat16, float>("BF16"),
      element_type<int32_t, int64_t>("I32"),  element_type<int16_t, int64_t>("I16"),
      element_type<int8_t, int64_t>("I8"),    element_type<uint32_t, int64_t>("U32"),
      element_type<uint16_t, int64_t>("U16"), element_type<uint8_t, int64_t>("U8"),
  };
  return types;
}

}  // namespace gradus::io
