// Whether a trial had the machine to itself.
//
// Two threads of a core share its units, and on a shared host the other one may be a stranger's.
// Nothing tells us; but a loop of independent additions, which fills every issue slot of a core,
// runs half as fast while somebody else takes turns with it. So it is run for some microseconds
// before and after each trial.
#pragma once

#include <vector>

namespace gradus::bench {

// Additions per second of the slowest of that many threads, each on its own core: ~10 us.
double additions_per_second(int threads);

// Remembers how calm each trial was. What counts as calm is known only in the end: three quarters
// of the most additions that this process has ever seen on as many threads. (Half would be a
// neighbour; wide vectors lower the clock by up to a seventh.)
class CalmGauge {
 public:
  explicit CalmGauge(int threads) : threads_(threads) {}
  void begin() { before_ = additions_per_second(threads_); }
  void end();
  // For each trial: was it calm before and after?
  std::vector<bool> calm() const;

 private:
  int threads_;
  double before_ = 0;
  std::vector<double> slowest_;  // for each trial, the lesser of the measurements around it
};

}  // namespace gradus::bench
