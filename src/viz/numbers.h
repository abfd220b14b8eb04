// Numbers of small arrays as text.
#pragma once

#include <string>
#include <vector>

#include "gradus/array.h"

namespace gradus::viz {

// Three significant digits, and every digit before the point, up to a million; no zeros at the end
// of a fraction.
std::string number(double x);

// The elements in row-major order; those of int64 with all their digits.
std::vector<std::string> number_texts(const Array& a);

// The columns of a matrix, aligned at their decimal points: one text for each row, and an empty one
// between the matrices of an array of higher rank.
std::vector<std::string> grid(const Array& a);

// "1 2 / 3 4".
std::string one_line(const Array& a);

}  // namespace gradus::viz
