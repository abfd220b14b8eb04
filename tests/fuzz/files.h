/// \file
/// Files for targets that read them: in memory where the system offers it.
#pragma once

#include <filesystem>
#include <string>

#include "fuzz/target.h"
#include "gradus/io/safetensors.h"

namespace gradus::test::fuzz {

/// A directory of this process, removed when it ends.
const std::filesystem::path& scratch_directory();

/// A file with these bytes, until the next call.
std::filesystem::path file_of(Bytes input);

/// All bytes of a file.
std::string bytes_of(const std::filesystem::path& path);

/// What was read can be written, and reading that gives the same arrays, bit for bit, and texts.
/// \throws Finding if it does not.
void require_round_trip(const io::State& state);

/// \throws Finding unless both have the same shape, dtype and bits.
void require_same(std::string_view what, const Array& a, const Array& b);

/// The bytes of all elements, as they stand in memory.
uint64_t memory_of(const io::State& state);

/// Writes the length of a safetensors header, which ends with a brace and spaces, in front of it.
void repair_header_length(std::vector<uint8_t>& input);

}  // namespace gradus::test::fuzz
