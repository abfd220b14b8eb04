/// \file
/// How many threads the engine uses. Results never depend on it: the same seed gives the same bits.
#pragma once

namespace gradus {

/// Threads used by parallel work: OMP_NUM_THREADS if it is set, otherwise the number of cores.
int num_threads();

/// Sets the number of threads; at least 1, at most 1024 (gradus::Error otherwise). More threads
/// than cores is allowed (tests do it) and slow.
void set_num_threads(int threads);

}  // namespace gradus
