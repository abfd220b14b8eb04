// Backward: how gradients are accumulated, and what happens when something goes wrong.
#include "gradus/autograd.h"

#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "gradus/arithmetic.h"
#include "gradus/ops.h"
#include "support.h"

namespace gradus {
namespace {

using test::counting;
using test::error_of;
using test::random_array;
using test::random_parameter;
using test::same_bits;

// An op of one input whose value is `value` and whose backward is what a test wants it to be.
Tensor op(const char* name, const Tensor& x, Array value, Backward backward) {
  return record(name, std::move(value), {x}, std::move(backward));
}

// ---- Inputs::add

TEST(InputsAdd, SumsABroadcastGradientBackToTheInputsShape) {
  const struct {
    Shape input, result;
    std::vector<int> summed;
  } cases[] = {{{3}, {2, 3}, {0}},
               {{1, 3}, {2, 3}, {0}},
               {{2, 1}, {2, 3}, {1}},
               {{}, {2, 3}, {0, 1}},
               {{2, 1, 4}, {5, 2, 3, 4}, {0, 2}},
               {{2, 3}, {2, 3}, {}},
               {{3}, {0, 3}, {0}}};
  for (const auto& [input, result, summed] : cases) {
    const Tensor x = random_parameter(input);
    const Array seed = random_array(result, 2);
    op("expand", x, x.value().expand(result), [](const Array& dy, Inputs in) {
      in.add(0, dy);
    }).backward(seed);
    const Array expected = summed.empty() ? seed : sum(seed, summed, true).reshape(input);
    EXPECT_TRUE(same_bits(x.grad(), expected)) << input.to_string() << result.to_string();
  }
}

TEST(InputsAdd, SumsOverAllUsersOfAValue) {
  const Tensor x = random_parameter({3});
  const Tensor h = x * 2;
  const Tensor loss = sum(h * 3) + sum(h * 5) + sum(x * 7);
  loss.backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{23, 23, 23}));
}

TEST(InputsAdd, AnInputMayAppearTwice) {
  for (const bool through_a_node : {false, true}) {
    const Tensor x = parameter(counting({3}));
    const Tensor h = through_a_node ? x * 1 : x;
    sum(h + h).backward();
    EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{2, 2, 2}));
    x.zero_grad();
    const Tensor g = through_a_node ? x * 1 : x;
    sum(g * g).backward();
    EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{0, 2, 4}));
  }
}

TEST(InputsAdd, ASecondBackwardAddsToTheGradientsOfLeaves) {
  const Tensor x = random_parameter({3});
  for (int i = 0; i < 3; ++i) sum(x * 2).backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{6, 6, 6}));
  x.zero_grad();
  EXPECT_FALSE(x.has_grad());
  sum(x * 2).backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{2, 2, 2}));
}

TEST(InputsAdd, ALeafsGradientHasRowMajorMemoryOfItsOwn) {
  const Tensor a = random_parameter({2, 3}), b = random_parameter({2, 3}, 2);
  const Array seed = random_array({3, 2});
  transpose(a + b).backward(seed);  // one dy for both, and a view of the seed
  EXPECT_TRUE(same_bits(a.grad(), seed.transpose()));
  for (const Tensor& leaf : {a, b}) {
    EXPECT_TRUE(leaf.grad().is_unique());
    EXPECT_TRUE(leaf.grad().is_contiguous());
  }
  const Tensor c = random_parameter({2, 3}), d = random_parameter({2, 3}, 2);
  (c + d).backward(Array::full({1, 1}, 1, DType::float64).expand({2, 3}));
  EXPECT_TRUE(c.grad().is_unique() && c.grad().is_contiguous());
}

TEST(InputsAdd, NeverWritesWhereSomebodyElseLooks) {
  const Tensor x = random_parameter({3});
  const Array seed = random_array({3}, 2), seed_before = seed.clone();
  (x * 2).backward(seed);
  const Array held = x.grad(), held_before = held.clone();
  (x * 2).backward(seed);
  EXPECT_TRUE(same_bits(held, held_before));
  EXPECT_TRUE(same_bits(seed, seed_before));
  EXPECT_TRUE(same_bits(x.grad(), seed * 4));
}

TEST(InputsAdd, AccumulatesInPlaceWhereNobodyElseLooks) {
  const Tensor x = random_parameter({3});
  sum(x).backward();
  const void* memory = x.grad().data<double>();
  sum(x).backward();
  EXPECT_EQ(x.grad().data<double>(), memory);
}

