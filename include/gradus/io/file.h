/// \file
/// Files: read with clear errors, written whole or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace gradus::io {

/// The system's number for an open file; closes it at the end of its life.
class Descriptor {
 public:
  /// Takes over a file that is open.
  explicit Descriptor(int number) : number_(number) {}
  /// The file goes over to the new one.
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  /// Closes the file.
  ~Descriptor();
  Descriptor& operator=(Descriptor&&) = delete;

  /// For the system's calls.
  int number() const { return number_; }

 private:
  int number_;
};

/// A regular file, open for reading.
class InputFile {
 public:
  /// \throws Error if there is no such file, if it may not be read, or if it is a directory, a
  /// device or a pipe: "read: tales.txt: No such file or directory".
  explicit InputFile(const std::filesystem::path& path);

  /// The size in bytes when the file was opened.
  uint64_t size() const { return size_; }
  /// The open file, for the system's calls.
  const Descriptor& descriptor() const { return descriptor_; }
  /// Copies `bytes` bytes that begin at `offset` to `buffer`. \throws Error if the file ends first.
  void read(uint64_t offset, void* buffer, size_t bytes) const;

 private:
  std::filesystem::path path_;
  Descriptor descriptor_;
  uint64_t size_;
};

/// A file that appears under its name whole or not at all.
///
/// The bytes go to a temporary file in the same directory; commit() waits until the disk has them,
/// then renames it. Whoever looks, even after a power failure, finds the old file or the new one,
/// never half of one. Without commit(), and after an error, the temporary file is removed and the
/// old file stays; only if syncing the directory fails, the last step, the new one is there
/// already. A symbolic link keeps pointing where it does.
///
/// A file that is replaced hands on its permissions: where only its owner could read it, nobody
/// else can read the new one, and at no time the temporary one. A new file gets what the umask
/// allows. The owner is whoever writes.
///
/// The temporary file is called FILE.tmp-PROCESS-NUMBER and is locked (flock) while its writer
/// lives. One that is not locked was left by a process that was killed; the next writer of FILE
/// removes it.
class OutputFile {
 public:
  /// \throws Error if the file cannot be created, or if `path` is a directory or a device.
  explicit OutputFile(const std::filesystem::path& path);
  /// Without a commit(), removes the temporary file.
  ~OutputFile();

  /// Appends bytes. \throws Error if the disk is full, for example.
  void write(const void* data, size_t bytes);
  /// Waits until the disk has what was written. Of several files that belong together, all are
  /// synced before the first one is committed: then a full disk changes none. \throws Error if the
  /// system could not store it.
  void sync();
  /// Syncs and makes the file appear; nothing can be written after it. \throws Error if the system
  /// could not store it or rename it.
  void commit();
  /// The same, and the file that had the name until now goes on under the name `previous`, in the
  /// same directory. The two are exchanged in one step, so that there is always a whole file under
  /// `path`; on a file system that cannot do this (FAT, NFS) there is none for a moment between two
  /// renamings, in which the old one already is `previous`. \throws Error as commit().
  void commit_keeping(const std::filesystem::path& previous);

 private:
  std::filesystem::path path_, temporary_;
  Descriptor descriptor_;
  bool is_synced_ = false;
};

/// Where a file of this name lies or would lie, once all symbolic links are followed.
std::filesystem::path real_path(std::filesystem::path path);

/// All bytes of a regular file. \throws Error like InputFile, or if there are more than `limit`.
std::string read_file(const std::filesystem::path& path, uint64_t limit = uint64_t{1} << 30);

/// Replaces or creates a file with these bytes: an OutputFile, written and committed. \throws Error
/// as that does.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace gradus::io
