// Elements of files: where their bytes come from, and how they become those of an Array.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "gradus/io/file.h"
#include "gradus/io/mapped_file.h"
#include "gradus/io/stored.h"
#include "io/half.h"

namespace gradus::io {

// The bytes that a format is read from, wherever they are.
class Source {
 public:
  virtual ~Source() = default;
  virtual uint64_t size() const = 0;
  // `count` bytes from `offset`, in place if they are in memory, otherwise copied to `buffer`.
  virtual const std::byte* view(uint64_t offset, size_t count, std::byte* buffer) const = 0;

  // The same, always copied.
  void read(uint64_t offset, void* out, size_t count) const;
};

class FileSource : public Source {
 public:
  explicit FileSource(const InputFile& file) : file_(file) {}
  uint64_t size() const override { return file_.size(); }
  const std::byte* view(uint64_t offset, size_t count, std::byte* buffer) const override {
    file_.read(offset, buffer, count);
    return buffer;
  }

 private:
  const InputFile& file_;
};

class MappedSource : public Source {
 public:
  explicit MappedSource(const MappedFile& file) : file_(file) {}
  uint64_t size() const override { return file_.size(); }
  const std::byte* view(uint64_t offset, size_t count, std::byte*) const override {
    return file_.bytes(offset, count).data();
  }

 private:
  const MappedFile& file_;
};

class MemorySource : public Source {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(std::as_bytes(std::span(bytes))) {}
  uint64_t size() const override { return bytes_.size(); }
  const std::byte* view(uint64_t offset, size_t count, std::byte*) const override {
    return bytes_.subspan(offset, count).data();
  }

 private:
  std::span<const std::byte> bytes_;
};

inline constexpr std::array all_element_types = {
    ElementType::float32, ElementType::float64,  ElementType::int64,  ElementType::boolean,
    ElementType::float16, ElementType::bfloat16, ElementType::int32,  ElementType::int16,
    ElementType::int8,    ElementType::uint32,   ElementType::uint16, ElementType::uint8,
};

// A BOOL as it stands in a file, which may be anything.
struct Bool {
  uint8_t byte;
};

// Calls f with a value of the C++ type that a file's element is.
template <class F>
void with_type(ElementType type, F f) {
  switch (type) {
    case ElementType::float32: return f(float{});
    case ElementType::float64: return f(double{});
    case ElementType::int64: return f(int64_t{});
    case ElementType::boolean: return f(Bool{});
    case ElementType::float16: return f(Float16{});
    case ElementType::bfloat16: return f(BFloat16{});
    case ElementType::int32: return f(int32_t{});
    case ElementType::int16: return f(int16_t{});
    case ElementType::int8: return f(int8_t{});
    case ElementType::uint32: return f(uint32_t{});
    case ElementType::uint16: return f(uint16_t{});
    case ElementType::uint8: return f(uint8_t{});
  }
}

// The bytes that elements of these sizes take; nothing if they are more than 63 bits can count, or
// would be without the sizes of 0: the strides beside those must not overflow either.
std::optional<uint64_t> bytes_of(std::span<const uint64_t> sizes, size_t element_size);

// An array whose elements begin at a byte of the source. They must all be there.
Array read_array(const Source& source, uint64_t offset, ElementType type, const Shape& shape);
StoredArray read_stored(const Source& source, uint64_t offset, ElementType type,
                        const Shape& shape);

}  // namespace gradus::io
