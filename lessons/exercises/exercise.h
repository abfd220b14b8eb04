/// \file
/// What an exercise is made of: an op whose backward is to be written, and what it is tried on.
///
/// Each file NN_name.cpp beside this one is a whole exercise, with a hint between two lines
/// `// [hint]` and our solution between two lines `// [solution]`. `make exercise N=NN` copies it
/// without these parts.
#pragma once

#include <string>
#include <vector>

#include "gradus/arithmetic.h"
#include "gradus/gradcheck.h"
#include "gradus/ops.h"
#include "gradus/random.h"

namespace gradus::exercises {

using Tensors = std::vector<Tensor>;

// Functions of each element, for the arrays of a forward or a backward. What else arrays can do is
// in gradus/array.h and gradus/arithmetic.h.
Array exp(const Array& x);
Array log(const Array& x);
Array sqrt(const Array& x);

/// One set of inputs.
struct Case {
  std::string name;                ///< "b is a row"
  std::vector<NamedArray> inputs;  ///< float64
  Function yours, library;         ///< the op of the exercise, and the library's
  /// At a kink differences mean nothing: there the gradient must be the library's.
  bool kink = false;
};

/// What the backward is tried on.
struct Exercise {
  std::vector<Case> cases = {};
  Generator generator = Generator(1);
  /// Numbers for an input, drawn from the normal distribution.
  Array numbers(const Shape& shape) { return randn(shape, generator, DType::float64); }
};

/// The exercise of the file that is compiled.
Exercise exercise();

}  // namespace gradus::exercises
