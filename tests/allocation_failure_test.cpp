// Memory that is not there: an Error, from any block of any op, and nothing is lost or left behind.
#include "allocation_failure.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "gradus/storage.h"
#include "nn/module_table.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

// Lets f run short of memory at its first block, at its second, and so on until it has all it asks
// for. Returns how many blocks that are. Each failure must be an Error that leaves no block behind.
template <class F>
int64_t fail_at_every_block(const std::string& name, F&& f) {
  f();  // what is kept for later calls, such as a kernel's scratch memory, is there now
  const size_t live = memory_stats().live;
  for (int64_t blocks = 0;; ++blocks) {
    try {
      const PlannedAllocationFailure failure(blocks);
      f();
      return blocks;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("storage: out of memory"), std::string::npos)
          << name << " at block " << blocks << ": " << error.what();
    }
    EXPECT_LE(memory_stats().live, live) << name << " at block " << blocks;
    if (::testing::Test::HasFailure()) return blocks;
  }
}

TEST(AllocationFailure, InAnyBlockOfAnyOpIsAnErrorAndLeavesNothingBehind) {
  int64_t blocks = 0;
  for (const OpCase& c : op_table()) {
    const Arrays inputs = inputs_of(c);
    const Array cotangent = cotangent_of(run(c.call, inputs).value);
    const Outcome before = run(c.call, inputs, cotangent);
    blocks += fail_at_every_block(c.name, [&] { run(c.call, inputs, cotangent); });
    if (HasFailure()) return;
    const Outcome after = run(c.call, inputs, cotangent);  // as if nothing had happened
    EXPECT_TRUE(same_bits(after.value, before.value)) << c.name;
    for (size_t i = 0; i < after.gradients.size(); ++i)
      EXPECT_TRUE(same_bits(after.gradients[i], before.gradients[i])) << c.name;
  }
  EXPECT_GT(blocks, 5 * static_cast<int64_t>(op_table().size()));
}

TEST(AllocationFailure, InAnyBlockOfAnyModuleIsAnError) {
  for (const CheckCase& c : module_table()) {
    Arrays inputs;
    for (const NamedArray& input : c.inputs) inputs.push_back(input.value);
    fail_at_every_block(c.name, [&] { run(c.call, inputs); });
    if (HasFailure()) return;
  }
}

#ifndef GRADUS_SANITIZE  // a sanitizer takes more addresses than this leaves
// The bytes of address space that this process uses.
rlim_t address_space() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

// While one is alive, the process gets this much more address space and no more.
class AddressLimit {
 public:
  explicit AddressLimit(rlim_t more) {
    ::getrlimit(RLIMIT_AS, &previous_);
    rlimit limit = previous_;
    limit.rlim_cur = std::min(previous_.rlim_max, address_space() + more);
    ::setrlimit(RLIMIT_AS, &limit);
  }
  ~AddressLimit() { ::setrlimit(RLIMIT_AS, &previous_); }
  AddressLimit(const AddressLimit&) = delete;
  AddressLimit& operator=(const AddressLimit&) = delete;

 private:
  rlimit previous_{};
};

TEST(AllocationFailure, OfTheSystemIsAnErrorThatSaysHowMuch) {
  if (address_space() == 0) GTEST_SKIP() << "this system does not say how much memory is in use";
  const size_t live = memory_stats().live;
  const AddressLimit limit(rlim_t{256} << 20);
  std::string message;
  {
    std::vector<Array> held;
    message = error_of([&] {
      for (int i = 0; i < 100; ++i) held.push_back(Array::zeros({1 << 22}));  // 16 MiB each
    });
    EXPECT_LT(held.size(), 32);
    EXPECT_EQ(message, fmt::format("storage: out of memory, 16777216 bytes asked for while {} are "
                                   "in use",
                                   live + held.size() * (size_t{1} << 24)));
  }
  EXPECT_EQ(memory_stats().live, live);
  EXPECT_EQ(Array::full({1000}, 2).to_vector(), std::vector<double>(1000, 2.0));
}

TEST(AllocationFailure, BlocksThatWaitForOtherSizesAreGivenBackFirst) {
  if (address_space() == 0) GTEST_SKIP() << "this system does not say how much memory is in use";
  release_pooled_memory();
  const AddressLimit limit(rlim_t{256} << 20);
  { const Storage block(size_t{160} << 20); }
  EXPECT_GE(memory_stats().pooled, size_t{160} << 20);
  const Storage other(size_t{200} << 20);  // has no place beside the one that waits
  EXPECT_EQ(memory_stats().pooled, 0);
}

TEST(AllocationFailure, AListOfNumbersIsNoLessAnError) {
  if (address_space() == 0) GTEST_SKIP() << "this system does not say how much memory is in use";
  const Array x = Array::zeros({25 << 20}, DType::float64);  // 200 MiB
  const AddressLimit limit(rlim_t{64} << 20);
  EXPECT_EQ(error_of([&] { x.to_vector(); }),
            "to_vector: out of memory for the 26214400 elements of [26214400]");
}
#endif

}  // namespace
}  // namespace gradus::test
