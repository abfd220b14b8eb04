// embedding: what the table of cases cannot say.
#include "gradus/ops/embedding.h"

#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

TEST(Embedding, RowsThatWereNotLookedUpGetExactlyZero) {
  const Tensor table = parameter(random_array({5, 3}));
  embedding(table, Array::of_indices({1, 3, 1}, {3}))
      .backward(Array::full({3, 3}, 1, DType::float64));
  for (const auto& [row, times] : {std::pair{0, 0}, {1, 2}, {2, 0}, {3, 1}, {4, 0}})
    EXPECT_EQ(table.grad().select(0, row).to_vector(), std::vector<double>(3, times)) << row;
}

TEST(Embedding, ReadsIndicesThroughViews) {
  const Array ids = Array::of_indices({0, 1, 2, 3, 4, 0}, {2, 3});
  const Tensor table(counting({5, 2}));
  EXPECT_EQ(embedding(table, ids.transpose()).value().to_vector(),
            (std::vector<double>{0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 0, 1}));
}

TEST(Embedding, TheGradientHasTheSameBitsForAnyNumberOfThreads) {
  std::vector<int64_t> ids;
  Generator generator(1);
  for (int i = 0; i < 1009; ++i) ids.push_back(static_cast<int64_t>(generator.below(13)));
  const auto gradient = [&](int count) {
    const ScopedThreads threads(count);
    const Tensor table = parameter(random_array({13, 331}, 1, DType::float32));
    embedding(table, Array::of_indices(ids, {1009}))
        .backward(random_array({1009, 331}, 2, DType::float32));
    return table.grad();
  };
  const Array one = gradient(1);
  for (const int count : {2, 3, 5}) EXPECT_TRUE(same_bits(gradient(count), one)) << count;
}

TEST(Embedding, OfNoIndices) {
  const Tensor table = parameter(random_array({5, 3}));
  const Tensor y = embedding(table, Array::of_indices({}, {2, 0}));
  EXPECT_EQ(y.shape(), (Shape{2, 0, 3}));
  y.backward(Array::zeros({2, 0, 3}, DType::float64));
  EXPECT_EQ(table.grad().to_vector(), std::vector<double>(15, 0));
}

TEST(EmbeddingErrors, NameTheIndexAndItsPosition) {
  const Tensor table(Array::zeros({5, 3}));
  const auto error = [&](const Array& ids) { return error_of([&] { embedding(table, ids); }); };
  EXPECT_EQ(error(Array::of_indices({0, 5}, {2})),
            "embedding: index 5 (at position 1) for a table of 5 rows");
  EXPECT_EQ(error(Array::of_indices({-1, 5}, {2})),
            "embedding: index -1 (at position 0) for a table of 5 rows");
  EXPECT_EQ(error(Array::zeros({2})), "embedding: indices must be int64, got float32");
  EXPECT_EQ(error(Array()), "embedding: indices must be int64, got no array");
  EXPECT_EQ(error_of([] { embedding(Tensor(Array::zeros({5})), Array::of_indices({0}, {1})); }),
            "embedding: the table must be [V, C], got [5]");
}

}  // namespace
}  // namespace gradus::test
