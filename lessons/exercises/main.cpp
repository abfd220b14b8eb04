// The program that `make exercise-check` builds from a learner's file. Exits with 0 if all is
// right.
#include <cstdio>

#include "exercises/check.h"

int main() {
  using namespace gradus::exercises;
  const std::vector<Tried> all = try_out(exercise());
  std::fputs(report(all, gradus::viz::Terminal::standard_output()).c_str(), stdout);
  return std::all_of(all.begin(), all.end(), [](const Tried& t) { return t.right(); }) ? 0 : 1;
}
