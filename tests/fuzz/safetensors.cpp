// Any bytes as a file of arrays: refused with an Error, or read, and then writing them and reading
// them again changes nothing.
#include "gradus/io/safetensors.h"

#include <cstring>

#include "fuzz/files.h"

namespace gradus::test::fuzz {
namespace {

void run(Bytes input) {
  io::State state;
  try {
    state = io::load_safetensors(file_of(input));
  } catch (const Error&) {
    return;
  }
  // The smallest element, a byte, becomes an int64.
  require(memory_of(state) <= 8 * input.size(), "{} bytes became {}", input.size(),
          memory_of(state));
  require_round_trip(state);
}

// The file begins with the length of its header, which ends with a brace and spaces.
void repair(std::vector<uint8_t>& input) {
  if (input.size() < 8) return;
  size_t end = input.size();
  while (end > 8 && input[end - 1] != '}') --end;
  while (end < input.size() && input[end] == ' ') ++end;
  const uint64_t length = end - 8;
  std::memcpy(input.data(), &length, 8);
}

}  // namespace

const Target safetensors{"safetensors", run, repair};

}  // namespace gradus::test::fuzz
