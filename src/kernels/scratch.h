// Memory for the kernels' intermediate results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

#include "gradus/error.h"

namespace gradus::kernels {

// Memory that a thread keeps from one call to the next; page-aligned, and never shrinking.
class Scratch {
 public:
  template <class T>
  T* room_for(int64_t count) {
    const size_t bytes = static_cast<size_t>(count) * sizeof(T);
    if (bytes > bytes_) {
      bytes_ = 0;
      memory_.reset();  // first, so that the two never exist side by side
      memory_.reset(::operator new(bytes, page, std::nothrow));
      check(memory_ != nullptr, "kernels: out of memory, {} bytes asked for", bytes);
      bytes_ = bytes;
    }
    return static_cast<T*>(memory_.get());
  }

 private:
  static constexpr std::align_val_t page{4096};
  struct Release {
    void operator()(void* memory) const { ::operator delete(memory, page); }
  };
  std::unique_ptr<void, Release> memory_;
  size_t bytes_ = 0;
};

}  // namespace gradus::kernels
