#include "laboratory/nearest.h"

#include <gtest/gtest.h>

namespace gradus::test {
namespace {

const std::vector<std::string> ops = {"add", "layer_norm", "log_softmax", "max", "softmax", "sum"};

TEST(NearestFirst, FindsWhatWasMeant) {
  for (const auto& [typed, meant] : {std::pair{"sotfmax", "softmax"},  // exchanged letters
                                     {"softmx", "softmax"},            // one left out
                                     {"layer", "layer_norm"},          // the beginning
                                     {"norm", "layer_norm"},           // a part
                                     {"sun", "sum"}}) {                // another letter
    EXPECT_EQ(nearest_first(typed, ops).front(), meant) << typed;
    EXPECT_EQ(nearest_first(typed, ops).size(), ops.size());
  }
}

}  // namespace
}  // namespace gradus::test
