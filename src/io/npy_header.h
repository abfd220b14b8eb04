// The header of a .npy file: written as NumPy writes it, and read with every number checked.
#pragma once

#include <string>
#include <string_view>

#include "io/elements.h"

namespace gradus::io {

struct NpyHeader {
  ElementType type = ElementType::float32;
  bool big_endian = false;
  bool fortran_order = false;  // the first axis is adjacent in memory
  Shape shape;
  uint64_t data = 0;  // where the first element begins
};

// \throws Error without the name of the file or the function: the caller adds them.
NpyHeader read_npy_header(const Source& source);

// Everything before the elements, which are row-major and little-endian. \throws Error for BF16.
std::string make_npy_header(ElementType type, const Shape& shape);

}  // namespace gradus::io