TEST(InputsAdd, AGradientThatDoesNotFitIsAnErrorThatNamesTheOp) {
  const Tensor x = random_parameter({2, 3});
  const auto backward_giving = [&](const Array& g) {
    return error_of([&] {
      op("bad", x, Array::zeros({2, 3}, DType::float64), [=](const Array&, Inputs in) {
        in.add(0, g);
      }).backward(Array::zeros({2, 3}, DType::float64));
    });
  };
  EXPECT_EQ(backward_giving(Array::zeros({2, 3})),
            "backward of bad: gradient of leaf: dtype is float32, the value's is float64");
  EXPECT_EQ(backward_giving(Array::zeros({3}, DType::float64)),
            "backward of bad: gradient of leaf: shape is [3], the value's is [2, 3]");
  EXPECT_EQ(backward_giving(Array::zeros({3, 2}, DType::float64)),
            "backward of bad: gradient of leaf: shape is [3, 2], the value's is [2, 3]");
  EXPECT_FALSE(x.has_grad());
}

TEST(Inputs, OneThatDoesNotExistIsAnErrorThatCountsThem) {
  const Tensor x = random_parameter({2});
  const auto error = [&](auto closure) {
    return error_of([&] { op("bad", x, Array::zeros({}, DType::float64), closure).backward(); });
  };
  const std::string one = "backward of bad: there is no input 1: the op has 1";
  EXPECT_EQ(error([](const Array&, Inputs in) { in.wants(1); }), one);
  EXPECT_EQ(error([](const Array& dy, Inputs in) { in.add(1, dy); }), one);
  EXPECT_EQ(error([](const Array&, Inputs in) { in.buffer(2); }),
            "backward of bad: there is no input 2: the op has 1");
}

TEST(Inputs, AConstantWantsNothingAndGetsNothing) {
  const Tensor x = random_parameter({2}), constant(random_array({2}));
  bool ran = false;
  const Tensor y = record("op", random_array({2}), {constant, x}, [&](const Array& dy, Inputs in) {
    ran = true;
    EXPECT_EQ(in.count(), 2);
    EXPECT_FALSE(in.wants(0));
    EXPECT_TRUE(in.wants(1));
    in.add(0, Array::zeros({77}));  // not even looked at
    in.add(1, dy);
    EXPECT_EQ(error_of([&] { in.buffer(0); }),
              "backward: input 0 wants no gradient, so it has no buffer");
  });
  sum(y).backward();
  EXPECT_TRUE(ran);
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{1, 1}));
}

// ---- Inputs::buffer

TEST(InputsBuffer, IsZeroAtFirstUseAndKeepsWhatWasAddedBefore) {
  const Tensor x = random_parameter({2, 3});
  op("write", x, Array::zeros({}, DType::float64), [](const Array&, Inputs in) {
    EXPECT_EQ(in.buffer(0).to_vector(), std::vector<double>(6, 0));
    EXPECT_TRUE(in.buffer(0).is_contiguous());
    in.buffer(0).mutable_data<double>()[1] = 5;
    in.add(0, Array::full({2, 3}, 1, DType::float64));
    in.buffer(0).mutable_data<double>()[2] += 7;
  }).backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{1, 6, 8, 1, 1, 1}));
}

TEST(InputsBuffer, IsNeverMemoryThatSomebodyElseHolds) {
  const Tensor x = random_parameter({2, 3});
  const Tensor h = x * 1, k = x * 1;
  const Array ones = Array::full({2, 3}, 1, DType::float64);
  // Both h and k are handed the same array; then h's gradient is written to.
  record("both", ones, {h, k}, [](const Array& dy, Inputs in) {
    in.add(0, dy);
    in.add(1, dy);
    in.buffer(0).mutable_data<double>()[0] += 10;
  }).backward(ones);
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{12, 2, 2, 2, 2, 2}));
  EXPECT_EQ(ones.to_vector(), std::vector<double>(6, 1));
}

TEST(InputsBuffer, IsRowMajorWhateverWasAddedBefore) {
  const Tensor x = random_parameter({2, 3});
  const Tensor h = x * 1;
  for (const Array& g : {random_array({3, 2}).transpose(), random_array({1, 3}).expand({2, 3}),
                         random_array({2, 7}).slice(1, 1, 7, 2)}) {
    x.zero_grad();
    op("op", x * 1, Array::zeros({}, DType::float64), [&](const Array&, Inputs in) {
      in.add(0, g);
      EXPECT_TRUE(in.buffer(0).is_contiguous());
      in.buffer(0).mutable_data<double>()[5] += 1;
    }).backward();
    EXPECT_NEAR(x.grad().at({1, 2}), g.at({1, 2}) + 1, 1e-15);
    EXPECT_EQ(x.grad().at({0, 1}), g.at({0, 1}));
  }
}

// ---- tensors

