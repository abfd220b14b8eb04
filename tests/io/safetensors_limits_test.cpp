// Headers that are large on purpose: each is read or refused in a time and memory that grow with
// its size and no faster.
#include <gtest/gtest.h>

#include "gradus/io/safetensors.h"
#include "support.h"

namespace gradus::io {
namespace {

std::string file_of(const std::string& header) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header;
}

std::string refusal(const std::string& header) {
  return test::error_of([&] { parse_safetensors(file_of(header)); });
}

// A header with so many empty arrays, called 0, 1, ...
std::string arrays(int count) {
  std::string header = "{";
  for (int i = 0; i < count; ++i)
    header += (i == 0 ? "\"" : ",\"") + std::to_string(i) +
              R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  return header + "}";
}

std::string texts(int count) {
  std::string header = R"({"__metadata__":{)";
  for (int i = 0; i < count; ++i) header += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":\"\"";
  return header + "}}";
}

TEST(SafetensorsLimits, ManyArrays) {
  const State state = parse_safetensors(file_of(arrays(20'000)));
  EXPECT_EQ(state.arrays.size(), 20'000U);
  EXPECT_EQ(state.arrays.back().name, "19999");
  EXPECT_EQ(refusal(arrays(500'001)),
            "parse_safetensors: the header describes more than 500000 arrays");
}

TEST(SafetensorsLimits, ManyTexts) {
  EXPECT_EQ(parse_safetensors(file_of(texts(100'000))).metadata.size(), 100'000U);
  EXPECT_EQ(refusal(texts(100'001)), "parse_safetensors: the metadata hold more than 100000 texts");
}

// What could not be read again is not written.
TEST(SafetensorsLimits, ManyTextsAreNotWritten) {
  State state;
  for (int i = 0; i <= 100'000; ++i) state.metadata[std::to_string(i)];
  EXPECT_EQ(test::error_of([&] { save_safetensors("unwritten.safetensors", state); }),
            "save_safetensors: 0 arrays and 100001 texts, 500000 and 100000 are allowed");
}

TEST(SafetensorsLimits, ManyOfOneName) {
  std::string header = arrays(20'000);
  header.replace(header.rfind("19999"), 5, "00000");
  EXPECT_EQ(parse_safetensors(file_of(header)).arrays.size(), 20'000U);  // "00000" is not "0"
  header.replace(header.rfind("00000"), 5, "12345");
  EXPECT_EQ(refusal(header), "parse_safetensors: \"12345\" appears twice");
}

TEST(SafetensorsLimits, LongWords) {
  const std::string word(5'000'000, 'x');
  EXPECT_EQ(
      parse_safetensors(file_of(R"({"__metadata__":{"a":")" + word + "\"}}")).metadata.at("a"),
      word);
  const std::string rest = R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})";
  EXPECT_EQ(parse_safetensors(file_of("{\"" + word + rest)).arrays.at(0).name, word);
  EXPECT_LT(refusal(R"({"a":{"dtype":")" + word).size(), 200U);
  EXPECT_LT(refusal("{\"a\":{\"shape\":[" + std::string(5'000'000, '9')).size(), 200U);
  EXPECT_EQ(parse_safetensors(file_of("{" + std::string(5'000'000, ' ') + "}")).arrays.size(), 0U);
}

}  // namespace
}  // namespace gradus::io
