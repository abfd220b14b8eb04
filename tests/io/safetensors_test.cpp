#include "gradus/io/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "gradus/io/file.h"
#include "io/temporary.h"
#include "support.h"

namespace gradus::io {
namespace {

using test::error_of;
using test::same_bits;
using test::TemporaryDirectory;

// A number's bytes, little-endian.
template <class T>
std::string bytes_of(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}

// A file with this header, whose length is true, and this data.
std::string file_of(const std::string& header, const std::string& data) {
  return bytes_of<uint64_t>(header.size()) + header + data;
}

std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

class Safetensors : public testing::Test {
 protected:
  State load(const std::string& bytes) {
    std::filesystem::remove(path);  // some file systems sync a file that is written over
    std::ofstream(path, std::ios::binary) << bytes;
    return load_safetensors(path);
  }
  // What is said about a damaged file, after the file's name.
  std::string refusal(const std::string& bytes) {
    const std::string message = error_of([&] { load(bytes); });
    const std::string start = "load_safetensors: " + path.string() + ": ";
    EXPECT_TRUE(message.starts_with(start)) << message;
    return message.substr(std::min(start.size(), message.size()));
  }
  std::string refusal(const std::string& header, const std::string& data) {
    return refusal(file_of(header, data));
  }

  TemporaryDirectory directory;
  std::filesystem::path path = directory / "a.safetensors";
};

State example() {
  State state;
  state.arrays = {
      {"mask", Array::of_bools({true, false, true}, {3})},
      {"blocks.0.weight", test::random_array({3, 5}, 1, DType::float32)},
      {"double", test::random_array({2, 1, 7}, 2)},
      {"ids", Array::of_indices({-1, INT64_MAX, INT64_MIN}, {1, 3})},
      {"scalar", Array::scalar(0.1, DType::float64)},
      {"empty", Array::zeros({0, 3})},
      {"name with \"quotes\", \\, \n and \u00e9", Array::scalar(-0.0)},
      {"", Array::of({NAN, INFINITY, -INFINITY}, {3})},
  };
  state.metadata = {{"step", "2000"}, {"note", "\u00e9\t\"\\\u0001"}, {"", ""}};
  return state;
}

void expect_same(const State& a, const State& b) {
  ASSERT_EQ(a.arrays.size(), b.arrays.size());
  for (size_t i = 0; i < a.arrays.size(); ++i) {
    EXPECT_EQ(a.arrays[i].name, b.arrays[i].name);
    EXPECT_TRUE(same_bits(a.arrays[i].value, b.arrays[i].value)) << a.arrays[i].name;
  }
  EXPECT_EQ(a.metadata, b.metadata);
}

TEST_F(Safetensors, WhatIsSavedIsLoadedInTheSameOrder) {
  save_safetensors(path, example());
  expect_same(load_safetensors(path), example());
  save_safetensors(path, State{});
  expect_same(load_safetensors(path), State{});
}

TEST_F(Safetensors, TheSameStateGivesTheSameBytes) {
  save_safetensors(path, example());
  save_safetensors(directory / "b", load_safetensors(path));
  EXPECT_EQ(read_file(path), read_file(directory / "b"));
}

TEST_F(Safetensors, TheBytesAreThoseOfTheFormat) {
  State state;
  state.arrays = {{"b", Array::of_bools({true, false}, {2})}, {"f", Array::of({1, 2}, {1, 2})}};
  state.metadata = {{"k", "v"}};
  save_safetensors(path, state);
  const std::string header =
      R"({"__metadata__":{"k":"v"},"b":{"dtype":"BOOL","shape":[2],"data_offsets":[8,10]},)"
      R"("f":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}})";
  std::string padded = header;
  while (padded.size() % 8 != 0) padded += ' ';
  EXPECT_EQ(read_file(path),
            file_of(padded, bytes_of(1.0f) + bytes_of(2.0f) + std::string("\1\0", 2)));
}

TEST_F(Safetensors, EveryElementIsAlignedInTheFile) {
  save_safetensors(path, example());
  const std::string bytes = read_file(path);
  const size_t data = 8 + static_cast<uint8_t>(bytes[0]) + 256 * static_cast<uint8_t>(bytes[1]);
  EXPECT_EQ(data % 8, 0U);
  const Array first = example().at("double");  // float64 and int64, then float32, then bool
  EXPECT_EQ(std::memcmp(bytes.data() + data, first.data<double>(), 14 * sizeof(double)), 0);
  EXPECT_EQ(bytes.size() - data, (14U + 3 + 1) * 8 + (15 + 1 + 3) * 4 + 3);
  EXPECT_EQ(bytes.substr(bytes.size() - 3), std::string("\1\0\1", 3));
}

TEST_F(Safetensors, LayoutsAreWrittenRowMajor) {
  const Array a = test::random_array({3, 5, 7}, 3, DType::float32);
  for (const Array& layout : test::in_every_layout(a)) {
    save_safetensors(path, {{{"a", layout}, {"b", layout.expand({2, 3, 5, 7})}}, {}});
    const State loaded = load_safetensors(path);
    EXPECT_TRUE(same_bits(loaded.at("a"), a));
    EXPECT_TRUE(same_bits(loaded.at("b"), a.expand({2, 3, 5, 7})));
  }
}

TEST_F(Safetensors, ArraysAreFoundByName) {
  const State state = example();
  EXPECT_EQ(state.at("double").shape(), (Shape{2, 1, 7}));
  EXPECT_NE(state.find("empty"), nullptr);
  EXPECT_EQ(state.find("Double"), nullptr);
  EXPECT_EQ(error_of([&] { state.at("Double"); }), "state: holds no array \"Double\"");
}

TEST_F(Safetensors, StatesThatTheFormatCannotHoldAreRefused) {
  const Array a = Array::scalar(1);
  const auto error = [&](const State& state) {
    return error_of([&] { save_safetensors(path, state); });
  };
  EXPECT_EQ(error({{{"a", a}, {"b", a}, {"a", a}}, {}}),
            "save_safetensors: two arrays are called \"a\"");
  EXPECT_EQ(error({{{"__metadata__", a}}, {}}),
            "save_safetensors: two arrays are called \"__metadata__\"");
  EXPECT_EQ(error({{{"a", Array()}}, {}}), "save_safetensors: \"a\" holds no array");
  EXPECT_EQ(error({{{"caf\xe9", a}}, {}}), "save_safetensors: \"caf\\ufffd\" is not UTF-8");
  EXPECT_EQ(error({{}, {{"key", "\xff"}}}), "save_safetensors: \"\\ufffd\" is not UTF-8");
  EXPECT_EQ(error({{}, {{"\xff", "text"}}}), "save_safetensors: \"\\ufffd\" is not UTF-8");
  EXPECT_EQ(directory.count(), 0);
}

// tests/reference/README.md says what is in it.
TEST_F(Safetensors, ReadsAFileByHuggingFace) {
  const State state = load_safetensors("tests/reference/huggingface.safetensors");
  const auto expected = [](const Shape& shape, DType dtype, auto value) {
    std::vector<double> values;
    for (int64_t i = 0; i < shape.numel(); ++i) values.push_back(value(static_cast<double>(i)));
    return Array::of(values, shape, dtype);
  };
  const auto eighths = [](double i) { return i / 8 - 1; };
  const std::vector<NamedArray> arrays = {
      {"float32", expected({3, 5}, DType::float32, eighths)},
      {"float64", expected({2, 3}, DType::float64, [](double i) { return 1 / (i + 3); })},
      {"int64", expected({4}, DType::int64, [](double i) { return (i - 2) * 1e12; })},
      {"bool", Array::of_bools({true, false, false, true, false}, {5})},
      {"float16", expected({2, 4}, DType::float32, eighths)},
      {"bfloat16", expected({7}, DType::float32, eighths)},
      {"scalar", Array::scalar(0.625)},
      {"empty", Array::zeros({0, 3})},
  };
  EXPECT_EQ(state.arrays.size(), arrays.size());
  for (const auto& [name, array] : arrays)
    EXPECT_TRUE(same_bits(state.at(name), array)) << name << state.at(name).to_string();
  EXPECT_EQ(
      state.metadata,
      (std::map<std::string, std::string>{{"note", "quotes \", a backslash \\ and an \u00e9"}}));
}

TEST_F(Safetensors, EveryHalfAndBFloat16IsConverted) {
  // All 65536 of each, more than the reader's buffer holds.
  std::string bits;
  for (uint32_t i = 0; i < 65536; ++i) bits += bytes_of(static_cast<uint16_t>(i));
  const State state =
      load(file_of(R"({"h":)" + tensor("F16", "[65536]", "[0,131072]") + R"(,"b":)" +
                       tensor("BF16", "[65536]", "[131072,262144]") + "}",
                   bits + bits));
  const float* half = state.at("h").data<float>();
  const float* bfloat = state.at("b").data<float>();
  for (int i = 0; i < 65536; ++i) {
    // The value by the definition of the format: (-1)^sign 2^exponent 1.fraction.
    const auto value = [i](int exponent_bits, int fraction_bits) {
      const int fraction_size = 1 << fraction_bits, exponent_mask = (1 << exponent_bits) - 1;
      const int exponent = i >> fraction_bits & exponent_mask, fraction = i % fraction_size;
      const int bias = exponent_mask / 2;
      const double part = static_cast<double>(fraction) / fraction_size;
      double result = exponent == 0 ? part * std::pow(2.0, 1 - bias)
                                    : (1 + part) * std::pow(2.0, exponent - bias);
      if (exponent == exponent_mask) result = fraction == 0 ? INFINITY : NAN;
      return std::copysign(result, i >> 15 ? -1.0 : 1.0);
    };
    const auto same = [](double expected, float got) {
      return std::isnan(expected) ? std::isnan(got)
                                  : expected == static_cast<double>(got) &&
                                        std::signbit(expected) == std::signbit(got);
    };
    ASSERT_TRUE(same(value(5, 10), half[i])) << i << ": " << half[i];
    ASSERT_TRUE(same(value(8, 7), bfloat[i])) << i << ": " << bfloat[i];
  }
}

TEST_F(Safetensors, SmallerIntegersBecomeInt64) {
  const auto loads_as = [&]<class T>(T, const std::string& dtype) {
    const std::string data = bytes_of(std::numeric_limits<T>::min()) +
                             bytes_of(std::numeric_limits<T>::max()) + bytes_of(T{1});
    const std::string size = std::to_string(data.size());
    const Array a =
        load(file_of(R"({"a":)" + tensor(dtype, "[3]", "[0," + size + "]") + "}", data)).at("a");
    EXPECT_TRUE(same_bits(
        a,
        Array::of_indices({std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), 1}, {3})))
        << dtype << a.to_string();
  };
  loads_as(int32_t{}, "I32");
  loads_as(int16_t{}, "I16");
  loads_as(int8_t{}, "I8");
  loads_as(uint32_t{}, "U32");
  loads_as(uint16_t{}, "U16");
  loads_as(uint8_t{}, "U8");
}

TEST_F(Safetensors, FilesThatAreNoFilesAreRefused) {
  EXPECT_EQ(error_of([&] { load_safetensors(path); }),
            "read: " + path.string() + ": No such file or directory");
  EXPECT_EQ(error_of([&] { load_safetensors(directory.path()); }),
            "read: " + directory.path().string() + ": is a directory");
  EXPECT_EQ(error_of([&] { load_safetensors("/dev/zero"); }),
            "read: /dev/zero: is not a regular file");
  write_file(path, "secret");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const test::WithoutPrivileges scope;
  if (!scope.works()) GTEST_SKIP() << "this root may not become another user";
  EXPECT_EQ(error_of([&] { load_safetensors(path); }),
            "read: " + path.string() + ": Permission denied");
}

TEST_F(Safetensors, AWrongLengthIsRefusedBeforeAnythingIsAllocated) {
  EXPECT_EQ(refusal(""), "has 0 bytes, the length of the header alone takes 8");
  EXPECT_EQ(refusal("1234567"), "has 7 bytes, the length of the header alone takes 8");
  EXPECT_EQ(refusal(bytes_of<uint64_t>(3) + "{}"),
            "the header's length is given as 3 bytes, the file ends after 2");
  EXPECT_EQ(refusal(bytes_of<uint64_t>(100'000'001) + "{}"),
            "the header's length is given as 100000001 bytes, 100000000 are allowed");
  EXPECT_EQ(refusal("This is a text, not a state."),
            "the header's length is given as 2338328219631577172 bytes, 100000000 are allowed");
}

TEST_F(Safetensors, AHeaderThatIsNotTheFormatsJsonIsRefused) {
  EXPECT_EQ(refusal("", ""), "the header must begin with an opening brace");
  EXPECT_EQ(refusal("[]", ""), "the header must begin with an opening brace");
  EXPECT_EQ(refusal("\xef\xbb\xbf{}", ""), "the header must begin with an opening brace");
  EXPECT_EQ(refusal("{\"a\":", ""), "the header is not JSON at its byte 6");
  EXPECT_EQ(refusal("{} {}", ""), "the header is not JSON at its byte 4");
  EXPECT_EQ(refusal("{\"\xff\":1}", ""), "the header is not JSON at its byte 3");
  EXPECT_EQ(refusal(std::string("{}\0", 3), ""), "the header is not JSON at its byte 3");
  EXPECT_EQ(refusal(R"({"a":1})", ""), R"("a" must be an object, not the number 1)");
  EXPECT_EQ(refusal(R"({"a":[]})", ""), R"("a" must be an object, not a list)");
  EXPECT_EQ(refusal(R"({"a":null})", ""), R"("a" must be an object, not null)");
  EXPECT_EQ(refusal(R"({"__metadata__":"x"})", ""), R"("__metadata__" must be an object, not "x")");
  EXPECT_EQ(refusal(R"({"__metadata__":{"k":true}})", ""),
            R"(the metadata's "k" must be a string, not a truth value)");
  EXPECT_EQ(refusal(R"({"__metadata__":{"k":{}}})", ""),
            R"(the metadata's "k" must be a string, not an object)");
  EXPECT_EQ(refusal(R"({"__metadata__":{"k":"v","k":"v"}})", ""), R"(the metadata hold "k" twice)");
}

TEST_F(Safetensors, ADeepOrEndlessHeaderCostsNothing) {
  const std::string deep(10'000'000, '[');
  EXPECT_EQ(refusal("{\"a\":" + deep, ""), R"("a" must be an object, not a list)");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F32","shape":)" + deep, ""),
            R"(shape of "a" must be whole numbers from 0 to 2^64 - 1 in a list, not a list)");
  std::string zeros = "0";
  for (int i = 0; i < 20; ++i) zeros += "," + zeros;
  EXPECT_EQ(refusal(R"({"a":{"shape":[)" + zeros, ""), R"(shape of "a" has more than 8 numbers)");
  const std::string error = refusal("{\"" + std::string(1'000'000, 'n') + "\":1}", "");
  EXPECT_LT(error.size(), 200U);
}

