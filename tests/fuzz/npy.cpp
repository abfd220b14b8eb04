// Any bytes as NumPy's file of one array: refused with an Error, or read, and then writing it and
// reading it again changes nothing.
#include "gradus/io/npy.h"

#include <algorithm>

#include "fuzz/files.h"

namespace gradus::test::fuzz {
namespace {

bool run(Bytes input) {
  const auto stored = unless_refused([&] { return io::parse_npy(text_of(input)); });
  if (!stored) return false;
  require(stored->bytes().size() <= input.size(), "{} bytes became {}", input.size(),
          stored->bytes().size());
  const std::filesystem::path copy = scratch_directory() / "copy.npy";
  io::save_npy(copy, *stored);
  require(io::parse_npy(bytes_of(copy)) == *stored, "the array that came back is another");
  // A BOOL that is neither 0 nor 1 is found when the elements are looked at.
  const auto array = unless_refused([&] { return stored->array(); });
  const auto loaded = unless_refused([&] { return io::load_npy(file_of(input)); });
  require(array.has_value() == loaded.has_value(),
          "from memory and from a file it is not the same");
  if (!array) return false;
  require_same("the same file", *array, *loaded);
  io::save_npy(copy, *array);
  require_same("the array that came back", *array, io::load_npy(copy));
  return true;
}

// The header's length stands before it in two bytes, in four from version 2 on; the header ends
// with the line.
void repair(std::vector<uint8_t>& input) {
  if (input.size() < 12) return;
  const size_t first = input[6] >= 2 ? 12 : 10;
  const auto end = std::find(input.begin() + static_cast<std::ptrdiff_t>(first), input.end(), '\n');
  if (end == input.end()) return;
  size_t length = static_cast<size_t>(end - input.begin()) + 1 - first;
  for (size_t i = 8; i < first; ++i, length >>= 8) input[i] = static_cast<uint8_t>(length & 0xff);
}

}  // namespace

const Target npy{"npy", run, repair};

}  // namespace gradus::test::fuzz
