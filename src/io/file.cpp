#include "gradus/io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "io/failpoint.h"
#include "io/system_call.h"
#include "out_of_memory.h"

namespace gradus::io {
namespace fs = std::filesystem;
namespace {

// Calls the system again when a signal (a Ctrl-C that the program handles) came in between.
template <class Call>
auto uninterrupted(Call call) {
  for (;;)
    if (const auto result = call(); result != -1 || errno != EINTR) return result;
}

// The same for calls that a written file depends on, which a test can break by their name.
template <class Call>
auto breakable(const char* name, Call call) -> decltype(call()) {
  if (const Failpoint test = failpoint.load(std::memory_order_relaxed); test != nullptr)
    if (const int error = test(name); error != 0) {
      errno = error;
      return -1;
    }
  return uninterrupted(call);
}

// Reads and writes go in pieces: some systems refuse 2 GB at once, and any may transfer less.
size_t piece(size_t bytes) { return std::min(bytes, size_t{1} << 30); }

int open_or_fail(const char* verb, const fs::path& named, const fs::path& opened, int flags) {
  const int number = uninterrupted([&] { return ::open(opened.c_str(), flags | O_CLOEXEC); });
  if (number == -1) fail_unavailable("{}: {}: {}", verb, named.native(), reason());
  return number;
}

// Where a file of this name really lies. Only a regular file may be replaced: renaming over
// /dev/null would take it away from the whole system.
fs::path destination(const fs::path& path) {
  check(!path.empty(), "write: the file name is empty");
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  check(!fs::is_directory(status), "write: {}: is a directory", path.native());
  if (status.type() != fs::file_type::not_found) {
    check(fs::status_known(status), "write: {}: {}", path.native(), error.message());
    check(fs::is_regular_file(status), "write: {}: is not a regular file", path.native());
  }
  return real_path(path);
}

// A file's directory, as the system takes it.
fs::path directory_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Who may read, write and run a file; nothing if there is none.
std::optional<mode_t> permissions_of(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return status.st_mode & 0777;
}

// ---- temporary files ----

// False if another process holds the file. A file system without locks says so, and is believed.
bool lock(int file) {
  return uninterrupted([&] { return ::flock(file, LOCK_EX | LOCK_NB); }) == 0;
}

std::string temporary_prefix(const fs::path& path) { return path.filename().string() + ".tmp-"; }

// FILE.tmp-123-0, and nothing that a person would have called so.
bool is_temporary_name(const std::string& name, const std::string& prefix) {
  if (!name.starts_with(prefix)) return false;
  const std::string_view rest = std::string_view(name).substr(prefix.size());
  constexpr const char* digits = "0123456789";
  const size_t dash = rest.find_first_not_of(digits);
  return dash != 0 && dash != rest.npos && rest[dash] == '-' && dash + 1 < rest.size() &&
         rest.find_first_not_of(digits, dash + 1) == rest.npos;
}

// Removes the temporary files of writers that are gone, as their locks are. Whatever stands in the
// way of that is no reason not to write.
void remove_stale_temporaries(const fs::path& path) {
  const std::string prefix = temporary_prefix(path);
  const fs::path where = directory_of(path);
  // Not a directory_iterator: libstdc++'s ends the program where there is no memory for it.
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(where.c_str()), ::closedir);
  if (directory == nullptr) return;
  std::vector<fs::path> found;
  while (const dirent* entry = ::readdir(directory.get()))
    if (is_temporary_name(entry->d_name, prefix)) found.push_back(where / entry->d_name);
  for (const fs::path& name : found) {
    const int file = ::open(name.c_str(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file == -1) continue;
    const Descriptor descriptor(file);
    if (lock(file)) ::unlink(name.c_str());
  }
}

// A new file beside the other one, under a name that nobody uses: another container may have a
// process of the same number. Between its making and its locking someone may take it for a stale
// one and remove it; then the next name is tried. Nobody may read it who may not read the other
// one; its owner may write to it, or the next writer could not tell whether it is stale.
Descriptor make_temporary(const fs::path& path, fs::path& name) {
  remove_stale_temporaries(path);
  const mode_t mode = permissions_of(path).value_or(0666) | S_IWUSR;
  static std::atomic<int> count = 0;
  for (;;) {
    name = directory_of(path) / fmt::format("{}{}-{}", temporary_prefix(path), ::getpid(), count++);
    const int file = breakable("open", [&] {
      return ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    });
    if (file == -1 && errno == EEXIST) continue;
    check_call(file != -1, "write", path);
    Descriptor descriptor(file);
    if (!lock(file) && errno == EWOULDBLOCK) continue;
    struct stat status {};
    if (::fstat(file, &status) == 0 && status.st_nlink == 0) continue;
    return descriptor;
  }
}

// ---- renaming ----

// Exchanges two names in one step; false, with errno set, where that cannot be.
bool exchange(const fs::path& a, const fs::path& b) {
  return breakable("exchange", [&] {
#ifdef RENAME_EXCHANGE
           return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
#else
           errno = ENOSYS;
           return -1;
#endif
         }) == 0;
}

bool rename(const char* call, const fs::path& from, const fs::path& to) {
  return breakable(call, [&] { return ::rename(from.c_str(), to.c_str()); }) == 0;
}

// Renaming changes the directory, which has to reach the disk as well.
void sync_directory(const fs::path& path) {
  const Descriptor descriptor(with_memory(
      [&] { return open_or_fail("write", path, directory_of(path), O_RDONLY | O_DIRECTORY); },
      "write: {}", path.native()));
  const bool done = breakable("fsync_directory", [&] { return ::fsync(descriptor.number()); }) == 0;
  // EINVAL: a file system that keeps no directories on a disk.
  check_call(done || errno == EINVAL, "write", path);
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ != -1) ::close(number_);
}

// Without O_NONBLOCK, opening a named pipe would wait for someone to write to it.
InputFile::InputFile(const fs::path& path) try
    : path_(path), descriptor_(open_or_fail("read", path, path, O_RDONLY | O_NONBLOCK)) {
  struct stat status {};
  const bool done = ::fstat(descriptor_.number(), &status) == 0;
  check_call(done, "read", path);
  check(!S_ISDIR(status.st_mode), "read: {}: is a directory", path.native());
  check(S_ISREG(status.st_mode), "read: {}: is not a regular file", path.native());
  size_ = static_cast<uint64_t>(status.st_size);
} catch (const std::bad_alloc&) {
  fail_out_of_memory("read: {}", path.native());
}

void InputFile::read(uint64_t offset, void* buffer, size_t bytes) const {
  char* out = static_cast<char*>(buffer);
  while (bytes > 0) {
    const auto count = uninterrupted([&] {
      return ::pread(descriptor_.number(), out, piece(bytes), static_cast<off_t>(offset));
    });
    check_call(count >= 0, "read", path_);
    check(count > 0, "read: {}: ends at byte {}, {} more were expected", path_.native(), offset,
          bytes);
    out += count;
    offset += static_cast<uint64_t>(count);
    bytes -= static_cast<size_t>(count);
  }
}

OutputFile::OutputFile(const fs::path& path) try
    : path_(destination(path)), descriptor_(make_temporary(path_, temporary_)) {
} catch (const std::bad_alloc&) {
  fail_out_of_memory("write: {}", path.native());
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::write(const void* data, size_t bytes) {
  const char* in = static_cast<const char*>(data);
  is_synced_ = false;
  while (bytes > 0) {
    const auto count =
        breakable("write", [&] { return ::write(descriptor_.number(), in, piece(bytes)); });
    check_call(count >= 0, "write", path_);
    in += count;
    bytes -= static_cast<size_t>(count);
  }
}

// Nothing is left for close() to report after this, so the file, and with it the lock, stays open.
// A file system that has no such permissions refuses them, and is believed: none were added.
void OutputFile::sync() {
  if (is_synced_) return;
  if (const auto mode = permissions_of(path_))
    uninterrupted([&] { return ::fchmod(descriptor_.number(), *mode); });
  is_synced_ = breakable("fsync", [&] { return ::fsync(descriptor_.number()); }) == 0;
  check_call(is_synced_, "write", path_);
}

void OutputFile::commit() {
  sync();
  const bool done = rename("rename", temporary_, path_);  // before reason() is asked for
  check_call(done, "write", path_);
  temporary_.clear();
  sync_directory(path_);
}

// Both files are whole on the disk, so after a power failure any order of the renamings will do.
void OutputFile::commit_keeping(const fs::path& previous) {
  sync();
  const auto must = [&](bool done) { check_call(done, "write", path_); };
  if (exchange(temporary_, path_)) {
    // ENOENT: another writer of this file took the old one, which nobody locks, for a stale one.
    const bool kept = rename("keep", temporary_, previous) || errno == ENOENT;
    const int error = errno;
    if (!kept)
      exchange(temporary_, path_);  // or the old one would be removed as the temporary file
    errno = error;
    must(kept);
  } else {
    must(errno == ENOENT || rename("keep", path_, previous));
    must(rename("rename", temporary_, path_));
  }
  temporary_.clear();
  sync_directory(path_);
}

fs::path real_path(fs::path path) {
  constexpr int most_links = 40;  // as many as Linux follows
  std::error_code error;
  for (int i = 0; i < most_links && fs::is_symlink(path, error); ++i) {
    const fs::path target = fs::read_symlink(path, error);
    if (error) break;
    path = path.parent_path() / target;  // the target alone, if it is absolute
  }
  return path;
}

std::string read_file(const fs::path& path, uint64_t limit) {
  const InputFile file(path);
  check(file.size() <= limit, "read: {}: has {} bytes, more than {}", path.native(), file.size(),
        limit);
  const auto read = [&] {
    std::string bytes(static_cast<size_t>(file.size()), '\0');
    file.read(0, bytes.data(), bytes.size());
    return bytes;
  };
  return with_memory(read, "read: {}", path.native());
}

void write_file(const fs::path& path, std::string_view bytes) {
  OutputFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

}  // namespace gradus::io
