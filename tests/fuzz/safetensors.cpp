// Any bytes as a file of arrays: refused with an Error, or read, and then writing them and reading
// them again changes nothing.
#include "gradus/io/safetensors.h"

#include "fuzz/files.h"
#include "gradus/io/safetensors_file.h"

namespace gradus::test::fuzz {
namespace {

// Read array by array from the mapped file, and in the file's own types, it is the same.
void require_same_in_pieces(const io::State& state, Bytes input) {
  const io::SafetensorsFile file(file_of(input));
  require(file.metadata() == state.metadata, "the mapped file has other texts");
  require(file.entries().size() == state.arrays.size(), "the mapped file has other arrays");
  const io::StoredState stored = file.stored();
  for (size_t i = 0; i < state.arrays.size(); ++i) {
    const auto& [name, value] = state.arrays[i];
    require_same(name, value, file.array(name));
    require_same(name, value, stored.arrays[i].value.array());
  }
  const std::filesystem::path copy = scratch_directory() / "stored";
  io::save_safetensors(copy, stored);
  const io::StoredState again = io::SafetensorsFile(copy).stored();
  for (size_t i = 0; i < stored.arrays.size(); ++i)
    require(again.arrays[i].value == stored.arrays[i].value, "array {} of the file's type changed",
            i);
}

bool run(Bytes input) {
  const auto state = unless_refused([&] { return io::parse_safetensors(text_of(input)); });
  if (!state) return false;
  // The smallest element, a byte, becomes an int64.
  require(memory_of(*state) <= 8 * input.size(), "{} bytes became {}", input.size(),
          memory_of(*state));
  require_round_trip(*state);
  require_same_in_pieces(*state, input);
  return true;
}

}  // namespace

const Target safetensors{"safetensors", run, repair_header_length};

}  // namespace gradus::test::fuzz
