#include "gradus/io/safetensors_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <fstream>

#include "io/temporary.h"
#include "support.h"

namespace gradus::io {
namespace {

using test::error_of;
using test::same_bits;

StoredArray stored(ElementType type, const std::vector<double>& values, const Shape& shape) {
  return StoredArray::of(Array::of(values, shape, DType::float64), type);
}

// One array of each type, whose elements are 0 and 1, and two others.
StoredState example() {
  StoredState state;
  for (int i = 0; i <= static_cast<int>(ElementType::uint8); ++i) {
    const auto type = static_cast<ElementType>(i);
    state.arrays.push_back({std::string(name(type)), stored(type, {0, 1, 1, 0, 1, 1}, {2, 3})});
  }
  state.arrays.push_back({"scalar", stored(ElementType::bfloat16, {-0.5}, {})});
  state.arrays.push_back({"empty", stored(ElementType::int16, {}, {3, 0})});
  state.metadata = {{"step", "2000"}};
  return state;
}

void expect_same(const StoredState& a, const StoredState& b) {
  ASSERT_EQ(a.arrays.size(), b.arrays.size());
  for (size_t i = 0; i < a.arrays.size(); ++i) {
    EXPECT_EQ(a.arrays[i].name, b.arrays[i].name);
    EXPECT_TRUE(a.arrays[i].value == b.arrays[i].value) << a.arrays[i].name;
  }
  EXPECT_EQ(a.metadata, b.metadata);
}

class SafetensorsFileTest : public testing::Test {
 protected:
  test::TemporaryDirectory directory;
  std::filesystem::path path = directory / "a.safetensors";
};

TEST_F(SafetensorsFileTest, EveryTypeIsWrittenAndReadWithoutLoss) {
  save_safetensors(path, example());
  const SafetensorsFile file(path);
  expect_same(file.stored(), example());
  save_safetensors(directory / "b", file.stored());
  EXPECT_EQ(read_file(path), read_file(directory / "b"));
}

TEST_F(SafetensorsFileTest, SaysWhatTheFileHolds) {
  const StoredState state = example();
  save_safetensors(path, state);
  const SafetensorsFile file(path);
  EXPECT_EQ(file.metadata(), state.metadata);
  ASSERT_EQ(file.entries().size(), state.arrays.size());
  for (size_t i = 0; i < file.entries().size(); ++i) {
    const auto& [name, value] = state.arrays[i];
    const SafetensorsEntry& entry = file.entries()[i];
    EXPECT_EQ(entry.name, name);
    EXPECT_EQ(entry.type, value.type());
    EXPECT_EQ(entry.shape, value.shape());
    EXPECT_EQ(entry.end - entry.begin, value.bytes().size());
    EXPECT_EQ(file.find(name), &entry);
  }
  EXPECT_EQ(file.find("f32"), nullptr);
  const std::string start = "safetensors: " + path.string() + ": ";
  EXPECT_EQ(error_of([&] { file.array("f32"); }), start + "holds no array \"f32\"");
  EXPECT_EQ(error_of([&] { file.stored("f32"); }), start + "holds no array \"f32\"");
}

TEST_F(SafetensorsFileTest, ArraysAreThoseThatLoadingGives) {
  save_safetensors(path, example());
  const SafetensorsFile file(path);
  const State all = load_safetensors(path);
  ASSERT_EQ(all.arrays.size(), file.entries().size());
  for (const auto& [name, array] : all.arrays) {
    EXPECT_TRUE(same_bits(file.array(name), array)) << name;
    EXPECT_EQ(array.dtype(), dtype_for(file.find(name)->type));
  }
  const State parsed = parse_safetensors(read_file(path));
  ASSERT_EQ(parsed.arrays.size(), all.arrays.size());
  for (const auto& [name, array] : parsed.arrays) EXPECT_TRUE(same_bits(all.at(name), array));
  EXPECT_EQ(parsed.metadata, all.metadata);
}

// Megabytes, at a place that is aligned to nothing: what is copied and cast in pieces.
TEST_F(SafetensorsFileTest, LargeArraysAreReadWhole) {
  const Array large = test::random_array({1301, 1009}, 1, DType::float32);
  State state;
  state.arrays = {{"large", large}, {"i", Array::of_indices({7}, {1})}};
  StoredState mixed = stored_as(state, ElementType::bfloat16);
  mixed.arrays.push_back({"bytes", stored(ElementType::uint8, {1, 2, 3}, {3})});
  save_safetensors(path, mixed);
  const std::string bytes = read_file(path);
  // One more space in the header moves all that follows by a byte.
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  const uint64_t longer = length + 1;
  write_file(path, std::string(reinterpret_cast<const char*>(&longer), 8) +
                       bytes.substr(8, length) + " " + bytes.substr(8 + length));
  const SafetensorsFile file(path);
  expect_same(file.stored(), mixed);
  EXPECT_TRUE(same_bits(file.array("large"), mixed.arrays[0].value.array()));
  EXPECT_TRUE(same_bits(load_safetensors(path).at("large"), mixed.arrays[0].value.array()));
}

TEST_F(SafetensorsFileTest, FloatingArraysAreWrittenInAChosenType) {
  const State state{{{"weight", test::random_array({3, 5}, 1, DType::float32)},
                     {"double", test::random_array({7}, 2)},
                     {"ids", Array::of_indices({1, 1000}, {2})},
                     {"mask", Array::of_bools({true}, {1})}},
                    {{"step", "1"}}};
  save_safetensors(path, stored_as(state, ElementType::bfloat16));
  const SafetensorsFile file(path);
  for (const char* name : {"weight", "double"}) {
    EXPECT_EQ(file.find(name)->type, ElementType::bfloat16);
    EXPECT_TRUE(file.stored(name) == StoredArray::of(state.at(name), ElementType::bfloat16));
  }
  EXPECT_TRUE(same_bits(file.array("ids"), state.at("ids")));
  EXPECT_TRUE(same_bits(file.array("mask"), state.at("mask")));
  EXPECT_EQ(file.metadata(), state.metadata);
  EXPECT_EQ(error_of([&] { stored_as(state, ElementType::int8); }),
            "stored_as: I8 is not a floating type");
  EXPECT_EQ(error_of([] {
              stored_as({{{"a", Array()}}, {}}, ElementType::float16);
            }),
            "stored_as: \"a\" holds no array");
}

TEST_F(SafetensorsFileTest, StatesThatTheFormatCannotHoldAreRefused) {
  const StoredArray a = stored(ElementType::float16, {1}, {});
  EXPECT_EQ(error_of([&] {
              save_safetensors(path, StoredState{{{"a", a}, {"a", a}}, {}});
            }),
            "save_safetensors: two arrays are called \"a\"");
  EXPECT_EQ(directory.count(), 0);
}

// The reader is that of load_safetensors, whose tests break every rule of the format.
TEST_F(SafetensorsFileTest, DamageIsAnError) {
  save_safetensors(path, example());
  const std::string bytes = read_file(path);
  for (size_t length = 0; length < bytes.size(); ++length) {
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << bytes.substr(0, length);
    const std::string error = error_of([&] { SafetensorsFile file(path); });
    EXPECT_TRUE(error.starts_with("safetensors: " + path.string() + ": ")) << error;
    EXPECT_TRUE(error_of([&] {
                  parse_safetensors(std::string_view(bytes).substr(0, length));
                }).starts_with("parse_safetensors: "));
  }
  EXPECT_EQ(error_of([] { parse_safetensors("1234567"); }),
            "parse_safetensors: has 7 bytes, the length of the header alone takes 8");
}

TEST_F(SafetensorsFileTest, FilesThatAreNoFilesAreRefused) {
  const auto error = [](const std::filesystem::path& p) {
    return error_of([&] { SafetensorsFile file(p); });
  };
  EXPECT_EQ(error(path), "read: " + path.string() + ": No such file or directory");
  EXPECT_EQ(error(directory.path()), "read: " + directory.path().string() + ": is a directory");
  ASSERT_EQ(::mkfifo(path.c_str(), 0666), 0);
  EXPECT_EQ(error(path), "read: " + path.string() + ": is not a regular file");
  EXPECT_EQ(error("/dev/zero"), "read: /dev/zero: is not a regular file");
}

TEST_F(SafetensorsFileTest, ABoolIsCheckedWhenItIsCast) {
  std::vector<std::byte> bytes = {std::byte{1}, std::byte{2}};
  const StoredState state{{{"mask", StoredArray(ElementType::boolean, {2}, bytes)}}, {}};
  save_safetensors(path, state);
  const SafetensorsFile file(path);
  EXPECT_TRUE(file.stored("mask") == state.arrays[0].value);
  EXPECT_EQ(error_of([&] { file.array("mask"); }),
            "safetensors: " + path.string() + ": \"mask\": a BOOL must be 0 or 1, got 2");
}

TEST_F(SafetensorsFileTest, AFileThatIsReplacedStaysAsItWas) {
  save_safetensors(path, example());
  const SafetensorsFile file(path);
  save_safetensors(path, StoredState{});
  expect_same(file.stored(), example());
}

// Without the check, the system would end the program (SIGBUS).
TEST_F(SafetensorsFileTest, AFileThatIsShortenedIsAnError) {
  StoredState state;
  state.arrays = {{"large", stored(ElementType::float32, std::vector<double>(10'000), {10'000})}};
  save_safetensors(path, state);
  const uint64_t before = std::filesystem::file_size(path);
  const SafetensorsFile file(path);
  std::filesystem::resize_file(path, 4096);
  EXPECT_EQ(error_of([&] { file.array("large"); }),
            fmt::format("safetensors: {0}: \"large\": map: {0}: had {1} bytes when it was opened "
                        "and has 4096 now",
                        path.string(), before));
  EXPECT_NE(error_of([&] { file.stored("large"); }), "");
  EXPECT_NE(error_of([&] { file.stored(); }), "");
  EXPECT_EQ(file.entries().size(), 1U);  // what was read stays known
}

}  // namespace
}  // namespace gradus::io
