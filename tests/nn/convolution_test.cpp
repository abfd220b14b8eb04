// The layers around convolutions.
#include "gradus/nn/convolution.h"

#include "nn/module_check.h"

namespace gradus::nn {
namespace {

using test::random_array;
using test::same_bits;

using Names = std::vector<std::string>;

TEST(Convolution, IsTheOpOnItsWeightBiasAndOptions) {
  Generator generator(1);
  Conv1d conv1(3, 5, 2, generator, {.stride = 2, .padding = 1});
  Conv2d conv2(3, 5, 3, generator, {.stride = 1, .padding = 2}, Bias::none);
  EXPECT_EQ(test::parameter_names(conv1), (Names{"weight", "bias"}));
  EXPECT_EQ(test::parameter_names(conv2), (Names{"weight"}));
  EXPECT_EQ(conv1.weight.shape(), (Shape{5, 3, 2}));
  EXPECT_EQ(conv2.weight.shape(), (Shape{5, 3, 3, 3}));
  const Tensor signal(random_array({2, 3, 11}, 1, DType::float32));
  const Tensor image(random_array({2, 3, 7, 5}, 1, DType::float32));
  EXPECT_TRUE(
      same_bits(conv1(signal).value(),
                conv1d(signal, conv1.weight, conv1.bias, {.stride = 2, .padding = 1}).value()));
  EXPECT_TRUE(same_bits(conv2(image).value(),
                        conv2d(image, conv2.weight, {}, {.stride = 1, .padding = 2}).value()));
}

// Within 1 / sqrt(in kernel kernel), and close to that bound.
TEST(Convolution, StartsAsInPyTorch) {
  Generator generator(1);
  Conv2d conv(4, 50, 5, generator);
  for (const auto& [name, parameter] : conv.named_parameters()) {
    double largest = 0;
    for (const double x : parameter.value().to_vector()) largest = std::max(largest, std::abs(x));
    EXPECT_LE(largest, 0.1) << name;
    EXPECT_GE(largest, 0.09) << name;
  }
  EXPECT_THROW(Conv1d(0, 5, 3, generator), Error);
}

}  // namespace
}  // namespace gradus::nn
