// Unary elementwise work on whole arrays: the bridge from an Array to the kernels' one-line
// functions.
#pragma once

#include "gradus/array.h"

namespace gradus {

// f(x), element by element, where f is the op of that name in kernels/isa/elementwise.cpp;
// in new memory that has x's layout.
Array unary(const char* op, const Array& x);

// dy * f'(x), element by element; written over dy where nobody else holds it.
Array unary_backward(const char* op, const Array& dy, const Array& x);

}  // namespace gradus
