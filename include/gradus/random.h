/// \file
/// Random numbers that depend on a seed alone: not on the machine, the standard library or the
/// threads.
#pragma once

#include <array>
#include <cstdint>

#include "gradus/array.h"

namespace gradus {

/// A counter-based generator: number i of a stream is a function of (seed, stream, i) and of
/// nothing else, so its whole state is a position. The function is Philox4x32-10 (Salmon et al.,
/// "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011): ten rounds that scramble a 128-bit
/// counter under a 64-bit key.
class Generator {
 public:
  /// Streams of one seed are independent: one for the weights, one for the batches, one for
  /// dropout.
  explicit Generator(uint64_t seed, uint64_t stream = 0) : seed_(seed), stream_(stream) {}

  /// The next 32 random bits.
  uint32_t next_u32();
  /// A number in [0, 1), a multiple of 2^-53. Takes two draws of 32 bits.
  double uniform();
  /// A number from the standard normal distribution (Box and Muller 1958). Takes four draws of 32
  /// bits.
  double normal();
  /// A whole number in [0, n), each equally likely. \throws Error unless n >= 1.
  uint64_t below(uint64_t n);

  /// The seed it was made with.
  uint64_t seed() const { return seed_; }
  /// The stream it was made with.
  uint64_t stream() const { return stream_; }
  /// How many 32-bit numbers have been drawn.
  uint64_t position() const { return position_; }
  /// Goes to that place: a saved stream continues with the number that would have followed.
  void set_position(uint64_t position) { position_ = position; }

 private:
  uint64_t seed_, stream_, position_ = 0;
  uint64_t block_index_ = ~uint64_t{0};  // which block of four numbers is in block_
  std::array<uint32_t, 4> block_{};
};

/// Philox4x32-10 itself: four random numbers from a counter and a key.
std::array<uint32_t, 4> philox(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

/// Independent numbers from [0, 1). The float32 numbers are the float64 ones, rounded (so a float32
/// 1 is possible). \throws Error for a dtype other than float32 and float64.
Array rand(const Shape& shape, Generator& generator, DType dtype = DType::float32);
/// Independent numbers from the standard normal distribution: mean 0, variance 1. Rounded, and
/// refused, as in rand.
Array randn(const Shape& shape, Generator& generator, DType dtype = DType::float32);

}  // namespace gradus
