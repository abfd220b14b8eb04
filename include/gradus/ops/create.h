/// \file
/// Arrays made from a rule. (Constant ones are Array::zeros and Array::full.)
#pragma once

#include "gradus/array.h"

namespace gradus {

/// start, start + step, ... as long as it is before stop; each start + i step, rounded once.
/// \throws Error if step is 0 or leads away from stop, if there is no end, or a number does not fit
/// int64.
Array arange(double start, double stop, double step = 1, DType dtype = DType::float32);

/// `count` evenly spaced numbers from start to stop, both included exactly; a single one is start.
/// \throws Error for a negative count, or a dtype other than float32 and float64.
Array linspace(double start, double stop, int64_t count, DType dtype = DType::float32);

/// The identity matrix, (n, n). \throws Error if n is negative.
Array eye(int64_t n, DType dtype = DType::float32);

/// bool, (rows, cols): true where column <= row + diagonal. lower_triangle(T, T) is what query i
/// may look at when it must not see ahead, as an AttentionOptions::mask. \throws Error for a
/// negative size.
Array lower_triangle(int64_t rows, int64_t cols, int64_t diagonal = 0);
/// bool, (rows, cols): true where column >= row + diagonal. \throws Error for a negative size.
Array upper_triangle(int64_t rows, int64_t cols, int64_t diagonal = 0);

}  // namespace gradus
