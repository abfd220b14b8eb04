// Derivatives by differences: what a gradient check measures.
#pragma once

#include <vector>

#include "gradus/gradcheck.h"

namespace gradus {

using Values = std::vector<double>;  // of an array, row-major

// A function without its graph, one input element at a time moved; float32 or float64.
class Probe {
 public:
  Probe(const Function& f, const std::vector<NamedArray>& inputs);
  Values operator()() const;
  // The result with element k of input i set to `value`; the element is put back.
  Values with(size_t i, int64_t k, double value);
  // The result with `step` times `direction` added to input i; the input is put back.
  Values along(size_t i, const Values& direction, double step);
  double element(size_t i, int64_t k) const;

 private:
  double set(size_t i, int64_t k, double value);
  const Function& f_;
  std::vector<Tensor> tensors_;
};

struct Differences {
  Values derivative;            // of sum(w * f), for each element of one input
  std::vector<bool> no_effect;  // no step, small or large, changed any element of the result
};

// The gradient that has arrived at a leaf; zeros if none has.
Values gradient_of(const Tensor& leaf);

// Central differences for every element of an input that has `count` of them; y is the function's
// value, w the cotangent.
Differences differentiate(Probe& probe, size_t input, int64_t count, const Values& y,
                          const Values& w, double relative_step);

// sum(w (plus - minus)): the difference of the two losses, without subtracting two large sums.
double weighted_difference(const Values& w, const Values& plus, const Values& minus);

// Where an element stands, and how far apart two derivatives are, as gradcheck defines it;
// `largest` is the largest measured derivative of that input.
Shape index_of(int64_t flat, const Shape& shape);
double largest_magnitude(const Values& values);
double relative_error(double analytic, double numeric, double largest);

}  // namespace gradus