TEST_F(Safetensors, FieldsMustBeTheThreeOfTheFormat) {
  EXPECT_EQ(refusal(R"({"a":{}})", ""),
            R"("a" has the fields [], it needs dtype, shape and data_offsets)");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F32","shape":[]}})", ""),
            R"("a" has the fields ["dtype", "shape"], it needs dtype, shape and data_offsets)");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F32","size":4}})", ""), R"("a" has an unknown field "size")");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F32","dtype":"F64"}})", ""), R"("a" has two fields "dtype")");
  EXPECT_EQ(refusal(R"({"a":{"dtype":32}})", ""),
            R"(dtype of "a" must be a string, not the number 32)");
  EXPECT_EQ(refusal(R"({"a":{"dtype":["F32"]}})", ""),
            R"(dtype of "a" must be a string, not a list)");
  EXPECT_EQ(refusal(R"({"a":)" + tensor("F8_E4M3", "[1]", "[0,1]") + "}", "1"),
            R"("a" has dtype "F8_E4M3", known are F32, F64, I64, BOOL, F16, BF16, I32, I16, I8, )"
            "U32, U16, U8");
  const std::string twice = tensor("F32", "[]", "[0,4]");
  EXPECT_EQ(refusal("{\"a\":" + twice + ",\"a\":" + twice + "}", "1234"), R"("a" appears twice)");
}

