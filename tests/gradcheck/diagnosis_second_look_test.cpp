// Planted mistakes again: those that the diagnosis can tell apart only by a second look, and the
// names of all.
#include <gtest/gtest.h>

#include <set>

#include "gradcheck/planted.h"
#include "gradus/arithmetic.h"

namespace gradus {
namespace {

using test::Backward;
using test::expect_named;
using test::Planted;
using test::planted;
using test::random_array;
using test::Tensors;
using A = Array;
using X = std::vector<Array>;

const Shape matrix{3, 5};

Tensor square(const Tensors& in) { return in[0] * in[0]; }
Tensor cube(const Tensors& in) { return in[0] * in[0] * in[0]; }
Tensor sum_of_two(const Tensors& in) { return in[0] + in[1]; }

TEST(Diagnosis, NamesANumberOfElementsThatIsOneTooSmall) {
  expect_named(
      {Cause::mean_or_sum,
       "0.8 times the measured one: 4 taken for 5",
       planted(square, [](size_t, const A& dy, const X& x, const A&) { return dy * x[0] * 1.6; }),
       {matrix}});
}

TEST(Diagnosis, NamesWhatStandsInTheDerivativesPlace) {
  expect_named({Cause::forward_value,
                "the arriving gradient times a itself",
                planted([](const Tensors& in) { return exp(in[0]); },
                        [](size_t, const A& dy, const X& x, const A&) { return dy * x[0]; }),
                {matrix}});
  expect_named({Cause::wrong_point,
                "right where a is b",
                planted([](const Tensors& in) { return in[0] * in[0] * in[1]; },
                        [](size_t i, const A& dy, const X& x, const A&) {
                          return i == 0 ? dy * x[1] * x[1] * 2 : dy * x[0] * x[0];
                        }),
                {matrix, matrix}});
  expect_named({Cause::wrong_point,
                "right where a is 1 everywhere",
                planted(cube, [](size_t, const A& dy, const X&, const A&) { return dy * 3; }),
                {matrix}});
}

TEST(Diagnosis, NamesATermThatIsSimpleWithinARow) {
  expect_named({Cause::missing_mean,
                "the input times one number along axes 0, 1",
                planted(square, [](size_t, const A& dy, const X& x,
                                   const A&) { return dy * x[0] * 2 + x[0] * 0.5; }),
                {matrix}});
  expect_named({Cause::missing_mean,
                "along axes 0, 1, a number plus a multiple of the input",
                planted(square, [](size_t, const A& dy, const X& x,
                                   const A&) { return dy * x[0] * 2 + (x[0] * 0.5 + 0.3); }),
                {matrix}});
}

// An op may refuse the input that was repeated already, which the diagnosis would like to try.
TEST(Diagnosis, NamesALostRepetitionOfAnInputThatMayNotBeRepeated) {
  expect_named({Cause::broadcast,
                "only the first repetition along axis 0",
                planted([](const Tensors& in) { return in[0] + reshape(in[1], {5}); },
                        [](size_t i, const A& dy, const X&, const A&) {
                          return i == 0 ? dy : dy.select(0, 0);
                        }),
                {matrix, {5}}});
}

TEST(Diagnosis, NamesOneOfTwoAxesOfRepetitions) {
  expect_named({Cause::broadcast,
                "only the last repetition along axis 0 of",
                planted(sum_of_two,
                        [](size_t i, const A& dy, const X&, const A&) {
                          return i == 0 ? dy : sum(dy.slice(0, 1, 2), {2}, true);
                        }),
                {{2, 3, 5}, {1, 3, 1}}});
}

TEST(Diagnosis, ARepeatedInputMayAlsoBeWrongForNoKnownReason) {
  expect_named(
      {Cause::unknown,
       "none of the known",
       planted(sum_of_two, [](size_t i, const A& dy, const X& x,
                              const A&) { return i == 0 ? dy : random_array(x[1].shape(), 9); }),
       {matrix, {5}}});
}

TEST(Diagnosis, NamesElementsThatAreWrongBecauseTheyAreEqual) {
  const Array x = Array::of({0.1, 2, 0.3, 0.4, 3, 5, 0.6, 0.7, 2, 4, 2, 0.9, 7, 0.8, 6}, matrix,
                            DType::float64);
  const Backward backward = [](size_t, const A& dy, const X& in, const A&) {
    return where(eq(in[0], Array::full(matrix, 2, DType::float64)), dy * 0.3, dy * in[0] * 2);
  };
  expect_named({Cause::one_branch,
                "wrong only where elements are equal to one another",
                planted(square, backward),
                {}},
               {{"a", x}});
}

TEST(Diagnosis, EveryCauseHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (int cause = 0; cause <= static_cast<int>(Cause::unknown); ++cause)
    names.insert(name(static_cast<Cause>(cause)));
  EXPECT_EQ(names.size(), static_cast<size_t>(Cause::unknown) + 1);
  EXPECT_EQ(names.count(""), 0U);
  EXPECT_EQ(name(static_cast<Cause>(100)), "");
}

}  // namespace
}  // namespace gradus
