// Numbers at the end of what 64 bits hold, and ranks beyond the limit: whatever takes a size, an
// index or a count answers, or says what is wrong. Under the sanitizers this also finds any sum or
// product that overflows on the way.
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "gradus/arithmetic.h"
#include "gradus/nn/layers.h"
#include "gradus/nn/position.h"
#include "gradus/ops.h"
#include "support.h"

namespace gradus::test {
namespace {

// Where sums, differences and products overflow, beside numbers that are ordinary. None lies
// between: 2^40 elements would be asked of the system, and some systems promise everything.
constexpr int64_t corners[] = {INT64_MIN,
                               INT64_MIN + 1,
                               -(int64_t{1} << 62),
                               -(int64_t{1} << 48),
                               -2,
                               -1,
                               0,
                               1,
                               2,
                               3,
                               int64_t{1} << 48,
                               int64_t{1} << 61,
                               int64_t{1} << 62,
                               INT64_MAX - 1,
                               INT64_MAX};

using OfTwo = std::function<void(int64_t, int64_t)>;
struct Hostile {
  const char* name;
  OfTwo call;  // with any two numbers
};
void PrintTo(const Hostile& h, std::ostream* out) { *out << h.name; }

const Array x = counting({2, 3, 4}), ids = Array::of_indices({0, 2, 1}, {3}),
            mask = Array::of_bools({true, false}, {2});

const Hostile hostile[] = {
    {"Zeros",
     [](auto a, auto b) {
       Array::zeros({a, b});
     }},
    {"Empty",
     [](auto a, auto b) {
       Array::zeros({a, 0, b});
     }},
    {"Int64",
     [](auto a, auto b) {
       Array::zeros({a, b}, DType::int64);
     }},
    {"Of",
     [](auto a, auto b) {
       Array::of({1, 2}, {a, b});
     }},
    {"Rand",
     [](auto a, auto b) {
       Generator generator(1);
       rand({a, b}, generator);
       randn({a, b}, generator);
     }},
    {"Reshape",
     [](auto a, auto b) {
       reshape(Tensor(x), {a, b});
     }},
    {"ReshapeOfNothing",
     [](auto a, auto b) {
       x.slice(0, 0, 0).reshape({a, b});
     }},
    {"Expand",
     [](auto a, auto b) {
       expand(Tensor(Array::zeros({1, 1})), {a, b});
     }},
    {"AddOfExpanded",
     [](auto a, auto b) {
       Tensor(Array::zeros({1}).expand({a, 1})) + Tensor(Array::zeros({1}).expand({1, b}));
     }},
    {"MatmulOfExpanded",
     [](auto a, auto b) {
       matmul(Tensor(Array::zeros({1, 2}).expand({a, 2})),
              Tensor(Array::zeros({2, 1}).expand({2, b})));
     }},
    {"Slice", [](auto a, auto b) { slice(parameter(x), 1, a, b); }},
    {"SliceStep", [](auto a, auto b) { slice(parameter(x), 1, 0, a, b); }},
    {"Select", [](auto a, auto b) { select(Tensor(x), static_cast<int>(a % 7), b); }},
    {"At",
     [](auto a, auto b) {
       x.at({a, b, 0});
     }},
    {"Axes", [](auto a, auto b) { x.transpose(static_cast<int>(a), static_cast<int>(b)); }},
    {"SumAxes",
     [](auto a, auto b) {
       sum(Tensor(x), {static_cast<int>(a), static_cast<int>(b)});
     }},
    {"Split",
     [](auto a, auto b) {
       split(Tensor(x), std::vector<int64_t>{a, b}, 1);
     }},
    {"SplitEvenly", [](auto a, auto) { split(Tensor(x), a, 1); }},
    {"Chunk", [](auto a, auto) { chunk(Tensor(x), a, 1); }},
    {"Repeat",
     [](auto a, auto b) {
       repeat(Tensor(x), {a, b, 1});
     }},
    {"RepeatOfNothing",
     [](auto a, auto b) {
       repeat(Tensor(x.slice(0, 0, 0)), {1, a, b});
     }},
    {"Pad",
     [](auto a, auto b) {
       pad(Tensor(x), {{0, 0}, {a, b}, {0, 0}});
     }},
    {"OneHot", [](auto a, auto b) { one_hot(Array::of_indices({a}, {1}), b, DType::float64); }},
    {"Gather",
     [](auto a, auto b) {
       gather(Tensor(x), 0, Array::of_indices({a, b}, {2, 1, 1}));
     }},
    {"IndexSelect",
     [](auto a, auto b) {
       index_select(Tensor(x), 1, Array::of_indices({a, b}, {2}));
     }},
    {"ScatterAdd",
     [](auto a, auto b) {
       scatter_add(Tensor(x), 0, Array::of_indices({a, b}, {2, 1, 1}), Tensor(counting({2, 1, 1})));
     }},
    {"Embedding",
     [](auto a, auto b) {
       embedding(parameter(counting({3, 2})), Array::of_indices({a, b}, {2}));
     }},
    {"CrossEntropy",
     [](auto a, auto b) {
       cross_entropy(parameter(counting({2, 5})), Array::of_indices({a, b}, {2}));
     }},
    {"RowsOfNothing",
     [](auto a, auto b) {
       const Tensor rows = parameter(Array::zeros({a, 0, b}));
       const auto both_ways = [](const Tensor& y) { y.backward(Array::zeros(y.shape())); };
       both_ways(softmax(rows, -1));
       both_ways(log_softmax(rows, 1));
       both_ways(rows * rows);
       both_ways(flip(rows));
       both_ways(cumsum(rows, 0));
     }},
    {"Arange",
     [](auto a, auto b) {
       arange(static_cast<double>(a), static_cast<double>(b), 0x1p58, DType::int64);
     }},
    {"Linspace", [](auto a, auto b) { linspace(0, static_cast<double>(a), b); }},
    {"Eye", [](auto a, auto) { eye(a); }},
    {"LowerTriangle", [](auto a, auto b) { lower_triangle(a, b); }},
    {"Diagonal",
     [](auto a, auto b) {
       lower_triangle(3, 4, a);
       upper_triangle(3, 4, b);
     }},
    {"KeyPaddingMask", [](auto a, auto b) { key_padding_mask({a}, b); }},
    {"Rotary",
     [](auto a, auto b) {
       rotary_embedding(Tensor(x), {.start = a});
       rotary_embedding(Tensor(x), {.positions = Array::of_indices({a, b, 0}, {3})});
     }},
    {"Convolution",
     [](auto a, auto b) {
       conv1d(parameter(x), parameter(counting({5, 3, 2})), {}, {.stride = a, .padding = b});
     }},
    {"Pool", [](auto a, auto b) { max_pool1d(parameter(x), 2, {.stride = a, .padding = b}); }},
    {"PoolOfSize", [](auto a, auto b) { avg_pool1d(parameter(x), a, {.stride = b}); }},
    // A size that nothing is held for, because another one is 0 or because it was broadcast.
    {"PoolOfABroadcast",
     [](auto a, auto) { max_pool1d(expand(Tensor(Array::zeros({1})), {a}), 2); }},
    {"ConvolutionOfNoImages",
     [](auto a, auto b) {
       conv2d(Tensor(Array::zeros({0, 1, a, b})),
              expand(Tensor(Array::zeros({1, 1, 1, 1})), {1, 1, a / 2, b / 2}));
     }},
    {"SumBesideNothing",
     [](auto a, auto b) {
       const Tensor leaf = parameter(Array::zeros({1, 1, 1}));
       sum(expand(leaf, {a, b, 0})).backward();
     }},
    {"GatherNothing",
     [](auto a, auto b) {
       const Tensor none = parameter(Array::zeros({a, b, 0}));
       sum(gather(none, 2, Array::of_indices({}, none.shape()))).backward();
       sum(index_select(none, 2, Array::of_indices({}, {0}))).backward();
     }},
    {"AttentionOfNoHeads",
     [](auto a, auto b) {
       const Tensor q = parameter(Array::zeros({0, a, b}));
       sum(scaled_dot_product_attention(q, q, q)).backward();
     }},
    {"ProductsOfNothing",
     [](auto a, auto b) {
       const Tensor none = parameter(Array::zeros({0, a, b}));
       sum(matmul(none, transpose(none, 1, 2))).backward();
     }},
    {"SinusoidalPositions", [](auto a, auto b) { nn::sinusoidal_positions(a, b); }},
    {"SinusoidalStart", [](auto a, auto b) { nn::sinusoidal_positions(2, b % 8, a); }},
    {"RelativeBucket", [](auto a, auto b) { nn::relative_bucket(a, {.max_distance = b}); }},
    {"RelativeBuckets",
     [](auto a, auto b) { nn::relative_bucket(b, {.buckets = a, .max_distance = INT64_MAX}); }},
    {"RelativePosition",
     [](auto a, auto b) { nn::RelativePosition({.heads = 2})(2, b == 3 ? 3 : b, a); }},
    {"Linear",
     [](auto a, auto b) {
       Generator generator(1);
       nn::Linear(a, b, generator);
     }},
    {"Embeddings",
     [](auto a, auto b) {
       Generator generator(1);
       nn::Embedding(a, b, generator);
     }},
    {"Below",
     [](auto a, auto b) {
       Generator generator(static_cast<uint64_t>(a));
       generator.set_position(static_cast<uint64_t>(b));
       generator.below(static_cast<uint64_t>(a));
       generator.normal();
     }},
};

class Limits : public ::testing::TestWithParam<Hostile> {};

TEST_P(Limits, AnyTwoNumbersGiveAResultOrAnError) {
  int results = 0;
  for (const int64_t a : corners)
    for (const int64_t b : corners) {
      const size_t live = memory_stats().live;
      try {
        GetParam().call(a, b);
        ++results;
      } catch (const Error& error) {
        EXPECT_GT(std::string(error.what()).size(), 10) << a << " " << b;
      } catch (const std::exception& error) {
        ADD_FAILURE() << a << " " << b << ": not an Error: " << error.what();
      }
      EXPECT_EQ(memory_stats().live, live) << a << " " << b;
    }
  EXPECT_GT(results, 0);
}
INSTANTIATE_TEST_SUITE_P(All, Limits, ::testing::ValuesIn(hostile),
                         [](const auto& h) { return std::string(h.param.name); });

TEST(Limits, MoreThanEightAxesAreAnErrorWhereverTheyWouldArise) {
  const Shape eight = Shape::filled(max_rank, 1);
  const Tensor full(Array::zeros(eight));
  const Array indices = Array::zeros(eight, DType::int64);
  const std::string rule = "at most 8 axes, got 9";
  const auto expect_error = [&](const char* where, const std::function<void()>& f) {
    EXPECT_NE(error_of(f).find(rule), std::string::npos) << where << ": " << error_of(f);
  };
  expect_error("Shape", [] { Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}; });
  expect_error("filled", [] { Shape::filled(9, 1); });
  expect_error("inserted", [&] { eight.inserted(0, 1); });
  expect_error("unsqueeze", [&] { unsqueeze(full, 0); });
  expect_error("stack", [&] { stack({full, full}, 0); });
  expect_error("one_hot", [&] { one_hot(indices, 3); });
  expect_error("embedding", [&] { embedding(Tensor(Array::zeros({3, 2})), indices); });
  EXPECT_EQ(error_of([&] { repeat(full, std::vector<int64_t>(9, 1)); }),
            "repeat: 9 axes, at most 8 are possible");
}

}  // namespace
}  // namespace gradus::test
