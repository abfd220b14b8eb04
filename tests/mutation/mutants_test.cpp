// Mutants change one place each, and only where backward runs.
#include "mutation/mutants.h"

#include <gtest/gtest.h>

#include <set>

namespace gradus::test {
namespace {

const std::string source = R"(
Array helper(const Array& a) { return a + a; }

// y = a - b
Tensor op(const Tensor& a, const Tensor& b) {
  const int axis = 2;
  return record("op", a.value() - b.value(), {a, b},
                [a = saved(a), b = saved(b)](const Array& dy, Inputs in) {
                  if (in.wants(0)) in.add(0, dy * *b);  // da = dy + b
                  if (in.wants(1)) in.add(1, -helper(dy));
                });
}
)";

std::set<std::string> kinds_of(const std::vector<Mutant>& mutants) {
  std::set<std::string> kinds;
  for (const Mutant& m : mutants) kinds.insert(m.kind);
  return kinds;
}

TEST(Mutants, StandInClosuresAndNamedHelpersOnly) {
  for (const Mutant& m : mutants_of("op.cpp", source, {}))
    EXPECT_GT(m.at, source.find("Inputs in")) << m.name;
  bool in_helper = false;
  for (const Mutant& m : mutants_of("op.cpp", source, {"Array helper("})) {
    in_helper = in_helper || m.at < source.find("// y");
    EXPECT_TRUE(m.at < source.find("// y") || m.at > source.find("Inputs in")) << m.name;
  }
  EXPECT_TRUE(in_helper);
  EXPECT_ANY_THROW(mutants_of("op.cpp", source, {"Array nobody("}));
}

TEST(Mutants, ChangeOnePlaceEachAndNoComment) {
  const std::vector<Mutant> mutants = mutants_of("op.cpp", source, {});
  EXPECT_EQ(kinds_of(mutants), (std::set<std::string>{"arithmetic", "sign", "number", "negated",
                                                      "twice", "dropped", "saved"}));
  std::set<std::string> names, texts;
  for (const Mutant& m : mutants) {
    EXPECT_TRUE(names.insert(m.name).second) << m.name;
    const std::string text = m.apply(source);
    EXPECT_TRUE(texts.insert(text).second) << m.name;
    EXPECT_NE(text, source);
    EXPECT_NE(text.find("// da = dy + b"), text.npos) << m.name;
  }
  EXPECT_TRUE(names.contains("op.cpp arithmetic: * -> / #1"));
  EXPECT_TRUE(names.contains("op.cpp saved: *b -> *a #1"));
}

}  // namespace
}  // namespace gradus::test
