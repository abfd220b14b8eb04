// Unary elementwise work on whole arrays: the bridge from an Array to the kernels' one-line
// functions.
#pragma once

#include <string_view>

#include "gradus/array.h"
#include "kernels/kernels.h"

namespace gradus {

// f(x), element by element, in new memory that has x's layout.
Array unary(std::string_view op, kernels::Unary f, const Array& x);

// dy * f'(x), element by element; written over dy where nobody else holds it.
Array unary_backward(std::string_view op, kernels::Unary f, const Array& dy, const Array& x);

}  // namespace gradus
