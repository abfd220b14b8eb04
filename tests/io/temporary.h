/// \file
/// A directory for the files of one test.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace gradus::test {

/// A new, empty directory, removed with all that is in it at the end of its life.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "gradus-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
    ::chmod(name.c_str(), 0755);  // mkdtemp's directory is closed to WithoutPrivileges
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  /// How many files are in it.
  int64_t count() const { return std::distance(std::filesystem::directory_iterator(path_), {}); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// While one is alive, permissions count: root, whom they do not stop, acts as nobody.
class WithoutPrivileges {
 public:
  WithoutPrivileges() : user_(::geteuid()) {
    if (user_ == 0) works_ = ::seteuid(65534) == 0;
  }
  ~WithoutPrivileges() {
    if (user_ == 0 && works_) works_ = ::seteuid(user_) == 0;
  }
  WithoutPrivileges(const WithoutPrivileges&) = delete;
  WithoutPrivileges& operator=(const WithoutPrivileges&) = delete;

  /// False in a container whose root may not change its user.
  bool works() const { return works_; }

 private:
  uid_t user_;
  bool works_ = true;
};

}  // namespace gradus::test
