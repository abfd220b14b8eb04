#include "gradus/viz/progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

namespace gradus::viz {
namespace {

// A progress whose clock the test turns and whose output it reads.
class ProgressTest : public testing::Test {
 protected:
  Progress make(bool live, double done = 0, int width = 80) {
    return Progress(
        out, Terminal{live, false, false, width}, [this] { return now; }, done);
  }
  // What has been printed since the last call.
  std::string printed() {
    std::string text = out.str();
    out.str("");
    return text;
  }

  double now = 1000;
  std::ostringstream out;
};

TEST_F(ProgressTest, ALiveLineIsWrittenOver) {
  Progress progress = make(true);
  progress.update(0, "step 0");
  EXPECT_EQ(printed(), "\rstep 0\033[K");
  now += 10;
  progress.update(0.25, "step 1");
  EXPECT_EQ(printed(), "\rstep 1  ETA 0:30\033[K");
  now += 10;
  progress.update(1, "step 4");
  EXPECT_EQ(printed(), "\rstep 4  ETA 0:00\033[K");
  progress.finish();
  EXPECT_EQ(printed(), "\rstep 4  time 0:20\033[K\n");
}

TEST_F(ProgressTest, ALiveLineChangesTenTimesASecondAtMost) {
  Progress progress = make(true);
  int lines = 0;
  for (int i = 0; i < 4096; ++i) {  // four seconds, in steps that are exact in binary
    progress.update(i / 4096.0, "step " + std::to_string(i));
    now += 1.0 / 1024;
    lines += !printed().empty();
  }
  EXPECT_EQ(lines, 40);
  progress.finish();  // says the last thing, not the last that was shown
  EXPECT_EQ(printed(), "\rstep 4095  time 0:04\033[K\n");
}

TEST_F(ProgressTest, ALiveLineStaysInsideItsTerminal) {
  Progress progress = make(true, 0, 20);
  progress.update(0, "caf\u00e9 567890123456789012345");
  EXPECT_EQ(printed(), "\rcaf\u00e9 56789012345678\033[K");  // 19 columns
  now += 10;
  progress.update(0.5, "567890123456");
  EXPECT_EQ(printed(), "\r567890123456  ETA 0\033[K");
}

TEST_F(ProgressTest, OtherTextGoesAboveTheLiveLine) {
  Progress progress = make(true);
  progress.print("before");
  EXPECT_EQ(printed(), "before\n");
  now += 10;
  progress.update(0.5, "half");
  printed();
  progress.print("a sample\nof two lines\n");
  EXPECT_EQ(printed(), "\r\033[Ka sample\nof two lines\n\rhalf  ETA 0:10\033[K");
  progress.finish();
  printed();
  progress.print("after");
  EXPECT_EQ(printed(), "after\n");
}

TEST_F(ProgressTest, AnAbandonedLiveLineIsEnded) {
  {
    Progress progress = make(true);
    progress.update(0.5, "half");
    printed();
  }
  EXPECT_EQ(printed(), "\n");
  {
    Progress progress = make(true);
    progress.update(0.5, "half");
    progress.finish();
    printed();
  }
  {
    Progress progress = make(false);
    progress.update(0.5, "half");
    printed();
  }
  EXPECT_EQ(printed(), "");
}

TEST_F(ProgressTest, WhereNobodyWatchesEachTenthIsALine) {
  Progress progress = make(false);
  for (int i = 1; i <= 250; ++i) {
    now += 0.125;
    progress.update(i / 250.0, "step " + std::to_string(i));
  }
  progress.finish();
  EXPECT_EQ(printed(),
            "step 1\n"
            "step 25  ETA 0:28\n"
            "step 50  ETA 0:25\n"
            "step 75  ETA 0:22\n"
            "step 100  ETA 0:19\n"
            "step 125  ETA 0:16\n"
            "step 150  ETA 0:13\n"
            "step 175  ETA 0:09\n"
            "step 200  ETA 0:06\n"
            "step 225  ETA 0:03\n"
            "step 250  time 0:31\n");
}

TEST_F(ProgressTest, WhereNobodyWatchesALineComesOnceAMinute) {
  Progress progress = make(false);
  for (int i = 0; i < 100; ++i) {
    progress.update(i / 1e6, "step " + std::to_string(i));
    now += 25;
  }
  const std::string lines = printed();  // at 0 s, 75 s, 150 s, ...
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 34);
  EXPECT_TRUE(lines.starts_with("step 0\nstep 3  ETA 289 d 08 h\nstep 6")) << lines;
}

// 60 % were done by an earlier run: 10 % in 5 s leave 30 % for 15 s.
TEST_F(ProgressTest, OnlyThisRunsSpeedCounts) {
  Progress progress = make(true, 0.6);
  now += 5;
  progress.update(0.7, "on");
  EXPECT_EQ(printed(), "\ron  ETA 0:15\033[K");
}

TEST_F(ProgressTest, NoTimeIsClaimedThatNobodyKnows) {
  Progress progress = make(true, 0.5);
  now += 0.5;
  progress.update(0.75, "early");
  EXPECT_EQ(printed(), "\rearly\033[K");
  now += 5;
  progress.update(0.5, "stuck");
  EXPECT_EQ(printed(), "\rstuck\033[K");
  now += 5;
  progress.update(0.25, "backwards");
  EXPECT_EQ(printed(), "\rbackwards\033[K");
  progress.finish();
  EXPECT_EQ(printed(), "\rbackwards  time 0:11\033[K\n");
  progress.finish();
  EXPECT_EQ(printed(), "");
}

}  // namespace
}  // namespace gradus::viz
