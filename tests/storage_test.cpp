// Storage: alignment, reuse, and what the counters say.
#include "gradus/storage.h"

#include <gtest/gtest.h>
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "gradus/autograd.h"
#include "support.h"

namespace gradus {
namespace {

using test::error_of;
using test::memory_is_pooled;

// One size in each corner of a size class: just under, at, and just over powers of two and the
// steps between them.
std::vector<size_t> telling_sizes() {
  std::vector<size_t> sizes = {0, 1, 63, 64, 65, 100, 128, 129, 192, 200, 256, 257};
  for (size_t power = 256; power <= size_t{1} << 22; power *= 2)
    for (size_t quarter = 0; quarter < 4; ++quarter)
      for (const size_t more : {size_t{0}, size_t{1}, power / 8, power / 4 - 1})
        sizes.push_back(power + quarter * power / 4 + more);
  return sizes;
}

TEST(Storage, BlocksAreAlignedTo64BytesAndWritableToTheirEnd) {
  std::vector<std::unique_ptr<Storage>> blocks;
  for (const size_t bytes : telling_sizes()) {
    blocks.push_back(std::make_unique<Storage>(bytes));
    const Storage& block = *blocks.back();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block.data()) % 64, 0) << bytes;
    EXPECT_EQ(block.bytes(), bytes);
    std::memset(block.data(), static_cast<int>(blocks.size() % 251), bytes);
  }
  // No block lies in another.
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto* bytes = static_cast<const unsigned char*>(blocks[i]->data());
    const size_t n = blocks[i]->bytes();
    if (n == 0) continue;
    EXPECT_EQ(bytes[0], (i + 1) % 251);
    EXPECT_EQ(bytes[n - 1], (i + 1) % 251);
  }
}

TEST(Storage, RoundingUpToASizeClassWastesLessThanAQuarter) {
  release_pooled_memory();
  std::vector<std::unique_ptr<Storage>> held;  // so that every block is a fresh one
  for (const size_t bytes : telling_sizes()) {
    const size_t before = memory_stats().fresh;
    held.push_back(std::make_unique<Storage>(bytes));
    const size_t taken = memory_stats().fresh - before;
    EXPECT_GE(taken, bytes);
    EXPECT_LT(static_cast<double>(taken), 1.25 * static_cast<double>(bytes) + 64.5) << bytes;
  }
}

#ifdef __SANITIZE_ADDRESS__
TEST(Storage, UnderAddressSanitizerABlockEndsAtItsLastByte) {
  for (const size_t bytes : telling_sizes()) {
    if (bytes == 0) continue;
    const Storage block(bytes);
    const char* end = static_cast<const char*>(block.data()) + bytes;
    EXPECT_FALSE(__asan_address_is_poisoned(end - 1)) << bytes;
    EXPECT_TRUE(__asan_address_is_poisoned(end)) << bytes;
  }
}
#endif

TEST(Storage, AReleasedBlockIsUsedAgain) {
  if (!memory_is_pooled) GTEST_SKIP() << "the free lists are bypassed under AddressSanitizer";
  for (const size_t bytes : telling_sizes()) {
    const void* first;
    {
      const Storage block(bytes);
      first = block.data();
    }
    const MemoryStats before = memory_stats();
    const Storage again(bytes);
    EXPECT_EQ(again.data(), first) << bytes;
    EXPECT_EQ(memory_stats().fresh, before.fresh) << bytes;
    EXPECT_LT(memory_stats().pooled, before.pooled) << bytes;
  }
}

TEST(Storage, PooledMemoryGoesBackToTheSystemOnRequest) {
  { const Storage block(100'000); }
  EXPECT_GE(memory_stats().pooled, memory_is_pooled ? 100'000 : 0);
  release_pooled_memory();
  EXPECT_EQ(memory_stats().pooled, 0);
  const size_t before = memory_stats().fresh;
  const Storage block(100'000);
  EXPECT_GT(memory_stats().fresh, before);
}

TEST(MemoryStats, LiveBytesAreThoseThatWereAskedFor) {
  const size_t before = memory_stats().live;
  {
    const Storage a(1000), b(7);
    EXPECT_EQ(memory_stats().live, before + 1007);
  }
  EXPECT_EQ(memory_stats().live, before);
}

TEST(MemoryStats, ThePeakIsTheLargestLiveSinceTheReset) {
  { const Storage block(1 << 20); }
  reset_peak_memory();
  const size_t before = memory_stats().live;
  EXPECT_EQ(memory_stats().peak, before);
  {
    const Storage a(5000);
    { const Storage b(3000); }
    const Storage c(1000);
    EXPECT_EQ(memory_stats().peak, before + 8000);
  }
  EXPECT_EQ(memory_stats().peak, before + 8000);
}

TEST(MemoryStats, SavedBytesCountABlockOnceHoweverOftenItIsSaved) {
  const size_t before = memory_stats().saved;
  const Array x({10, 10}, DType::float64);
  {
    const Saved all = saved(x), part = saved(x.slice(0, 2, 5)), turned = saved(x.transpose());
    EXPECT_EQ(memory_stats().saved, before + 800);
    const Saved other = saved(Array({3}, DType::float32));
    EXPECT_EQ(memory_stats().saved, before + 812);
    Saved copy = all;
    EXPECT_EQ(memory_stats().saved, before + 812);
    copy = other;
    EXPECT_EQ((*copy).shape(), Shape({3}));
    copy = saved(Array({4}, DType::float32));
    EXPECT_EQ(memory_stats().saved, before + 828);
  }
  EXPECT_EQ(memory_stats().saved, before);
}

TEST(Storage, MoreMemoryThanThereIsIsAnErrorAndLeavesTheCountersAlone) {
  reset_peak_memory();
  const MemoryStats before = memory_stats();
  const std::string message = error_of([] { Storage block(size_t{1} << 60); });
  EXPECT_EQ(message, "storage: no machine has 1152921504606846976 bytes");
  EXPECT_NE(error_of([] { Storage block(size_t{1} << 46); }).find("storage: out of memory"),
            std::string::npos);
  const MemoryStats after = memory_stats();
  EXPECT_EQ(after.live, before.live);
  EXPECT_EQ(after.peak, before.peak);
  EXPECT_EQ(after.fresh, before.fresh);
}

TEST(Storage, CountsItsWrites) {
  Storage block(8);
  EXPECT_EQ(block.version(), 0);
  block.bump_version();
  block.bump_version();
  EXPECT_EQ(block.version(), 2);
}

TEST(Storage, ThreadsMayAllocateAndReleaseAtTheSameTime) {
  const MemoryStats before = memory_stats();
  const auto work = [](unsigned char mark) {
    for (size_t i = 0; i < 2000; ++i) {
      const Storage a(64 + i % 700), b(64 + i % 700);
      std::memset(a.data(), mark, a.bytes());
      std::memset(b.data(), mark + 1, b.bytes());
      ASSERT_EQ(static_cast<unsigned char*>(a.data())[a.bytes() - 1], mark);
    }
  };
  std::thread one(work, 1), two(work, 101), three(work, 201);
  one.join(), two.join(), three.join();
  EXPECT_EQ(memory_stats().live, before.live);
}

}  // namespace
}  // namespace gradus
