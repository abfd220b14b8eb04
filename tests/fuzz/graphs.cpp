// Any bytes as a program of ops: its gradients agree with differences.
#include "fuzz/graph/check.h"
#include "fuzz/target.h"

#include <cstdio>

namespace gradus::test::fuzz {
namespace {

// Says at the end of the program what was done.
struct Report {
  GraphCounts counts;
  ~Report() {
    if (counts.programs < 1000) return;
    const auto each = [&](int64_t n) {
      return static_cast<double>(n) / static_cast<double>(counts.programs);
    };
    std::fprintf(stderr,
                 "fuzz: %lld graphs of %.1f ops, %lld derivatives agree, %lld (%.4f %%) were not "
                 "measurable, %lld graphs had nothing to derive\n",
                 static_cast<long long>(counts.programs), each(counts.steps),
                 static_cast<long long>(counts.derivatives), static_cast<long long>(counts.skipped),
                 100.0 * static_cast<double>(counts.skipped) /
                     static_cast<double>(counts.derivatives + counts.skipped + 1),
                 static_cast<long long>(counts.constant));
  }
};

bool run(Bytes input) {
  static Report report;
  check_gradients(Builder(input).build(), report.counts);
  return true;
}

}  // namespace

const Target graphs{"graphs", run, nullptr};

}  // namespace gradus::test::fuzz
