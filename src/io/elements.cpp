#include "io/elements.h"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstring>

namespace gradus::io {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied as they are");

// Bytes that are copied, and cast, at a time: what is cast stays in the cache.
constexpr size_t copied_piece = size_t{1} << 20, cast_piece = size_t{1} << 16;

template <std::floating_point F>
F cast(F element) {
  return element;
}
float cast(Float16 element) { return static_cast<float>(element); }
float cast(BFloat16 element) { return static_cast<float>(element); }
bool cast(Bool element) {
  check(element.byte <= 1, "a BOOL must be 0 or 1, got {}", element.byte);
  return element.byte == 1;
}
int64_t cast(std::integral auto element) { return element; }

// Casts the elements of a piece, which need not be aligned: a file puts them where it likes.
template <class From, class To>
void cast_piece_of(const std::byte* bytes, size_t count, To* out) {
  for (size_t i = 0; i < count; ++i) {
    From element;
    std::memcpy(&element, bytes + i * sizeof element, sizeof element);
    out[i] = cast(element);
  }
}

// Fills `array` with elements of type From that begin at byte `offset`.
template <class From, class To>
void fill(Array& array, const Source& source, uint64_t offset) {
  constexpr size_t piece = cast_piece / sizeof(From);
  const size_t count = static_cast<size_t>(array.numel());
  To* const out = array.mutable_data<To>();
  if constexpr (std::is_same_v<From, To>) {
    source.read(offset, out, count * sizeof(To));
  } else {
    std::array<std::byte, cast_piece> buffer;
    for (size_t done = 0; done < count; done += piece) {
      const size_t n = std::min(piece, count - done);
      cast_piece_of<From>(
          source.view(offset + done * sizeof(From), n * sizeof(From), buffer.data()), n,
          out + done);
    }
  }
}

}  // namespace

void Source::read(uint64_t offset, void* out, size_t count) const {
  std::byte* to = static_cast<std::byte*>(out);
  for (size_t done = 0; done < count; done += copied_piece) {
    const size_t n = std::min(copied_piece, count - done);
    const std::byte* from = view(offset + done, n, to + done);
    if (from != to + done) std::memcpy(to + done, from, n);
  }
}

std::optional<uint64_t> bytes_of(std::span<const uint64_t> sizes, size_t element_size) {
  int64_t product = static_cast<int64_t>(element_size);
  bool empty = false;
  for (const uint64_t size : sizes) {
    empty |= size == 0;
    if (__builtin_mul_overflow(product, std::max<uint64_t>(size, 1), &product)) return {};
  }
  return empty ? 0 : static_cast<uint64_t>(product);
}

Array read_array(const Source& source, uint64_t offset, ElementType type, const Shape& shape) {
  Array array(shape, dtype_for(type));
  with_type(type, [&]<class From>(From element) {
    fill<From, decltype(cast(element))>(array, source, offset);
  });
  return array;
}

StoredArray read_stored(const Source& source, uint64_t offset, ElementType type,
                        const Shape& shape) {
  const size_t bytes = static_cast<size_t>(shape.numel()) * size_of(type);
  const auto block = std::make_shared<Storage>(bytes);
  source.read(offset, block->data(), bytes);
  return {type, shape, block};
}

}  // namespace gradus::io
