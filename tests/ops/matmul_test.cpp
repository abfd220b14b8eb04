// matmul: what the table of cases cannot say.
#include "gradus/ops/matmul.h"

#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

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
  EXPECT_EQ(error_of([&] {
              outer(zeros({2, 3}), zeros({3}));
            }),
            "outer: needs two vectors, got [2, 3] and [3]");
  EXPECT_EQ(error({2, 3, 4}, {3, 4, 5}),
            "matmul: batch axes do not broadcast: [2, 3, 4] @ [3, 4, 5]");
  EXPECT_EQ(error_of([&] {
              matmul(zeros({2, 3}), Tensor(random_array({3, 2})));
            }),
            "matmul: dtypes differ: float32 [2, 3] and float64 [3, 2] (there is no type "
            "promotion)");
}

}  // namespace
}  // namespace gradus::test
