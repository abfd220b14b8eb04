#include "data/unicode.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace gradus::data {
namespace {

// Where a run of characters of one kind begins: 4 x its first character + the kind.
constexpr uint32_t runs[] = {
#include "data/unicode_table.inc"
};

Kind looked_up(char32_t character) {
  const auto after = std::upper_bound(std::begin(runs), std::end(runs), 4 * character + 3);
  return static_cast<Kind>(*std::prev(after) & 3);
}

// Most texts are mostly ASCII, or at least mostly of the first few alphabets.
constexpr size_t common = 0x800;

std::array<Kind, common> make_table() {
  std::array<Kind, common> table;
  for (char32_t c = 0; c < common; ++c) table[c] = looked_up(c);
  return table;
}

}  // namespace

Kind kind_of(char32_t character) {
  static const std::array<Kind, common> table = make_table();
  return character < common ? table[character] : looked_up(character);
}

}  // namespace gradus::data
