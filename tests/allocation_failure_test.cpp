// Memory that is not there: an Error, from any block of any op, and nothing is lost or left behind.
#include "allocation_failure.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <memory>
#include <set>

#include "gradus/data/bpe.h"
#include "gradus/data/corpus.h"
#include "gradus/io/checkpoint.h"
#include "gradus/io/npy.h"
#include "gradus/io/safetensors_file.h"
#include "gradus/models/gpt.h"
#include "gradus/nn/recurrent.h"
#include "gradus/storage.h"
#include "io/temporary.h"
#include "nn/module_table.h"
#include "ops/op_table.h"
#include "support.h"

#ifndef GRADUS_SANITIZE  // a sanitizer has an operator new of its own, which sees more
namespace {
// Of this thread: how many more blocks operator new gives before it once has none (never, if
// negative), and how many it gave that are not released.
thread_local int64_t blocks_left = -1;
thread_local int64_t blocks_held = 0;
}  // namespace

// What the standard containers get their memory from.
void* operator new(size_t bytes) {
  void* block = blocks_left >= 0 && blocks_left-- == 0 ? nullptr : std::malloc(bytes);
  if (block == nullptr) throw std::bad_alloc();
  ++blocks_held;
  return block;
}
void operator delete(void* block) noexcept {
  if (block != nullptr) --blocks_held;
  std::free(block);
}
void operator delete(void* block, size_t) noexcept { operator delete(block); }
#endif

