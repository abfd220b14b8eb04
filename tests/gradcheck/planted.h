/// \file
/// Ops with a planted mistake, and what the diagnosis must say of them.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "gradus/gradcheck/diagnosis.h"
#include "gradus/ops.h"
#include "support.h"

namespace gradus::test {

using Tensors = std::vector<Tensor>;

/// f with a backward of our own, of one input or of several.
using Forward = std::function<Tensor(const Tensors&)>;
using Backward = std::function<Array(size_t input, const Array& dy, const std::vector<Array>& x,
                                     const Array& y)>;
inline Function planted(const Forward& forward, const Backward& backward) {
  return [=](const Tensors& in) {
    std::vector<Array> x;
    for (const Tensor& t : in) x.push_back(t.value());
    Array y;
    {
      const NoGrad guard;
      y = forward(in).value().clone();
    }
    return record("planted", y, in, [=](const Array& dy, Inputs inputs) {
      for (size_t i = 0; i < x.size(); ++i) inputs.add(i, backward(i, dy, x, y));
    });
  };
}

/// A mistake and its traces.
struct Planted {
  Cause cause;
  const char* evidence;  ///< part of it
  Function f;
  std::vector<Shape> shapes;
};

/// Fails the test unless the last input's gradient that is wrong is wrong for this cause.
inline void expect_named(const Planted& p, const std::vector<NamedArray>& inputs) {
  SCOPED_TRACE(std::string(name(p.cause)));
  const GradcheckResult result = gradcheck("planted", p.f, inputs);
  ASSERT_FALSE(result.passed);
  const std::vector<Diagnosis> found = diagnose(p.f, inputs, result);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(name(found.back().cause), name(p.cause)) << found.back().evidence;
  EXPECT_NE(found.back().evidence.find(p.evidence), std::string::npos) << found.back().evidence;
}

/// The same with random inputs of its shapes, which are called a, b, c.
inline void expect_named(const Planted& p) {
  std::vector<NamedArray> inputs;
  for (const Shape& shape : p.shapes)
    inputs.push_back({std::string(1, static_cast<char>('a' + inputs.size())),
                      random_array(shape, 3 + inputs.size())});
  expect_named(p, inputs);
}

}  // namespace gradus::test
