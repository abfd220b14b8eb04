// rotary_embedding: what the table of cases cannot say.
#include "gradus/ops/rotary.h"

#include "gradus/arithmetic.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

constexpr RotaryPairs both_pairs[] = {RotaryPairs::interleaved, RotaryPairs::halves};

// By hand: the vector (1, 0, 1, 0) at position 1 turns by 1 and by 10000^(-2/4) = 0.01.
TEST(Rotary, TurnsEachPairByItsAngle) {
  const Tensor x(Array::of({1, 0, 1, 0}, {1, 4}, DType::float64));
  const Array interleaved = rotary_embedding(x, {.start = 1}).value();
  const std::vector<double> expected = {std::cos(1), std::sin(1), std::cos(0.01), std::sin(0.01)};
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_NEAR(interleaved.at({0, i}), expected[static_cast<size_t>(i)], 1e-15);
  // In halves the pairs are (1, 1) and (0, 0).
  const Array halves = rotary_embedding(x, {.start = 1, .pairs = RotaryPairs::halves}).value();
  EXPECT_NEAR(halves.at({0, 0}), std::cos(1) - std::sin(1), 1e-15);
  EXPECT_NEAR(halves.at({0, 2}), std::sin(1) + std::cos(1), 1e-15);
  EXPECT_EQ(halves.at({0, 1}), 0);
  EXPECT_EQ(halves.at({0, 3}), 0);
}

TEST(Rotary, ScoresDependOnTheDifferenceOfPositionsAlone) {
  const Tensor q(random_array({5, 6}, 1)), k(random_array({7, 6}, 2));
  for (const RotaryPairs pairs : both_pairs) {
    const auto scores = [&](int64_t start) {
      const RotaryOptions options{.start = start, .pairs = pairs};
      return matmul(rotary_embedding(q, options), transpose(rotary_embedding(k, options))).value();
    };
    EXPECT_LE(relative_distance(scores(1000), scores(0)), 1e-12);
    EXPECT_GE(relative_distance(scores(0), matmul(q, transpose(k)).value()), 0.1);
  }
}

TEST(Rotary, PositionZeroChangesNothingAndLengthsStay) {
  const Array x = random_array({3, 5, 6});
  for (const RotaryPairs pairs : both_pairs) {
    const Array y = rotary_embedding(Tensor(x), {.pairs = pairs}).value();
    EXPECT_TRUE(same_bits(y.select(1, 0), x.select(1, 0)));
    EXPECT_NEAR(sum_squares(y), sum_squares(x), 1e-12);
  }
}

// A cache that goes on at position 3 gets what the whole sequence got there, to the bit.
TEST(Rotary, StartContinuesASequence) {
  const Array x = random_array({2, 7, 6}, 1, DType::float32);
  const Array whole = rotary_embedding(Tensor(x)).value();
  const Array rest = rotary_embedding(Tensor(x.slice(1, 3, 7)), {.start = 3}).value();
  EXPECT_TRUE(same_bits(rest, whole.slice(1, 3, 7)));
}

TEST(RotaryErrors, NameTheRuleAndTheShapes) {
  const auto error = [](const Shape& shape, const RotaryOptions& options = {}) {
    return error_of([&] { rotary_embedding(Tensor(Array::zeros(shape)), options); });
  };
  EXPECT_EQ(error({5, 7}), "rotary_embedding: x must be (..., time, an even width), got [5, 7]");
  EXPECT_EQ(error({6}), "rotary_embedding: x must be (..., time, an even width), got [6]");
  EXPECT_EQ(error({2, 5, 6}, {.positions = Array::of_indices({1, 2, 3}, {3})}),
            "rotary_embedding: positions [3] do not broadcast to [2, 5], the axes of x [2, 5, 6] "
            "but the last");
  EXPECT_EQ(error({5, 6}, {.positions = Array::of_indices({1, 2}, {2, 1})}),
            "rotary_embedding: positions [2, 1] do not broadcast to [5], the axes of x [5, 6] but "
            "the last");
  EXPECT_EQ(error({5, 6}, {.positions = Array::zeros({5})}),
            "rotary_embedding: positions must be int64, got float32");
  EXPECT_EQ(error({5, 6}, {.base = 0}), "rotary_embedding: the base must be positive, got 0");
}

}  // namespace
}  // namespace gradus::test
