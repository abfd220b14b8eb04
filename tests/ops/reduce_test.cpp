// sum and mean: the table of cases, and what no table can say.
#include "gradus/ops/reduce.h"

#include <algorithm>

#include "ops/op_case.h"

namespace gradus::test {
namespace {

using Axes = std::vector<int>;

bool is_summed(const Axes& axes, int axis, int rank) {
  return axes.empty() || std::ranges::any_of(axes, [&](int named) {
           return named == axis || named + rank == axis;
         });
}

// Goes through all of x and adds what belongs to the index of the result.
double slow_sum(const Array& x, const Axes& axes, bool keepdim, const Shape& index) {
  double total = 0;
  for_each_index(x.shape(), [&](const Shape& i) {
    Shape place;
    for (int axis = 0; axis < x.rank(); ++axis) {
      const bool summed = is_summed(axes, axis, x.rank());
      if (!summed || keepdim) place = place.inserted(place.rank(), summed ? 0 : i[axis]);
    }
    if (place == index) total += x.at(i);
  });
  return total;
}

std::string named(std::string op, const Axes& axes, bool keepdim) {
  if (axes.empty()) op += "_all";
  for (const int axis : axes)
    op += axis < 0 ? "_minus" + std::to_string(-axis) : "_" + std::to_string(axis);
  return op + (keepdim ? "_keepdim" : "");
}

std::vector<SlowFamily> reductions() {
  std::vector<SlowFamily> families;
  const auto both = [&](const Axes& axes, const std::vector<std::vector<Shape>>& shapes) {
    for (const bool keepdim : {false, true}) {
      families.push_back(
          {.name = named("sum", axes, keepdim),
           .op = [=](const Tensors& in) { return sum(in[0], axes, keepdim); },
           .element = [=](const Arrays& in,
                          const Shape& index) { return slow_sum(in[0], axes, keepdim, index); },
           .shapes = shapes});
      families.push_back({.name = named("mean", axes, keepdim),
                          .op = [=](const Tensors& in) { return mean(in[0], axes, keepdim); },
                          .element =
                              [=](const Arrays& in, const Shape& index) {
                                double count = 1;
                                for (int axis = 0; axis < in[0].rank(); ++axis)
                                  if (is_summed(axes, axis, in[0].rank()))
                                    count *= static_cast<double>(in[0].size(axis));
                                return slow_sum(in[0], axes, keepdim, index) / count;
                              },
                          .shapes = shapes});
    }
  };
  both({}, {{Shape{}}, {{1}}, {{67}}, {{3, 5, 7}}});
  both({0}, {{{1}}, {{37}}, {{3, 5, 7}}, {{1, 5}}});
  both({1}, {{{3, 5, 7}}, {{3, 1, 7}}});
  both({-1}, {{{3, 5, 7}}, {{3, 37}}, {{3, 1}}});
  both({0, 2}, {{{3, 5, 7}}, {{2, 3, 5, 7}}});
  both({-1, 0}, {{{3, 5, 7}}});
  both({1, 2}, {{{3, 5, 7}}, {{2, 3, 5, 7}}});
  both({0, 1}, {{{3, 5, 7}}, {{3, 5}}});
  both({1, 3}, {{{2, 3, 5, 7}}});
  return families;
}

INSTANTIATE_TEST_SUITE_P(Reduce, SlowOpTest, testing::ValuesIn(cases(reductions())), case_name);

TEST(Reduce, OfNoElementsIsZeroOrNaN) {
  const Tensor x = parameter(Array::zeros({3, 0}));
  EXPECT_EQ(sum(x).item(), 0);
  EXPECT_EQ(sum(x, {1}).value().to_vector(), (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(sum(x, {0}).shape(), Shape{0});
  EXPECT_TRUE(std::isnan(mean(x).item()));
  sum(x).backward();
  EXPECT_EQ(x.grad().shape(), (Shape{3, 0}));
}

// A float32 total of 2^24 ones, added one by one, would still be right, but not of 2^25.
TEST(Reduce, ManyNumbersKeepTheirDigits) {
  const int64_t n = 100'003;
  const Tensor x(Array::full({n}, 0.1));
  const double exact = static_cast<double>(n) * static_cast<double>(0.1F);
  EXPECT_NEAR(sum(x).item(), exact, 1e-6 * exact);
  EXPECT_NEAR(mean(x).item(), static_cast<double>(0.1F), 1e-7);
}

TEST(Reduce, NaNAndInfinityAreNotHidden) {
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL})
    for (const int64_t place : {0, 8, 36}) {
      Array x = random_array({37}, 1, DType::float32);
      x.slice(0, place, place + 1).copy_from(Array::full({1}, bad));
      const double total = sum(Tensor(x)).item();
      EXPECT_TRUE(std::isnan(bad) ? std::isnan(total) : total == bad) << place;
    }
}

TEST(ReduceErrors, NameTheOpAndTheAxis) {
  const Tensor x(Array::zeros({2, 3}));
  EXPECT_EQ(error_of([&] { sum(x, {2}); }), "sum: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { mean(x, {-3}); }), "mean: axis -3 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { sum(x, {1, -1}); }), "sum: axis -1 is named twice");
  EXPECT_EQ(error_of([&] {
              sum(Tensor(Array::of_indices({1, 2}, {2})));
            }),
            "sum: needs float32 or float64, got int64");
}

}  // namespace
}  // namespace gradus::test
