/// \file
/// The table of cases: an op, the same op slow and obvious, and shapes to try both on.
///
/// Each tests/ops/*_test.cpp enters its ops with INSTANTIATE_TEST_SUITE_P; op_case_test.cpp asks
/// every case the same questions: is the value right, is the gradient, on every instruction set, in
/// every memory layout and in float32 too?
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {

/// What an op computes, element by element: its result at an index.
using Element = std::function<double(const Arrays& inputs, const Shape& index)>;

/// Which numbers the inputs are drawn from, all at least 0.3 away from where an op has a kink or a
/// pole.
enum class SlowDomain { all, positive, nonzero };

/// One op on inputs of given shapes.
struct SlowCase {
  std::string name;  ///< "matmul_3x5_5x7"
  Function op;
  Element element;
  std::vector<Shape> shapes;
  SlowDomain domain;
};
inline void PrintTo(const SlowCase& c, std::ostream* out) { *out << c.name; }

/// One op and all the shapes that its inputs are to have, a list for each case.
struct SlowFamily {
  std::string name;
  Function op;
  Element element;
  std::vector<std::vector<Shape>> shapes;
  SlowDomain domain = SlowDomain::all;
};

/// The families, a case for each list of shapes.
inline std::vector<SlowCase> cases(const std::vector<SlowFamily>& families) {
  std::vector<SlowCase> result;
  for (const SlowFamily& family : families)
    for (const std::vector<Shape>& shapes : family.shapes) {
      std::string name = family.name;
      for (const Shape& shape : shapes) {
        name += shape.rank() == 0 ? "_scalar" : "_";
        for (int axis = 0; axis < shape.rank(); ++axis)
          name += (axis > 0 ? "x" : "") + std::to_string(shape[axis]);
      }
      result.push_back({name, family.op, family.element, shapes, family.domain});
    }
  return result;
}

/// Inputs of a case, the same in each call. They are float32 numbers even in float64, so that both
/// precisions start from the same ones.
inline Arrays inputs_of(const SlowCase& c, DType dtype = DType::float64) {
  Arrays inputs;
  for (size_t i = 0; i < c.shapes.size(); ++i) {
    std::vector<double> values = random_array(c.shapes[i], i + 1).to_vector();
    for (double& x : values) {
      if (c.domain == SlowDomain::positive) x = std::abs(x) + 0.3;
      if (c.domain == SlowDomain::nonzero) x += x < 0 ? -0.3 : 0.3;
    }
    inputs.push_back(Array::of(values, c.shapes[i], DType::float32).to(dtype));
  }
  return inputs;
}

/// The gradient check of DESIGN.md, on whatever instruction set is active.
inline void expect_gradients(const SlowCase& c) {
  std::vector<NamedArray> inputs;
  for (const Array& input : inputs_of(c))
    inputs.push_back({"input " + std::to_string(inputs.size()), input});
  const GradcheckResult result = gradcheck(c.name, c.op, inputs);
  EXPECT_TRUE(result.passed) << result.report();
}

/// The same where small matrix products are made to go through packing and blocks of k; and with
/// several threads they give the same bits.
inline void expect_gradients_on_every_path_of_gemm(const std::vector<SlowCase>& table) {
  const kernels::ScopedGemmTuning tuning({.k_block = 2, .block_elements = 64, .parallel_flops = 1});
  on_every_isa([&] {
    for (const SlowCase& c : table) {
      SCOPED_TRACE(c.name);
      const auto run_with = [&](int count) {
        const ScopedThreads threads(count);
        return run(c.op, inputs_of(c));
      };
      const Outcome one = run_with(1), three = run_with(3);
      EXPECT_TRUE(same_bits(one.value, three.value));
      for (size_t i = 0; i < one.gradients.size(); ++i)
        EXPECT_TRUE(same_bits(one.gradients[i], three.gradients[i])) << "input " << i;
      const ScopedThreads threads(1);
      expect_gradients(c);
    }
  });
}

/// The element of x that an index of a larger shape stands for, if x is broadcast to it.
inline double at_broadcast(const Array& x, const Shape& index) {
  Shape own = Shape::filled(x.rank(), 0);
  for (int axis = -1; axis >= -x.rank(); --axis) own[axis] = x.size(axis) == 1 ? 0 : index[axis];
  return x.at(own);
}

class SlowOpTest : public testing::TestWithParam<SlowCase> {};

inline std::string case_name(const testing::TestParamInfo<SlowCase>& info) {
  return info.param.name;
}

}  // namespace gradus::test
