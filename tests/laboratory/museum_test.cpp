// Every exhibit of the museum is caught by the ordinary gradient checks of its op, and most are
// called what they are.
#include "laboratory/museum.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shell.h"

namespace gradus::test {
namespace {

// All of them, tried at once when the first is asked for. Under the sanitizers, each seventh: what
// is planted is the same there, only the machinery that plants it is looked at.
const std::vector<Shown>& museum() {
  static const std::vector<Shown> all = [] {
    std::vector<const Exhibit*> wanted;
    for (size_t i = 0; i < exhibits().size(); ++i) {
#ifdef GRADUS_SANITIZE
      if (i % 7 != 0) continue;
#endif
      wanted.push_back(&exhibits()[i]);
    }
    return show(wanted, std::filesystem::path(build_directory()) / "museum_test");
  }();
  return all;
}

class MuseumTest : public testing::TestWithParam<const Exhibit*> {};

std::vector<const Exhibit*> exhibit_list() {
  std::vector<const Exhibit*> list;
  for (const Exhibit& e : exhibits()) list.push_back(&e);
  return list;
}

// lost-scale -> lost_scale
std::string test_name(const testing::TestParamInfo<const Exhibit*>& test) {
  std::string name = test.param->name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Exhibits, MuseumTest, testing::ValuesIn(exhibit_list()), test_name);

TEST_P(MuseumTest, TheGradientChecksOfItsOpCatchIt) {
  for (const Shown& shown : museum()) {
    if (shown.exhibit != GetParam()) continue;
    EXPECT_EQ(shown.obstacle, "");
    EXPECT_TRUE(shown.caught()) << shown.verdict.output;
    EXPECT_TRUE(shown.verdict.finished()) << "not by its numbers: " << shown.verdict.output;
    return;
  }
  GTEST_SKIP() << "one in seven is tried under the sanitizers";
}

TEST(Museum, MostExhibitsAreCalledWhatTheyAre) {
  std::string others;
  for (const Shown& shown : museum())
    if (!shown.named())
      others += fmt::format("{}: {}, not {}\n", shown.exhibit->name, shown.verdict.main_cause,
                            name(shown.exhibit->cause));
#ifndef GRADUS_SANITIZE  // few are tried there
  EXPECT_GE(share_named(museum()), wanted_share) << others;
#endif
}

}  // namespace
}  // namespace gradus::test