TEST(Tensor, ALeafIsMadeOfTheValueItself) {
  const Array value = random_array({3});
  const Tensor x = parameter(value);
  EXPECT_TRUE(x.value().shares_storage_with(value));
  EXPECT_TRUE(x.requires_grad() && !x.has_grad());
  EXPECT_FALSE(Tensor(value).requires_grad());
  EXPECT_EQ(error_of([] { parameter(counting({2}, DType::int64)); }),
            "parameter: needs float32 or float64, got int64");
}

TEST(Tensor, DetachCutsTheGraphAndSharesTheValue) {
  const Tensor x = random_parameter({3}), h = x * 2, d = h.detach();
  EXPECT_TRUE(d.value().shares_storage_with(h.value()));
  EXPECT_FALSE(d.requires_grad());
  sum(h * d).backward();
  EXPECT_TRUE(same_bits(x.grad(), d.value() * 2));
}

TEST(Tensor, BackwardOfALeafIsItsSeed) {
  const Tensor x = random_parameter({});
  x.backward();
  x.backward();
  EXPECT_EQ(x.grad().item(), 2);
}

// ---- errors

TEST(Backward, MistakesAreErrorsThatSayWhatToDo) {
  const Tensor x = random_parameter({2, 3}), constant(random_array({2}));
  EXPECT_EQ(error_of([&] { sum(constant).backward(); }),
            "backward: this tensor does not depend on anything that requires a gradient");
  EXPECT_EQ(error_of([&] { (x * 2).backward(); }),
            "backward: needs a single element, got [2, 3]; or give the gradient to start from");
  EXPECT_EQ(error_of([&] { (x * 2).backward(Array::zeros({3}, DType::float64)); }),
            "backward: the seed's shape [3] is not the tensor's [2, 3]");
  EXPECT_NE(error_of([&] {
              (x * 2).backward(Array::zeros({2, 3}));
            }).find("dtype is float32, the value's is float64"),
            std::string::npos);
  EXPECT_NE(error_of([] { Tensor().backward(); }), "");
  EXPECT_EQ(error_of([] { parameter(Array()); }), "parameter: this handle holds no array");
}

TEST(Grad, OfATensorThatHasNoneIsAnErrorThatSaysWhy) {
  const Tensor x = random_parameter({2}), h = x * 2;
  EXPECT_EQ(error_of([] { Tensor(1.0).grad(); }),
            "grad: this tensor is a constant; make it with parameter() to have its gradient "
            "computed");
  EXPECT_EQ(error_of([&] { x.grad(); }),
            "grad: 'leaf' [2] holds no gradient: backward has not reached it");
  sum(h).backward();
  EXPECT_EQ(error_of([&] { h.grad(); }),
            "grad: 'mul' [2] holds no gradient: backward has not reached it, and only leaves keep "
            "theirs");
  EXPECT_TRUE(x.has_grad());
}

// ---- exceptions on the way back

// Its backward gives its input twice the gradient, and then throws the first time that it runs.
Tensor fails_once(const Tensor& x, std::function<void()> failure) {
  return op("fails_once", x, x.value() * 2,
            [failure, first = true](const Array& dy, Inputs in) mutable {
              in.add(0, dy * 2);
              if (std::exchange(first, false)) failure();
            });
}

TEST(BackwardThatThrows, CanBeCalledAgainAndIsRight) {
  const std::function<void()> failures[] = {[] { fail("no luck"); },
                                            [] { throw std::runtime_error("not ours"); }};
  for (const auto& failure : failures) {
    const Tensor x = random_parameter({3});
    const Tensor h = x * 3, y = fails_once(h, failure);
    const Array seed = Array::full({3}, 1, DType::float64);
    EXPECT_THROW(y.backward(seed), std::runtime_error);
    EXPECT_TRUE(grad_enabled());
    EXPECT_FALSE(x.has_grad());
    y.backward(seed);  // with nothing left over from the first time
    EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{6, 6, 6}));
  }
}

TEST(BackwardThatThrows, LeavesNothingHalfMadeForAnotherLoss) {
  const Tensor x = random_parameter({3});
  const Tensor h = x * 3, k = x * 5;
  const Tensor bad = fails_once(h, [] { fail("no luck"); });
  const Tensor good = k * 7;  // newer, so it has handed k its share when the other one throws
  EXPECT_EQ(error_of([&] { sum(bad + good).backward(); }), "backward of fails_once: no luck");
  EXPECT_FALSE(x.has_grad());
  sum(k + h).backward();
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{8, 8, 8}));
}

TEST(BackwardThatThrows, PassesForeignExceptionsThroughUnchanged) {
  const Tensor x = random_parameter({3});
  try {
    sum(fails_once(x, [] { throw std::logic_error("not ours"); })).backward();
    ADD_FAILURE();
  } catch (const std::logic_error& error) {
    EXPECT_STREQ(error.what(), "not ours");
  }
}

}  // namespace
}  // namespace gradus
