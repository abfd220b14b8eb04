// Ops that move elements: what the table of cases cannot say.
#include "gradus/ops/shape.h"

#include "gradus/arithmetic.h"
#include "gradus/ops/create.h"
#include "gradus/ops/elementwise.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

TEST(Views, ShareTheStorageAndConcatDoesNot) {
  const Tensor x(counting({3, 5, 7}));
  const Tensor views[] = {reshape(x, {15, 7}),     transpose(x),
                          permute(x, {2, 0, 1}),   slice(x, 1, 1, 5, 2),
                          expand(x, {2, 3, 5, 7}), reshape(transpose(x, 0, 1), {5, 3, 7, 1})};
  for (const Tensor& view : views) EXPECT_TRUE(view.value().shares_storage_with(x.value()));
  const Tensor more[] = {select(x, 1, 2), unsqueeze(x, 1), squeeze(unsqueeze(x, 0)), flatten(x),
                         split(x, 2)[1],  chunk(x, 2)[0],  to(x, DType::float64)};
  for (const Tensor& view : more) EXPECT_TRUE(view.value().shares_storage_with(x.value()));
  for (const Tensor& copy : {stack({x, x}), flip(x), pad(x, {{}, {}, {}}), tril(x)})
    EXPECT_FALSE(copy.value().shares_storage_with(x.value()));
  EXPECT_FALSE(concat({x}).value().shares_storage_with(x.value()));
  EXPECT_FALSE(reshape(transpose(x), {105}).value().shares_storage_with(x.value()));
}

TEST(Views, OfNoElements) {
  const Tensor x = parameter(Array::zeros({3, 0, 5}));
  const Tensor y = concat({slice(x, 0, 2, 2), slice(x, 0, 0, 2)}, 0);
  EXPECT_EQ(y.shape(), (Shape{2, 0, 5}));
  y.backward(Array::zeros({2, 0, 5}));
  EXPECT_EQ(x.grad().shape(), (Shape{3, 0, 5}));
  EXPECT_EQ(slice(Tensor(Array::zeros({3})), 0, 2, 1).shape(), Shape{0});
}

TEST(Concat, OfMixedInputsSendsGradientsToTheOnesThatWantThem) {
  const Tensor constant(counting({2, 3})), x = parameter(counting({2, 1}));
  const Tensor y = concat({constant, x, constant}, 1);
  y.backward(counting({2, 7}));
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{3, 10}));
}

// The gradient comes back in the dtype that it left; on the way some digits are gone.
TEST(To, TakesGradientsFromOnePrecisionToTheOther) {
  for (const DType dtype : {DType::float32, DType::float64}) {
    const DType other = dtype == DType::float32 ? DType::float64 : DType::float32;
    for (const Array& layout : in_every_layout(random_array({3, 5}, 1, dtype))) {
      const Tensor x = parameter(layout);
      const Tensor y = to(x, other);
      EXPECT_EQ(y.dtype(), other);
      EXPECT_TRUE(same_bits(y.value(), layout.to(other)));
      const Array dy = random_array({3, 5}, 2, other);
      (y * y).backward(dy);
      EXPECT_EQ(x.grad().dtype(), dtype);
      EXPECT_LE(relative_distance(x.grad(), (y.value() * dy * 2).to(dtype)), 1e-7);
    }
  }
  EXPECT_FALSE(to(random_parameter({3}), DType::int64).requires_grad());
  EXPECT_FALSE(to(random_parameter({3}), DType::boolean).requires_grad());
}

TEST(Split, IsAVectorOfItsPieces) {
  const Tensor x(counting({5, 2}));
  EXPECT_EQ(split(x, 2).size(), 3U);
  EXPECT_EQ(split(x, 5).size(), 1U);
  EXPECT_EQ(split(x, 100).size(), 1U);
  EXPECT_EQ(split(x, std::vector<int64_t>{4, 1})[1].value().to_vector(),
            (std::vector<double>{8, 9}));
  EXPECT_EQ(chunk(x, 4).size(), 3U);  // as torch.chunk
  EXPECT_EQ(split(Tensor(Array::zeros({0, 2})), 2).size(), 1U);
}