namespace gradus::test {
namespace {

// Lets f run short of memory at its first block, at its second, and so on until it has all it asks
// for. Returns how many blocks that are. Each failure must be an Error that leaves no block behind.
template <class F>
int64_t fail_at_every_block(const std::string& name, F&& f) {
  f();  // what is kept for later calls, such as a kernel's scratch memory, is there now
  const size_t live = memory_stats().live;
  for (int64_t blocks = 0;; ++blocks) {
    try {
      const PlannedAllocationFailure failure(blocks);
      f();
      return blocks;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("storage: out of memory"), std::string::npos)
          << name << " at block " << blocks << ": " << error.what();
    }
    EXPECT_LE(memory_stats().live, live) << name << " at block " << blocks;
    if (::testing::Test::HasFailure()) return blocks;
  }
}

TEST(AllocationFailure, InAnyBlockOfAnyOpIsAnErrorAndLeavesNothingBehind) {
  int64_t blocks = 0;
  for (const OpCase& c : op_table()) {
    const Arrays inputs = inputs_of(c);
    const Array cotangent = cotangent_of(run(c.call, inputs).value);
    const Outcome before = run(c.call, inputs, cotangent);
    blocks += fail_at_every_block(c.name, [&] { run(c.call, inputs, cotangent); });
    if (HasFailure()) return;
    const Outcome after = run(c.call, inputs, cotangent);  // as if nothing had happened
    EXPECT_TRUE(same_bits(after.value, before.value)) << c.name;
    for (size_t i = 0; i < after.gradients.size(); ++i)
      EXPECT_TRUE(same_bits(after.gradients[i], before.gradients[i])) << c.name;
  }
  EXPECT_GT(blocks, 5 * static_cast<int64_t>(op_table().size()));
}

TEST(AllocationFailure, InAnyBlockOfAnyModuleIsAnError) {
  for (const CheckCase& c : module_table()) {
    Arrays inputs;
    for (const NamedArray& input : c.inputs) inputs.push_back(input.value);
    fail_at_every_block(c.name, [&] { run(c.call, inputs); });
    if (HasFailure()) return;
  }
}

#ifndef GRADUS_SANITIZE
// The same of the memory of the standard containers; after each failure `then` looks at what is
// left. Where a container does with less, f goes on.
template <class F, class Then>
void fail_at_every_new(const std::string& name, F&& f, Then&& then) {
  f();
  int64_t refused = 0;
  for (int64_t blocks = 0;; ++blocks) {
    const int64_t held = blocks_held;
    blocks_left = blocks;
    try {
      f();
      if (std::exchange(blocks_left, -1) >= 0) break;  // it had all that it asked for
    } catch (const Error& error) {                     // anything else ends the test
      blocks_left = -1;
      ++refused;
      EXPECT_TRUE(std::string(error.what()).ends_with(": out of memory"))
          << name << " at block " << blocks << ": " << error.what();
    }
    EXPECT_EQ(blocks_held, held) << name << " at block " << blocks;
    then();
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(refused, 0) << name;
}
template <class F>
void fail_at_every_new(const std::string& name, F&& f) {
  fail_at_every_new(name, f, [] {});
}

// The same of f and its backward pass. A call that makes a list for f is to blame for that itself.
void fail_at_every_new_of(const std::string& name, const Function& f, const Arrays& inputs,
                          bool makes_a_list = false) {
  Tensors leaves;
  for (const Array& input : inputs) leaves.push_back(parameter(input));
  const Array cotangent = cotangent_of(f(leaves).value());
  const auto forget = [](const Tensors* all) {
    for (const Tensor& leaf : *all) leaf.zero_grad();
  };
  fail_at_every_new(name, [&] {
    const std::unique_ptr<const Tensors, decltype(forget)> at_the_end(&leaves, forget);
    try {
      if (const Tensor y = f(leaves); y.requires_grad()) y.backward(cotangent);
    } catch (const std::bad_alloc&) {
      if (!makes_a_list) throw;
      fail("a list: out of memory");
    }
  });
}

TEST(AllocationFailure, InAContainerOfAnyOpIsAnError) {
  const std::set<std::string> lists = {
      "masked_fill_6_extreme", "where_5_5_extreme", "slice_overlapping_7",
      "slice_overlapping_7x3", "select_twice_5x3",  "split_sizes_3x5",
      "split_sizes_2x5x3",     "concat_itself_3x5", "concat_one_3x5"};
  for (const OpCase& c : op_table()) {
    fail_at_every_new_of(c.name, c.call, inputs_of(c), lists.contains(c.name));
    if (HasFailure()) return;
  }
}

TEST(AllocationFailure, AGraphIsDroppedWithoutAnyMemory) {
  const int64_t held = blocks_held;
  {
    const Tensor x = parameter(Array::full({2}, 0.5));
    Tensor y = x;
    for (int i = 0; i < 1000; ++i) y = relu(y * x) + y;
    blocks_left = 0;
    y = x;
    EXPECT_EQ(std::exchange(blocks_left, -1), 0);
  }
  EXPECT_EQ(blocks_held, held);
}

TEST(AllocationFailure, InAContainerOfAModelIsAnError) {
  Generator random(1);
  const models::GPT gpt({.vocabulary = 7, .context = 5, .layers = 2, .heads = 3, .width = 6},
                        random);
  const Array tokens = Array::of_indices({1, 2, 6, 0}, {1, 4});
  fail_at_every_new_of("GPT", [&](const Tensors&) { return gpt(tokens); }, {});
  const nn::RNN rnn(3, 5, random);
  const nn::LSTM lstm(3, 5, random);
  const Array x = random_array({2, 4, 3}, 1).to(DType::float32);
  fail_at_every_new_of("RNN", [&](const Tensors& in) { return rnn(in[0]).output; }, {x});
  fail_at_every_new_of("LSTM", [&](const Tensors& in) { return lstm(in[0]).output; }, {x});
}

io::State small_state(const std::string& step) {
  return {{{"a weight whose name takes a block of its own", random_array({5, 3}, 1)},
           {"ids", Array::of_indices({1, 2, 3}, {3})}},
          {{"step", step}, {"letters", "a text that takes a block of its own, too"}}};
}

TEST(AllocationFailure, WhereAFileIsReadIsAnError) {
  const TemporaryDirectory directory;
  const auto path = directory / "a file whose name takes a block of its own";
  io::save_safetensors(path, small_state("1"));
  fail_at_every_new("load_safetensors", [&] { io::load_safetensors(path); });
  const std::string bytes = io::read_file(path);
  fail_at_every_new("parse_safetensors", [&] { io::parse_safetensors(bytes); });
  fail_at_every_new("read_file", [&] { io::read_file(path); });
  fail_at_every_new("SafetensorsFile", [&] { io::SafetensorsFile(path).stored(); });
  const io::SafetensorsFile file(path);
  fail_at_every_new("array", [&] { file.array("ids"); });
  io::save_npy(path, Array::zeros({3, 2}));
  fail_at_every_new("load_npy", [&] { io::load_npy(path); });
  fail_at_every_new("load_npy_stored", [&] { io::load_npy_stored(path); });
  io::save_checkpoint(path, small_state("1"));
  fail_at_every_new("load_checkpoint", [&] { io::load_checkpoint(path); });
}

TEST(AllocationFailure, WhereAFileIsWrittenIsAnErrorAndLeavesWhatWasThere) {
  const TemporaryDirectory directory;
  const auto path = directory / "a file whose name takes a block of its own";
  const Array array = Array::zeros({3, 2});
  const io::State state = small_state("1");
  const auto there_is_one = [&] { EXPECT_EQ(directory.count(), 1); };
  fail_at_every_new(
      "save_npy", [&] { io::save_npy(path, array); }, there_is_one);
  fail_at_every_new(
      "save_safetensors", [&] { io::save_safetensors(path, state); }, there_is_one);
  io::save_checkpoint(path, state);
  const auto both_load = [&] {
    EXPECT_EQ(directory.count(), 2) << "a temporary file is left";
    for (const auto& name : {path, io::previous_checkpoint(path)})
      EXPECT_EQ(io::checksum(io::load_checkpoint(name).state), io::checksum(state));
  };
  fail_at_every_new(
      "save_checkpoint", [&] { io::save_checkpoint(path, state); }, both_load);
}

TEST(AllocationFailure, InATokenizerIsAnError) {
  const TemporaryDirectory directory;
  const auto vocabulary = directory / "vocab.json", merges = directory / "merges.txt";
  const std::string text =
      "the cat and the other cat, then the hat <|end of a text|> \u00e9t\u00e9";
  const data::BPETraining training{.special_tokens = {"<|end of a text|>"}};
  const auto bpe = data::BPETokenizer::train(text, 270, training);
  bpe.save(vocabulary, merges);
  const std::string json = bpe.vocabulary_json(), lines = bpe.merges_txt();
  fail_at_every_new("load", [&] { data::BPETokenizer::load(vocabulary, merges); });
  fail_at_every_new("parse", [&] { data::BPETokenizer::parse(json, lines); });
  fail_at_every_new("train", [&] { data::BPETokenizer::train(text, 270, training); });
  fail_at_every_new(
      "save", [&] { bpe.save(vocabulary, merges); }, [&] { EXPECT_EQ(directory.count(), 2); });
  fail_at_every_new("merges", [&] { bpe.merges(); });

  const data::CharTokenizer characters(text);
  fail_at_every_new("CharTokenizer", [&] { data::CharTokenizer{text}; });
  fail_at_every_new("vocabulary", [&] { characters.vocabulary(); });
  fail_at_every_new("Corpus", [&] { data::Corpus{text}; });
  fail_at_every_new("Corpus::load", [&] { data::Corpus::load(merges); });
  const data::ByteTokenizer bytes;
  for (const data::Tokenizer* tokenizer :
       std::initializer_list<const data::Tokenizer*>{&bpe, &characters, &bytes}) {
    const std::vector<int64_t> ids = tokenizer->encode(text);
    fail_at_every_new("encode", [&] { tokenizer->encode(text); });
    fail_at_every_new("decode", [&] { tokenizer->decode(ids); });
  }
  fail_at_every_new("special tokens", [&] { bpe.encode_with_special_tokens(text); });
}

// The bytes of address space that this process uses.
rlim_t address_space() {
  rlim_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * 4096;
}

// While one is alive, the process gets this much more address space and no more.
class AddressLimit {
 public:
  explicit AddressLimit(rlim_t more) {
    ::getrlimit(RLIMIT_AS, &previous_);
    rlimit limit = previous_;
    limit.rlim_cur = std::min(previous_.rlim_max, address_space() + more);
    ::setrlimit(RLIMIT_AS, &limit);
  }
  ~AddressLimit() { ::setrlimit(RLIMIT_AS, &previous_); }
  AddressLimit(const AddressLimit&) = delete;
  AddressLimit& operator=(const AddressLimit&) = delete;

 private:
  rlimit previous_{};
};

TEST(AllocationFailure, OfTheSystemIsAnErrorThatSaysHowMuch) {
  if (address_space() == 0) GTEST_SKIP() << "this system does not say how much memory is in use";
  const size_t live = memory_stats().live;
  const AddressLimit limit(rlim_t{256} << 20);
  std::string message;
  {
    std::vector<Array> held;
    message = error_of([&] {
      for (int i = 0; i < 100; ++i) held.push_back(Array::zeros({1 << 22}));  // 16 MiB each
    });
    EXPECT_LT(held.size(), 32);
    EXPECT_EQ(message, fmt::format("storage: out of memory, 16777216 bytes asked for while {} are "
                                   "in use",
                                   live + held.size() * (size_t{1} << 24)));
  }
  EXPECT_EQ(memory_stats().live, live);
  EXPECT_EQ(Array::full({1000}, 2).to_vector(), std::vector<double>(1000, 2.0));
}

TEST(AllocationFailure, BlocksThatWaitForOtherSizesAreGivenBackFirst) {
  if (address_space() == 0) GTEST_SKIP() << "this system does not say how much memory is in use";
  release_pooled_memory();
  const AddressLimit limit(rlim_t{256} << 20);
  { const Storage block(size_t{160} << 20); }
  EXPECT_GE(memory_stats().pooled, size_t{160} << 20);
  const Storage other(size_t{200} << 20);  // has no place beside the one that waits
  EXPECT_EQ(memory_stats().pooled, 0);
}

TEST(AllocationFailure, AListOfNumbersIsNoLessAnError) {
  if (address_space() == 0) GTEST_SKIP() << "this system does not say how much memory is in use";
  const Array x = Array::zeros({25 << 20}, DType::float64);  // 200 MiB
  const AddressLimit limit(rlim_t{64} << 20);
  EXPECT_EQ(error_of([&] { x.to_vector(); }),
            "to_vector: 26214400 elements of [26214400]: out of memory");
}
#endif

}  // namespace
}  // namespace gradus::test
