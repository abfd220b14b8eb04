// The diagnosis names planted mistakes by their traces in the numbers, one of each kind.
#include "gradus/gradcheck/diagnosis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gradcheck/planted.h"
#include "gradus/arithmetic.h"

namespace gradus {
namespace {

using test::Backward;
using test::expect_named;
using test::Forward;
using test::Planted;
using test::planted;
using test::random_array;
using test::Tensors;

Array value_of(const Tensor& t) { return t.value(); }

Array with_row(const Array& a, int64_t row, double factor) {
  std::vector<double> v = a.to_vector();
  const auto columns = static_cast<size_t>(a.size(-1));
  for (size_t j = 0; j < columns; ++j) v[static_cast<size_t>(row) * columns + j] *= factor;
  return Array::of(v, a.shape(), DType::float64);
}

// (3, 5): `first` in the first row, a step more in each of the next.
Array counting(double first, double step) {
  std::vector<double> v;
  for (int i = 0; i < 15; ++i) v.push_back(first + step * (i / 5));
  return Array::of(v, {3, 5}, DType::float64);
}

// (3, 1): a number for each channel of a (2, 3, 5).
Array channel_factors() { return Array::of({2.0, 2.5, -3.0}, {3, 1}, DType::float64); }

// Each row twice, one after the other.
Tensor rows_twice(const Tensor& t) {
  return index_select(t, 0, Array::of_indices({0, 0, 1, 1, 2, 2}, {6}));
}

// Masks of (3, 5).
Array every_third() {
  std::vector<bool> bits;
  for (int i = 0; i < 15; ++i) bits.push_back(i % 3 == 0);
  return Array::of_bools(bits, {3, 5});
}
Array every_other() {
  std::vector<bool> bits;
  for (int i = 0; i < 15; ++i) bits.push_back(i % 2 == 0);
  return Array::of_bools(bits, {3, 5});
}
Array one_of_each_row() {
  std::vector<bool> bits(15, false);
  for (const size_t k : {2U, 5U, 14U}) bits[k] = true;
  return Array::of_bools(bits, {3, 5});
}

std::vector<Planted> planted_mistakes() {
  const Forward square = [](const Tensors& in) { return in[0] * in[0]; };
  const Forward product = [](const Tensors& in) { return in[0] * in[1]; };
  const Forward sum = [](const Tensors& in) { return in[0] + in[1]; };
  const auto unary = [](auto op) { return [op](const Tensors& in) { return op(in[0]); }; };
  const Forward soft = unary([](const Tensor& t) { return softmax(t); });
  using A = Array;
  using X = std::vector<Array>;
  const Shape matrix{3, 5};
  return {
      {Cause::not_finite,
       "15 of 15",
       planted(square,
               [](size_t, const A& dy, const X& x, const A&) {
                 return dy * x[0] * std::numeric_limits<double>::infinity();
               }),
       {matrix}},
      {Cause::never_added,
       "0 for every",
       planted(square, [](size_t, const A& dy, const X&, const A&) { return dy * 0; }),
       {matrix}},
      {Cause::sign,
       "-1 times",
       planted(square, [](size_t, const A& dy, const X& x, const A&) { return dy * x[0] * -2; }),
       {matrix}},
      {Cause::counted_twice,
       "2 times",
       planted(square, [](size_t, const A& dy, const X& x, const A&) { return dy * x[0] * 4; }),
       {matrix}},
      {Cause::mean_or_sum,
       "15 being a number of elements: a division",
       planted(unary([](const Tensor& t) { return mean(t); }),
               [](size_t, const A& dy, const X& x, const A&) { return dy.expand(x[0].shape()); }),
       {matrix}},
      {Cause::mean_or_sum,
       "5 being a number of elements: divided by it",
       planted(unary([](const Tensor& t) { return gradus::sum(t, {-1}); }),
               [](size_t, const A& dy, const X& x, const A&) {
                 return (dy.unsqueeze(-1) / 5).expand(x[0].shape());
               }),
       {matrix}},
      {Cause::scale,
       "square root of 5",
       planted(unary([](const Tensor& t) { return t / std::sqrt(5.0); }),
               [](size_t, const A& dy, const X&, const A&) { return dy; }),
       {matrix}},
      {Cause::factor,
       "0.3 times",
       planted(square, [](size_t, const A& dy, const X& x, const A&) { return dy * x[0] * 0.6; }),
       {matrix}},
      {Cause::row_factor,
       "along axis 1",
       planted([](const Tensors& in) { return in[0] * in[0] * Tensor(counting(2, 0.5)); },
               [](size_t, const A& dy, const X& x, const A&) { return dy * x[0] * 2; }),
       {matrix}},
      {Cause::transposed,
       "axes 0 and 1",
       planted(square,
               [](size_t, const A& dy, const X& x, const A&) {
                 return (dy * x[0] * 2).transpose().clone().reshape(x[0].shape());
               }),
       {matrix}},
      {Cause::misplaced,
       "shifted by 1 along axis 1",
       planted(square,
               [](size_t, const A& dy, const X& x, const A&) {
                 const A right = dy * x[0] * 2;
                 return value_of(
                     concat({Tensor(right.slice(1, 4, 5)), Tensor(right.slice(1, 0, 4))}, 1));
               }),
       {matrix}},
      {Cause::swapped,
       "the gradient of a",
       planted(product, [](size_t i, const A& dy, const X& x, const A&) { return dy * x[i]; }),
       {matrix, matrix}},
      {Cause::broadcast,
       "first repetition along axis 0",
       planted(sum, [](size_t i, const A& dy, const X&,
                       const A&) { return i == 0 ? dy : dy.select(0, 0); }),
       {matrix, {5}}},
      {Cause::dy_ignored,
       "plain sum",
       planted(square, [](size_t, const A&, const X& x, const A&) { return x[0] * 2; }),
       {matrix}},
      {Cause::dy_passed_on,
       "it is the gradient that arrives",
       planted(unary([](const Tensor& t) { return exp(t); }),
               [](size_t, const A& dy, const X&, const A&) { return dy; }),
       {matrix}},
      {Cause::forward_value,
       "times the forward value",
       planted(unary([](const Tensor& t) { return sigmoid(t); }),
               [](size_t, const A& dy, const X&, const A& y) { return dy * y; }),
       {matrix}},
      {Cause::wrong_point,
       "where a is the result",
       planted(square, [](size_t, const A& dy, const X&, const A& y) { return dy * y * 2; }),
       {matrix}},
      {Cause::residual,
       "missing once",
       planted(unary([](const Tensor& t) { return t + t * t; }),
               [](size_t, const A& dy, const X& x, const A&) { return dy * x[0] * 2; }),
       {matrix}},
      {Cause::diagonal,
       "forward value times one number along axis 1",
       planted(soft, [](size_t, const A& dy, const X&, const A& y) { return dy * y; }),
       {matrix}},
      {Cause::missing_mean,
       "the same number all along axis 1",
       planted(unary([](const Tensor& t) { return t - mean(t, {-1}, true); }),
               [](size_t, const A& dy, const X&, const A&) { return dy + 0.0; }),
       {matrix}},
      {Cause::masked,
       "no effect",
       planted([](const Tensors& in) { return in[0] * Tensor(counting(1, -0.5)); },
               [](size_t, const A& dy, const X&, const A&) {
                 return where(eq(counting(1, -0.5), Array::full({3, 5}, 0.0, DType::float64)), dy,
                              dy * counting(1, -0.5));
               }),
       {matrix}},
      {Cause::one_branch,
       "at most",
       planted(unary([](const Tensor& t) { return t * abs(t); }),
               [](size_t, const A& dy, const X& x, const A&) { return dy * x[0] * 2; }),
       {matrix}},
      {Cause::some_places,
       "index 2 of axis 0, which has 3; it is 0 there",
       planted(square, [](size_t, const A& dy, const X& x,
                          const A&) { return with_row(dy * x[0] * 2, 2, 0); }),
       {matrix}},
      {Cause::growing,
       "first index of axis 0",
       planted(square, [](size_t, const A& dy, const X& x,
                          const A&) { return dy * x[0] * 2 * counting(1, 0.5); }),
       {matrix}},
      {Cause::nearly,
       "away",
       planted(square, [](size_t, const A& dy, const X& x,
                          const A&) { return dy * (x[0] * 2 + 1e-4 * x[0] * x[0]); }),
       {matrix}},
      {Cause::counted_once,
       "0.5 times",
       planted(square, [](size_t, const A& dy, const X& x, const A&) { return dy * x[0]; }),
       {matrix}},
      {Cause::power,
       "1 times the measured one times a to the power -1",
       planted(unary([](const Tensor& t) { return t * t * t; }),
               [](size_t, const A& dy, const X& x, const A&) { return dy * x[0] * 3; }),
       {matrix}},
      {Cause::power,
       "the result to the power -1",
       planted(unary([](const Tensor& t) { return exp(t); }),
               [](size_t, const A& dy, const X&, const A&) { return dy * 3; }),
       {matrix}},
      {Cause::row_factor,
       "along axes 0, 2 ",
       planted(unary([](const Tensor& t) { return t * Tensor(channel_factors()); }),
               [](size_t, const A& dy, const X&, const A&) { return dy + 0.0; }),
       {{2, 3, 5}}},
      {Cause::transposed,
       "the transposed one is needed",
       planted(
           unary([](const Tensor& t) { return cumsum(t, 1); }),
           [](size_t, const A& dy, const X&, const A&) { return value_of(cumsum(Tensor(dy), 1)); }),
       {matrix}},
      {Cause::misplaced,
       "in another order",
       planted(unary([](const Tensor& t) {
                 return permute(t, {1, 2, 0});
               }),
               [](size_t, const A& dy, const X& x, const A&) {
                 return dy.clone().reshape(x[0].shape());
               }),
       {{2, 3, 5}}},
      {Cause::diagonal,
       "at its own place only",
       planted(soft, [](size_t, const A& dy, const X&, const A& y) { return dy * (y - y * y); }),
       {matrix}},
      {Cause::broadcast,
       "only what the last index along axis 0",
       planted([](const Tensors& in) { return matmul(in[0], in[1]); },
               [](size_t i, const A& dy, const X& x, const A&) {
                 return i == 0 ? gemm(dy, transposed(x[1]))
                               : gemm(transposed(x[0].slice(0, 2, 3)), dy.slice(0, 2, 3));
               }),
       {matrix, {5, 7}}},
      {Cause::broadcast,
       "the last index of every 2 neighbours along axis 0",
       planted(
           unary([](const Tensor& t) { return rows_twice(t); }),
           [](size_t, const A& dy, const X&, const A&) { return dy.slice(0, 1, 6, 2).clone(); }),
       {matrix}},
      {Cause::misplaced,
       "other elements of the gradient that arrives",
       planted(
           [](const Tensors& in) {
             return concat({in[0], in[1]}, 0);
           },
           [](size_t i, const A& dy, const X&, const A&) {
             return i == 0 ? dy.slice(0, 0, 3).clone() : dy.slice(0, 0, 2).clone();
           }),
       {matrix, {2, 5}}},
      {Cause::forward_value,
       "along axis 1 it is a multiple of the gradient that arrives plus",
       planted(unary([](const Tensor& t) { return log_softmax(t); }),
               [](size_t, const A& dy, const X&, const A& y) {
                 return dy - y * gradus::sum(dy, {1}, true);
               }),
       {matrix}},
      {Cause::residual,
       "missing once",
       planted(unary([](const Tensor& t) { return mean(t + t * t); }),
               [](size_t, const A& dy, const X& x, const A&) { return dy * x[0] * (2 / 15.0); }),
       {matrix}},
      {Cause::masked,
       "no effect",  // and not: the gradient that arrives, passed on
       planted(unary([](const Tensor& t) { return masked_fill(t, every_third(), 2); }),
               [](size_t, const A& dy, const X&, const A&) { return dy + 0.0; }),
       {matrix}},
      {Cause::masked,
       "15 of 15 elements have the wrong one",
       planted(unary([](const Tensor& t) { return masked_fill(t * 3, every_third(), 2); }),
               [](size_t, const A& dy, const X&, const A&) {
                 return masked_fill(dy * 3, logical_not(every_third()), 0);
               }),
       {matrix}},
      {Cause::some_places,
       "at most one element is wrong in each line along axis 1",
       planted(soft,
               [](size_t, const A& dy, const X&, const A& y) {
                 const A right = y * (dy - gradus::sum(dy * y, {1}, true));
                 return where(one_of_each_row(), right + dy, right);
               }),
       {matrix}},
      {Cause::some_places,
       "8 of 15 elements are wrong, the others right",
       planted(square, [](size_t, const A& dy, const X& x,
                          const A&) { return where(every_other(), dy, dy * x[0] * 2); }),
       {matrix}},
      {Cause::nearly,
       "away",  // and not: a factor of each row
       planted(unary([](const Tensor& t) { return t * Tensor(counting(1, 0.5)); }),
               [](size_t, const A& dy, const X&, const A&) { return dy * counting(1.001, 0.5); }),
       {matrix}},
      {Cause::unknown,
       "none of the known",
       planted(square, [](size_t, const A&, const X& x,
                          const A&) { return random_array(x[0].shape(), 9); }),
       {matrix}},
  };
}

TEST(Diagnosis, NamesEveryPlantedMistake) {
  for (const Planted& p : planted_mistakes()) expect_named(p);
}

TEST(Diagnosis, NamesAnInputThatIsWrittenTo) {
  const Function f = [](const Tensors& in) {
    const NoGrad guard;
    Array x = in[1].value();
    add_in_place(x, in[0].value());
    const EnableGrad again;
    return in[0] + in[1];
  };
  const std::vector<NamedArray> inputs = {{"a", random_array({3, 5}, 3)},
                                          {"b", random_array({3, 5}, 4)}};
  const GradcheckResult result = gradcheck("planted", f, inputs);
  EXPECT_FALSE(result.passed);
  EXPECT_NE(result.problem.find("writes to an input"), std::string::npos);
  const std::vector<Diagnosis> found = diagnose(f, inputs, result);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].cause, Cause::overwritten);
  EXPECT_EQ(found[0].input, "b");
}

TEST(Diagnosis, SaysNothingFromASingleElement) {
  const Function f = planted(
      [](const Tensors& in) { return in[0] * in[0]; },
      [](size_t, const Array& dy, const std::vector<Array>&, const Array&) { return dy * 0.7; });
  const std::vector<NamedArray> inputs = {{"a", random_array({1}, 3)}};
  const std::vector<Diagnosis> found = diagnose(f, inputs, gradcheck("planted", f, inputs));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].cause, Cause::unknown) << found[0].evidence;
}

}  // namespace
}  // namespace gradus
