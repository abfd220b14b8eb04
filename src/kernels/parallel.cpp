#include "kernels/parallel.h"

#include <omp.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "gradus/error.h"
#include "gradus/threads.h"

namespace gradus::kernels {

namespace {
int64_t tuned_worth = 0;  // 0: what the caller says
}

int64_t grain_for(int64_t worth, int64_t cost) {
  return std::max<int64_t>(1, (tuned_worth > 0 ? tuned_worth : worth) / std::max<int64_t>(1, cost));
}

ScopedGrain::ScopedGrain(int64_t worth) : previous_(std::exchange(tuned_worth, worth)) {}
ScopedGrain::~ScopedGrain() { tuned_worth = previous_; }

int usable_threads() { return omp_in_parallel() ? 1 : num_threads(); }

void parallel_for(int64_t n, int64_t grain, RangeFunction f) {
  check(grain > 0, "parallel_for: grain must be positive, it is {}", grain);
  if (n <= 0) return;
  const int64_t chunks = chunk_count(n, grain);
  const auto run_chunk = [&](int64_t chunk) { f(chunk * grain, std::min(n, (chunk + 1) * grain)); };

  const int64_t threads = std::min<int64_t>(usable_threads(), chunks);
  if (threads == 1) {
    for (int64_t chunk = 0; chunk < chunks; ++chunk) run_chunk(chunk);
    return;
  }

  // Each thread takes a run of adjacent chunks: the same one in every call of the same size, so
  // that what it wrote in one op is still in its own cache for the next.
  std::exception_ptr error;  // of the lowest chunk that failed
  int64_t error_chunk = chunks;
#pragma omp parallel num_threads(static_cast <int>(threads))
  {
    const int64_t team = omp_get_num_threads();  // may be fewer than we asked for
    const int64_t rank = omp_get_thread_num();
    int64_t chunk = rank * chunks / team;
    try {
      for (const int64_t end = (rank + 1) * chunks / team; chunk < end; ++chunk) run_chunk(chunk);
    } catch (...) {  // must not leave an OpenMP region
#pragma omp critical(gradus_parallel_for_error)
      if (chunk < error_chunk) {
        error_chunk = chunk;
        error = std::current_exception();
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace gradus::kernels
