// The exhibits of the museum, as texts: that the gradient checks catch them, `make museum` proves.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "gradus/error.h"
#include "laboratory/exhibit.h"
#include "laboratory/workshop.h"
#include "ops/op_table.h"

namespace gradus::test {
namespace {

TEST(Exhibits, EachChangesExactlyOneLineOfItsFile) {
  for (const Exhibit& e : exhibits()) {
    SCOPED_TRACE(e.name);
    const std::string text = text_of(e.file);
    std::string changed;
    ASSERT_NO_THROW(changed = planted(e, text));
    EXPECT_NE(changed, text);
    EXPECT_EQ(std::ranges::count(changed, '\n'), std::ranges::count(text, '\n'));
    EXPECT_FALSE(e.from.empty());
    EXPECT_EQ(e.from.find('\n'), e.from.npos);
  }
}

TEST(Exhibits, APieceThatIsMissingOrNotAloneIsRefused) {
  const Exhibit e{.name = "example",
                  .file = "example.cpp",
                  .from = "a + b",
                  .to = "a - b",
                  .op = "add",
                  .cause = Cause::sign,
                  .symptom = "",
                  .hints = {},
                  .story = ""};
  EXPECT_EQ(planted(e, "y = a + b;"), "y = a - b;");
  EXPECT_THROW(planted(e, "y = a * b;"), Error);
  EXPECT_THROW(planted(e, "y = a + b; z = a + b;"), Error);
}

TEST(Exhibits, NamesAreUniqueAndEveryTextIsThere) {
  std::set<std::string> names, texts;
  for (const Exhibit& e : exhibits()) {
    EXPECT_TRUE(names.insert(e.name).second) << e.name;
    for (const std::string& text : {e.symptom, e.hints[0], e.hints[1], e.hints[2], e.story}) {
      EXPECT_GE(text.size(), 20U) << e.name << ": " << text;
      EXPECT_TRUE(texts.insert(text).second) << e.name << " repeats: " << text;
    }
  }
}

TEST(Exhibits, ThereAreAtLeast36OverAllFamilies) {
  EXPECT_GE(exhibits().size(), 36U);
  std::set<std::string> families;
  for (const Exhibit& e : exhibits()) {
    const auto found = std::ranges::find(op_table(), e.op, &OpCase::op);
    ASSERT_NE(found, op_table().end()) << e.name << " names the op " << e.op;
    families.insert(found->family);
  }
  for (const std::string& family : op_families())
    EXPECT_TRUE(families.contains(family)) << "no exhibit breaks an op of " << family;
}

TEST(Exhibits, TheReadmeSaysHowManyThereAre) {
  const std::string count = fmt::format(" {} such lines", exhibits().size());
  EXPECT_NE(text_of("README.md").find(count), std::string::npos) << count;
}

}  // namespace
}  // namespace gradus::test
