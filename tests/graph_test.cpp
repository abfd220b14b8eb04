// What the graph keeps (Saved), who may watch it (Trace), and when there is none (NoGrad).
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "gradus/autograd.h"
#include "gradus/ops.h"
#include "support.h"

namespace gradus {
namespace {

using test::counting;
using test::error_of;
using test::random_array;
using test::random_parameter;

// ---- Saved

TEST(Saved, GivesTheArrayAsLongAsNobodyWroteToIt) {
  Array x = counting({2, 3});
  const Saved kept = saved(x), part = saved(x.slice(1, 0, 1));
  EXPECT_TRUE((*kept).shares_storage_with(x));
  EXPECT_EQ(kept->size(-1), 3);
  (void)x.data<double>();
  EXPECT_EQ(part->to_vector(), (std::vector<double>{0, 3}));
  x.mutable_data<double>()[5] = 1;  // also outside of the part that was saved
  for (const Saved& s : {kept, part})
    EXPECT_NE(error_of([&] { *s; }).find("was changed in place after the forward pass"),
              std::string::npos);
}

TEST(Saved, NamesTheArrayThatWasWrittenTo) {
  Array x = Array::zeros({2, 3});
  const Saved kept = saved(x);
  (void)x.mutable_data<float>();
  EXPECT_EQ(error_of([&] { *kept; }),
            "a tensor saved for backward, float32 [2, 3], was changed in place after the forward "
            "pass (write 0, then 1)");
  EXPECT_NE(error_of([] { saved(Array()); }), "");
}

TEST(Saved, AnOpKeepsExactlyWhatItsClosureCaptures) {
  const Tensor a = random_parameter({10, 10}), b = random_parameter({10, 10}, 2);
  const size_t before = memory_stats().saved;
  {
    const Tensor y = a + b;
    EXPECT_EQ(memory_stats().saved, before);  // the gradient of a sum needs neither
    const Tensor z = a * b;
    EXPECT_EQ(memory_stats().saved, before + 1600);
    const Tensor square = a * a;
    EXPECT_EQ(memory_stats().saved, before + 1600);  // a is counted once
  }
  EXPECT_EQ(memory_stats().saved, before);
}

TEST(Saved, NothingIsKeptWithoutAGraph) {
  const Tensor a = random_parameter({10}), b(random_array({10}));
  const size_t before = memory_stats().saved;
  const Tensor y = b * b;  // constants
  const NoGrad guard;
  const Tensor z = a * a;
  EXPECT_EQ(memory_stats().saved, before);
  EXPECT_FALSE(y.requires_grad() || z.requires_grad());
}

TEST(Graph, HoldsNoValueThatNoClosureNeeds) {
  const Tensor x = random_parameter({1000});
  const size_t before = memory_stats().live;
  Tensor y = x + 1;
  for (int i = 0; i < 10; ++i) y = y + 1;  // the values in between are gone
  EXPECT_EQ(memory_stats().live, before + 8000);
  sum(y).backward();
  EXPECT_EQ(x.grad().at({7}), 1);
}

// ---- Trace

struct Log : Trace {
  explicit Log(std::vector<std::string>& out, std::string who = "") : lines(out), name(who) {}
  void on_record(const char* what, const Tensor& result, std::span<const Tensor> inputs) override {
    lines.push_back(fmt::format("{}{} of {} -> {}{}", name, what, inputs.size(),
                                result.value().to_string(0),
                                result.requires_grad() ? "" : " (constant)"));
  }
  void on_backward(const Node& node, const Array& gradient) override {
    lines.push_back(fmt::format("{}d{} {}", name, node.op, gradient.to_string(0)));
  }
  std::vector<std::string>& lines;
  std::string name;
};

TEST(Trace, SeesEveryOpWithItsValueAndEveryNodeWithItsWholeGradient) {
  const Tensor x = parameter(Array::of({1, 2}, {2}, DType::float64));
  std::vector<std::string> lines;
  {
    const Log log(lines);
    const Tensor h = mul(x, Tensor(Array::of({10, 10}, {2}, DType::float64)));
    const Tensor y = add(h, h);
    neg(Tensor(Array::of({3}, {1}, DType::float64)));
    y.backward(Array::of({1, 2}, {2}, DType::float64));
  }
  neg(x);  // nobody looks any more
  EXPECT_EQ(lines, (std::vector<std::string>{"mul of 2 -> [10, 20]", "add of 2 -> [20, 40]",
                                             "neg of 1 -> [-3] (constant)", "dadd [1, 2]",
                                             "dmul [2, 4]", "dleaf [20, 40]"}));
}

TEST(Trace, TheNewestOfSeveralIsToldFirst) {
  const Tensor x = parameter(Array::of({1}, {1}, DType::float64));
  std::vector<std::string> lines;
  const Log outer(lines, "outer ");
  {
    const Log inner(lines, "inner ");
    neg(x).backward();
  }
  neg(x);
  EXPECT_EQ(lines, (std::vector<std::string>{"inner neg of 1 -> [-1]", "outer neg of 1 -> [-1]",
                                             "inner dneg [1]", "outer dneg [1]", "inner dleaf [-1]",
                                             "outer dleaf [-1]", "outer neg of 1 -> [-1]"}));
}

TEST(Trace, AnObserverMayStopTheBackwardPass) {
  struct Stop : Trace {
    void on_backward(const Node& node, const Array&) override {
      if (std::string(node.op) == "mul") fail("seen enough");
    }
  };
  const Tensor x = random_parameter({2});
  const Tensor y = sum(x * 2);
  {
    const Stop stop;
    EXPECT_EQ(error_of([&] { y.backward(); }), "seen enough");
  }
  EXPECT_FALSE(x.has_grad());
}

// ---- modes

TEST(NoGrad, RecordsNothingAndEndsWithItsScope) {
  const Tensor x = random_parameter({2});
  EXPECT_TRUE(grad_enabled());
  {
    const NoGrad guard;
    EXPECT_FALSE(grad_enabled() || (x * 2).requires_grad());
    {
      const EnableGrad again;
      EXPECT_TRUE(grad_enabled() && (x * 2).requires_grad());
      { const NoGrad nested; }
      EXPECT_TRUE(grad_enabled());
    }
    { const NoGrad nested; }
    EXPECT_FALSE(grad_enabled());
  }
  EXPECT_TRUE(grad_enabled() && (x * 2).requires_grad());
}

TEST(NoGrad, IsAMatterOfTheThread) {
  const NoGrad guard;
  bool enabled = false;
  std::thread([&] { enabled = grad_enabled(); }).join();
  EXPECT_TRUE(enabled);
}

TEST(NoGrad, HoldsInsideABackwardClosure) {
  const Tensor x = random_parameter({2});
  bool enabled = true;
  record("op", Array::zeros({}, DType::float64), {x}, [&](const Array&, Inputs) {
    enabled = grad_enabled();
  }).backward();
  EXPECT_FALSE(enabled);
  EXPECT_TRUE(grad_enabled());
}

}  // namespace
}  // namespace gradus