TEST_F(Safetensors, ShapesAndOffsetsMustBeWholeNumbersThatFit) {
  const auto error = [&](const std::string& shape, const std::string& offsets) {
    return refusal(R"({"a":)" + tensor("F32", shape, offsets) + "}", "12345678");
  };
  const std::string rule = R"( of "a" must be whole numbers from 0 to 2^64 - 1 in a list, not )";
  EXPECT_EQ(error("[-2]", "[0,8]"), "shape" + rule + "the number -2");
  EXPECT_EQ(error("[2.5]", "[0,8]"), "shape" + rule + "the number 2.5");
  EXPECT_EQ(error("[1e1]", "[0,8]"), "shape" + rule + "the number 1e1");
  EXPECT_EQ(error("[18446744073709551616]", "[0,8]"),
            "shape" + rule + "the number 18446744073709551616");
  EXPECT_EQ(error("[\"2\"]", "[0,8]"), "shape" + rule + "\"2\"");
  EXPECT_EQ(error("2", "[0,8]"), "shape" + rule + "the number 2");
  EXPECT_EQ(error("[2]", "[0,8,9]"), R"(data_offsets of "a" has more than 2 numbers)");
  EXPECT_EQ(error("[2]", "[8]"), R"(data_offsets of "a" must be two numbers)");
  EXPECT_EQ(error("[2]", "[0,-8]"), "data_offsets" + rule + "the number -8");

  // Sizes whose product overflows, also if another one is 0: then the strides would.
  for (const char* shape : {"[4294967296, 4294967296]", "[2305843009213693952]",
                            "[18446744073709551615]", "[0, 4294967296, 4294967296]"})
    EXPECT_EQ(error(shape, "[0,8]"),
              std::string(R"("a" has the shape )") + shape + ", more bytes than 64 bits can count");
  const std::string mismatch = R"("a" of shape [3] and dtype F32 takes 12 bytes, )";
  EXPECT_EQ(error("[3]", "[0,8]"), mismatch + "its data_offsets are [0, 8]");
  EXPECT_EQ(error("[3]", "[8,0]"), mismatch + "its data_offsets are [8, 0]");
  EXPECT_EQ(error("[3]", "[12,0]"), mismatch + "its data_offsets are [12, 0]");
}

