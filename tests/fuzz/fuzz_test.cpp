// What libFuzzer's programs do for hours (`make fuzz`), for a second: the committed inputs, each
// also with some bytes changed, and some hundreds of random graphs.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "fuzz/files.h"
#include "fuzz/graph/check.h"
#include "gradus/arithmetic.h"
#include "gradus/random.h"
#include "ops/op_table.h"
#include "support.h"

namespace gradus::test::fuzz {
namespace {

std::vector<uint8_t> random_bytes(uint64_t seed, size_t count) {
  Generator generator(seed);
  std::vector<uint8_t> bytes(count);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(generator.next_u32());
  return bytes;
}

// ---- every target, on the inputs that are committed ----

class Fuzz : public testing::TestWithParam<const Target*> {
 protected:
  std::vector<std::filesystem::path> inputs() const {
    std::vector<std::filesystem::path> files;
    for (const std::string kind : {"corpus", "regressions"}) {
      const std::filesystem::path directory = "tests/fuzz/" + kind + "/" + GetParam()->name;
      if (!std::filesystem::exists(directory)) continue;
      for (const auto& file : std::filesystem::directory_iterator(directory))
        files.push_back(file.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }
};

TEST_P(Fuzz, TheCommittedInputsBreakNoRule) {
  ASSERT_GE(inputs().size(), 3U) << "were they found?";
  int taken = 0;
  for (const auto& file : inputs()) {
    const std::string bytes = bytes_of(file);
    SCOPED_TRACE(file);
    EXPECT_NO_THROW(
        taken += GetParam()->run({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}));
  }
  EXPECT_GE(taken, 1) << "all were refused: is the format another one now?";
}

TEST_P(Fuzz, NorDoTheyWithSomeBytesChangedOrMissing) {
  uint64_t seed = 0;
  for (const auto& file : inputs()) {
    const std::string bytes = bytes_of(file);
    for (int change = 0; change < 5; ++change) {
      Generator generator(++seed);
      std::vector<uint8_t> changed(bytes.begin(), bytes.end());
      if (changed.empty()) continue;
      if (change % 5 == 4) changed.resize(generator.below(changed.size()));
      for (uint64_t n = generator.below(4); n > 0 && !changed.empty(); --n)
        changed[generator.below(changed.size())] = static_cast<uint8_t>(generator.next_u32());
      if (change % 2 == 0 && GetParam()->repair != nullptr) GetParam()->repair(changed);
      SCOPED_TRACE(fmt::format("{}, change {}", file.string(), change));
      EXPECT_NO_THROW(GetParam()->run(changed));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Fuzz,
                         testing::Values(&safetensors, &npy, &checkpoint, &tokenizers,
                                         &command_line, &graphs),
                         [](const auto& target) { return std::string(target.param->name); });

// ---- random graphs ----

Program program_of(uint64_t seed) { return Builder(random_bytes(seed, 60)).build(); }

TEST(RandomGraphs, TheirGradientsAgreeWithDifferences) {
  GraphCounts counts;
  for (uint64_t seed = 0; seed < 300; ++seed)
    EXPECT_NO_THROW(check_gradients(program_of(seed), counts)) << "seed " << seed;
  EXPECT_GE(counts.steps, 5 * counts.programs / 2);
  EXPECT_GE(counts.derivatives, 3 * counts.programs);
  EXPECT_LE(counts.skipped * 100, counts.derivatives) << "more than one in a hundred";
  EXPECT_LE(counts.constant * 10, counts.programs);
}

TEST(RandomGraphs, TakeEveryOp) {
  std::set<std::string> taken;
  for (uint64_t seed = 0; seed < 3000; ++seed)
    for (const Entry& entry : program_of(seed).entries)
      for (const Op& op : all_ops())
        if (entry.text.starts_with(std::string(op.name) + " x")) taken.insert(op.name);
  for (const Op& op : all_ops()) EXPECT_TRUE(taken.contains(op.name)) << op.name;
}

// A new op with a gradient, which the table of ops has, gets a line in tests/fuzz/graph/ as well.
TEST(RandomGraphs, AreMadeOfAllOpsThatHaveAGradient) {
  std::set<std::string> names;
  for (const Op& op : all_ops()) names.insert(op.name);
  for (const OpCase& c : op_table()) {
    if (names.contains(c.op) || c.op == "to") continue;  // which leaves float64
    std::vector<Tensor> leaves;
    for (const Array& input : inputs_of(c)) leaves.push_back(parameter(input));
    EXPECT_FALSE(c.call(leaves).requires_grad()) << c.name;
  }
}

TEST(RandomGraphs, AreTheSameForTheSameBytes) {
  for (uint64_t seed = 0; seed < 20; ++seed)
    EXPECT_EQ(program_of(seed).text(), program_of(seed).text());
}

// An op whose gradient is off by so much, in a program of others.
template <int millionths>
void off(Builder& b, const char*) {
  const int x = b.pick();
  b.add({x}, [=](const Pool& p) {
    return record("off", p[x].value() * 2.0, {p[x]}, [](const Array& dy, Inputs in) {
      if (in.wants(0)) in.add(0, dy * (2.0 + millionths * 2e-6));
    });
  });
}

// Backward of 2x that is not linear in dy.
template <Array (*slope)(const Array& dy)>
void not_linear(Builder& b, const char*) {
  const int x = b.pick();
  b.add({x}, [=](const Pool& p) {
    return record("off", p[x].value() * 2.0, {p[x]}, [](const Array& dy, Inputs in) {
      if (in.wants(0)) in.add(0, slope(dy));
    });
  });
}
Array forgotten(const Array& dy) { return Array::full(dy.shape(), 2, dy.dtype()); }
Array squared(const Array& dy) { return dy * dy * 2.0; }
Array shifted(const Array& dy) { return dy * 2.0 + 1e-3; }

// Of all programs that take the op, how many are found to be wrong.
double share_found(const Op& op) {
  const ScopedOp scope(op);
  int taken = 0, found = 0;
  for (uint64_t seed = 0; seed < 600; ++seed) {
    const Program program = program_of(seed);
    bool matters = false;
    for (size_t i = 0; i < program.entries.size(); ++i)
      matters |= program.reached[i] && program.entries[i].text.starts_with(op.name);
    if (!matters) continue;
    ++taken;
    GraphCounts counts;
    try {
      check_gradients(program, counts);
    } catch (const Finding&) {
      ++found;
    }
  }
  EXPECT_GE(taken, 10);
  return static_cast<double>(found) / taken;
}

TEST(RandomGraphs, FindAWrongGradient) {
  EXPECT_EQ(share_found({"off", off<0>}), 0) << "this one is right";
  EXPECT_GE(share_found({"off", off<10>}), 0.5);
  EXPECT_GE(share_found({"off", off<-1'000'000>}), 0.5) << "no gradient at all";
  EXPECT_GE(share_found({"off", not_linear<forgotten>}), 0.5);
  EXPECT_GE(share_found({"off", not_linear<squared>}), 0.5);
  EXPECT_GE(share_found({"off", not_linear<shifted>}), 0.5);
}

}  // namespace
}  // namespace gradus::test::fuzz
