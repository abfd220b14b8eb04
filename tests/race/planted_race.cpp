// A race planted on purpose, which ThreadSanitizer must report: without it nobody could say whether
// its silence about the tests means anything. With --mended the same sum without the race, about
// which it must say nothing. `make tsan` runs both.
#include <cstdio>
#include <cstring>
#include <vector>

#include "gradus/threads.h"
#include "kernels/parallel.h"

int main(int count, char** arguments) {
  const bool mended = count > 1 && std::strcmp(arguments[1], "--mended") == 0;
  constexpr int64_t n = 1 << 16, grain = 1 << 10;
  gradus::set_num_threads(2);
  const std::vector<int64_t> x(n, 1);
  std::vector<int64_t> partial(n / grain, 0);
  gradus::kernels::parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    // All chunks add to one number at once, instead of each to its own.
    int64_t& sum = partial[mended ? static_cast<size_t>(begin / grain) : 0];
    for (int64_t i = begin; i < end; ++i) sum += x[static_cast<size_t>(i)];
  });
  int64_t sum = 0;
  for (const int64_t part : partial) sum += part;
  std::printf("sum %lld of %lld\n", static_cast<long long>(sum), static_cast<long long>(n));
}
