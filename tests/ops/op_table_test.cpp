// What every op must do, asked of every case of the table.
#include "ops/op_table.h"

#include <set>

#include "gradus/arithmetic.h"
#include "gradus/gradcheck/float32.h"
#include "kernels/parallel.h"
#include "support.h"

namespace gradus::test {
namespace {

class OpTest : public testing::TestWithParam<OpCase> {};

// Those whose numbers are ordinary, so that differences and relative errors mean something.
std::vector<OpCase> ordinary_cases() {
  std::vector<OpCase> result;
  for (const OpCase& c : op_table())
    if (c.kind != Kind::extreme) result.push_back(c);
  return result;
}

INSTANTIATE_TEST_SUITE_P(Ops, OpTest, testing::ValuesIn(ordinary_cases()),
                         [](const auto& test) { return test.param.name; });

std::vector<NamedArray> named_inputs_of(const OpCase& c) {
  std::vector<NamedArray> inputs;
  for (const Array& input : inputs_of(c))
    inputs.push_back({std::string(1, static_cast<char>('a' + inputs.size())), input});
  return inputs;
}

// The gradient check of DESIGN.md, on whatever instruction set is active.
void expect_gradients(const OpCase& c) {
  const GradcheckResult result = gradcheck(c.name, c.call, named_inputs_of(c));
  if (!result.passed) ADD_FAILURE() << result.report();
}

bool has_gradient(const OpCase& c) {
  return c.kind != Kind::empty && !run(c.call, inputs_of(c)).gradients.empty();
}

TEST_P(OpTest, ItsGradientsAgreeWithDifferences) {
  if (has_gradient(GetParam())) on_every_isa([] { expect_gradients(GetParam()); });
}

// On the active instruction set alone: float32's numbers on the others are compared elsewhere.
TEST_P(OpTest, ItsGradientsInFloat32AgreeAsFarAsDifferencesSee) {
  const OpCase& c = GetParam();
  if (!has_gradient(c)) return;
  const Float32Result result = gradcheck_float32(c.name, c.call, named_inputs_of(c));
  if (!result.passed) ADD_FAILURE() << result.report();
}

// Small matrix products made to go through packing and blocks of k, and everything divided into
// chunks of a few elements; on several threads too, with the same bits.
TEST_P(OpTest, AnyPathAndAnyNumberOfThreadsGiveTheSame) {
  const OpCase& c = GetParam();
  const Outcome expected = run(c.call, inputs_of(c));
  const kernels::ScopedGemmTuning tuning({.k_block = 2, .block_elements = 64, .parallel_flops = 1});
  const kernels::ScopedGrain grain(3);
  on_every_isa([&] {
    const auto run_with = [&](int count) {
      const ScopedThreads threads(count);
      return run(c.call, inputs_of(c));
    };
    const Outcome one = run_with(1), three = run_with(3);
    expect_same_outcome(one, expected, 1e-12);
    EXPECT_TRUE(same_bits(one.value, three.value));
    for (size_t i = 0; i < one.gradients.size(); ++i)
      EXPECT_TRUE(same_bits(one.gradients[i], three.gradients[i])) << "input " << i;
  });
}

// Inputs and the gradient that arrives, transposed or with gaps: the same results, and nobody's
// memory is written to.
TEST_P(OpTest, DoesNotCareAboutMemoryLayout) {
  const OpCase& c = GetParam();
  const Arrays inputs = inputs_of(c);
  const Outcome expected = run(c.call, inputs);
  const bool differentiable = !expected.gradients.empty();
  const Array cotangent = differentiable ? cotangent_of(expected.value) : Array();
  for (size_t layout = 0; layout < 6; ++layout) {
    SCOPED_TRACE(layout);
    const auto laid_out = [&](const Array& a) {
      const Arrays layouts = in_every_layout(a);
      return layouts[layout % layouts.size()];
    };
    Arrays views;
    for (const Array& input : inputs) views.push_back(laid_out(input));
    const Array arriving = differentiable ? laid_out(cotangent) : Array();
    expect_same_outcome(run(c.call, views, arriving), expected, 1e-14);
    for (size_t i = 0; i < inputs.size(); ++i) EXPECT_TRUE(same_bits(views[i], inputs[i]));
    if (differentiable) {
      EXPECT_TRUE(same_bits(arriving, cotangent));
    }
  }
}

// Where a result was summed, one number stands for a whole axis of its gradient, with stride 0.
TEST_P(OpTest, TakesAGradientThatIsRepeated) {
  const OpCase& c = GetParam();
  const Arrays inputs = inputs_of(c);
  const Outcome plain = run(c.call, inputs);
  if (plain.gradients.empty()) return;
  for (int axis = 0; axis < plain.value.rank(); ++axis) {
    SCOPED_TRACE(axis);
    const Array repeated = cotangent_of(plain.value).slice(axis, 0, 1).expand(plain.value.shape());
    // Softmax turns a constant gradient into round-off; so values near 1 are the scale here.
    const Outcome actual = run(c.call, inputs, repeated),
                  expected = run(c.call, inputs, repeated.clone());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const std::vector<double> a = actual.gradients[i].to_vector(),
                                e = expected.gradients[i].to_vector();
      for (size_t k = 0; k < a.size(); ++k)
        EXPECT_NEAR(a[k], e[k], 1e-13 * std::max(1.0, std::abs(e[k])));
    }
  }
}

// An input that is a constant gets nothing, and the others get what they got before.
TEST_P(OpTest, GivesEachInputItsGradientAlone) {
  const OpCase& c = GetParam();
  const Arrays inputs = inputs_of(c);
  const Outcome expected = run(c.call, inputs);
  for (size_t i = 0; i < expected.gradients.size(); ++i) {
    SCOPED_TRACE(i);
    const Function alone = [&](const Tensors& leaf) {
      Tensors mixed;
      for (const Array& input : inputs) mixed.emplace_back(input);
      mixed[i] = leaf[0];
      return c.call(mixed);
    };
    expect_same_outcome(run(alone, {inputs[i]}), {expected.value, {expected.gradients[i]}}, 0);
  }
}

TEST_P(OpTest, AddsToGradientsThatAreAlreadyThere) {
  const OpCase& c = GetParam();
  const Outcome once = run(c.call, inputs_of(c));
  Tensors leaves;
  for (const Array& input : inputs_of(c)) leaves.push_back(parameter(input));
  for (int pass = 0; pass < 2; ++pass)
    if (const Tensor y = c.call(leaves); y.requires_grad()) y.backward(cotangent_of(y.value()));
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (!leaves[i].has_grad()) continue;
    EXPECT_LE(relative_distance(leaves[i].grad(), once.gradients[i] * 2), 1e-15);
  }
}

