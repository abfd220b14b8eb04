#include "laboratory/saved_last.h"

#include <gtest/gtest.h>

#include <chrono>

#include "gradus/io/file.h"
#include "io/temporary.h"

namespace gradus::test {
namespace {

namespace fs = std::filesystem;

TEST(SavedLast, IsTheNewestFileThatIsThere) {
  const TemporaryDirectory directory;
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  const auto last = [&] {
    const std::string* name = saved_last(names, [&](const auto& n) { return directory / n; });
    return name == nullptr ? "none" : *name;
  };
  const auto now = fs::file_time_type::clock::now();
  const auto save = [&](const std::string& name, int minute) {
    io::write_file(directory / name, "");
    fs::last_write_time(directory / name, now + std::chrono::minutes(minute));
  };
  EXPECT_EQ(last(), "none");
  save("c", -5);
  EXPECT_EQ(last(), "c");
  save("b", 2);
  EXPECT_EQ(last(), "b");
  save("d", 2);
  EXPECT_EQ(last(), "b");
  save("d", 3);
  EXPECT_EQ(last(), "d");
  save("a", 4);
  EXPECT_EQ(last(), "a");
  fs::remove(directory / "a");
  EXPECT_EQ(last(), "d");
}

}  // namespace
}  // namespace gradus::test
