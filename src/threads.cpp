#include "gradus/threads.h"

#include <omp.h>

#include <atomic>

#include "gradus/error.h"

namespace gradus {
namespace {

// OpenMP's own default: OMP_NUM_THREADS, or the number of cores that this process may use.
std::atomic<int>& thread_count() {
  static std::atomic<int> count = omp_get_max_threads();
  return count;
}

}  // namespace

int num_threads() { return thread_count(); }

void set_num_threads(int threads) {
  check(threads >= 1 && threads <= 1024, "set_num_threads: {} is not between 1 and 1024", threads);
  thread_count() = threads;
}

}  // namespace gradus
