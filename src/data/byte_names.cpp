#include "data/byte_names.h"

#include <algorithm>
#include <numeric>

namespace gradus::data {

std::array<char32_t, 256> byte_names() {
  std::array<char32_t, 256> names;
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    constexpr char32_t soft_hyphen = 0xad;  // shown only where a line is broken
    const bool is_visible = (byte > ' ' && byte < 0x7f) || (byte > 0xa0 && byte != soft_hyphen);
    names[byte] = is_visible ? byte : next++;
  }
  return names;
}

std::array<uint8_t, 256> bytes_by_name() {
  std::array<uint8_t, 256> bytes;
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  std::ranges::sort(bytes, {}, [names = byte_names()](uint8_t byte) { return names[byte]; });
  return bytes;
}

}  // namespace gradus::data
