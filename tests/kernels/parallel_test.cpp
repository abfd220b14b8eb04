#include "kernels/parallel.h"

#include <gtest/gtest.h>
#include <omp.h>
#ifdef __linux__
#include <sched.h>
#endif

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "gradus/error.h"
#include "gradus/threads.h"

namespace gradus::kernels {
namespace {

class ParallelFor : public testing::Test {
 protected:
  void TearDown() override { set_num_threads(previous_); }

 private:
  int previous_ = num_threads();
};

TEST(GrainFor, IsWhatAChunkIsWorthOrWhatATestSays) {
  EXPECT_EQ(grain_for(100), 100);
  EXPECT_EQ(grain_for(100, 7), 14);
  EXPECT_EQ(grain_for(100, 101), 1);
  EXPECT_EQ(grain_for(100, 0), 100);
  {
    const ScopedGrain small(20);
    EXPECT_EQ(grain_for(100, 7), 2);
  }
  EXPECT_EQ(grain_for(100, 7), 14);
}

TEST_F(ParallelFor, CallsEachChunkOnceAndNeverMovesItsEdges) {
  for (int threads : {1, 2, 3, 7}) {
    set_num_threads(threads);
    for (int64_t n : {0, 1, 5, 16, 17, 100})
      for (int64_t grain : {1, 4, 16, 200}) {
        struct Call {
          int64_t begin, end;
          bool operator==(const Call&) const = default;
        };
        const auto chunks = static_cast<size_t>(chunk_count(n, grain));
        std::vector<std::vector<Call>> calls(chunks), expected(chunks);
        for (int64_t i = 0; i < n; i += grain)
          expected[static_cast<size_t>(i / grain)] = {{i, std::min(n, i + grain)}};
        // A chunk that starts elsewhere would land in a wrong or a non-existent place.
        parallel_for(n, grain, [&](int64_t begin, int64_t end) {
          calls.at(static_cast<size_t>(begin / grain)).push_back({begin, end});
        });
        EXPECT_EQ(calls, expected) << threads << " threads, n " << n << ", grain " << grain;
      }
  }
}

TEST_F(ParallelFor, RunsChunksAtTheSameTime) {
  set_num_threads(2);
  std::atomic<int> running = 0;
  std::atomic<bool> met = true;
  parallel_for(2, 1, [&](int64_t, int64_t) {
    ++running;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (running < 2 && met)
      if (std::chrono::steady_clock::now() > deadline) met = false;
  });
  EXPECT_TRUE(met) << "one chunk waited for the other in vain";
}

TEST_F(ParallelFor, KeepsASingleChunkOnTheCallersThread) {
  set_num_threads(3);
  std::thread::id id;
  parallel_for(100, 100, [&](int64_t, int64_t) { id = std::this_thread::get_id(); });
  EXPECT_EQ(id, std::this_thread::get_id());
}

TEST_F(ParallelFor, WithOneThreadGoesThroughTheChunksInOrder) {
  set_num_threads(1);
  std::vector<int64_t> begins;
  parallel_for(10, 3, [&](int64_t begin, int64_t) {
    EXPECT_EQ(usable_threads(), 1);
    begins.push_back(begin);
  });
  EXPECT_EQ(begins, (std::vector<int64_t>{0, 3, 6, 9}));
}

TEST_F(ParallelFor, StaysOnItsThreadInsideAnother) {
  set_num_threads(3);
  EXPECT_EQ(usable_threads(), 3);
  std::atomic<int> inner_chunks = 0, strangers = 0, threads_inside = 0;
  parallel_for(6, 1, [&](int64_t, int64_t) {
    const auto outer = std::this_thread::get_id();
    threads_inside = std::max<int>(threads_inside, usable_threads());
    parallel_for(50, 10, [&](int64_t, int64_t) {
      ++inner_chunks;
      if (std::this_thread::get_id() != outer) ++strangers;
    });
  });
  EXPECT_EQ(threads_inside, 1);
  EXPECT_EQ(inner_chunks, 30);
  EXPECT_EQ(strangers, 0);
}

TEST_F(ParallelFor, RethrowsTheErrorOfTheLowestChunk) {
  for (int threads : {1, 2, 3}) {
    set_num_threads(threads);
    for (int64_t lowest = 0; lowest < 12; ++lowest) {
      try {
        parallel_for(12, 1, [&](int64_t chunk, int64_t) {
          if (chunk >= lowest) fail("chunk {}", chunk);
        });
        ADD_FAILURE() << "nothing was thrown";
      } catch (const Error& error) {
        EXPECT_EQ(error.what(), fmt::format("chunk {}", lowest)) << threads << " threads";
      }
    }
    // and it is none the worse for it
    std::atomic<int> calls = 0;
    parallel_for(12, 1, [&](int64_t, int64_t) { ++calls; });
    EXPECT_EQ(calls, 12);
  }
}

TEST_F(ParallelFor, PassesOnAnErrorThroughTwoLevels) {
  set_num_threads(2);
  EXPECT_THROW(parallel_for(4, 1,
                            [&](int64_t outer, int64_t) {
                              parallel_for(4, 1, [&](int64_t inner, int64_t) {
                                check(outer + inner < 6, "too far");
                              });
                            }),
               Error);
}

TEST_F(ParallelFor, RefusesChunksOfNothing) {
  EXPECT_THROW(parallel_for(4, 0, [](int64_t, int64_t) {}), Error);
}

TEST_F(ParallelFor, RefusesImpossibleNumbersOfThreads) {
  set_num_threads(2);
  for (int threads : {0, -1, 1025, 1 << 30}) EXPECT_THROW(set_num_threads(threads), Error);
  EXPECT_EQ(num_threads(), 2);
}

// In processes of their own, because the environment and the cores are asked once.
class NumThreadsDeathTest : public testing::Test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (const char* value = std::getenv("OMP_NUM_THREADS")) saved_ = value;
  }
  void TearDown() override {
    saved_.empty() ? unsetenv("OMP_NUM_THREADS") : setenv("OMP_NUM_THREADS", saved_.c_str(), 1);
  }

 private:
  std::string saved_;
};

// Even more of them than there are cores, since they were asked for.
TEST_F(NumThreadsDeathTest, StartsWithWhatTheEnvironmentSays) {
  setenv("OMP_NUM_THREADS", "5", 1);
  EXPECT_EXIT(std::exit(num_threads()), testing::ExitedWithCode(5), "");
}

TEST_F(NumThreadsDeathTest, IsOtherwiseTheNumberOfCores) {
  unsetenv("OMP_NUM_THREADS");
  EXPECT_EXIT(std::exit(num_threads()), testing::ExitedWithCode(omp_get_num_procs()), "");
}

#ifdef __linux__
// Of those that the process may use, which a container or taskset may have made fewer.
TEST_F(NumThreadsDeathTest, CountsOnlyTheCoresThatItMayUse) {
  unsetenv("OMP_NUM_THREADS");
  cpu_set_t all, one;
  ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
  int first = 0;
  while (!CPU_ISSET(first, &all)) ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EXIT(std::exit(num_threads()), testing::ExitedWithCode(1), "");
  ASSERT_EQ(sched_setaffinity(0, sizeof all, &all), 0);
}
#endif

}  // namespace
}  // namespace gradus::kernels
