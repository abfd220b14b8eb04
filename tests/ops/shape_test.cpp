// Ops that move elements: the table of cases, and what no table can say.
#include "gradus/ops/shape.h"

#include "ops/op_case.h"

namespace gradus::test {
namespace {

// The row-major number of an index, and the element of that number.
int64_t flat(const Shape& shape, const Shape& index) {
  int64_t number = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) number = number * shape[axis] + index[axis];
  return number;
}
double flat_element(const Array& x, int64_t number) {
  return x.to_vector()[static_cast<size_t>(number)];
}

SlowFamily reshaped(const std::string& name, const Shape& to, const Shape& result,
                    const std::vector<std::vector<Shape>>& shapes) {
  return {.name = name,
          .op = [=](const Tensors& in) { return reshape(in[0], to); },
          .element = [=](const Arrays& in,
                         const Shape& index) { return flat_element(in[0], flat(result, index)); },
          .shapes = shapes};
}

SlowFamily transposed(const std::string& name, int a, int b,
                      const std::vector<std::vector<Shape>>& shapes) {
  return {.name = name,
          .op = [=](const Tensors& in) { return transpose(in[0], a, b); },
          .element =
              [=](const Arrays& in, Shape index) {
                std::swap(index[a], index[b]);
                return in[0].at(index);
              },
          .shapes = shapes};
}

SlowFamily permuted(const std::string& name, const std::vector<int>& order, const Shape& shape) {
  return {.name = name,
          .op = [=](const Tensors& in) { return permute(in[0], order); },
          .element =
              [=](const Arrays& in, const Shape& index) {
                Shape source = index;
                for (int i = 0; i < index.rank(); ++i)
                  source[order[static_cast<size_t>(i)]] = index[i];
                return in[0].at(source);
              },
          .shapes = {{shape}}};
}

// slice(x, axis, start, stop, step), whose first element is number `begin` of the axis.
SlowFamily sliced(const std::string& name, int axis, int64_t start, int64_t stop, int64_t step,
                  int64_t begin, const Shape& shape) {
  return {.name = name,
          .op = [=](const Tensors& in) { return slice(in[0], axis, start, stop, step); },
          .element =
              [=](const Arrays& in, const Shape& index) {
                return in[0].at(with(index, axis, begin + index[axis] * step));
              },
          .shapes = {{shape}}};
}

SlowFamily expanded(const std::string& name, const Shape& to, const Shape& from) {
  return {
      .name = name,
      .op = [=](const Tensors& in) { return expand(in[0], to); },
      .element = [](const Arrays& in, const Shape& index) { return at_broadcast(in[0], index); },
      .shapes = {{from}}};
}

SlowFamily concatenated(const std::string& name, int axis,
                        const std::vector<std::vector<Shape>>& shapes) {
  return {.name = name,
          .op = [=](const Tensors& in) { return concat(in, axis); },
          .element =
              [=](const Arrays& in, Shape index) {
                size_t part = 0;
                for (; index[axis] >= in[part].size(axis); ++part)
                  index[axis] -= in[part].size(axis);
                return in[part].at(index);
              },
          .shapes = shapes};
}

INSTANTIATE_TEST_SUITE_P(
    Shape, SlowOpTest,
    testing::ValuesIn(cases({
        reshaped("reshape_flat", {105}, {105}, {{{3, 5, 7}}, {{105}}, {{15, 1, 7}}}),
        reshaped("reshape_open", {5, -1, 3}, {5, 7, 3}, {{{3, 5, 7}}, {{105}}}),
        reshaped("reshape_ones", {1, 15, 1}, {1, 15, 1}, {{{3, 5}}, {{15}}}),
        reshaped("reshape_scalar", Shape{}, Shape{}, {{{1, 1}}, {Shape{}}}),
        transposed("transpose_last", -2, -1, {{{3, 5}}, {{2, 3, 5}}}),
        transposed("transpose_outer", 0, -1, {{{3, 5, 7}}, {{2, 3, 5, 7}}}),
        transposed("transpose_heads", 1, 2, {{{2, 3, 5, 7}}}),
        transposed("transpose_same", 1, 1, {{{3, 5}}}),
        permuted("permute_cycle", {2, 0, 1}, {3, 5, 7}),
        permuted("permute_back", {1, 2, 0}, {3, 5, 7}),
        permuted("permute_negative", {-1, 0, -2}, {3, 5, 7}),
        permuted("permute_four", {2, 0, 3, 1}, {2, 3, 5, 7}),
        sliced("slice_first_axis", 0, 1, 3, 1, 1, {5, 3}),
        sliced("slice_last_axis", -1, 2, 5, 1, 2, {3, 7}),
        sliced("slice_step", 1, 1, 7, 2, 1, {3, 7, 2}),
        sliced("slice_negative", 1, -3, -1, 1, 4, {3, 7}),
        sliced("slice_clamped", 0, -100, 100, 3, 0, {7}),
        sliced("slice_everything", 0, 0, 5, 1, 0, {5, 3}),
        expanded("expand_column", {3, 5}, {3, 1}),
        expanded("expand_new_axes", {2, 3, 5}, {5}),
        expanded("expand_both", {2, 3, 5, 7}, {3, 1, 7}),
        expanded("expand_scalar", {3, 5}, Shape{}),
        expanded("expand_nothing", {3, 5}, {3, 5}),
        concatenated("concat_rows", 0, {{{3, 5}, {1, 5}, {2, 5}}, {{3}, {4}}, {{3, 5}}}),
        concatenated("concat_columns", -1, {{{3, 5}, {3, 1}, {3, 2}}, {{2, 3, 5}, {2, 3, 7}}}),
        concatenated("concat_middle", 1, {{{2, 3, 5}, {2, 1, 5}}}),
        // Overlapping slices, and one tensor in two places.
        {.name = "slice_overlapping",
         .op =
             [](const Tensors& in) {
               return slice(in[0], 0, 0, 4) * slice(in[0], 0, 3, 7) + slice(in[0], 0, 1, 5);
             },
         .element =
             [](const Arrays& in, const Shape& i) {
               const auto x = [&](int64_t ahead) { return in[0].at(with(i, 0, i[0] + ahead)); };
               return x(0) * x(3) + x(1);
             },
         .shapes = {{{7}}, {{7, 3}}}},
        {.name = "concat_itself",
         .op =
             [](const Tensors& in) {
               return concat({in[0], in[0], in[0]}, 1);
             },
         .element = [](const Arrays& in, const Shape& i) { return in[0].at(with(i, 1, i[1] % 5)); },
         .shapes = {{{3, 5}}}},
        // Heads cut out of one projection, as attention does it.
        {.name = "split_heads",
         .op =
             [](const Tensors& in) {
               const Tensor third = slice(in[0], -1, 6, 12);  // (B, T, 3 width) -> (B, T, width)
               return transpose(reshape(third, {2, 5, 3, 2}), 1, 2);  // (B, H, T, D)
             },
         .element =
             [](const Arrays& in, const Shape& i) {
               return in[0].at({i[0], i[2], 6 + 2 * i[1] + i[3]});
             },
         .shapes = {{{2, 5, 18}}}},
    })),
    case_name);

TEST(Views, ShareTheStorageAndConcatDoesNot) {
  const Tensor x(counting({3, 5, 7}));
  const Tensor views[] = {reshape(x, {15, 7}),     transpose(x),
                          permute(x, {2, 0, 1}),   slice(x, 1, 1, 5, 2),
                          expand(x, {2, 3, 5, 7}), reshape(transpose(x, 0, 1), {5, 3, 7, 1})};
  for (const Tensor& view : views) EXPECT_TRUE(view.value().shares_storage_with(x.value()));
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
  EXPECT_EQ(error_of([&] {
              expand(x, {3, 3});
            }),
            "expand: shapes [2, 3] and [3, 3] do not broadcast");
  EXPECT_EQ(error_of([&] { expand(x, {3}); }), "expand: [2, 3] does not expand to [3]");
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
