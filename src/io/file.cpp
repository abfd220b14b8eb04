#include "gradus/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "gradus/error.h"

namespace gradus::io {
namespace fs = std::filesystem;
namespace {

// What the system says about its last failure: "Permission denied".
std::string reason() { return std::generic_category().message(errno); }

// Calls the system again when a signal (a Ctrl-C that the program handles) came in between.
template <class Call>
auto uninterrupted(Call call) {
  for (;;)
    if (const auto result = call(); result != -1 || errno != EINTR) return result;
}

// Reads and writes go in pieces: some systems refuse 2 GB at once, and any may transfer less.
size_t piece(size_t bytes) { return std::min(bytes, size_t{1} << 30); }

int open_or_fail(const char* verb, const fs::path& named, const fs::path& opened, int flags) {
  const int number = uninterrupted([&] { return ::open(opened.c_str(), flags | O_CLOEXEC, 0666); });
  check(number != -1, "{}: {}: {}", verb, named.string(), reason());
  return number;
}

// Where a file of this name really lies. Only a regular file may be replaced: renaming over
// /dev/null would take it away from the whole system.
fs::path destination(const fs::path& path) {
  check(!path.empty(), "write: the file name is empty");
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  check(!fs::is_directory(status), "write: {}: is a directory", path.string());
  if (status.type() == fs::file_type::not_found) return path;
  check(fs::status_known(status), "write: {}: {}", path.string(), error.message());
  check(fs::is_regular_file(status), "write: {}: is not a regular file", path.string());
  return fs::canonical(path);
}

// A name beside the file that no other process or thread uses now.
fs::path temporary_name(const fs::path& path) {
  static std::atomic<int> count = 0;
  return fmt::format("{}.tmp-{}-{}", path.string(), ::getpid(), count++);
}

// Renaming changes the directory, which has to reach the disk as well.
void sync_directory(const fs::path& path) {
  const fs::path directory = path.has_parent_path() ? path.parent_path() : ".";
  const Descriptor descriptor(open_or_fail("write", path, directory, O_RDONLY | O_DIRECTORY));
  const bool done = uninterrupted([&] { return ::fsync(descriptor.number()); }) == 0;
  // EINVAL: a file system that keeps no directories on a disk.
  check(done || errno == EINVAL, "write: {}: {}", path.string(), reason());
}

}  // namespace

bool Descriptor::close() {
  const int number = std::exchange(number_, -1);
  return number == -1 || ::close(number) == 0 || errno == EINTR;
}

// Without O_NONBLOCK, opening a named pipe would wait for someone to write to it.
InputFile::InputFile(const fs::path& path)
    : path_(path), descriptor_(open_or_fail("read", path, path, O_RDONLY | O_NONBLOCK)) {
  struct stat status {};
  check(::fstat(descriptor_.number(), &status) == 0, "read: {}: {}", path.string(), reason());
  check(!S_ISDIR(status.st_mode), "read: {}: is a directory", path.string());
  check(S_ISREG(status.st_mode), "read: {}: is not a regular file", path.string());
  size_ = static_cast<uint64_t>(status.st_size);
}

void InputFile::read(uint64_t offset, void* buffer, size_t bytes) const {
  char* out = static_cast<char*>(buffer);
  while (bytes > 0) {
    const auto count = uninterrupted([&] {
      return ::pread(descriptor_.number(), out, piece(bytes), static_cast<off_t>(offset));
    });
    check(count >= 0, "read: {}: {}", path_.string(), reason());
    check(count > 0, "read: {}: ends at byte {}, {} more were expected", path_.string(), offset,
          bytes);
    out += count;
    offset += static_cast<uint64_t>(count);
    bytes -= static_cast<size_t>(count);
  }
}

OutputFile::OutputFile(const fs::path& path)
    : path_(destination(path)),
      temporary_(temporary_name(path_)),
      descriptor_(open_or_fail("write", path, temporary_, O_WRONLY | O_CREAT | O_EXCL)) {}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::write(const void* data, size_t bytes) {
  const char* in = static_cast<const char*>(data);
  while (bytes > 0) {
    const auto count =
        uninterrupted([&] { return ::write(descriptor_.number(), in, piece(bytes)); });
    check(count >= 0, "write: {}: {}", path_.string(), reason());
    in += count;
    bytes -= static_cast<size_t>(count);
  }
}

void OutputFile::commit() {
  const bool synced = uninterrupted([&] { return ::fsync(descriptor_.number()); }) == 0;
  check(synced && descriptor_.close() && ::rename(temporary_.c_str(), path_.c_str()) == 0,
        "write: {}: {}", path_.string(), reason());
  temporary_.clear();
  sync_directory(path_);
}

std::string read_file(const fs::path& path, uint64_t limit) {
  const InputFile file(path);
  check(file.size() <= limit, "read: {}: has {} bytes, more than {}", path.string(), file.size(),
        limit);
  std::string bytes(static_cast<size_t>(file.size()), '\0');
  file.read(0, bytes.data(), bytes.size());
  return bytes;
}

void write_file(const fs::path& path, std::string_view bytes) {
  OutputFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace gradus::io
