// The invariants of the engine that its graph and its memory keep: 1, 2, 3, 7, 8 and 9. (4 to 6:
// invariants_kernels_test.cpp.) Each test fails when its invariant is broken on purpose.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gradus/arithmetic.h"
#include "gradus/gradcheck.h"
#include "gradus/ops.h"
#include "support.h"

namespace gradus {
namespace {

using test::error_of;
using test::random_array;
using test::random_indices;
using test::random_parameter;
using test::same_bits;

// ---- 1. Backward visits each node once, newest first; no recursion anywhere.

// On a thread of its own, whose stack is small whatever the shell's limits are.
template <class F>
void on_a_small_stack(F f) {
  std::thread(f).join();
}

Tensor chain_of_200000(const Tensor& x) {
  Tensor y = x;
  for (int i = 0; i < 200'000; ++i) y = y + 1;
  return y;
}

TEST(Invariant1_NewestFirst, AChainOf200000OpsGoesForwardAndBackward) {
  on_a_small_stack([] {
    const Tensor x = random_parameter({});
    const Tensor y = chain_of_200000(x);
    EXPECT_NEAR(y.item(), 200'000 + x.item(), 1e-6);
    y.backward();
    EXPECT_EQ(x.grad().item(), 1);
  });
}

TEST(Invariant1_NewestFirst, AChainOf200000OpsIsDroppedWithoutBackward) {
  on_a_small_stack([] {
    const Tensor x = random_parameter({});
    chain_of_200000(x);
    EXPECT_EQ(x.node().use_count(), 1);
  });
}

TEST(Invariant1_NewestFirst, EachClosureOfADiamondRunsOnceAfterAllItsUsers) {
  std::vector<std::string> order;
  const auto step = [&](const char* name, const Tensor& a, const Tensor& b) {
    return record(name, a.value() + b.value(), {a, b}, [&, name](const Array& dy, Inputs in) {
      order.push_back(name);
      in.add(0, dy);
      in.add(1, dy);
    });
  };
  const Tensor x = random_parameter({3});
  const Tensor a = step("a", x, x);  // 2x
  const Tensor b = step("b", a, x);  // 3x
  const Tensor c = step("c", a, a);  // 4x: older than d, but farther from the end
  const Tensor d = step("d", b, a);  // 5x
  const Tensor e = step("e", d, c);  // 9x
  step("f", e, b).backward(Array::full({3}, 1, DType::float64));
  EXPECT_EQ(order, (std::vector<std::string>{"f", "e", "d", "c", "b", "a"}));
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{12, 12, 12}));
}

// ---- 2. Backward frees as it goes, and a released node that is reached again is an error.

TEST(Invariant2_BackwardFrees, WhatIsLeftIsWhatTheCallerHolds) {
  const Tensor x = random_parameter({10, 30}), w = random_parameter({20, 30});
  const MemoryStats before = memory_stats();
  Tensor hidden = gelu_tanh(linear(tanh(x), w));
  const std::weak_ptr<Node> node = hidden.node();
  const Tensor loss = sum(softmax(hidden)) * 2;
  hidden = {};
  EXPECT_GT(memory_stats().saved, before.saved);
  EXPECT_FALSE(node.expired());
  loss.backward();
  const MemoryStats after = memory_stats();
  const size_t loss_bytes = 8, gradients = (10 + 20) * 30 * 8;
  EXPECT_EQ(after.live, before.live + loss_bytes + gradients);  // though `loss` still lives
  EXPECT_EQ(after.saved, before.saved);
  EXPECT_TRUE(node.expired());
}

TEST(Invariant2_BackwardFrees, MemoryShrinksFromNodeToNode) {
  struct Watch : Trace {
    void on_backward(const Node&, const Array&) override { live.push_back(memory_stats().live); }
    std::vector<size_t> live;
  };
  const Tensor x = random_parameter({1000});
  Tensor y = x;
  for (int i = 0; i < 20; ++i) y = tanh(y);
  Watch watch;
  y.backward(Array::full({1000}, 1, DType::float64));
  ASSERT_EQ(watch.live.size(), 21);
  for (size_t i = 2; i < 20; ++i) EXPECT_EQ(watch.live[i], watch.live[i - 1] - 8000) << i;
}

TEST(Invariant2_BackwardFrees, ASecondBackwardIsAnErrorAndChangesNothing) {
  const Tensor x = random_parameter({3});
  const Tensor loss = sum(tanh(x));
  loss.backward();
  const Array gradient = x.grad().clone();
  EXPECT_EQ(error_of([&] { loss.backward(); }),
            "backward: reached 'sum' [], which an earlier backward has already passed through and "
            "released; add the losses and call backward once, or compute the shared part again");
  EXPECT_TRUE(same_bits(x.grad(), gradient));
}

TEST(Invariant2_BackwardFrees, ATrunkThatAnotherLossHasUsedUpIsAnError) {
  const Tensor x = random_parameter({3});
  const Tensor trunk = tanh(x);
  const Tensor first = sum(trunk * 2), second = sum(trunk * 3);
  first.backward();
  const Array gradient = x.grad().clone();
  EXPECT_EQ(error_of([&] { second.backward(); }).rfind("backward: reached 'tanh' [3], which", 0),
            0);
  EXPECT_TRUE(same_bits(x.grad(), gradient));
}

// ---- 3. From the second training step on, no fresh memory is requested.

TEST(Invariant3_NoFreshMemory, FromTheSecondTrainingStepOn) {
  if (!test::memory_is_pooled) GTEST_SKIP() << "AddressSanitizer sees every allocation";
  release_pooled_memory();
  const DType f32 = DType::float32;
  Tensor table = random_parameter({50, 32}, 1, f32), gain = random_parameter({32}, 2, f32),
         qkv = random_parameter({96, 32}, 3, f32), up = random_parameter({128, 32}, 4, f32),
         bias = random_parameter({128}, 5, f32), down = random_parameter({32, 128}, 6, f32);
  const Array tokens = random_indices({4, 16}, 50);
  Generator generator(7);
  std::vector<size_t> fresh;
  for (int i = 0; i < 6; ++i) {
    Tensor* const parameters[] = {&table, &gain, &qkv, &up, &bias, &down};
    for (const Tensor* p : parameters) p->zero_grad();
    Tensor x = layer_norm(embedding(table, tokens), gain);
    const Tensor heads = transpose(reshape(linear(x, qkv), {4, 16, 6, 16}), 1, 2);
    const Tensor mixed =
        scaled_dot_product_attention(slice(heads, 1, 0, 2), slice(heads, 1, 2, 4),
                                     slice(heads, 1, 4, 6), {.causal = true, .mask = {}});
    x = x + reshape(transpose(mixed, 1, 2), {4, 16, 32});
    x = x + dropout(linear(gelu_tanh(linear(x, up, bias)), down), 0.1, generator);
    cross_entropy(linear(x, table), tokens).backward();
    const NoGrad guard;
    for (Tensor* p : parameters) add_in_place(p->mutable_value(), p->grad() * -0.01);
    fresh.push_back(memory_stats().fresh);
  }
  for (size_t i = 1; i < fresh.size(); ++i) EXPECT_EQ(fresh[i], fresh[0]) << "step " << i + 1;
}

// ---- 7. One type of error, naming the op, the rule and the shapes.

TEST(Invariant7_OneErrorType, NamesTheOpTheRuleAndTheShapes) {
  const Tensor a(Array::zeros({2, 3})), b(Array::zeros({4, 5}));
  EXPECT_EQ(error_of([&] { matmul(a, b); }), "matmul: inner sizes differ: [2, 3] @ [4, 5]");
  EXPECT_EQ(error_of([&] { a + b; }), "add: shapes [2, 3] and [4, 5] do not broadcast");
}

TEST(Invariant7_OneErrorType, EveryOpThrowsItForABadShape) {
  const auto zeros = [](const Shape& shape) { return Tensor(Array::zeros(shape)); };
  const Tensor x = zeros({2, 3}), y = zeros({4, 5}), vector = zeros({3}), cube = zeros({2, 3, 4});
  const Array bools = Array::of_bools({true, false, true, false}, {4});
  Generator generator(1);
  const struct {
    std::string op;
    std::function<Tensor()> call;
  } cases[] = {
      {"add", [&] { return x + y; }},
      {"sub", [&] { return x - y; }},
      {"mul", [&] { return x * y; }},
      {"div", [&] { return x / y; }},
      {"masked_fill", [&] { return masked_fill(x, bools, 0); }},
      {"sum", [&] { return sum(x, {2}); }},
      {"mean", [&] { return mean(x, {-3}); }},
      {"reshape", [&] { return reshape(x, {7}); }},
      {"transpose", [&] { return transpose(vector); }},
      {"permute",
       [&] {
         return permute(x, {0, 0});
       }},
      {"slice", [&] { return slice(x, 2, 0, 1); }},
      {"expand",
       [&] {
         return expand(x, {2, 4});
       }},
      {"concat",
       [&] {
         return concat({x, y});
       }},
      {"concat", [&] { return concat({}); }},
      {"matmul", [&] { return matmul(x, x); }},
      {"matmul", [&] { return matmul(zeros({}), x); }},
      {"matmul",
       [&] {
         return matmul(zeros({2, 2, 3}), zeros({3, 3, 2}));
       }},
      {"linear",
       [&] {
         return linear(x, zeros({5, 4}));
       }},
      {"linear",
       [&] {
         return linear(x, zeros({5, 3}), zeros({4}));
       }},
      {"softmax", [&] { return softmax(x, 2); }},
      {"log_softmax", [&] { return log_softmax(x, -3); }},
      {"layer_norm", [&] { return layer_norm(x, zeros({2})); }},
      {"layer_norm", [&] { return layer_norm(x, vector, zeros({2})); }},
      {"embedding", [&] { return embedding(vector, Array::of_indices({0}, {1})); }},
      {"embedding", [&] { return embedding(x, Array::of_indices({2}, {1})); }},
      {"cross_entropy", [&] { return cross_entropy(x, Array::of_indices({0}, {1})); }},
      {"cross_entropy",
       [&] {
         return cross_entropy(x, Array::of_indices({0, 3}, {2}));
       }},
      {"dropout", [&] { return dropout(x, 1.5, generator); }},
      {"scaled_dot_product_attention", [&] { return scaled_dot_product_attention(x, y, y); }},
      {"scaled_dot_product_attention", [&] { return scaled_dot_product_attention(x, x, y); }},
      {"scaled_dot_product_attention", [&] { return scaled_dot_product_attention(cube, x, x); }},
      {"scaled_dot_product_attention",
       [&] { return scaled_dot_product_attention(x, x, x, {.causal = false, .mask = bools}); }},
  };
  for (const auto& [op, call] : cases) {
    const std::string message = error_of(call);
    EXPECT_EQ(message.rfind(op + ": ", 0), 0) << op << " says: " << message;
  }
}

// ---- 8. Only initialisers and optimisers write in place.

TEST(Invariant8_InPlace, IsForNoGradOnly) {
  Tensor x = random_parameter({3});
  EXPECT_EQ(error_of([&] { x.mutable_value(); }),
            "mutable_value: a tensor is changed in place only under NoGrad");
  const NoGrad guard;
  x.mutable_value().copy_from(Array::zeros({3}, DType::float64));
  EXPECT_EQ(x.value().to_vector(), (std::vector<double>{0, 0, 0}));
}

TEST(Invariant8_InPlace, AWriteBetweenForwardAndBackwardIsAnError) {
  Tensor w = random_parameter({3, 5});
  const Tensor x = random_parameter({2, 5});
  const Tensor loss = sum(linear(x, w));
  {
    const NoGrad guard;
    add_in_place(w.mutable_value(), Array::full({3, 5}, 1e-9, DType::float64));
  }
  EXPECT_EQ(error_of([&] { loss.backward(); }),
            "backward of linear: a tensor saved for backward, float64 [3, 5], was changed in place "
            "after the forward pass (write 1, then 2)");
}

TEST(Invariant8_InPlace, NoOpChangesWhatSomebodyElseHolds) {
  using Op = std::function<Tensor(const Tensor&)>;
  const Array mask = Array::of_bools({true, false, true, false, true}, {5});
  Generator generator(1);
  const std::pair<const char*, Op> ops[] = {
      {"neg", neg},
      {"exp", exp},
      {"tanh", tanh},
      {"relu", relu},
      {"gelu_tanh", gelu_tanh},
      {"add", [](const Tensor& x) { return x + x; }},
      {"mul", [](const Tensor& x) { return x * x; }},
      {"div", [](const Tensor& x) { return x / (x * x + 1); }},
      {"reshape",
       [](const Tensor& x) {
         return reshape(x, {5, 3});
       }},
      {"transpose", [](const Tensor& x) { return transpose(x); }},
      {"slice", [](const Tensor& x) { return slice(x, 1, 1, 4); }},
      {"concat",
       [](const Tensor& x) {
         return concat({x, x});
       }},
      {"sum", [](const Tensor& x) { return sum(x, {0}); }},
      {"mean", [](const Tensor& x) { return mean(x, {1}, true); }},
      {"softmax", [](const Tensor& x) { return softmax(x); }},
      {"log_softmax", [](const Tensor& x) { return log_softmax(x); }},
      {"masked_fill", [&](const Tensor& x) { return masked_fill(x, mask, 0); }},
      {"dropout", [&](const Tensor& x) { return dropout(x, 0.5, generator); }},
      {"matmul", [](const Tensor& x) { return matmul(x, transpose(x)); }},
      {"linear", [](const Tensor& x) { return linear(x, x); }},
      {"layer_norm", [](const Tensor& x) { return layer_norm(x, sum(x, {0})); }},
      {"attention", [](const Tensor& x) { return scaled_dot_product_attention(x, x, x); }},
      {"cross_entropy",
       [](const Tensor& x) {
         return cross_entropy(x, Array::of_indices({0, 1, 2}, {3}));
       }},
  };
  for (const auto& [name, op] : ops) {
    const Tensor leaf = random_parameter({3, 5});
    const Tensor x = leaf * 1;  // a leaf's gradient is always copied: look behind an op
    const Array x_before = x.value().clone();
    const Tensor y = op(x);
    const Array y_before = y.value().clone(), seed = random_array(y.shape(), 2),
                seed_before = seed.clone();
    y.backward(seed);
    EXPECT_TRUE(same_bits(x.value(), x_before)) << name << " changed its input";
    EXPECT_TRUE(same_bits(y.value(), y_before)) << name << " changed its result";
    EXPECT_TRUE(same_bits(seed, seed_before)) << name << " changed the gradient it was given";
  }
}

TEST(Invariant8_InPlace, TwoUsersOfOneGradientDoNotSpoilItForEachOther) {
  // add hands the same array to both sides, and each side's backward would like to write over it.
  const GradcheckResult result = gradcheck(
      "sum of three", [](const auto& in) { return tanh(in[0]) + (gelu_tanh(in[1]) + exp(in[0])); },
      {{"x", random_array({3, 5})}, {"y", random_array({3, 5}, 2)}});
  EXPECT_TRUE(result.passed) << result.report();
}

TEST(Invariant8_InPlace, AGradientThatNobodyElseHoldsIsWrittenOver) {
  const Tensor x = random_parameter({100'000});
  Tensor y = x;
  for (int i = 0; i < 5; ++i) y = tanh(y);
  const Tensor loss = sum(y * 1);
  reset_peak_memory();
  const size_t before = memory_stats().live;
  loss.backward();
  // One gradient, repeated from the loss, then made real and carried back in the same memory; and
  // the leaf's own copy.
  EXPECT_LE(memory_stats().peak, before + 2 * 800'000 + 1000);
}

// ---- 9. A closure may run a small graph of its own.

// Gradient checkpointing: keeps only x, and computes f(x) again when its gradient is wanted.
Tensor checkpoint(const std::function<Tensor(const Tensor&)>& f, const Tensor& x) {
  const Array value = [&] {
    const NoGrad guard;
    return f(x).value();
  }();
  return record("checkpoint", value, {x}, [f, x = saved(x)](const Array& dy, Inputs in) {
    const EnableGrad guard;
    const Tensor again = parameter(*x);
    f(again).backward(dy);
    in.add(0, again.grad());
  });
}

TEST(Invariant9_Reentrant, AClosureMayRunForwardAndBackward) {
  const Tensor w = random_parameter({5, 5}, 3);
  const auto layer = [&](const Tensor& x) { return tanh(linear(x, w)) + x; };
  const auto gradients = [&](auto wrap) {
    const Tensor x = random_parameter({2, 5});
    w.zero_grad();
    const Tensor h = x * 2;
    Tensor y = h;
    for (int i = 0; i < 3; ++i) y = wrap(y) * h;  // h waits in the outer pass all the while
    sum(y * y).backward();
    return std::pair(x.grad(), w.grad());
  };
  const auto plain = gradients(layer);
  const auto once = gradients([&](const Tensor& x) { return checkpoint(layer, x); });
  const auto nested = gradients([&](const Tensor& x) {
    return checkpoint([&](const Tensor& z) { return checkpoint(layer, z); }, x);
  });
  for (const auto& [dx, dw] : {once, nested}) {
    EXPECT_LT(test::relative_distance(dx, plain.first), 1e-14);
    EXPECT_LT(test::relative_distance(dw, plain.second), 1e-14);
  }
}

TEST(Invariant9_Reentrant, ACheckpointKeepsLessInMemory) {
  const Tensor x = random_parameter({1000});
  const auto deep = [](const Tensor& v) { return tanh(gelu_tanh(tanh(gelu_tanh(tanh(v))))); };
  const size_t before = memory_stats().saved;
  const Tensor plain = deep(x + 0);
  EXPECT_EQ(memory_stats().saved - before, 5 * 8000);
  const size_t between = memory_stats().saved;
  const Tensor thrifty = checkpoint(deep, x + 0);
  EXPECT_EQ(memory_stats().saved - between, 8000);
}

}  // namespace
}  // namespace gradus
