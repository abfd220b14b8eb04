// Installing: a program outside the tree builds against what was installed and runs, nothing that
// was installed remembers where it was built, and uninstalling leaves nothing of ours behind.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "gradus/io/file.h"
#include "io/temporary.h"
#include "shell.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;

// The compiler of this build, which may be several words.
std::string compiler() {
  const std::string toolchain = io::read_file(test::build_directory() + "/laboratory/toolchain");
  const size_t begin = std::string("compile ").size();
  return toolchain.substr(begin, toolchain.find(" -std=") - begin);
}

test::ShellResult install(const std::string& verb, const std::string& prefix,
                          const std::string& destination = "") {
  return test::shell(fmt::format("DESTDIR='{}' bash .make/install.sh {} '{}' {}", destination, verb,
                                 prefix, test::build_directory()));
}

// All files below a directory, as paths from there.
std::set<std::string> files(const fs::path& directory) {
  std::set<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(directory))
    if (!entry.is_directory()) found.insert(fs::relative(entry.path(), directory));
  return found;
}

// The program that the README shows under "A program of your own".
std::string program_of_the_readme() {
  const std::string readme = io::read_file("README.md");
  const size_t begin = readme.find("// line.cpp");
  return begin == std::string::npos ? "" : readme.substr(begin, readme.find("```", begin) - begin);
}

TEST(Install, TheProgramOfTheReadmeBuildsAndRunsOutsideTheTree) {
  const test::TemporaryDirectory there;
  const fs::path first = there / "first place", moved = there / "moved";
  const test::ShellResult installed = install("install", first);
  ASSERT_EQ(installed.exit_code, 0) << installed.output;
  fs::rename(first, moved);  // what is installed may be moved

  io::write_file(there / "line.cpp", program_of_the_readme());
  const test::ShellResult built = test::shell(fmt::format(
      "cd '{0}' && export PKG_CONFIG_PATH='{0}/moved/lib/pkgconfig' && flags=$(pkg-config "
      "--cflags --libs gradus) && {1} -Wall -Wextra -Werror line.cpp $flags -o line",
      there.path().string(), compiler()));
  ASSERT_EQ(built.exit_code, 0) << built.output;
  const test::ShellResult run =
      test::shell(fmt::format("cd '{}' && ./line", there.path().string()));
  EXPECT_EQ(run.output, "3.000 x + -1.000\n");
  EXPECT_EQ(run.exit_code, 0);
}

TEST(Install, OnlyWhatIsPublicIsInstalled) {
  const test::TemporaryDirectory there;
  const test::ShellResult installed = install("install", "/opt/gradus", there.path());
  ASSERT_EQ(installed.exit_code, 0) << installed.output;
  std::set<std::string> expected = {"lib/libgradus.a", "lib/pkgconfig/gradus.pc",
                                    "share/gradus/files"};
  for (const std::string& header : files("include")) expected.insert("include/" + header);
  EXPECT_EQ(files(there / "opt/gradus"), expected) << "below DESTDIR, and nothing beside it";
  EXPECT_EQ(there.count(), 1);
  expected.erase("lib/libgradus.a");  // its debug information may name the directory, for debuggers
  for (const std::string& file : expected) {
    const std::string text = io::read_file(there / ("opt/gradus/" + file));
    EXPECT_EQ(text.find(fs::current_path().string()), std::string::npos)
        << file << " names the directory that it was built in";
  }
}

TEST(Install, ALaterVersionLeavesNothingOfAnEarlierOne) {
  const test::TemporaryDirectory there;
  ASSERT_EQ(install("install", there.path()).exit_code, 0);
  const std::set<std::string> once = files(there.path());
  // An earlier version had a header more.
  io::write_file(there / "include/gradus/old.h", "");
  const std::string list = there / "share/gradus/files";
  io::write_file(list, io::read_file(list) + "include/gradus/old.h\n");
  ASSERT_EQ(install("install", there.path()).exit_code, 0);
  EXPECT_EQ(files(there.path()), once);
}

TEST(Install, UninstallingLeavesWhatIsNotOurs) {
  const test::TemporaryDirectory there;
  ASSERT_EQ(install("install", there.path()).exit_code, 0);
  io::write_file(there / "include/other.h", "");
  io::write_file(there / "include/gradus/mine.h", "");
  const test::ShellResult removed = install("uninstall", there.path());
  EXPECT_EQ(removed.exit_code, 0) << removed.output;
  EXPECT_EQ(files(there.path()),
            (std::set<std::string>{"include/gradus/mine.h", "include/other.h"}));
  EXPECT_FALSE(fs::exists(there / "share/gradus"));
  EXPECT_FALSE(fs::exists(there / "include/gradus/ops"));
  EXPECT_EQ(install("uninstall", there.path()).exit_code, 1) << "there is nothing left";
}

TEST(Install, SaysWhyItCannot) {
  const test::ShellResult relative = install("install", "somewhere");
  EXPECT_EQ(relative.exit_code, 2);
  EXPECT_NE(relative.output.find("PREFIX must begin with /"), std::string::npos) << relative.output;
  const test::ShellResult file = install("install", "/dev/null/gradus");
  EXPECT_EQ(file.exit_code, 1);
  EXPECT_NE(file.output.find("cannot write to /dev/null/gradus"), std::string::npos) << file.output;
}

}  // namespace
}  // namespace gradus
