// The types that elements have in a safetensors file, and what they become in an Array.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "gradus/array.h"
#include "gradus/io/file.h"

namespace gradus::io {

struct ElementType {
  std::string_view name;  // in the file
  DType dtype;            // of the Array
  size_t size;            // of an element in the file, in bytes
  // Fills the array with elements that begin at a byte offset of the file.
  void (*read)(const InputFile&, uint64_t, Array&);
};

// All of them. The first type of each dtype is the one that it is written as.
std::span<const ElementType> element_types();

}  // namespace gradus::io
