// Running out of memory, on purpose.
#pragma once

#include <cstdint>

namespace gradus {

// While one is alive, so many blocks of memory are found and the next one is not: for tests of what
// then happens.
class PlannedAllocationFailure {
 public:
  explicit PlannedAllocationFailure(int64_t successes);
  ~PlannedAllocationFailure();
  PlannedAllocationFailure(const PlannedAllocationFailure&) = delete;
  PlannedAllocationFailure& operator=(const PlannedAllocationFailure&) = delete;
};

}  // namespace gradus