TEST_F(Safetensors, EveryByteBelongsToOneArray) {
  const auto pair = [](const std::string& a, const std::string& b) {
    return "{\"a\":" + tensor("U8", "[4]", a) + ",\"b\":" + tensor("U8", "[4]", b) + "}";
  };
  EXPECT_EQ(load(file_of(pair("[4,8]", "[0,4]"), "12345678")).at("a").to_vector(),
            (std::vector<double>{'5', '6', '7', '8'}));
  EXPECT_EQ(refusal(pair("[0,4]", "[3,7]"), "12345678"),
            R"("b" begins at byte 3 of the data and overlaps what ends at byte 4)");
  EXPECT_EQ(refusal(pair("[0,4]", "[0,4]"), "1234"),
            R"("b" begins at byte 0 of the data and overlaps what ends at byte 4)");
  EXPECT_EQ(refusal(pair("[0,4]", "[5,9]"), "123456789"),
            R"(bytes 4 to 5 of the data, before "b", belong to nothing)");
  EXPECT_EQ(refusal(pair("[1,5]", "[5,9]"), "123456789"),
            R"(bytes 0 to 1 of the data, before "a", belong to nothing)");
  EXPECT_EQ(refusal(pair("[0,4]", "[4,8]"), "1234567"),
            R"("b" ends at byte 8 of the data, but the file has only 7 of them)");
  EXPECT_EQ(refusal(pair("[0,4]", "[4,8]"), "123456789"),
            "the last array ends at byte 8 of the data, but there are 9");
  EXPECT_EQ(refusal("{}", "1"), "the last array ends at byte 0 of the data, but there are 1");
  EXPECT_EQ(refusal("{\"e\":" + tensor("U8", "[0]", "[2,2]") +
                        ",\"a\":" + tensor("U8", "[4]", "[0,4]") + "}",
                    "1234"),
            R"("e" begins at byte 2 of the data and overlaps what ends at byte 4)");
}

