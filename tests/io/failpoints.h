/// \file
/// Breaking the calls to the system that a written file depends on.
#pragma once

#include <cerrno>
#include <string>
#include <vector>

#include "io/failpoint.h"

namespace gradus::test {

/// While one is alive, the calls of a name fail, from the first or a later one on; all calls are
/// noted. There may be one at a time, as there is one io::failpoint.
class Failing {
 public:
  /// Every call is made.
  Failing() : Failing("", 0) {}
  /// `call` fails with the error number, after `successes` that do not.
  Failing(const std::string& call, int error, int successes = 0) {
    broken_ = call, error_ = error, left_ = successes;
    calls_.clear();
    io::failpoint = ask;
  }
  ~Failing() { io::failpoint = nullptr; }
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;

  /// The names of the calls so far; what repeats stands there once.
  const std::vector<std::string>& calls() const { return calls_; }

 private:
  static int ask(const char* call) {
    if (calls_.empty() || calls_.back() != call) calls_.emplace_back(call);
    return call == broken_ && left_-- <= 0 ? error_ : 0;
  }
  static inline std::string broken_;
  static inline int error_, left_;
  static inline std::vector<std::string> calls_;
};

}  // namespace gradus::test
