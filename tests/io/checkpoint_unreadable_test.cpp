// A checkpoint that is there and cannot be read just now, for want of memory or of a right: nothing
// is known against it.
#include <gtest/gtest.h>

#include "allocation_failure.h"
#include "gradus/io/checkpoint.h"
#include "io/temporary.h"
#include "support.h"

namespace gradus::io {
namespace {

namespace fs = std::filesystem;

class UnreadableCheckpoint : public testing::Test {
 protected:
  UnreadableCheckpoint() {
    for (const char* step : {"1", "2"}) save_checkpoint(path, state_of(step));
  }
  // Its array is not copied to be written.
  State state_of(const std::string& step) const { return {{{"w", weight}}, {{"step", step}}}; }
  static std::string step_of(const fs::path& file) {
    return load_checkpoint(file).state.metadata.at("step");
  }

  const Array weight = test::random_array({5, 3}, 1);
  const test::TemporaryDirectory directory;
  const fs::path path = directory / "a", previous = directory / "a.previous";
};

TEST_F(UnreadableCheckpoint, ForWantOfMemoryIsNotPassedOver) {
  const PlannedAllocationFailure failure(0);
  const std::string message = test::error_of([&] { load_checkpoint(path); });
  EXPECT_NE(message.find("out of memory"), std::string::npos) << message;
}

TEST_F(UnreadableCheckpoint, ForWantOfMemoryIsKept) {
  const State third = state_of("3");
  {
    const PlannedAllocationFailure failure(0);
    save_checkpoint(path, third);
  }
  EXPECT_EQ(step_of(path), "3");
  EXPECT_EQ(step_of(previous), "2");
}

TEST_F(UnreadableCheckpoint, ForWantOfARightIsKept) {
  fs::permissions(path, fs::perms::none);
  fs::permissions(directory.path(), fs::perms::all);
  {
    const test::WithoutPrivileges scope;
    if (!scope.works()) GTEST_SKIP() << "this root may not become another user";
    save_checkpoint(path, state_of("3"));
  }
  for (const fs::path& file : {path, previous}) fs::permissions(file, fs::perms::owner_read);
  EXPECT_EQ(step_of(path), "3");
  EXPECT_EQ(step_of(previous), "2");
}

}  // namespace
}  // namespace gradus::io
