/// \file
/// How many threads the engine uses. Results never depend on it: the same seed gives the same bits.
#pragma once

namespace gradus {

/// Threads used by parallel work: OMP_NUM_THREADS if it is set, otherwise the number of cores.
int num_threads();

/// Sets the number of threads. More threads than cores is allowed (tests do it) and slow. \throws
/// Error unless it is from 1 to 1024.
void set_num_threads(int threads);

}  // namespace gradus
