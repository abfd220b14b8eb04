/// \file
/// What lesson 4 climbs: the rungs as a list, the machine's yardsticks, and how both are timed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gradus/tensor.h"
#include "kernels/ladder/ladder.h"
#include "kernels/machine.h"
#include "lesson.h"
#include "matmul_flags.h"

namespace gradus::lessons {

using kernels::ladder::Product;
using kernels::ladder::RegisterTile;

/// Two random float32 matrices (m, n) and (n, n) and room for their product. With a gap, so many
/// numbers are left unused after each row.
class Matrices {
 public:
  Matrices(Lesson& lesson, int64_t m, int64_t n, int64_t gap = 0);
  Product product() const { return product_; }
  double flops() const;
  /// Fills C with NaN.
  void forget_result() const;
  /// C, as the rung that ran last has left it.
  Tensor result() const;
  Tensor a, b;  ///< (m, n + gap), (n, n + gap)

 private:
  Array c_;
  Product product_;
};

struct Rung {
  std::string name;
  double bytes;  ///< that its innermost loop loads and stores for one multiply-add
  bool threaded;
  std::function<void(const Product&)> multiply;
};

/// The six rungs of src/kernels/ladder/, with the block sizes of the flags.
std::vector<Rung> ladder_rungs(const LadderFlags& flags);
/// The register tile of the flags, at most what the instruction set has registers for.
RegisterTile register_tile(const LadderFlags& flags);
/// Loads, and bytes, for one multiply-add of a register tile: it loads a number of A for each row
/// and the vectors of B, once for all its multiply-adds.
double tile_loads(RegisterTile tile);
double tile_bytes(RegisterTile tile);

/// A rung that was timed.
struct Climbed {
  std::string name;
  double bytes, speed;  ///< for a multiply-add; FLOP/s
  bool threaded;
};

/// A job, and how often its work would fit into a second.
struct Timed {
  std::function<void()> job;
  double flops;
  double best = 1e30;  ///< seconds
  double speed() const { return flops / best; }
};
/// Times all jobs, `rounds` times in turn; what counts is the best time of each, because whatever
/// disturbs a trial makes it longer.
void race(Lesson& lesson, std::string_view what, std::vector<Timed>& jobs, int rounds);

/// FLOP/s and bytes/s.
struct Yardsticks {
  double peak, peak_of_all;  ///< one thread, all threads
  double l1, l2, memory;     ///< read by one thread
};
Yardsticks measure_yardsticks();
/// Measures the first line again: a limit is the best that was ever seen.
void measure_peaks(Yardsticks& yardsticks);

}  // namespace gradus::lessons