TEST(Split, RefusesEndlesslyManyPieces) {
  constexpr int64_t many = int64_t{1} << 40;
  const Tensor one(Array::zeros({1})), none(Array::zeros({many, 0}));
  EXPECT_EQ(error_of([&] { split(expand(one, {many}), 1024); }),
            "split: 1099511627776 elements in pieces of 1024 are more than 1048576 pieces");
  EXPECT_EQ(error_of([&] { chunk(none, many); }),
            "split: 1099511627776 elements in pieces of 1 are more than 1048576 pieces");
  EXPECT_EQ(split(none, many / 2).size(), 2U);
  EXPECT_EQ(chunk(expand(one, {many}), 3)[2].shape(), (Shape{many / 3 - 1}));
}

TEST(Shapes, IndicesAndMasksMoveToo) {
  const Tensor ids(Array::of_indices({1, 2, 3}, {3}));
  EXPECT_EQ(flip(ids).value().to_vector(), (std::vector<double>{3, 2, 1}));
  EXPECT_EQ(pad(ids, {{1, 1}}, 9).value().to_vector(), (std::vector<double>{9, 1, 2, 3, 9}));
  EXPECT_EQ(stack({ids, ids}).shape(), (Shape{2, 3}));
  EXPECT_EQ(repeat(Tensor(Array::of_bools({true, false}, {2})), {2}).value().to_vector(),
            (std::vector<double>{1, 0, 1, 0}));
}

TEST(Create, EndpointsAreExactAndDtypesAreKept) {
  for (int64_t count = 2; count < 100; ++count) {  // 49 * (1 / 49) is not 1
    const Array line = linspace(0, 1, count, DType::float64);
    EXPECT_EQ(line.at({0}), 0) << count;
    EXPECT_EQ(line.at({count - 1}), 1) << count;
  }
  EXPECT_EQ(arange(0, 4).dtype(), DType::float32);
  EXPECT_EQ(arange(0, 4, 1, DType::int64).to_vector(), (std::vector<double>{0, 1, 2, 3}));
  EXPECT_EQ(lower_triangle(2, 2).dtype(), DType::boolean);
  EXPECT_EQ(eye(0).shape(), (Shape{0, 0}));
}

TEST(CreateErrors, NameTheRule) {
  EXPECT_EQ(error_of([] { arange(0, 5, 0); }), "arange: no steps of 0 lead from 0 to 5");
  EXPECT_EQ(error_of([] { arange(0, 5, -1); }), "arange: no steps of -1 lead from 0 to 5");
  EXPECT_EQ(error_of([] { arange(0, INFINITY); }), "arange: no steps of 1 lead from 0 to inf");
  EXPECT_EQ(error_of([] { arange(NAN, 1); }), "arange: no steps of 1 lead from nan to 1");
  EXPECT_EQ(error_of([] { arange(0, 1e19, 1e18, DType::int64); }),
            "arange: 0 to 1e+19 are not numbers of int64");
  EXPECT_EQ(error_of([] { eye(-1); }), "eye: a matrix of -1 rows and -1 columns");
  EXPECT_EQ(error_of([] { upper_triangle(3, -1); }),
            "upper_triangle: a matrix of 3 rows and -1 columns");
  EXPECT_EQ(error_of([] { linspace(0, 1, 3, DType::int64); }),
            "linspace: needs float32 or float64, got int64");
  EXPECT_EQ(error_of([] { linspace(0, 1, -1); }), "linspace: -1 numbers");
}

TEST(Concat, MovesIndicesToo) {
  const Tensor a(Array::of_indices({1, 2}, {2})), b(Array::of_indices({3}, {1}));
  EXPECT_EQ(concat({a, b}).value().to_vector(), (std::vector<double>{1, 2, 3}));
}

