// The header of a safetensors file: written, and read with every number checked.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gradus/io/safetensors_file.h"
#include "io/elements.h"

namespace gradus::io {

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
  uint64_t data = 0;  // where the first byte behind the header is, in the file
};

// \throws Error without the name of the file or the function: the caller adds them.
SafetensorsHeader read_header(const Source& source);

// The length and the JSON that stand before the data. Sets begin and end of each entry: those with
// the larger elements come first, otherwise the order is that of the entries.
std::string make_header(std::vector<SafetensorsEntry>& entries,
                        const std::map<std::string, std::string>& metadata);

}  // namespace gradus::io
