#include "gradus/random.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace gradus {

std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    // Two multiplications spread each bit over 64; the halves change places and meet the key.
    const uint64_t x = uint64_t{0xD2511F53} * counter[0], y = uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<uint32_t>(y >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(y),
               static_cast<uint32_t>(x >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(x)};
    key[0] += 0x9E3779B9;  // the golden ratio
    key[1] += 0xBB67AE85;  // sqrt(3) - 1
  }
  return counter;
}

uint32_t Generator::next_u32() {
  const uint64_t block = position_ / 4;
  if (block != block_index_) {
    const auto low = [](uint64_t x) { return static_cast<uint32_t>(x); };
    const auto high = [](uint64_t x) { return static_cast<uint32_t>(x >> 32); };
    block_ =
        philox({low(block), high(block), low(stream_), high(stream_)}, {low(seed_), high(seed_)});
    block_index_ = block;
  }
  return block_[position_++ % 4];
}

double Generator::uniform() {
  const uint64_t high = next_u32() >> 5, low = next_u32() >> 6;  // 27 + 26 bits
  return static_cast<double>(high << 26 | low) * 0x1p-53;
}

double Generator::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));  // 1 - uniform() is never 0
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

uint64_t Generator::below(uint64_t n) {
  check(n >= 1, "random: cannot draw below {}", n);
  const uint64_t incomplete = -n % n;  // 2^64 mod n: draws below it would favour the small numbers
  for (;;) {
    const uint64_t high = next_u32(), low = next_u32();
    if (const uint64_t draw = high << 32 | low; draw >= incomplete) return draw % n;
  }
}

namespace {
template <class Draw>
Array filled(const Shape& shape, DType dtype, Draw draw) {
  Array result(shape, dtype);
  dispatch_float("random", dtype, [&]<class T> {
    std::generate_n(result.mutable_data<T>(), result.numel(),
                    [&] { return static_cast<T>(draw()); });
  });
  return result;
}
}  // namespace

Array rand(const Shape& shape, Generator& generator, DType dtype) {
  return filled(shape, dtype, [&] { return generator.uniform(); });
}
Array randn(const Shape& shape, Generator& generator, DType dtype) {
  return filled(shape, dtype, [&] { return generator.normal(); });
}

}  // namespace gradus
