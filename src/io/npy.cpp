#include "gradus/io/npy.h"

#include <algorithm>
#include <cstring>

#include "gradus/io/file.h"
#include "io/npy_header.h"
#include "out_of_memory.h"

namespace gradus::io {
namespace {

void save(const std::filesystem::path& path, const StoredArray& array) {
  with_memory(
      [&] {
        const std::string header = make_npy_header(array.type(), array.shape());
        OutputFile file(path);
        file.write(header.data(), header.size());
        file.write(array.bytes().data(), array.bytes().size());
        file.commit();
      },
      "save_npy: {}", path.native());
}

// A copy of the elements with the last axis adjacent in memory, where it was the first.
StoredArray row_major(const StoredArray& columns) {
  const Shape& shape = columns.shape();
  const size_t size = size_of(columns.type()), count = columns.bytes().size() / size;
  Shape strides = Shape::filled(shape.rank(), 1);
  for (int axis = 1; axis < shape.rank(); ++axis)
    strides[axis] = strides[axis - 1] * shape[axis - 1];

  const auto block = std::make_shared<Storage>(columns.bytes().size());
  std::byte* out = static_cast<std::byte*>(block->data());
  Shape index = Shape::filled(shape.rank(), 0);
  int64_t from = 0;
  for (size_t i = 0; i < count; ++i, out += size) {
    std::memcpy(out, columns.bytes().data() + static_cast<size_t>(from) * size, size);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= shape[axis] * strides[axis];
      index[axis] = 0;
    }
  }
  return {columns.type(), shape, block};
}

StoredArray read(const Source& source) {
  const NpyHeader header = read_npy_header(source);
  const size_t size = size_of(header.type);
  const auto block = std::make_shared<Storage>(static_cast<size_t>(header.shape.numel()) * size);
  std::byte* const bytes = static_cast<std::byte*>(block->data());
  source.read(header.data, bytes, block->bytes());
  if (header.big_endian)
    for (size_t i = 0; i < block->bytes(); i += size) std::reverse(bytes + i, bytes + i + size);
  const StoredArray array(header.type, header.shape, block);
  return header.fortran_order ? row_major(array) : array;
}

// Calls f with what is in the file, and adds the function and the file to what goes wrong.
template <class F>
auto load(const std::filesystem::path& path, F f) {
  const InputFile file(path);
  return naming([&] { return f(read(FileSource(file))); }, "load_npy: {}", path.native());
}

}  // namespace

void save_npy(const std::filesystem::path& path, const StoredArray& array) { save(path, array); }

void save_npy(const std::filesystem::path& path, const Array& array) {
  check(!array.is_empty_handle(), "save_npy: there is no array");
  save(path, with_memory([&] { return StoredArray::of(array); }, "save_npy: {}", path.native()));
}

Array load_npy(const std::filesystem::path& path) {
  return load(path, [](const StoredArray& array) { return array.array(); });
}

StoredArray load_npy_stored(const std::filesystem::path& path) {
  return load(path, [](const StoredArray& array) { return array; });
}

StoredArray parse_npy(std::string_view bytes) {
  return naming([&] { return read(MemorySource(bytes)); }, "parse_npy");
}

}  // namespace gradus::io
