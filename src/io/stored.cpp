#include "gradus/io/stored.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "io/elements.h"
#include "io/half.h"

namespace gradus::io {
namespace {

struct Properties {
  std::string_view name;
  size_t size;
  DType dtype;
};

const Properties& properties(ElementType type) {
  static constexpr std::array<Properties, all_element_types.size()> table = {{
      {"F32", 4, DType::float32},
      {"F64", 8, DType::float64},
      {"I64", 8, DType::int64},
      {"BOOL", 1, DType::boolean},
      {"F16", 2, DType::float32},
      {"BF16", 2, DType::float32},
      {"I32", 4, DType::int64},
      {"I16", 2, DType::int64},
      {"I8", 1, DType::int64},
      {"U32", 4, DType::int64},
      {"U16", 2, DType::int64},
      {"U8", 1, DType::int64},
  }};
  const auto index = static_cast<size_t>(type);
  check(index < table.size(), "element type: {} is none", index);
  return table[index];
}

// The element in another type, or false where that does not hold it.
template <class To, class From>
bool store(From from, To& to) {
  if constexpr (std::is_same_v<To, Bool>) {
    to.byte = from == 1;
    return from == 0 || from == 1;
  } else if constexpr (std::is_same_v<To, Float16> || std::is_same_v<To, BFloat16>) {
    if constexpr (std::is_same_v<From, bool>)
      to = rounded<To>(int64_t{from});
    else
      to = rounded<To>(from);
    return true;
  } else if constexpr (std::is_floating_point_v<To> || std::is_same_v<To, From>) {
    to = static_cast<To>(from);
    return true;
  } else if constexpr (std::is_floating_point_v<From>) {
    // The bounds are exact: -2^(n - 1), or 0, and 2^n, or 2^(n - 1), which is one too many.
    constexpr From low = static_cast<From>(std::numeric_limits<To>::min());
    const From above = std::ldexp(From{1}, std::numeric_limits<To>::digits);
    if (!(from >= low && from < above) || from != std::trunc(from)) return false;
    to = static_cast<To>(from);
    return true;
  } else {
    const auto whole = static_cast<int64_t>(from);
    to = static_cast<To>(whole);
    return static_cast<int64_t>(to) == whole;
  }
}

// "[1, 0]": where the element at a place in row-major order stands.
std::string index_of(size_t place, const Shape& shape) {
  Shape index = shape;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = static_cast<int64_t>(place % static_cast<size_t>(shape[axis]));
    place /= static_cast<size_t>(shape[axis]);
  }
  return index.to_string();
}

template <class To, class From>
void store_elements(const Array& array, ElementType type, std::byte* out) {
  const From* elements = array.data<From>();
  const size_t count = static_cast<size_t>(array.numel());
  for (size_t i = 0; i < count; ++i) {
    To element{};
    if (!store(elements[i], element))  // a check() would write each element's index
      fail("store: element {} is {}, which {} does not hold", index_of(i, array.shape()),
           elements[i], name(type));
    std::memcpy(out + i * sizeof element, &element, sizeof element);
  }
}

}  // namespace

std::string_view name(ElementType type) { return properties(type).name; }
size_t size_of(ElementType type) { return properties(type).size; }
DType dtype_for(ElementType type) { return properties(type).dtype; }

ElementType element_type_for(DType dtype) {
  return *std::ranges::find(all_element_types, dtype, dtype_for);
}

StoredArray::StoredArray(ElementType type, const Shape& shape, std::shared_ptr<const Storage> block)
    : type_(type), shape_(shape), block_(std::move(block)) {
  std::array<uint64_t, max_rank> sizes{};
  std::ranges::copy(shape, sizes.begin());
  (void)shape.numel();  // refuses negative sizes
  const auto needed =
      bytes_of(std::span(sizes).first(static_cast<size_t>(shape.rank())), size_of(type));
  check(needed == block_->bytes(), "store: {} of shape {} takes {} bytes, got {}", name(type),
        shape, needed ? std::to_string(*needed) : "too many", block_->bytes());
}

StoredArray::StoredArray(ElementType type, const Shape& shape, std::span<const std::byte> bytes)
    : StoredArray(type, shape, [&] {
        auto block = std::make_shared<Storage>(bytes.size());
        std::ranges::copy(bytes, static_cast<std::byte*>(block->data()));
        return block;
      }()) {}

StoredArray StoredArray::of(const Array& array, ElementType type) {
  check(!array.is_empty_handle(), "store: there is no array");
  const Array elements = array.contiguous();
  const auto block = std::make_shared<Storage>(static_cast<size_t>(array.numel()) * size_of(type));
  dispatch(array.dtype(), [&]<class From> {
    with_type(type, [&]<class To>(To) {
      store_elements<To, From>(elements, type, static_cast<std::byte*>(block->data()));
    });
  });
  return {type, array.shape(), block};
}

std::span<const std::byte> StoredArray::bytes() const {
  return {static_cast<const std::byte*>(block_->data()), block_->bytes()};
}

Array StoredArray::array() const {
  const std::span<const std::byte> all = bytes();
  const std::string_view text(reinterpret_cast<const char*>(all.data()), all.size());
  return read_array(MemorySource(text), 0, type_, shape_);
}

bool StoredArray::operator==(const StoredArray& other) const {
  return type_ == other.type_ && shape_ == other.shape_ &&
         std::ranges::equal(bytes(), other.bytes());
}

}  // namespace gradus::io
