// linear: what the table of cases cannot say.
#include "gradus/ops/linear.h"

#include "gradus/arithmetic.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

TEST(Linear, IsMatmulPlusBias) {
  const Function composed = [](const Tensors& in) {
    return matmul(in[0], transpose(in[1])) + in[2];
  };
  for (const OpCase& c : op_table()) {
    if (!c.name.starts_with("linear_bias") || c.kind == Kind::empty) continue;
    SCOPED_TRACE(c.name);
    expect_same_outcome(run(c.call, inputs_of(c)), run(composed, inputs_of(c)), 1e-14);
  }
}

// The weight's gradient is never made anew and then added: it grows where it lies.
TEST(Linear, AccumulatesTheWeightsGradientInItsOwnMemory) {
  const Tensor weight = parameter(random_array({64, 64})), x(random_array({3, 64}, 2));
  const Array dy = random_array({3, 64}, 3);
  linear(x, weight).backward(dy);
  const double* place = weight.grad().data<double>();
  const Array once = weight.grad().clone();
  const Tensor y = linear(x, weight);
  reset_peak_memory();
  const size_t before = memory_stats().live;
  y.backward(dy);
  EXPECT_LT(memory_stats().peak - before, weight.value().storage().bytes());
  EXPECT_EQ(weight.grad().data<double>(), place);
  EXPECT_LE(relative_distance(weight.grad(), once * 2), 1e-15);
}

TEST(Linear, OfNoRowsAndOfNoInputs) {
  const Tensor weight = parameter(random_array({3, 5})), bias = parameter(random_array({3}, 2));
  linear(Tensor(Array::zeros({2, 0, 5}, DType::float64)), weight, bias)
      .backward(Array::zeros({2, 0, 3}, DType::float64));
  EXPECT_EQ(weight.grad().to_vector(), std::vector<double>(15, 0));
  EXPECT_EQ(bias.grad().to_vector(), std::vector<double>(3, 0));
  const Tensor y = linear(Tensor(Array::zeros({2, 0})), Tensor(Array::zeros({3, 0})),
                          Tensor(Array::of({1, 2, 3}, {3})));
  EXPECT_EQ(y.value().to_vector(), (std::vector<double>{1, 2, 3, 1, 2, 3}));
}

TEST(LinearErrors, NameTheRuleAndTheShapes) {
  const auto zeros = [](const Shape& shape) { return Tensor(Array::zeros(shape)); };
  EXPECT_EQ(error_of([&] {
              linear(zeros({2, 3}), zeros({5, 4}));
            }),
            "linear: x [2, 3] needs a weight of shape [out, 3], got [5, 4]");
  EXPECT_EQ(error_of([&] {
              linear(zeros({2, 3}), zeros({3}));
            }),
            "linear: x [2, 3] needs a weight of shape [out, 3], got [3]");
  EXPECT_EQ(error_of([&] {
              linear(zeros(Shape{}), zeros({3, 1}));
            }),
            "linear: x [] needs a weight of shape [out, 0], got [3, 1]");
  EXPECT_EQ(error_of([&] {
              linear(zeros({2, 3}), zeros({5, 3}), zeros({3}));
            }),
            "linear: bias [3] for 5 outputs");
  EXPECT_EQ(error_of([&] {
              linear(zeros({2, 3}), Tensor(random_array({5, 3})));
            }),
            "linear: x is float32, but the weight float64");
  EXPECT_EQ(error_of([&] {
              linear(zeros({2, 3}), zeros({5, 3}), Tensor(random_array({5})));
            }),
            "linear: x is float32, but the bias float64");
}

}  // namespace
}  // namespace gradus::test
