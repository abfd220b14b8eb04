// Looking elements up: what the table of cases cannot say.
#include "gradus/ops/index.h"

#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

// As in the table, but through indices that lie in memory in every way.
TEST(Gather, ReadsIndicesThroughViews) {
  const Tensor x = random_parameter({3, 5}), source = random_parameter({3, 2}, 2);
  const Array indices = Array::of_indices({4, 0, 1, 1, 3, 3}, {3, 2});
  const Array row = Array::of_indices({4, 0, 3}, {3});
  for (const Array& view : in_every_layout(indices)) {
    EXPECT_TRUE(same_bits(gather(x, 1, view).value(), gather(x, 1, indices).value()));
    EXPECT_TRUE(same_bits(scatter_add(x, 1, view, source).value(),
                          scatter_add(x, 1, indices, source).value()));
    EXPECT_TRUE(same_bits(one_hot(view, 5), one_hot(indices, 5)));
  }
  for (const Array& view : in_every_layout(row))
    EXPECT_TRUE(same_bits(index_select(x, 1, view).value(), index_select(x, 1, row).value()));
}

TEST(Gather, MovesNumbersThatHaveNoGradientToo) {
  const Tensor ids(Array::of_indices({7, 8, 9}, {3}));
  const Array twice = Array::of_indices({2, 2, 0}, {3});
  EXPECT_EQ(gather(ids, 0, twice).value().to_vector(), (std::vector<double>{9, 9, 7}));
  EXPECT_EQ(index_select(ids, 0, twice).value().to_vector(), (std::vector<double>{9, 9, 7}));
}

// Otherwise the gradient would go elsewhere, or out of bounds.
TEST(Gather, KeepsItsIndicesForBackward) {
  const std::vector<std::function<Tensor(const Tensor&, const Array&)>> look_ups = {
      [](const Tensor& x, const Array& ids) { return gather(x, 0, ids); },
      [](const Tensor& x, const Array& ids) { return scatter_add(x, 0, ids, x); },
      [](const Tensor& x, const Array& ids) { return index_select(x, 0, ids); }};
  for (const auto& look_up : look_ups) {
    Array ids = Array::of_indices({1, 0}, {2});
    const auto before = memory_stats().saved;
    const Tensor y = look_up(random_parameter({2}), ids);
    EXPECT_GT(memory_stats().saved, before);
    ids.copy_from(Array::of_indices({0, 0}, {2}));
    EXPECT_NE(error_of([&] { y.backward(y.value()); }).find("int64"), std::string::npos);
  }
}

TEST(ScatterAdd, LeavesItsInputsAlone) {
  const Tensor x(Array::zeros({3})), source(Array::full({2}, 1));
  const Tensor y = scatter_add(x, 0, Array::of_indices({1, 1}, {2}), source);
  EXPECT_EQ(y.value().to_vector(), (std::vector<double>{0, 2, 0}));
  EXPECT_EQ(x.value().to_vector(), (std::vector<double>{0, 0, 0}));
}

TEST(ScatterAdd, HasTheSameBitsForAnyNumberOfThreads) {
  const Array indices = random_indices({201, 307}, 13), rows = random_indices({307}, 13);
  const auto run_with = [&](int count) {
    const ScopedThreads threads(count);
    return std::vector<Outcome>{
        run(on_two([&](const Tensor& x, const Tensor& s) { return scatter_add(x, 1, indices, s); }),
            {random_array({201, 13}, 1, DType::float32),
             random_array({201, 307}, 2, DType::float32)}),
        run(on_one([&](const Tensor& x) { return gather(x, 1, indices); }),
            {random_array({201, 13}, 1, DType::float32)}),
        run(on_one([&](const Tensor& x) { return index_select(x, 1, rows); }),
            {random_array({201, 13, 5}, 1, DType::float32)})};
  };
  const std::vector<Outcome> one = run_with(1);
  for (const int count : {2, 3, 5}) {
    const std::vector<Outcome> several = run_with(count);
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_TRUE(same_bits(several[i].value, one[i].value)) << i;
      EXPECT_TRUE(same_bits(several[i].gradients[0], one[i].gradients[0])) << i;
    }
  }
}