TEST(ShapeErrors, NameTheOpTheRuleAndTheShapes) {
  const Tensor x(Array::zeros({2, 3})), y(Array::zeros({2, 4})), z(Array::zeros({4, 4})),
      d(Array::zeros({2, 3}, DType::float64));
  EXPECT_EQ(error_of([&] {
              reshape(x, {4, -1});
            }),
            "reshape: [2, 3] has 6 elements, [4, -1] cannot hold them");
  EXPECT_EQ(error_of([&] { transpose(x, 0, 2); }), "transpose: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { permute(x, {0}); }), "permute: 1 axes named for a tensor of rank 2");
  EXPECT_EQ(error_of([&] { permute(x, {0, -2}); }), "permute: axis 0 is named twice");
  EXPECT_EQ(error_of([&] { slice(x, 2, 0, 1); }), "slice: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { slice(x, 0, 0, 2, 0); }), "slice: step must be at least 1, got 0");
  EXPECT_EQ(error_of([&] { expand(x, {3, 3}); }), "expand: [2, 3] does not expand to [3, 3]");
  EXPECT_EQ(error_of([&] { expand(x, {3}); }), "expand: [2, 3] does not expand to [3]");
  EXPECT_EQ(error_of([] { expand(Tensor(), {4}); }), "array: this handle holds no array");
  EXPECT_EQ(error_of([&] { flatten(x, 1, 0); }), "flatten: axis 1 does not come before axis 0");
  EXPECT_EQ(error_of([&] { unsqueeze(x, 3); }),
            "unsqueeze: a new axis of a tensor of rank 2 is one of -3 to 2, got 3");
  EXPECT_EQ(error_of([&] { squeeze(x, 2); }), "squeeze: axis 2 of a tensor of rank 2");
  EXPECT_EQ(error_of([&] { select(x, 1, 3); }), "select: index 3 on axis 1 of [2, 3]");
  EXPECT_EQ(error_of([&] { split(x, 0); }), "split: pieces must have at least 1 element, got 0");
  EXPECT_EQ(error_of([&] { split(x, 1, 2); }), "split: axis 2 of a tensor of rank 2");
  using Sizes = std::vector<int64_t>;
  EXPECT_EQ(error_of([&] {
              split(x, Sizes{1, 1}, 1);
            }),
            "split: the sizes [1, 1] do not add up to axis 1 of [2, 3]");
  EXPECT_EQ(error_of([&] {
              split(x, Sizes{2, 2}, 1);
            }),
            "split: the sizes [2, 2] do not add up to axis 1 of [2, 3]");
  EXPECT_EQ(error_of([&] { chunk(x, 0); }), "chunk: needs at least 1 chunk, got 0");
  EXPECT_EQ(error_of([&] { stack({}); }), "stack: needs at least one tensor");
  EXPECT_EQ(error_of([&] { stack({x, y}); }), "stack: shapes differ: [2, 3] and [2, 4]");
  EXPECT_EQ(error_of([&] {
              stack({x, x}, 3);
            }),
            "stack: a new axis of a tensor of rank 2 is one of -3 to 2, got 3");
  EXPECT_EQ(error_of([&] { repeat(x, {2}); }), "repeat: 1 numbers for a tensor of rank 2");
  EXPECT_EQ(error_of([&] { repeat(x, {2, -1}); }), "repeat: -1 times along axis 1");
  EXPECT_EQ(error_of([&] { repeat(x, std::vector<int64_t>(9, 1)); }),
            "repeat: 9 axes, at most 8 are possible");
  EXPECT_EQ(error_of([&] { flip(x, {0, -2}); }), "flip: axis -2 is named twice");
  EXPECT_EQ(error_of([&] { pad(x, {{1, 1}}); }), "pad: 1 paddings for a tensor of rank 2");
  EXPECT_EQ(error_of([&] {
              pad(x, {{INT64_MAX, INT64_MAX}, {}});
            }),
            "pad: 9223372036854775807 and 9223372036854775807 elements around axis 0 (slice takes "
            "away)");
  EXPECT_EQ(error_of([&] {
              pad(x, {{1, 1}, {0, -1}});
            }),
            "pad: 0 and -1 elements around axis 1 (slice takes away)");
  EXPECT_EQ(error_of([&] { tril(select(x, 0, 0)); }), "tril: needs matrices, got [3]");
  EXPECT_EQ(error_of([&] { triu(select(x, 0, 0)); }), "triu: needs matrices, got [3]");
  EXPECT_EQ(error_of([&] { concat({}); }), "concat: needs at least one tensor");
  EXPECT_EQ(error_of([&] {
              concat({x, y, z}, 1);
            }),
            "concat: [2, 3] and [4, 4] differ in an axis other than 1");
  EXPECT_EQ(error_of([&] { concat({x, d}, 0); }), "concat: dtypes differ: float32 and float64");
  EXPECT_EQ(error_of([&] { concat({x, y}, 2); }), "concat: axis 2 of a tensor of rank 2");
}

}  // namespace
}  // namespace gradus::test
