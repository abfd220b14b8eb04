#include "gradus/io/file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "io/temporary.h"
#include "support.h"

namespace gradus::io {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::TemporaryDirectory;
using test::WithoutPrivileges;

TEST(File, WhatIsWrittenIsRead) {
  const TemporaryDirectory directory;
  std::string bytes("line\n\0\xff\x80 and more", 16);
  for (int i = 0; i < 12; ++i) bytes += bytes;  // 64 KiB
  write_file(directory / "a", bytes);
  EXPECT_EQ(read_file(directory / "a"), bytes);
  write_file(directory / "a", "");
  EXPECT_EQ(read_file(directory / "a"), "");
  EXPECT_EQ(directory.count(), 1);
}

TEST(File, ReadsAnyPart) {
  const TemporaryDirectory directory;
  write_file(directory / "digits", "0123456789");
  const InputFile file(directory / "digits");
  EXPECT_EQ(file.size(), 10U);
  std::string part(4, ' ');
  file.read(3, part.data(), part.size());
  EXPECT_EQ(part, "3456");
  EXPECT_EQ(error_of([&] { file.read(8, part.data(), 4); }),
            "read: " + (directory / "digits").string() + ": ends at byte 10, 2 more were expected");
}

TEST(File, ErrorsOfReadingNameTheFileAndTheReason) {
  const TemporaryDirectory directory;
  const auto error = [&](const std::string& name) {
    const std::string message = error_of([&] { read_file(directory / name); });
    const std::string start = "read: " + (directory / name).string() + ": ";
    EXPECT_TRUE(message.starts_with(start)) << message;
    return message.substr(std::min(start.size(), message.size()));
  };
  EXPECT_EQ(error("missing"), "No such file or directory");
  fs::create_directory(directory / "folder");
  EXPECT_EQ(error("folder"), "is a directory");
  ASSERT_EQ(::mkfifo((directory / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(error("pipe"), "is not a regular file");  // and does not wait for a writer
  EXPECT_EQ(error_of([] { read_file("/dev/zero"); }), "read: /dev/zero: is not a regular file");

  write_file(directory / "secret", "x");
  fs::permissions(directory / "secret", fs::perms::none);
  const WithoutPrivileges scope;
  if (!scope.works()) GTEST_SKIP() << "this root may not become another user";
  EXPECT_EQ(error("secret"), "Permission denied");
}

TEST(File, ReadingHasALimit) {
  const TemporaryDirectory directory;
  write_file(directory / "a", "12345");
  EXPECT_EQ(read_file(directory / "a", 5), "12345");
  EXPECT_EQ(error_of([&] { read_file(directory / "a", 4); }),
            "read: " + (directory / "a").string() + ": has 5 bytes, more than 4");
  // A file without blocks, a thousand times larger than the limit: refused by its size alone.
  std::ofstream(directory / "huge").close();
  fs::resize_file(directory / "huge", uint64_t{1} << 40);
  EXPECT_NE(error_of([&] { read_file(directory / "huge"); }).find("more than 1073741824"),
            std::string::npos);
}

TEST(File, AppearsOnlyWhenCommitted) {
  const TemporaryDirectory directory;
  write_file(directory / "a", "old");
  {
    OutputFile file(directory / "a");
    file.write("new", 3);
    EXPECT_EQ(read_file(directory / "a"), "old");
    EXPECT_EQ(directory.count(), 2);  // the temporary one lies in the same directory
    file.commit();
    EXPECT_EQ(read_file(directory / "a"), "new");
  }
  EXPECT_EQ(read_file(directory / "a"), "new");
  EXPECT_EQ(directory.count(), 1);
  {
    OutputFile file(directory / "a");
    file.write("half", 4);
  }
  EXPECT_EQ(read_file(directory / "a"), "new");
  EXPECT_EQ(directory.count(), 1);
}

// The disk's end is played by a limit on the size of files.
TEST(File, AFailedWriteLeavesTheOldFileAndNothingElse) {
  const TemporaryDirectory directory;
  write_file(directory / "a", "old");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message =
      error_of([&] { write_file(directory / "a", std::string(1'000'000, 'x')); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, "write: " + (directory / "a").string() + ": File too large");
  EXPECT_EQ(read_file(directory / "a"), "old");
  EXPECT_EQ(directory.count(), 1);
}

TEST(File, ErrorsOfWritingNameTheFileAndTheReason) {
  const TemporaryDirectory directory;
  const auto error = [&](const fs::path& path) {
    const std::string message = error_of([&] { write_file(path, "x"); });
    const std::string start = "write: " + path.string() + ": ";
    EXPECT_TRUE(message.starts_with(start)) << message;
    return message.substr(std::min(start.size(), message.size()));
  };
  EXPECT_EQ(error(directory.path()), "is a directory");
  EXPECT_EQ(error(directory / "no/such/a"), "No such file or directory");
  EXPECT_EQ(error("/dev/null"), "is not a regular file");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_EQ(error_of([] { write_file("", "x"); }), "write: the file name is empty");
  EXPECT_EQ(error(directory / std::string(255, 'a')), "File name too long");
  EXPECT_EQ(directory.count(), 0);

  const WithoutPrivileges scope;
  if (!scope.works()) GTEST_SKIP() << "this root may not become another user";
  if (::geteuid() != 65534) fs::permissions(directory.path(), fs::perms::owner_read);
  EXPECT_EQ(error(directory / "a"), "Permission denied");
  if (::geteuid() != 65534) fs::permissions(directory.path(), fs::perms::owner_all);
}

TEST(File, ALinkKeepsPointingWhereItDoes) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "folder");
  write_file(directory / "folder/real", "old");
  fs::create_symlink("folder/real", directory / "link");
  write_file(directory / "link", "new");
  EXPECT_TRUE(fs::is_symlink(directory / "link"));
  EXPECT_EQ(read_file(directory / "folder/real"), "new");
}

TEST(File, AnyoneMayReadANewFileThatTheUmaskAllows) {
  const TemporaryDirectory directory;
  const mode_t before = ::umask(022);
  write_file(directory / "a", "x");
  ::umask(before);
  EXPECT_EQ(static_cast<int>(fs::status(directory / "a").permissions()), 0644);
}

TEST(File, AFileThatIsReplacedHandsOnItsPermissions) {
  const TemporaryDirectory directory;
  const fs::path path = directory / "a", previous = directory / "b";
  const auto mode = [](const fs::path& file) {
    return static_cast<int>(fs::status(file).permissions());
  };
  const mode_t before = ::umask(022);
  for (const int wanted : {0600, 0666, 0444, 0640, 0755}) {
    write_file(path, "old");
    ASSERT_EQ(::chmod(path.c_str(), static_cast<mode_t>(wanted)), 0);
    write_file(path, "new");
    EXPECT_EQ(mode(path), wanted);
    OutputFile file(path);
    for (const auto& entry : fs::directory_iterator(directory.path()))
      EXPECT_EQ(mode(entry.path()) & ~(wanted | 0200), 0) << "more may see what is being written";
    file.commit_keeping(previous);
    EXPECT_EQ(mode(path), wanted);
    EXPECT_EQ(mode(previous), wanted);
    fs::remove(path);
    fs::remove(previous);
  }
  ::umask(before);
}

TEST(File, WritersOfOneFileDoNotMix) {
  const TemporaryDirectory directory;
  const auto write = [&](char letter) {
    for (int i = 0; i < 20; ++i) write_file(directory / "a", std::string(100'000, letter));
  };
  std::thread other(write, 'b');
  write('a');
  other.join();
  const std::string bytes = read_file(directory / "a");
  EXPECT_EQ(bytes, std::string(100'000, bytes.at(0)));
  EXPECT_EQ(directory.count(), 1);
}

// ---- temporary files ----

TEST(File, TemporaryFilesOfWritersThatAreGoneAreRemoved) {
  const TemporaryDirectory directory;
  for (const char* stale : {"a.tmp-1-0", "a.tmp-999999999-12"}) write_file(directory / stale, "x");
  const std::vector<std::string> not_ours{"a.tmp-1",   "a.tmp-1-",  "a.tmp--1",  "a.tmp-1-0.bak",
                                          "a.tmp-x-0", "b.tmp-1-0", "aa.tmp-1-0"};
  for (const std::string& name : not_ours) write_file(directory / name, "x");
  fs::create_directory(directory / "a.tmp-2-0");
  OutputFile alive(directory / "a");
  write_file(directory / "a", "new");
  EXPECT_FALSE(fs::exists(directory / "a.tmp-1-0"));
  EXPECT_FALSE(fs::exists(directory / "a.tmp-999999999-12"));
  for (const std::string& name : not_ours) EXPECT_TRUE(fs::exists(directory / name)) << name;
  EXPECT_TRUE(fs::exists(directory / "a.tmp-2-0"));
  alive.write("newer", 5);
  alive.commit();  // its temporary file was left alone
  EXPECT_EQ(read_file(directory / "a"), "newer");
}

// Another container's process may have had our number.
TEST(File, ATemporaryNameThatIsTakenIsPassedOver) {
  const TemporaryDirectory directory;
  OutputFile first(directory / "a");
  const fs::path taken = *fs::directory_iterator(directory.path());
  const std::string name = taken.filename();
  const auto number = std::stoi(name.substr(name.rfind('-') + 1)) + 1;
  const std::string next = name.substr(0, name.rfind('-') + 1) + std::to_string(number);
  fs::create_directory(directory / next);  // cannot be removed as a stale file would be
  write_file(directory / "a", "x");
  EXPECT_EQ(read_file(directory / "a"), "x");
}

TEST(File, KeepsTheFileBeforeUnderAnotherName) {
  const TemporaryDirectory directory;
  const auto write = [&](const std::string& text) {
    OutputFile file(directory / "a");
    file.write(text.data(), text.size());
    file.commit_keeping(directory / "b");
  };
  write("first");
  EXPECT_EQ(directory.count(), 1);
  write("second");
  EXPECT_EQ(read_file(directory / "a"), "second");
  EXPECT_EQ(read_file(directory / "b"), "first");
  write("third");
  EXPECT_EQ(read_file(directory / "a"), "third");
  EXPECT_EQ(read_file(directory / "b"), "second");
  EXPECT_EQ(directory.count(), 2);
}

TEST(File, WritersThatKeepTheFileBeforeDoNotMix) {
  const TemporaryDirectory directory;
  const auto write = [&](char letter) {
    const std::string text(100'000, letter);
    for (int i = 0; i < 20; ++i) {
      OutputFile file(directory / "a");
      file.write(text.data(), text.size());
      file.commit_keeping(directory / "b");
    }
  };
  std::thread other(write, 'b');
  write('a');
  other.join();
  for (const char* name : {"a", "b"}) {
    const std::string bytes = read_file(directory / name);
    EXPECT_EQ(bytes, std::string(100'000, bytes.at(0)));
  }
  EXPECT_EQ(directory.count(), 2);
}

}  // namespace
}  // namespace gradus::io
