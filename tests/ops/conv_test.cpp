// Convolution: what no table can say.
#include "gradus/ops/conv.h"

#include "gradus/arithmetic.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test {
namespace {

// More images than one chunk has, so that partial sums of the weight's gradient are combined.
TEST(Conv, ManyImagesGiveTheGradientsOfEachImageOnAnyNumberOfThreads) {
  const Shape shape{37, 3, 16, 17};
  const Arrays inputs = {random_array(shape), random_array({8, 3, 5, 5}, 2), random_array({8}, 3)};
  const Function conv = [](const Tensors& in) {
    return conv2d(in[0], in[1], in[2], {.stride = 2, .padding = 1});
  };
  const Array dy = random_array({37, 8, 7, 8}, 4);
  const auto all = [&](int threads) {
    const ScopedThreads scope(threads);
    return run(conv, inputs, dy);
  };
  const Outcome one = all(1), three = all(3);
  EXPECT_TRUE(same_bits(one.value, three.value));
  for (size_t i = 0; i < inputs.size(); ++i)
    EXPECT_TRUE(same_bits(one.gradients[i], three.gradients[i]));

  Array dweight = Array::zeros({8, 3, 5, 5}, DType::float64),
        dbias = Array::zeros({8}, DType::float64);
  for (int64_t n = 0; n < 37; ++n) {
    const Outcome image =
        run(conv, {inputs[0].slice(0, n, n + 1), inputs[1], inputs[2]}, dy.slice(0, n, n + 1));
    EXPECT_TRUE(same_bits(image.value, one.value.slice(0, n, n + 1)));
    EXPECT_TRUE(same_bits(image.gradients[0], one.gradients[0].slice(0, n, n + 1)));
    add_in_place(dweight, image.gradients[1]);
    add_in_place(dbias, image.gradients[2]);
  }
  EXPECT_LE(relative_distance(one.gradients[1], dweight), 1e-14);
  EXPECT_LE(relative_distance(one.gradients[2], dbias), 1e-14);
}

// 1 2 3 / 4 5 6 / 7 8 9 seen through 1 0 / 0 -1: every element minus its lower right neighbour.
TEST(Conv, CanBeCheckedByHand) {
  const Tensor x = parameter(counting({1, 1, 3, 3}) + 1.0);
  const Tensor weight(Array::of({1, 0, 0, -1}, {1, 1, 2, 2}, DType::float64));
  const Tensor y = conv2d(x, weight);
  EXPECT_EQ(y.value().to_vector(), (std::vector<double>{-4, -4, -4, -4}));
  y.backward(Array::full(y.shape(), 1, DType::float64));
  EXPECT_EQ(x.grad().to_vector(), (std::vector<double>{1, 1, 0, 1, 0, -1, 0, -1, -1}));
  // Along one axis, with padding: differences of neighbours, the first one's left neighbour being
  // 0.
  const Tensor signal(Array::of({1, 4, 9, 16}, {1, 1, 4}, DType::float64));
  const Tensor difference(Array::of({-1, 1}, {1, 1, 2}, DType::float64));
  EXPECT_EQ(conv1d(signal, difference, {}, {.padding = 1}).value().to_vector(),
            (std::vector<double>{1, 3, 5, 7, -16}));
}

// PyTorch gives a result of no channels there.
TEST(Conv, OfNoInputChannelsIsTheBias) {
  const Tensor x = parameter(Array::zeros({2, 0, 5})), weight = parameter(Array::zeros({3, 0, 4}));
  const Tensor bias = parameter(Array::of({7, 8, 9}, {3}));
  const Tensor y = conv1d(x, weight, bias);
  EXPECT_EQ(y.value().to_vector(), (std::vector<double>{7, 7, 8, 8, 9, 9, 7, 7, 8, 8, 9, 9}));
  y.backward(Array::full(y.shape(), 1));
  EXPECT_EQ(bias.grad().to_vector(), std::vector<double>(3, 4));
  EXPECT_EQ(weight.grad().shape(), weight.shape());
}

// A column repeats each input once for every tap, nine times here: none is kept for backward.
TEST(Conv, KeepsOnlyItsInputsForBackward) {
  const Tensor x = parameter(random_array({2, 3, 20, 20})),
               weight = parameter(random_array({4, 3, 3, 3}));
  const auto before = memory_stats().saved;
  const Tensor y = conv2d(x, weight);
  const auto kept = memory_stats().saved - before;
  EXPECT_GT(kept, 0);
  EXPECT_LE(kept, x.value().storage().bytes() + weight.value().storage().bytes());
}

TEST(ConvErrors, NameTheRuleAndTheShapes) {
  const auto zeros = [](const Shape& shape) { return Tensor(Array::zeros(shape)); };
  const Tensor x = zeros({2, 3, 5, 7}), weight = zeros({4, 3, 3, 3});
  const auto error = [&](const Tensor& a, const Tensor& w, const Tensor& b = {},
                         const ConvOptions& options = {}) {
    return error_of([&] { conv2d(a, w, b, options); });
  };
  EXPECT_EQ(error(x, zeros({4, 2, 3, 3})),
            "conv2d: x [2, 3, 5, 7] has 3 channels, the weight [4, 2, 3, 3] takes 2");
  EXPECT_EQ(error(zeros({3, 5, 7}), weight), "conv2d: x must be (N, Cin, H, W), got [3, 5, 7]");
  EXPECT_EQ(error_of([&] { conv1d(x, weight); }),
            "conv1d: x must be (N, Cin, L), got [2, 3, 5, 7]");
  EXPECT_EQ(error(x, zeros({4, 3, 3})),
            "conv2d: the weight must be (Cout, Cin, KH, KW), got [4, 3, 3]");
  EXPECT_EQ(error_of([&] {
              conv1d(zeros({2, 3, 5}), weight);
            }),
            "conv1d: the weight must be (Cout, Cin, K), got [4, 3, 3, 3]");
  EXPECT_EQ(error(x, weight, zeros({3})),
            "conv2d: a weight [4, 3, 3, 3] needs a bias of shape [4], got [3]");
  EXPECT_EQ(error(x, Tensor(random_array({4, 3, 3, 3}))),
            "conv2d: x is float32, but the weight float64");
  EXPECT_EQ(error(x, weight, Tensor(random_array({4}))),
            "conv2d: x is float32, but the bias float64");
  EXPECT_EQ(error(x, zeros({4, 3, 7, 3})),
            "conv2d: a kernel of [7, 3] has no place in x [2, 3, 5, 7] with padding 0");
  EXPECT_EQ(error(x, zeros({4, 3, 3, 10}), {}, {.padding = 1}),
            "conv2d: a kernel of [3, 10] has no place in x [2, 3, 5, 7] with padding 1");
  EXPECT_EQ(error(x, zeros({4, 3, 0, 3})),
            "conv2d: a kernel of [0, 3] has no place in x [2, 3, 5, 7] with padding 0");
  EXPECT_EQ(error(zeros({2, 3, 0, 7}), weight, {}, {.padding = 2}),
            "conv2d: a kernel of [3, 3] has no place in x [2, 3, 0, 7] with padding 2");
  const int64_t many = 1 << 20;
  const Tensor kernel = expand(zeros({1, 1, 1, 1}), {1, 1, many / 2, many / 2});
  EXPECT_EQ(
      error(zeros({0, 1, many, many}), kernel),
      "conv2d: all windows of [524288, 524288] in x [0, 1, 1048576, 1048576] are more work than "
      "64 bits can count");
  for (const int64_t stride : {int64_t{0}, INT64_MAX})
    EXPECT_EQ(error(x, weight, {}, {.stride = stride}),
              fmt::format("conv2d: the stride must be 1 or more (and below 2^31), got {}", stride));
  EXPECT_EQ(error(x, weight, {}, {.padding = -1}),
            "conv2d: the padding must be 0 or more (and below 2^31), got -1");
  const Tensor indices(Array::of_indices({1, 2}, {1, 1, 2}));
  EXPECT_EQ(error_of([&] { conv1d(indices, indices); }),
            "conv1d: needs float32 or float64, got int64");
}

}  // namespace
}  // namespace gradus::test
