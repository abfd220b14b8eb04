// Files that PyTorch, NumPy and Hugging Face's library wrote (tests/reference/exchange.py), read
// and written again. `make exchange` does the same with many more, and has them read ours.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <span>

#include "gradus/io/npy.h"
#include "gradus/io/safetensors_file.h"
#include "io/elements.h"
#include "io/temporary.h"
#include "support.h"

namespace gradus::io {
namespace {

using test::same_bits;

const std::filesystem::path files = "tests/reference/exchange";

// What the script puts into an array of a type, as the engine computes it: element i, counted
// row-major, is (i - 3) / 4, or i - 3, or i, or whether 3 divides i.
Array expected(ElementType type, const Shape& shape) {
  const std::string_view called = name(type);
  std::vector<double> values;
  for (int i = 0; i < shape.numel(); ++i)
    values.push_back(type == ElementType::boolean ? i % 3 == 0
                     : called[0] == 'U'           ? i
                     : called[0] == 'I'           ? i - 3
                                                  : (i - 3) / 4.0);
  return Array::of(values, shape, DType::float64).to(dtype_for(type));
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& letter : result) letter = static_cast<char>(std::tolower(letter));
  return result;
}

class Exchange : public testing::Test {
 protected:
  // The file's arrays are those of the script in every type but `without`, and ours is the same
  // file.
  void expect_file(const std::string& called, size_t count, const char* without) {
    const SafetensorsFile file(files / called);
    EXPECT_EQ(file.entries().size(), count);
    const State all = load_safetensors(files / called);
    for (const ElementType type : all_element_types) {
      if (name(type) == without) continue;
      for (const auto& [suffix, shape] : std::initializer_list<std::pair<std::string, Shape>>{
               {"_scalar", {}}, {"_0x3", {0, 3}}, {"_3x5", {3, 5}}}) {
        const std::string array = lower(name(type)) + suffix;
        ASSERT_NE(file.find(array), nullptr) << array;
        EXPECT_EQ(file.find(array)->type, type) << array;
        EXPECT_TRUE(same_bits(file.array(array), expected(type, shape))) << array;
        EXPECT_TRUE(same_bits(all.at(array), expected(type, shape))) << array;
        EXPECT_TRUE(file.stored(array) == StoredArray::of(expected(type, shape), type)) << array;
      }
    }
    save_safetensors(directory / called, file.stored());
    EXPECT_EQ(read_file(directory / called), read_file(files / called));
  }
  // The same of one array.
  void expect_npy(const std::string& called, ElementType type, const Shape& shape) {
    EXPECT_TRUE(same_bits(load_npy(files / called), expected(type, shape))) << called;
    const StoredArray stored = load_npy_stored(files / called);
    EXPECT_TRUE(stored == StoredArray::of(expected(type, shape), type)) << called;
  }
  void expect_npy_again(const std::string& called) {
    save_npy(directory / called, load_npy_stored(files / called));
    EXPECT_EQ(read_file(directory / called), read_file(files / called)) << called;
  }
  test::TemporaryDirectory directory;
};

TEST_F(Exchange, AFileOfHuggingFacesLibraryForPyTorch) {
  expect_file("torch.safetensors", 3 * 12 + 2, "");
  const SafetensorsFile file(files / "torch.safetensors");
  EXPECT_EQ(file.metadata(), (std::map<std::string, std::string>{{"writer", "safetensors.torch"}}));
}

TEST_F(Exchange, AFileOfHuggingFacesLibraryForNumPy) {
  expect_file("numpy.safetensors", 3 * 11 + 1, "BF16");
}

// Zeros, the smallest and the largest numbers with and without a leading 1, infinities and NaNs.
TEST_F(Exchange, SpecialNumbersOf16Bits) {
  const SafetensorsFile file(files / "torch.safetensors");
  const auto expect_numbers = [&](const char* name, std::initializer_list<double> numbers,
                                  std::initializer_list<uint16_t> bits) {
    const std::vector<double> got = file.array(name).to_vector();
    ASSERT_EQ(got.size(), numbers.size());
    for (size_t i = 0; i < got.size(); ++i) {
      const double number = numbers.begin()[i];
      EXPECT_TRUE(std::isnan(number) ? std::isnan(got[i]) : got[i] == number) << name << i;
      EXPECT_EQ(std::signbit(got[i]), std::signbit(number)) << name << i;
    }
    EXPECT_TRUE(std::ranges::equal(file.stored(name).bytes(),
                                   std::as_bytes(std::span(bits.begin(), bits.size()))));
  };
  expect_numbers("special_f16",
                 {0, -0.0, 0x1p-24, 0x3ffp-24, 0x1p-14, 65504, INFINITY, -INFINITY, NAN, NAN},
                 {0, 0x8000, 1, 0x3ff, 0x400, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0x7c01});
  expect_numbers(
      "special_bf16",
      {0, -0.0, 0x1p-133, 0x7fp-133, 0x1p-126, 0x1.fep127, INFINITY, -INFINITY, NAN, NAN},
      {0, 0x8000, 1, 0x7f, 0x80, 0x7f7f, 0x7f80, 0xff80, 0x7fc0, 0x7f81});
}

TEST_F(Exchange, ArraysOfNumPyInEveryType) {
  for (const ElementType type : all_element_types) {
    if (type == ElementType::bfloat16) continue;
    const std::string called = lower(name(type)) + ".npy";
    expect_npy(called, type, {3, 5});
    expect_npy_again(called);
  }
}

TEST_F(Exchange, ArraysOfNumPyOfOtherShapes) {
  expect_npy("scalar.npy", ElementType::float64, {});
  expect_npy("empty.npy", ElementType::float32, {0, 3});
  expect_npy("one_axis.npy", ElementType::int64, {7});
  for (const char* called : {"scalar.npy", "empty.npy", "one_axis.npy"}) expect_npy_again(called);
}

// Written again, they are row-major, little-endian and of version 1.0.
TEST_F(Exchange, ArraysOfNumPyInOtherOrdersAndVersions) {
  for (const char* called : {"fortran.npy", "big_endian.npy", "version_2.npy", "version_3.npy"})
    expect_npy(called, ElementType::float32, {2, 3, 5});
  expect_npy("big_endian_fortran.npy", ElementType::int16, {2, 3, 5});
  const std::string version_2 = read_file(files / "version_2.npy");
  save_npy(directory / "a", load_npy_stored(files / "version_2.npy"));
  EXPECT_EQ(read_file(directory / "a").substr(0, 8), std::string("\x93NUMPY\1\0", 8));
  EXPECT_EQ(read_file(directory / "a").substr(128), version_2.substr(128));
  save_npy(directory / "b", load_npy_stored(files / "fortran.npy"));
  EXPECT_EQ(read_file(directory / "b"), read_file(directory / "a"));
}

}  // namespace
}  // namespace gradus::io
