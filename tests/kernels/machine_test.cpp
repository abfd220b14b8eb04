// The yardsticks do the work that they say they did; how fast it was is for the benchmarks to show.
#include "kernels/machine.h"

#include <fstream>
#include <iterator>

#include "kernels/kernel_test.h"

namespace gradus::test {
namespace {

using kernels::peak;

template <class T>
class Yardsticks : public ::testing::Test {};
TYPED_TEST_SUITE(Yardsticks, FloatingTypes);

// Every chain of x / 2 + 1 ends at 2, and there are twelve of them in each lane of a vector.
TYPED_TEST(Yardsticks, MultiplyAddsAreCountedAndDone) {
  using T = TypeParam;
  on_every_isa([] {
    T sink = 0;
    const int64_t flops = peak<T>().multiply_adds(100, &sink);
    EXPECT_EQ(peak<T>().multiply_adds(300, &sink), 3 * flops);
    const auto lanes = static_cast<double>(flops) / (2 * 100 * 4 * 12);
    EXPECT_GE(lanes, 1);
    EXPECT_NEAR(sink, 24 * lanes, 1e-5 * lanes);
  });
}

TYPED_TEST(Yardsticks, EveryNumberIsReadAndCopied) {
  using T = TypeParam;
  on_every_isa([] {
    for (const int64_t n : tail_lengths()) {
      Fenced<T> x(n), y(n);
      for (int64_t i = 0; i < n; ++i) x[i] = static_cast<T>(i + 1);
      EXPECT_EQ(peak<T>().read(x.data(), n), static_cast<T>(n * (n + 1) / 2)) << n;
      peak<T>().copy(y.data(), x.data(), n);
      EXPECT_TRUE(y == x) << n;
      y.expect_fences_untouched();
    }
  });
}

TYPED_TEST(Yardsticks, APeakIsASpeed) {
  for (const int threads : {1, 2}) {
    const double peak = kernels::fma_peak<TypeParam>(threads);
    EXPECT_GT(peak, 1e6);
    EXPECT_LT(peak, 1e15);
  }
}

TEST(Machine, MemoryHasABandwidth) {
  const kernels::Bandwidth bandwidth = kernels::memory_bandwidth(2);
  for (const double bytes : {bandwidth.read, bandwidth.copy}) {
    EXPECT_GT(bytes, 1e6);
    EXPECT_LT(bytes, 1e15);
  }
}

TEST(Machine, IsWhatTheSystemSays) {
  const kernels::Machine machine = kernels::this_machine();
  EXPECT_GE(machine.cores, 1);
  for (const int64_t bytes : {machine.l1, machine.l2, machine.l3}) EXPECT_GE(bytes, 0);
  std::ifstream file("/proc/cpuinfo");
  const std::string info{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(machine.cpu.empty(), info.find("model name") == info.npos);
  EXPECT_NE((info + ": ").find(": " + machine.cpu), info.npos);
}

}  // namespace
}  // namespace gradus::test
