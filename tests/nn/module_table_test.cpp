// The gradients of every module, in its input and in every parameter.
#include "nn/module_table.h"

#include "support.h"

namespace gradus::test {
namespace {

class ModuleTest : public testing::TestWithParam<CheckCase> {};

INSTANTIATE_TEST_SUITE_P(Modules, ModuleTest, testing::ValuesIn(module_table()),
                         [](const auto& test) { return test.param.name; });

TEST_P(ModuleTest, ItsGradientsAgreeWithDifferences) {
  const CheckCase& c = GetParam();
  on_every_isa([&] {
    const GradcheckResult result = gradcheck(c.name, c.call, c.inputs);
    EXPECT_TRUE(result.passed) << result.report();
  });
}

}  // namespace
}  // namespace gradus::test
