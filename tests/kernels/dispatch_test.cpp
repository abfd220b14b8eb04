#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gradus/error.h"
#include "kernels/kernels.h"
#include "support.h"

namespace gradus::kernels {
namespace {

TEST(Dispatch, OffersPortableFirstAndTheBestLast) {
  const std::vector<Isa>& isas = available_isas();
  ASSERT_FALSE(isas.empty());
  EXPECT_EQ(isas.front(), Isa::portable);
  EXPECT_TRUE(std::ranges::is_sorted(isas));
}

TEST(Dispatch, ChoosesByNameAndOtherwiseTheBest) {
  const std::vector<Isa> all = {Isa::portable, Isa::avx2, Isa::avx512};
  EXPECT_EQ(choose_isa("", all), Isa::avx512);
  EXPECT_EQ(choose_isa("", {Isa::portable}), Isa::portable);
  for (Isa isa : all) EXPECT_EQ(choose_isa(isa_name(isa), all), isa);
}

TEST(Dispatch, SaysWhatIsWrongWithAName) {
  EXPECT_EQ(test::error_of([] { choose_isa("avx3", available_isas()); }),
            "GRADUS_ISA: unknown instruction set 'avx3': use portable, avx2 or avx512");
  EXPECT_EQ(test::error_of([] {
              choose_isa("avx512", {Isa::portable, Isa::avx2});
            }),
            "GRADUS_ISA: this CPU or this build has no avx512: the best it has is avx2");
  EXPECT_EQ(test::error_of([] { isa_name(static_cast<Isa>(7)); }),
            "isa_name: 7 is not an instruction set");
}

TEST(Dispatch, LetsATestUseEveryInstructionSet) {
  const Isa before = active_isa();
  std::vector<const void*> tables;
  for (Isa isa : available_isas()) {
    ScopedIsa outer(isa);
    const void* table = &rows<float>();
    for (const void* other : tables) EXPECT_NE(table, other) << isa_name(isa);
    tables.push_back(table);
    {
      ScopedIsa inner(Isa::portable);
      EXPECT_EQ(active_isa(), Isa::portable);
      EXPECT_EQ(&rows<float>(), tables.front());
    }
    EXPECT_EQ(active_isa(), isa);
    EXPECT_EQ(&rows<float>(), table);
  }
  EXPECT_EQ(active_isa(), before);
}

// The environment is read once, so each value needs a process of its own, which says what it chose.
class DispatchDeathTest : public testing::Test {
 protected:
  void SetUp() override {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (const char* value = std::getenv("GRADUS_ISA")) saved_ = value;
  }
  void TearDown() override {
    saved_.empty() ? unsetenv("GRADUS_ISA") : setenv("GRADUS_ISA", saved_.c_str(), 1);
  }
  [[noreturn]] static void say_choice() {
    std::fprintf(stderr, "chosen: %s\n", std::string(isa_name(active_isa())).c_str());
    std::exit(0);
  }

 private:
  std::string saved_;
};

TEST_F(DispatchDeathTest, ObeysTheEnvironment) {
  for (Isa isa : available_isas()) {
    const std::string name(isa_name(isa));
    setenv("GRADUS_ISA", name.c_str(), 1);
    EXPECT_EXIT(say_choice(), testing::ExitedWithCode(0), "chosen: " + name);
  }
  unsetenv("GRADUS_ISA");
  EXPECT_EXIT(say_choice(), testing::ExitedWithCode(0),
              "chosen: " + std::string(isa_name(available_isas().back())));
}

}  // namespace
}  // namespace gradus::kernels
