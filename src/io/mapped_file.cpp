#include "gradus/io/mapped_file.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "io/system_call.h"
#include "out_of_memory.h"

namespace gradus::io {

MappedFile::MappedFile(const std::filesystem::path& path) try : path_(path), file_(path) {
  if (file_.size() == 0) return;  // the system maps no empty range
  void* const first = ::mmap(nullptr, static_cast<size_t>(file_.size()), PROT_READ, MAP_SHARED,
                             file_.descriptor().number(), 0);
  if (first == MAP_FAILED) fail_unavailable("map: {}: {}", path.native(), reason());
  first_ = static_cast<const std::byte*>(first);
} catch (const std::bad_alloc&) {
  fail_out_of_memory("map: {}", path.native());
}

MappedFile::~MappedFile() {
  if (first_ != nullptr)
    ::munmap(const_cast<std::byte*>(first_), static_cast<size_t>(file_.size()));
}

std::span<const std::byte> MappedFile::bytes(uint64_t offset, size_t count) const {
  check(offset <= size() && count <= size() - offset,
        "map: {}: has {} bytes, {} from byte {} were asked for", path_.native(), size(), count,
        offset);
  struct stat status {};
  check_call(::fstat(file_.descriptor().number(), &status) == 0, "map", path_);
  check(static_cast<uint64_t>(status.st_size) == size(),
        "map: {}: had {} bytes when it was opened and has {} now", path_.native(), size(),
        status.st_size);
  return {first_ + offset, count};
}

}  // namespace gradus::io
