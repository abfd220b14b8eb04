/// \file
/// Arrays as files hold them: element types that the engine does not compute in, cast on use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gradus/array.h"

namespace gradus::io {

/// What the elements of a file are. The first four are those of Array; the others are stored only.
enum class ElementType : uint8_t {
  float32,   ///< F32
  float64,   ///< F64
  int64,     ///< I64
  boolean,   ///< BOOL, a byte that is 0 or 1
  float16,   ///< F16, IEEE 754's half precision: 5 exponent bits, 10 fraction bits
  bfloat16,  ///< BF16, the upper half of a float32: 8 exponent bits, 7 fraction bits
  int32,     ///< I32
  int16,     ///< I16
  int8,      ///< I8
  uint32,    ///< U32
  uint16,    ///< U16
  uint8,     ///< U8
};

/// The type's name in a safetensors file: "F32", "BOOL".
std::string_view name(ElementType type);
/// Bytes of one element.
size_t size_of(ElementType type);
/// The dtype that elements of this type are computed in, which holds all their values: float32 for
/// F32, F16 and BF16, float64 for F64, bool for BOOL, int64 for all integers.
DType dtype_for(ElementType type);
/// The type that holds a dtype's elements as they are.
ElementType element_type_for(DType dtype);

/// An array in the elements of a file: a type, a shape and bytes, row-major and little-endian.
///
/// It computes nothing; array() casts it to what the engine computes in. So a file of any of the
/// types can be opened, kept at its size and written again without the loss of a bit. Copies share
/// the bytes, which nobody can change.
class StoredArray {
 public:
  /// Copies the bytes. \throws Error unless there are as many as `shape` and `type` take.
  StoredArray(ElementType type, const Shape& shape, std::span<const std::byte> bytes);
  /// Shares a block that holds just these elements. \throws Error as the other constructor.
  StoredArray(ElementType type, const Shape& shape, std::shared_ptr<const Storage> block);

  /// The elements of an array in another type.
  ///
  /// Among the floating types each element is rounded once, to the nearest, ties to even: float64
  /// goes to F16 directly, not by way of float32. As in IEEE 754 what is too large becomes
  /// infinity, and NaN stays NaN. An integer or BOOL takes only elements that it holds exactly.
  /// \throws Error naming the first that it does not: "store: element [1, 0] is 300, which U8 does
  /// not hold".
  static StoredArray of(const Array& array, ElementType type);
  /// The elements of an array as they are.
  static StoredArray of(const Array& array) { return of(array, element_type_for(array.dtype())); }

  /// The type of the elements.
  ElementType type() const { return type_; }
  /// The size of each axis.
  const Shape& shape() const { return shape_; }
  /// All elements.
  std::span<const std::byte> bytes() const;
  /// A new array of the same values in the dtype that `type` is computed in. \throws Error if a
  /// BOOL is neither 0 nor 1.
  Array array() const;

  /// The same type, shape and bytes: NaN equals itself, 0 and -0 differ.
  bool operator==(const StoredArray& other) const;

 private:
  ElementType type_;
  Shape shape_;
  std::shared_ptr<const Storage> block_;
};

/// A stored array and what it is called.
struct NamedStoredArray {
  std::string name;   ///< "blocks.0.norm1.weight"
  StoredArray value;  ///< shares its bytes
};

}  // namespace gradus::io
