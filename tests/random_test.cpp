// The random generator: the published algorithm, its streams, and what its numbers look like.
#include "gradus/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "support.h"

namespace gradus {
namespace {

using test::error_of;
using Words = std::array<uint32_t, 4>;

// The known answers that Random123 publishes for philox4x32-10 (its file kat_vectors).
TEST(Philox, GivesThePublishedKnownAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Generator, DealsOutTheBlocksOfPhiloxInOrder) {
  const uint64_t seed = 0x299f31d0a4093822, stream = 0x0370734413198a2e;
  Generator generator(seed, stream);
  EXPECT_EQ(generator.seed(), seed);
  EXPECT_EQ(generator.stream(), stream);
  for (uint32_t block = 0; block < 3; ++block)
    for (const uint32_t word : philox({block, 0, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}))
      EXPECT_EQ(generator.next_u32(), word);
  generator.set_position(uint64_t{4} << 32);  // block 2^32: the counter carries
  EXPECT_EQ(generator.next_u32(),
            philox({0, 1, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0})[0]);
}

TEST(Generator, ASavedPositionContinuesTheStream) {
  for (int drawn = 0; drawn < 11; ++drawn) {
    Generator first(42, 3);
    for (int i = 0; i < drawn; ++i) first.next_u32();
    EXPECT_EQ(first.position(), static_cast<uint64_t>(drawn));
    Generator second(42, 3);
    second.next_u32();  // it has been used before
    second.set_position(first.position());
    for (int i = 0; i < 9; ++i) EXPECT_EQ(second.next_u32(), first.next_u32());
    EXPECT_EQ(second.normal(), first.normal());
    EXPECT_EQ(second.below(1000), first.below(1000));
    EXPECT_EQ(second.position(), first.position());
  }
}

TEST(Generator, SeedsAndStreamsDiffer) {
  std::set<Words> starts;
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, ~uint64_t{0}})
    for (const uint64_t stream : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32, ~uint64_t{0}}) {
      Generator g(seed, stream);
      starts.insert({g.next_u32(), g.next_u32(), g.next_u32(), g.next_u32()});
    }
  EXPECT_EQ(starts.size(), 16);
}

// A sample of a distribution: its mean, and its central moments.
struct Sample {
  std::vector<double> values;
  template <class Draw>
  Sample(int n, Draw draw) : values(static_cast<size_t>(n)) {
    std::generate(values.begin(), values.end(), draw);
  }
  double mean_of(auto f) const {
    double total = 0;
    for (const double x : values) total += f(x);
    return total / static_cast<double>(values.size());
  }
  double mean() const {
    return mean_of([](double x) { return x; });
  }
  double moment(int power) const {
    return mean_of([=, m = mean()](double x) { return std::pow(x - m, power); });
  }
};

// Tolerances are five standard errors of the estimate over 200,000 draws.
TEST(Generator, UniformNumbersFillTheUnitInterval) {
  Generator generator(1);
  const Sample sample(200'000, [&] { return generator.uniform(); });
  EXPECT_GE(*std::min_element(sample.values.begin(), sample.values.end()), 0);
  EXPECT_LT(*std::max_element(sample.values.begin(), sample.values.end()), 1);
  EXPECT_NEAR(sample.mean(), 0.5, 0.0033);
  EXPECT_NEAR(sample.moment(2), 1.0 / 12, 0.00084);
  for (int tenth = 0; tenth < 10; ++tenth)
    EXPECT_NEAR(sample.mean_of([=](double x) { return static_cast<int>(x * 10) == tenth; }), 0.1,
                0.0034);
  const double next_to_last = sample.mean_of([](double x) {
    return std::fmod(x * 0x1p52, 1) != 0;  // the 53rd bit is used as well
  });
  EXPECT_NEAR(next_to_last, 0.5, 0.0056);
}

TEST(Generator, NormalNumbersHaveTheMomentsOfTheirDistribution) {
  Generator generator(2);
  const Sample sample(200'000, [&] { return generator.normal(); });
  EXPECT_NEAR(sample.mean(), 0, 0.0112);
  EXPECT_NEAR(sample.moment(2), 1, 0.0158);
  EXPECT_NEAR(sample.moment(3), 0, 0.0434);
  EXPECT_NEAR(sample.moment(4), 3, 0.11);
  EXPECT_NEAR(sample.mean_of([](double x) { return std::abs(x) > 1.96; }), 0.05, 0.0025);
  double neighbours = 0;
  for (size_t i = 1; i < sample.values.size(); ++i)
    neighbours += sample.values[i - 1] * sample.values[i];
  EXPECT_NEAR(neighbours / 200'000, 0, 0.0112);
}

TEST(Generator, BelowGivesEachNumberEquallyOften) {
  Generator generator(3);
  std::array<int, 7> counts{};
  for (int i = 0; i < 140'000; ++i) {
    const uint64_t draw = generator.below(7);
    ASSERT_LT(draw, 7);
    ++counts[draw];
  }
  for (const int count : counts) EXPECT_NEAR(count, 20'000, 655);  // five standard errors
}

TEST(Generator, BelowIsUnbiasedWhereARemainderWouldNotBe) {
  // Draws of 64 bits modulo 3 * 2^62 would give the lowest third twice as often.
  Generator generator(4);
  const uint64_t n = 3 * (uint64_t{1} << 62);
  int lowest = 0;
  for (int i = 0; i < 30'000; ++i) {
    const uint64_t draw = generator.below(n);
    ASSERT_LT(draw, n);
    lowest += draw < uint64_t{1} << 62;
  }
  EXPECT_NEAR(lowest, 10'000, 409);
  EXPECT_EQ(Generator(5).below(1), 0);
  EXPECT_EQ(error_of([&] { generator.below(0); }), "random: cannot draw below 0");
}

TEST(RandomArrays, AreTheGeneratorsNumbersInRowMajorOrder) {
  Generator one(9), two(9);
  const Array uniform = rand({2, 3}, one, DType::float64), normal = randn({5}, one);
  for (const double value : uniform.to_vector()) EXPECT_EQ(value, two.uniform());
  for (const double value : normal.to_vector())
    EXPECT_EQ(value, static_cast<double>(static_cast<float>(two.normal())));
  EXPECT_EQ(normal.dtype(), DType::float32);
  EXPECT_EQ(one.position(), two.position());
  error_of([&] { rand({2}, one, DType::int64); });
}

TEST(RandomArrays, DoNotDependOnTheThreads) {
  const auto draw = [](int threads) {
    const test::ScopedThreads scope(threads);
    return test::random_array({100'003}, 6, DType::float32);
  };
  EXPECT_TRUE(test::same_bits(draw(1), draw(3)));
}

}  // namespace
}  // namespace gradus
