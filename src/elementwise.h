// Elementwise work on whole arrays: the bridge from an Array to the kernels' one-line
// functions.
#pragma once

#include <string_view>

#include "gradus/array.h"

namespace gradus {

// f(x), element by element, where f is the op of that name in kernels/isa/elementwise.cpp;
// in new memory that has x's layout.
Array unary(const char* op, const Array& x);

// dy * f'(x), element by element; written over dy where nobody else holds it.
Array unary_backward(const char* op, const Array& dy, const Array& x);

// Error "mul: dtypes differ: float32 [2] and float64 [3] (there is no type promotion)".
void check_same_dtype(std::string_view op, const Array& a, const Array& b);

}  // namespace gradus
