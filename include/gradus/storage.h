/// \file
/// Blocks of memory: aligned, reused, counted.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gradus {

/// One block of memory, shared by every Array that is a view of it.
///
/// Blocks are 64-byte aligned (a cache line, an AVX-512 register). A released block goes to a free
/// list of its size class, so that a training loop asks the system for memory in its first step
/// only. Under AddressSanitizer the free lists are bypassed; debug builds fill a fresh block with
/// NaNs.
class Storage {
 public:
  /// A block of at least this many bytes; its contents are not set. \throws Error if the system has
  /// no such block.
  explicit Storage(size_t bytes);
  /// Gives the block to the free lists.
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  /// The first byte.
  void* data() const { return data_; }
  /// How many bytes were asked for.
  size_t bytes() const { return bytes_; }

  /// Counts the writes: whoever takes a pointer for writing bumps it, and Saved compares it.
  uint64_t version() const { return version_; }
  /// Says that the block is about to be written to.
  void bump_version() { ++version_; }

  /// How many Saved records hold this block for a backward pass (see autograd.h).
  void add_saved();
  /// The reverse of add_saved().
  void remove_saved();

 private:
  void* data_;
  size_t bytes_;
  uint64_t version_ = 0;
  uint64_t saved_ = 0;
};

/// What the library's memory is doing, in bytes. Live and saved bytes are those that arrays asked
/// for; fresh and pooled bytes are counted in whole size classes.
struct MemoryStats {
  size_t live;    ///< held by an Array somewhere
  size_t peak;    ///< the largest `live` since the last reset_peak_memory()
  size_t saved;   ///< of those, held by the graph for backward
  size_t fresh;   ///< requested from the system so far, ever; it stands still once the free lists
                  ///< suffice
  size_t pooled;  ///< waiting in the free lists
};
/// The counts of this moment, of all threads together.
MemoryStats memory_stats();

/// Starts a new measurement of MemoryStats::peak.
void reset_peak_memory();

/// Gives the blocks in the free lists back to the system.
void release_pooled_memory();

}  // namespace gradus
