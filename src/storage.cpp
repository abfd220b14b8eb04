#include "gradus/storage.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "allocation_failure.h"
#include "out_of_memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define GRADUS_BYPASS_POOL 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GRADUS_BYPASS_POOL 1
#endif
#endif

namespace gradus {
namespace {

#ifdef GRADUS_BYPASS_POOL
// AddressSanitizer sees every use of a released block, and of what lies behind a block's last byte.
constexpr bool pooling = false;
#else
constexpr bool pooling = true;
#endif

constexpr size_t alignment = 64;

// Size classes: 64, 128, 192, 256, then four steps to each power of two (320, 384, 448, 512, 640,
// ...), so that rounding up wastes less than a quarter. Class c holds blocks of class_bytes(c).
size_t class_bytes(size_t c) {
  if (c < 4) return (c + 1) * alignment;
  const size_t power = alignment << (c / 4 + 1);  // 256, 512, 1024, ... for c = 4.., 8.., 12..
  return power + (c % 4 + 1) * (power / 4);
}

size_t class_of(size_t bytes) {
  const size_t units = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment;
  if (units <= 4) return units - 1;
  const size_t power = std::bit_floor(units - 1);  // units lies in (power, 2 power]
  const size_t quarter = (units - power + power / 4 - 1) / (power / 4);
  return 4 * static_cast<size_t>(std::countr_zero(power) - 1) + quarter - 1;
}

// A block that waits for its next use: its own first bytes say which one waits behind it. So a
// release, which a destructor may ask for, needs no memory and cannot fail.
struct WaitingBlock {
  WaitingBlock* next;
};

// The free lists and the counters of the whole process.
class Pool {
 public:
  void* acquire(size_t bytes) {
    check(bytes <= (size_t{1} << 47), "storage: no machine has {} bytes", bytes);
    const std::lock_guard lock(mutex_);
    const size_t c = class_of(bytes);
    void* block = fails_now() ? nullptr : waiting_[c] ? take(c) : from_system(bytes, c);
    if (block == nullptr)
      fail_unavailable("storage: out of memory, {} bytes asked for while {} are in use", bytes,
                       stats_.live);
    stats_.live += bytes;
    stats_.peak = std::max(stats_.peak, stats_.live);
    return block;
  }

  void release(void* block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    stats_.live -= bytes;
    if (!pooling) return std::free(block);
    const size_t c = class_of(bytes);
    waiting_[c] = new (block) WaitingBlock{waiting_[c]};
    stats_.pooled += class_bytes(c);
  }

  void trim() {
    const std::lock_guard lock(mutex_);
    give_back_all();
  }

  // The next `successes` blocks are there, the one after them is not.
  void fail_after(int64_t successes) {
    const std::lock_guard lock(mutex_);
    successes_left_ = successes;
  }

  template <class F>
  auto with_stats(F f) {
    const std::lock_guard lock(mutex_);
    return f(stats_);
  }

 private:
  bool fails_now() { return successes_left_ >= 0 && successes_left_-- == 0; }

  void* take(size_t c) {
    WaitingBlock* block = waiting_[c];
    waiting_[c] = block->next;
    stats_.pooled -= class_bytes(c);
    return block;
  }

  void* from_system(size_t bytes, size_t c) {
    const auto ask = [size = pooling ? class_bytes(c) : std::max<size_t>(bytes, 1)] {
      void* block = nullptr;
      return ::posix_memalign(&block, alignment, size) == 0 ? block : nullptr;
    };
    void* block = ask();
    if (block == nullptr && stats_.pooled > 0) {  // what waits in other classes may be enough
      give_back_all();
      block = ask();
    }
    if (block != nullptr) stats_.fresh += class_bytes(c);
    return block;
  }

  void give_back_all() {
    for (WaitingBlock*& list : waiting_)
      while (list != nullptr) std::free(std::exchange(list, list->next));
    stats_.pooled = 0;
  }

  std::mutex mutex_;
  MemoryStats stats_{};
  int64_t successes_left_ = -1;  // negative: no failure is planned
  std::array<WaitingBlock*, 4 * 48> waiting_{};
};

// Never destroyed: arrays with static lifetime may be released after main.
Pool& pool() {
  static Pool& instance = *new Pool;
  return instance;
}

}  // namespace

Storage::Storage(size_t bytes) : data_(pool().acquire(bytes)), bytes_(bytes) {
#ifdef GRADUS_DEBUG
  std::memset(data_, 0xff, bytes);  // all bits set: NaN in float32 and float64, -1 in int64
#endif
}

Storage::~Storage() { pool().release(data_, bytes_); }

void Storage::add_saved() {
  pool().with_stats([&](MemoryStats& stats) { return stats.saved += saved_++ == 0 ? bytes_ : 0; });
}

void Storage::remove_saved() {
  pool().with_stats([&](MemoryStats& stats) { return stats.saved -= --saved_ == 0 ? bytes_ : 0; });
}

MemoryStats memory_stats() {
  return pool().with_stats([](MemoryStats& stats) { return stats; });
}

void reset_peak_memory() {
  pool().with_stats([](MemoryStats& stats) { return stats.peak = stats.live; });
}

void release_pooled_memory() { pool().trim(); }

PlannedAllocationFailure::PlannedAllocationFailure(int64_t successes) {
  pool().fail_after(successes);
}
PlannedAllocationFailure::~PlannedAllocationFailure() { pool().fail_after(-1); }

}  // namespace gradus
