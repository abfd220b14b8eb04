#include "gradus/dtype.h"

namespace gradus {

std::string_view name(DType dtype) {
  switch (dtype) {
    case DType::float32: return "float32";
    case DType::float64: return "float64";
    case DType::int64: return "int64";
    case DType::boolean: return "bool";
  }
  return "no dtype";
}

size_t size_of(DType dtype) {
  return dispatch(dtype, []<class T> { return sizeof(T); });
}

}  // namespace gradus
