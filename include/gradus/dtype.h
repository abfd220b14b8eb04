/// \file
/// The element types of an Array, and the bridge from a run-time dtype to a C++ type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gradus/error.h"

namespace gradus {

/// What an Array's elements are. There is no type promotion: operands of one op have one dtype, and
/// a C++ scalar takes the dtype of the tensor it meets.
enum class DType : uint8_t {
  float32,  ///< the default of arrays and models
  float64,  ///< for gradient checks: the same kernels, twice the precision
  int64,    ///< token ids, class labels, indices
  boolean,  ///< masks
};

/// The dtype's name as NumPy and PyTorch write it: "float32", "float64", "int64", "bool".
std::string_view name(DType dtype);

/// Bytes of one element. \throws Error if `dtype` is none of the enumeration's.
size_t size_of(DType dtype);

/// True for float32 and float64, the dtypes that can have a gradient.
inline bool is_floating(DType dtype) { return dtype <= DType::float64; }

/// \throws Error "mean: needs float32 or float64, got int64", unless it has one of these.
inline void check_floating(std::string_view op, DType dtype) {
  check(is_floating(dtype), "{}: needs float32 or float64, got {}", op, name(dtype));
}

/// The dtype that stores the C++ type T: float, double, int64_t or bool.
template <class T>
inline constexpr DType dtype_of = [] {
  static_assert(sizeof(T) == 0, "no such dtype");
  return DType{};
}();
/// \cond
template <>
inline constexpr DType dtype_of<float> = DType::float32;
template <>
inline constexpr DType dtype_of<double> = DType::float64;
template <>
inline constexpr DType dtype_of<int64_t> = DType::int64;
template <>
inline constexpr DType dtype_of<bool> = DType::boolean;
/// \endcond

/// Calls `f.template operator()<T>()` with the C++ type of a floating dtype:
/// `dispatch_float("gelu", x.dtype(), [&]<class T> { ... });` \throws Error for any other dtype.
template <class F>
auto dispatch_float(std::string_view op, DType dtype, F&& f) {
  check_floating(op, dtype);
  return dtype == DType::float32 ? f.template operator()<float>() : f.template operator()<double>();
}

/// Calls `f.template operator()<T>()` with the C++ type of any dtype, as dispatch_float does.
/// \throws Error if `dtype` is none of the enumeration's.
template <class F>
auto dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32: return f.template operator()<float>();
    case DType::float64: return f.template operator()<double>();
    case DType::int64: return f.template operator()<int64_t>();
    case DType::boolean: return f.template operator()<bool>();
  }
  fail("dtype: {} is no dtype", static_cast<int>(dtype));
}

}  // namespace gradus
