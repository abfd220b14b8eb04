#include "fuzz/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

namespace gradus::test::fuzz {
namespace fs = std::filesystem;
namespace {

class Directory {
 public:
  Directory() {
    std::string name = (fs::temp_directory_path() / "gradus-fuzz-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, "cannot make a directory {}", name);
    path = name;
  }
  ~Directory() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
  fs::path path;
};

}  // namespace

const fs::path& scratch_directory() {
  static const Directory directory;
  return directory.path;
}

// The same file is opened once and written anew: this is done for every input.
fs::path file_of(Bytes input) {
  static const fs::path path = scratch_directory() / "input";
  static const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const auto size = static_cast<ssize_t>(input.size());
  require(::pwrite(file, input.data(), input.size(), 0) == size && ::ftruncate(file, size) == 0,
          "cannot write {}", path.string());
  return path;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void require_same(std::string_view what, const Array& a, const Array& b) {
  require(a.shape() == b.shape() && a.dtype() == b.dtype(), "{}: {} {} became {} {}", what,
          name(a.dtype()), a.shape(), name(b.dtype()), b.shape());
  const Array x = a.contiguous(), y = b.contiguous();
  dispatch(a.dtype(), [&]<class T> {
    const auto bytes = static_cast<size_t>(x.numel()) * sizeof(T);
    require(bytes == 0 || std::memcmp(x.data<T>(), y.data<T>(), bytes) == 0,
            "{}: the elements changed", what);
  });
}

void require_round_trip(const io::State& state) {
  const fs::path first = scratch_directory() / "first", second = scratch_directory() / "second";
  io::save_safetensors(first, state);
  const io::State again = io::parse_safetensors(bytes_of(first));
  require(again.metadata == state.metadata, "other texts came back");
  require(again.arrays.size() == state.arrays.size(), "{} arrays came back of {}",
          again.arrays.size(), state.arrays.size());
  for (size_t i = 0; i < state.arrays.size(); ++i) {
    require(again.arrays[i].name == state.arrays[i].name, "array {} came back with another name",
            i);
    require_same(state.arrays[i].name, state.arrays[i].value, again.arrays[i].value);
  }
  io::save_safetensors(second, again);
  require(bytes_of(first) == bytes_of(second), "saved again, the file has other bytes");
}

void repair_header_length(std::vector<uint8_t>& input) {
  if (input.size() < 8) return;
  size_t end = input.size();
  while (end > 8 && input[end - 1] != '}') --end;
  while (end < input.size() && input[end] == ' ') ++end;
  const uint64_t length = end - 8;
  std::memcpy(input.data(), &length, 8);
}

uint64_t memory_of(const io::State& state) {
  uint64_t bytes = 0;
  for (const auto& [name, value] : state.arrays)
    bytes += static_cast<uint64_t>(value.numel()) * size_of(value.dtype());
  return bytes;
}

}  // namespace gradus::test::fuzz
