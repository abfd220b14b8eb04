// What every op must do, asked of every case in the tables of this directory.
#include "ops/op_case.h"

#include "gradus/arithmetic.h"

namespace gradus::test {

TEST_P(SlowOpTest, GivesWhatTheSlowLoopGives) {
  const SlowCase& c = GetParam();
  const Arrays inputs = inputs_of(c);
  on_every_isa([&] {
    const Array value = run(c.op, inputs).value;
    std::vector<double> slow;
    for_each_index(value.shape(),
                   [&](const Shape& index) { slow.push_back(c.element(inputs, index)); });
    const Array expected = Array::of(slow, value.shape(), DType::float64);
    EXPECT_LE(relative_distance(value, expected), 1e-14) << value.to_string(17) << "\nexpected\n"
                                                         << expected.to_string(17);
  });
}

TEST_P(SlowOpTest, ItsGradientsAgreeWithDifferences) {
  on_every_isa([] { expect_gradients(GetParam()); });
}

TEST_P(SlowOpTest, Float32AgreesWithFloat64) {
  const SlowCase& c = GetParam();
  const Outcome expected = run(c.op, inputs_of(c));
  on_every_isa([&] {
    const Outcome actual = run(c.op, inputs_of(c, DType::float32));
    EXPECT_EQ(actual.value.dtype(), DType::float32);
    for (const Array& gradient : actual.gradients) EXPECT_EQ(gradient.dtype(), DType::float32);
    expect_same_outcome(actual, expected, 1e-5);
  });
}

// Inputs and the gradient that arrives, transposed or with gaps: the same results, and nobody's
// memory is written to.
TEST_P(SlowOpTest, DoesNotCareAboutMemoryLayout) {
  const SlowCase& c = GetParam();
  const Arrays inputs = inputs_of(c);
  const Outcome expected = run(c.op, inputs);
  const Array cotangent = cotangent_of(expected.value);
  for (size_t layout = 0; layout < 6; ++layout) {
    SCOPED_TRACE(layout);
    const auto laid_out = [&](const Array& a) {
      const Arrays layouts = in_every_layout(a);
      return layouts[layout % layouts.size()];
    };
    Arrays views;
    for (const Array& input : inputs) views.push_back(laid_out(input));
    const Array arriving = laid_out(cotangent);
    expect_same_outcome(run(c.op, views, arriving), expected, 1e-14);
    for (size_t i = 0; i < inputs.size(); ++i) EXPECT_TRUE(same_bits(views[i], inputs[i]));
    EXPECT_TRUE(same_bits(arriving, cotangent));
  }
}

// Where a result was summed, one number stands for a whole axis of its gradient, with stride 0.
TEST_P(SlowOpTest, TakesAGradientThatIsRepeated) {
  const SlowCase& c = GetParam();
  const Arrays inputs = inputs_of(c);
  const Array value = run(c.op, inputs).value;
  for (int axis = 0; axis < value.rank(); ++axis) {
    SCOPED_TRACE(axis);
    const Array repeated = cotangent_of(value).slice(axis, 0, 1).expand(value.shape());
    // Softmax turns a constant gradient into round-off; so values near 1 are the scale here.
    const Outcome actual = run(c.op, inputs, repeated),
                  expected = run(c.op, inputs, repeated.clone());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const std::vector<double> a = actual.gradients[i].to_vector(),
                                e = expected.gradients[i].to_vector();
      for (size_t k = 0; k < a.size(); ++k)
        EXPECT_NEAR(a[k], e[k], 1e-13 * std::max(1.0, std::abs(e[k])));
    }
  }
}

// An input that is a constant gets nothing, and the others get what they got before.
TEST_P(SlowOpTest, GivesEachInputItsGradientAlone) {
  const SlowCase& c = GetParam();
  const Arrays inputs = inputs_of(c);
  const Outcome expected = run(c.op, inputs);
  for (size_t i = 0; i < inputs.size(); ++i) {
    SCOPED_TRACE(i);
    const Function alone = [&](const Tensors& leaf) {
      Tensors mixed;
      for (const Array& input : inputs) mixed.emplace_back(input);
      mixed[i] = leaf[0];
      return c.op(mixed);
    };
    expect_same_outcome(run(alone, {inputs[i]}), {expected.value, {expected.gradients[i]}}, 0);
  }
}

TEST_P(SlowOpTest, AddsToGradientsThatAreAlreadyThere) {
  const SlowCase& c = GetParam();
  const Outcome once = run(c.op, inputs_of(c));
  Tensors leaves;
  for (const Array& input : inputs_of(c)) leaves.push_back(parameter(input));
  for (int pass = 0; pass < 2; ++pass)
    if (const Tensor y = c.op(leaves); y.requires_grad()) y.backward(cotangent_of(y.value()));
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].has_grad()) continue;
    EXPECT_LE(relative_distance(leaves[i].grad(), once.gradients[i] * 2), 1e-15);
  }
}

}  // namespace gradus::test
