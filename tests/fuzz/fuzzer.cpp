// The program of one target, compiled with GRADUS_FUZZ_TARGET as its name; libFuzzer has main.
// Whatever a target throws ends the program, which is how libFuzzer learns of it.
#include <algorithm>
#include <cstring>

#include "fuzz/target.h"

namespace {
constexpr const gradus::test::fuzz::Target& target = gradus::test::fuzz::GRADUS_FUZZ_TARGET;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  target.run({data, size});
  return 0;
}

// libFuzzer's own change, which is repaired three times out of four.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  size = LLVMFuzzerMutate(data, size, max_size);
  if (target.repair == nullptr || seed % 4 == 0) return size;
  std::vector<uint8_t> input(data, data + size);
  target.repair(input);
  size = std::min(input.size(), max_size);
  std::copy_n(input.begin(), size, data);
  return size;
}
