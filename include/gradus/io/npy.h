/// \file
/// One array in a file, in NumPy's format .npy: what `numpy.save` writes and `numpy.load` reads.
#pragma once

#include <filesystem>
#include <string_view>

#include "gradus/array.h"
#include "gradus/io/stored.h"

namespace gradus::io {

/// Writes an array, atomically (see OutputFile): the bytes are those of `numpy.save`.
///
///     6 bytes      \x93NUMPY
///     2 bytes      the version of the format: 1, 0
///     2 bytes      n, the length of the header, little-endian
///     n bytes      {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, in Python, padded
///                  with spaces, and a line break that ends at a multiple of 64
///     the rest     the elements, row-major and little-endian
///
/// The format is described at
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html \throws Error if the
/// handle is empty or the file cannot be written.
void save_npy(const std::filesystem::path& path, const Array& array);
/// The same in the elements of a stored array. \throws Error also for BF16, which NumPy does not
/// know.
void save_npy(const std::filesystem::path& path, const StoredArray& array);

/// Reads an array: versions 1.0, 2.0 and 3.0, float64, float32, float16, int64 to int8, uint32 to
/// uint8 and bool, little- or big-endian, in the order of C or of Fortran (the shape is what it was
/// for NumPy). float16 becomes float32, all integers int64. No number in the file is believed
/// before it is checked against the file's size. \throws Error naming the file and the rule that it
/// breaks: "load_npy: a.npy: the elements take 24 bytes, the file has 20".
Array load_npy(const std::filesystem::path& path);
/// The same with the elements as they stand in the file, but in row-major order and little-endian.
/// \throws Error as load_npy does.
StoredArray load_npy_stored(const std::filesystem::path& path);

/// Reads an array from memory that holds what the file would. \throws Error as load_npy does, from
/// "parse_npy: ".
StoredArray parse_npy(std::string_view bytes);

}  // namespace gradus::io
