#include "io/xxhash.h"

#include <array>
#include <bit>
#include <cstring>

namespace gradus::io {
namespace {

// The names are the specification's.
constexpr uint64_t prime1 = 0x9E3779B185EBCA87, prime2 = 0xC2B2AE3D27D4EB4F,
                   prime3 = 0x165667B19E3779F9, prime4 = 0x85EBCA77C2B2AE63,
                   prime5 = 0x27D4EB2F165667C5;

// Little-endian, as the machine is.
template <class T>
T load(const unsigned char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

uint64_t round(uint64_t accumulator, uint64_t lane) {
  return std::rotl(accumulator + lane * prime2, 31) * prime1;
}

uint64_t merge(uint64_t hash, uint64_t accumulator) {
  return (hash ^ round(0, accumulator)) * prime1 + prime4;
}

}  // namespace

uint64_t xxh64(const void* data, size_t bytes, uint64_t seed) {
  const auto* in = static_cast<const unsigned char*>(data);
  size_t left = bytes;
  uint64_t hash = seed + prime5;
  if (bytes >= 32) {
    // Four sums at once, each of every fourth word.
    std::array<uint64_t, 4> sums = {seed + prime1 + prime2, seed + prime2, seed, seed - prime1};
    for (; left >= 32; left -= 32)
      for (uint64_t& sum : sums) {
        sum = round(sum, load<uint64_t>(in));
        in += 8;
      }
    hash = std::rotl(sums[0], 1) + std::rotl(sums[1], 7) + std::rotl(sums[2], 12) +
           std::rotl(sums[3], 18);
    for (const uint64_t sum : sums) hash = merge(hash, sum);
  }
  hash += bytes;
  for (; left >= 8; left -= 8, in += 8)
    hash = std::rotl(hash ^ round(0, load<uint64_t>(in)), 27) * prime1 + prime4;
  for (; left >= 4; left -= 4, in += 4)
    hash = std::rotl(hash ^ (load<uint32_t>(in) * prime1), 23) * prime2 + prime3;
  for (; left > 0; --left, ++in) hash = std::rotl(hash ^ (*in * prime5), 11) * prime1;
  hash = (hash ^ (hash >> 33)) * prime2;
  hash = (hash ^ (hash >> 29)) * prime3;
  return hash ^ (hash >> 32);
}

}  // namespace gradus::io
