/// \file
/// The visible characters that stand for bytes in GPT-2's files.
#pragma once

#include <array>
#include <cstdint>

namespace gradus::data {

/// The character of each byte: itself if it can be seen and is no space, as a character of Latin-1;
/// for the 68 others, in their order, U+0100, U+0101 and so on. The space is U+0120, "Ġ".
std::array<char32_t, 256> byte_names();

/// The bytes in the order of their characters, in which GPT-2 numbers them: '!' first.
std::array<uint8_t, 256> bytes_by_name();

}  // namespace gradus::data
