/// \file
/// A file's bytes in the memory of the program, without reading them first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "gradus/io/file.h"

namespace gradus::io {

/// A regular file whose pages appear in memory (`mmap`, read-only). The system reads a page when it
/// is first looked at, keeps it as long as there is room, and shares it with every program that
/// uses the file.
///
/// A file that is replaced (as OutputFile does) stays mapped as it was. One that another program
/// *shortens* loses pages, and looking at a lost page ends this program with SIGBUS. So bytes()
/// asks for the file's size each time, and a file of another size is an Error. Only a file that is
/// shortened while the bytes are being used, between the question and the last look, still ends the
/// program, as does a disk that fails: who must survive that reads with InputFile instead.
class MappedFile {
 public:
  /// \throws Error like InputFile, or if the file system cannot map it.
  explicit MappedFile(const std::filesystem::path& path);
  /// Takes the pages out of memory.
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// The size in bytes when the file was opened.
  uint64_t size() const { return file_.size(); }
  /// `count` bytes that begin at `offset`. \throws Error if they are not all in the file, or if the
  /// file's size is no longer what it was.
  std::span<const std::byte> bytes(uint64_t offset, size_t count) const;

 private:
  std::filesystem::path path_;
  InputFile file_;
  const std::byte* first_ = nullptr;
};

}  // namespace gradus::io
