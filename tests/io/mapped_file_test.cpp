#include "gradus/io/mapped_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "io/temporary.h"
#include "support.h"

namespace gradus::io {
namespace {

using test::error_of;

class MappedFileTest : public testing::Test {
 protected:
  static std::string text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  test::TemporaryDirectory directory;
  std::filesystem::path path = directory / "a";
};

TEST_F(MappedFileTest, ShowsTheBytesOfAFile) {
  write_file(path, "0123456789");
  const MappedFile file(path);
  EXPECT_EQ(file.size(), 10U);
  EXPECT_EQ(text(file.bytes(0, 10)), "0123456789");
  EXPECT_EQ(text(file.bytes(3, 4)), "3456");
  EXPECT_EQ(text(file.bytes(10, 0)), "");
}

TEST_F(MappedFileTest, ShowsAnEmptyFile) {
  write_file(path, "");
  const MappedFile file(path);
  EXPECT_EQ(file.size(), 0U);
  EXPECT_TRUE(file.bytes(0, 0).empty());
}

TEST_F(MappedFileTest, RefusesBytesThatAreNotThere) {
  write_file(path, "0123456789");
  const MappedFile file(path);
  const auto error = [&](uint64_t offset, size_t count) {
    return error_of([&] { file.bytes(offset, count); });
  };
  const std::string start = "map: " + path.string() + ": has 10 bytes, ";
  EXPECT_EQ(error(4, 7), start + "7 from byte 4 were asked for");
  EXPECT_EQ(error(11, 0), start + "0 from byte 11 were asked for");
  EXPECT_EQ(error(1, SIZE_MAX), start + "18446744073709551615 from byte 1 were asked for");
}

TEST_F(MappedFileTest, NoticesAnotherSize) {
  write_file(path, "0123456789");
  const MappedFile file(path);
  for (const uint64_t size : {uint64_t{9}, uint64_t{0}, uint64_t{11}}) {
    std::filesystem::resize_file(path, size);
    EXPECT_EQ(error_of([&] { file.bytes(0, 1); }),
              fmt::format("map: {}: had 10 bytes when it was opened and has {} now", path.string(),
                          size));
  }
  std::filesystem::resize_file(path, 10);
  EXPECT_EQ(text(file.bytes(0, 1)), std::string(1, '\0'));  // shared: the new content shows
}

TEST_F(MappedFileTest, RefusesWhatIsNoFile) {
  EXPECT_EQ(error_of([&] { MappedFile file(path); }),
            "read: " + path.string() + ": No such file or directory");
  EXPECT_EQ(error_of([] { MappedFile file("/dev/zero"); }),
            "read: /dev/zero: is not a regular file");
}

}  // namespace
}  // namespace gradus::io