TEST_F(Safetensors, ABoolIs0Or1) {
  const std::string header = R"({"a":)" + tensor("BOOL", "[3]", "[0,3]") + "}";
  EXPECT_TRUE(same_bits(load(file_of(header, std::string("\1\0\1", 3))).at("a"),
                        Array::of_bools({true, false, true}, {3})));
  EXPECT_EQ(refusal(header, std::string("\1\0\2", 3)), R"("a": a BOOL must be 0 or 1, got 2)");
}

// Whatever happens to a file, it is loaded or refused; a part of one is always refused.
TEST_F(Safetensors, DamageIsRefusedOrHarmless) {
  State state = example();
  state.arrays.resize(4);
  save_safetensors(path, state);
  const std::string bytes = read_file(path);
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_NE(refusal(bytes.substr(0, length)), "") << length;
  int refused = 0, loaded = 0;
  Generator generator(1);
  for (size_t i = 0; i < bytes.size(); ++i)
    for (const char replacement :
         {'0', '[', '"', '}', '\0', '\xff', static_cast<char>(generator.below(256))}) {
      std::string damaged = bytes;
      damaged[i] = replacement;
      try {
        load(damaged);
        ++loaded;
      } catch (const Error&) {
        ++refused;
      }
    }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(loaded, 100);  // most changes of the data make another state
}

}  // namespace
}  // namespace gradus::io
