// matmul: the table of cases, and what no table can say.
#include "gradus/ops/matmul.h"

#include "ops/op_case.h"

namespace gradus::test {
namespace {

// One element of the product: vectors become matrices, and the index gets their axis back.
double slow_matmul(Array a, Array b, Shape index) {
  if (b.rank() == 1) {
    index = index.inserted(index.rank(), 0);
    b = b.unsqueeze(1);
  }
  if (a.rank() == 1) {
    index = index.inserted(index.rank() - 1, 0);
    a = a.unsqueeze(0);
  }
  double total = 0;
  for (int64_t k = 0; k < a.size(-1); ++k)
    total += at_broadcast(a, with(index, -1, k)) * at_broadcast(b, with(index, -2, k));
  return total;
}

const SlowFamily products = {
    .name = "matmul",
    .op = [](const Tensors& in) { return matmul(in[0], in[1]); },
    .element = [](const Arrays& in,
                  const Shape& index) { return slow_matmul(in[0], in[1], index); },
    .shapes = {{{3, 5}, {5, 7}},
               {{1, 5}, {5, 1}},
               {{3, 1}, {1, 7}},
               {{7, 19}, {19, 23}},
               {{13, 3}, {3, 37}},
               {{5}, {5}},  // vectors
               {{5}, {5, 7}},
               {{3, 5}, {5}},
               {{5}, {2, 5, 7}},
               {{2, 3, 5}, {5}},
               {{2, 3, 5}, {2, 5, 7}},  // batches
               {{2, 3, 5}, {5, 7}},
               {{3, 5}, {2, 5, 7}},
               {{2, 1, 3, 5}, {7, 5, 3}},
               {{1, 3, 5}, {2, 5, 7}},
               {{2, 3, 5}, {1, 5, 7}},
               {{2, 3, 5, 7}, {7, 2}},
               {{17, 3, 2}, {17, 2, 5}}}};  // many small ones

const std::vector<SlowCase> table = cases({
    products,
    {.name = "matmul_itself",
     .op = [](const Tensors& in) { return matmul(in[0], in[0]); },
     .element = [](const Arrays& in,
                   const Shape& index) { return slow_matmul(in[0], in[0], index); },
     .shapes = {{{5, 5}}, {{3, 5, 5}}}},
    {.name = "matmul_own_transpose",
     .op = [](const Tensors& in) { return matmul(in[0], transpose(in[0])); },
     .element = [](const Arrays& in,
                   const Shape& index) { return slow_matmul(in[0], in[0].transpose(), index); },
     .shapes = {{{3, 5}}, {{2, 3, 5}}}},
});

INSTANTIATE_TEST_SUITE_P(Matmul, SlowOpTest, testing::ValuesIn(table), case_name);

TEST(Matmul, EveryPathOfTheProductHasTheSameGradients) {
  expect_gradients_on_every_path_of_gemm(table);
}

TEST(Matmul, OverNoElementsIsZero) {
  const Tensor a = parameter(Array::zeros({3, 0})), b = parameter(Array::zeros({0, 5}));
  const Tensor y = matmul(a, b);
  EXPECT_EQ(y.value().to_vector(), std::vector<double>(15, 0));
  y.backward(Array::full({3, 5}, 1));
  EXPECT_EQ(a.grad().shape(), (Shape{3, 0}));
  EXPECT_EQ(matmul(Tensor(Array::zeros({0, 3})), Tensor(Array::zeros({3, 5}))).shape(),
            (Shape{0, 5}));
  EXPECT_EQ(matmul(Tensor(Array::zeros({0, 2, 3})), Tensor(Array::zeros({3, 5}))).shape(),
            (Shape{0, 2, 5}));
}

TEST(Matmul, NaNAndInfinityReachTheirRowsAndColumnsOnly) {
  on_every_isa([] {
    Array a = random_array({3, 5});
    a.slice(0, 1, 2).slice(1, 2, 3).copy_from(Array::full({1, 1}, NAN, DType::float64));
    const Tensor left = parameter(a), right = parameter(random_array({5, 7}, 2));
    const Tensor y = matmul(left, right);
    for_each_index({3, 7}, [&](const Shape& i) {
      EXPECT_EQ(std::isnan(y.value().at(i)), i[0] == 1) << i.to_string();
    });
    y.backward(Array::full({3, 7}, 1, DType::float64));
    for_each_index({5, 7}, [&](const Shape& i) {
      EXPECT_EQ(std::isnan(right.grad().at(i)), i[0] == 2) << i.to_string();
    });
  });
}

TEST(MatmulErrors, NameTheRuleAndTheShapes) {
  const auto zeros = [](const Shape& shape) { return Tensor(Array::zeros(shape)); };
  const auto error = [&](const Shape& a, const Shape& b) {
    return error_of([&] { matmul(zeros(a), zeros(b)); });
  };
  EXPECT_EQ(error({2, 3}, {4, 5}), "matmul: inner sizes differ: [2, 3] @ [4, 5]");
  EXPECT_EQ(error({3}, {4, 5}), "matmul: inner sizes differ: [3] @ [4, 5]");
  EXPECT_EQ(error({2, 3}, {4}), "matmul: inner sizes differ: [2, 3] @ [4]");
  EXPECT_EQ(error({3}, {4}), "matmul: inner sizes differ: [3] @ [4]");
  EXPECT_EQ(error(Shape{}, {4}), "matmul: needs vectors or matrices, got [] @ [4]");
  EXPECT_NE(error({2, 3, 5}, {3, 5, 7}).find("do not broadcast"), std::string::npos);
  EXPECT_EQ(error_of([&] {
              matmul(zeros({2, 3}), Tensor(random_array({3, 2})));
            }),
            "matmul: dtypes differ: float32 [2, 3] and float64 [3, 2] (there is no type "
            "promotion)");
}

}  // namespace
}  // namespace gradus::test