TEST(OneHot, IsInTheDtypeAskedFor) {
  const Array ids = Array::of_indices({2, 0}, {2});
  for (const DType dtype : {DType::float32, DType::float64, DType::int64, DType::boolean}) {
    const Array y = one_hot(ids, 3, dtype);
    EXPECT_EQ(y.dtype(), dtype);
    EXPECT_EQ(y.to_vector(), (std::vector<double>{0, 0, 1, 1, 0, 0}));
  }
  EXPECT_EQ(one_hot(Array::of_indices({}, {0}), 0).shape(), (Shape{0, 0}));
}

TEST(IndexErrors, NameTheIndexAndItsPosition) {
  const Tensor x(Array::zeros({2, 3}));
  const auto ids = [](const std::vector<int64_t>& values, const Shape& shape) {
    return Array::of_indices(values, shape);
  };
  EXPECT_EQ(error_of([&] {
              gather(x, 1, ids({0, 1, 3, 0}, {2, 2}));
            }),
            "gather: index 3 (at position 2) is not in [0, 3)");
  EXPECT_EQ(error_of([&] {
              gather(x, 0, ids({-1}, {1, 1}));
            }),
            "gather: index -1 (at position 0) is not in [0, 2)");
  EXPECT_EQ(error_of([&] { gather(x, 1, ids({0}, {1})); }),
            "gather: indices [1] for a tensor [2, 3]: the ranks differ");
  EXPECT_EQ(error_of([&] {
              gather(x, 1, ids({0, 0, 0}, {3, 1}));
            }),
            "gather: indices [3, 1] are larger than [2, 3] at axis 0");
  EXPECT_EQ(error_of([&] {
              gather(x, 2, ids({0}, {1, 1}));
            }),
            "gather: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] {
              gather(x, 0, Array::zeros({1, 1}));
            }),
            "gather: indices must be int64, got float32");
  EXPECT_EQ(error_of([&] {
              scatter_add(x, 1, ids({0, 3}, {1, 2}), x);
            }),
            "scatter_add: index 3 (at position 1) is not in [0, 3)");
  EXPECT_EQ(error_of([&] {
              scatter_add(x, 1, ids({0}, {1, 1}), x);
            }),
            "scatter_add: a source [2, 3] for indices [1, 1]");
  EXPECT_EQ(error_of([&] {
              scatter_add(x, 1, ids({0}, {1, 1}), Tensor(Array::zeros({1, 1}, DType::float64)));
            }),
            "scatter_add: dtypes differ: float32 and float64");
  EXPECT_EQ(error_of([&] {
              index_select(x, 0, ids({0, 2}, {2}));
            }),
            "index_select: index 2 (at position 1) is not in [0, 2)");
  EXPECT_EQ(error_of([&] {
              index_select(x, 0, ids({0}, {1, 1}));
            }),
            "index_select: the indices must be [n], got [1, 1]");
  EXPECT_EQ(error_of([&] {
              one_hot(ids({0, 3}, {2}), 3);
            }),
            "one_hot: index 3 (at position 1) is not in [0, 3)");
  EXPECT_EQ(error_of([&] { one_hot(Array::zeros({1}), 3); }),
            "one_hot: indices must be int64, got float32");
  EXPECT_EQ(error_of([&] { one_hot(ids({}, {0}), -1); }), "one_hot: -1 classes");
  EXPECT_EQ(error_of([&] { one_hot(Array(), 3); }), "one_hot: indices must be int64, got no array");
  EXPECT_EQ(error_of([&] { gather(x, 0, Array()); }),
            "gather: indices must be int64, got no array");
  EXPECT_EQ(error_of([&] { index_select(x, 0, Array()); }),
            "index_select: indices must be int64, got no array");
}

}  // namespace
}  // namespace gradus::test
