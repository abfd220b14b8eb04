/// \file
/// A checksum that is as fast as memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gradus::io {

/// XXH64 (Yann Collet, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md), what the
/// program `xxhsum` prints for seed 0. It finds damage, not forgery. The sum of one piece is a good
/// seed for the next.
uint64_t xxh64(const void* data, size_t bytes, uint64_t seed);

}  // namespace gradus::io