// x * x, matmul(x, x): the gradients of all places add up.
TEST_P(OpTest, TakesOneTensorInSeveralPlaces) {
  const OpCase& c = GetParam();
  const Arrays inputs = inputs_of(c);
  if (inputs.size() < 2) return;
  for (const Array& input : inputs)
    if (!(input.shape() == inputs[0].shape())) return;
  const Outcome apart = run(c.call, Arrays(inputs.size(), inputs[0]));
  const Function f = [&](const Tensors& in) { return c.call(Tensors(inputs.size(), in[0])); };
  const Outcome together = run(f, {inputs[0]});
  if (apart.gradients.empty()) return expect_same_outcome(together, apart, 0);
  Array total = apart.gradients[0];
  double size = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (i > 0) total = total + apart.gradients[i];
    for (const double g : apart.gradients[i].to_vector()) size = std::max(size, std::abs(g));
  }
  EXPECT_TRUE(same_bits(together.value, apart.value));
  const std::vector<double> actual = together.gradients[0].to_vector(), sum = total.to_vector();
  for (size_t k = 0; k < sum.size(); ++k) EXPECT_NEAR(actual[k], sum[k], 1e-14 * size);
}

// ---- bad input ---------------------------------------------------------------------------------

// An input that may not fit: of a dtype, a rank or a size that nobody expects.
Arrays misfits(const Array& a) {
  Arrays result = {a.to(DType::int64), a.to(DType::float32), Array(),
                   Array::full(Shape{}, 0.5, a.dtype()), Array::full({1}, 0.5, a.dtype())};
  if (a.rank() < max_rank) result.push_back(a.unsqueeze(0));
  for (int axis = 0; axis < a.rank(); ++axis) {
    Shape shape = a.shape();
    shape[axis] += 1;
    result.push_back(Array::full(shape, 0.5, a.dtype()));
    result.push_back(a.slice(axis, 0, 0));
    if (a.size(axis) > 0) result.push_back(a.select(axis, 0));
  }
  return result;
}

// The names of the ops that a case records: its own, or those that it is made of.
std::set<std::string> ops_in(const OpCase& c) {
  struct Names : Trace {
    void on_record(const char* op, const Tensor&, std::span<const Tensor>) override {
      seen.insert(op);
    }
    std::set<std::string> seen;
  } names;
  run(c.call, inputs_of(c));
  names.seen.insert(c.op);
  return names.seen;
}

// Whatever one input is, the call either works, forward and backward, or says which op refuses it.
// (An input that is no array at all may be refused before any op is reached.)
TEST_P(OpTest, WorksOrNamesItselfInAnError) {
  const OpCase& c = GetParam();
  const Arrays inputs = inputs_of(c);
  const std::set<std::string> names = ops_in(c);
  for (size_t i = 0; i < inputs.size(); ++i)
    for (const Array& misfit : misfits(inputs[i])) {
      Tensors given;
      for (const Array& input : inputs) given.push_back(parameter(input));
      given[i] = misfit.is_empty_handle()      ? Tensor()
                 : is_floating(misfit.dtype()) ? parameter(misfit)
                                               : Tensor(misfit);
      try {
        const Tensor y = c.call(given);
        if (y.requires_grad()) y.backward(cotangent_of(y.value()));
      } catch (const Error& error) {
        const std::string text = error.what();
        EXPECT_TRUE(misfit.is_empty_handle() || names.contains(text.substr(0, text.find(':'))))
            << text << "\nwith " << name(misfit.dtype()) << " " << misfit.shape().to_string()
            << " as input " << i;
      }
    }
}

}  // namespace
}  // namespace gradus::test
