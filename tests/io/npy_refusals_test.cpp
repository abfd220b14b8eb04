// Files that load_npy must refuse, each with what it says.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "gradus/io/file.h"
#include "gradus/io/npy.h"
#include "gradus/random.h"
#include "io/temporary.h"
#include "support.h"

namespace gradus::io {
namespace {

using test::error_of;

// A file of version 1.0 with this header, whose length is true.
std::string file_of(const std::string& header, const std::string& elements = "") {
  return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size() % 256) +
         static_cast<char>(header.size() / 256) + header + elements;
}

std::string dictionary(const std::string& descr, const std::string& shape,
                       const std::string& order = "False") {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
}

// What is said about bytes, without "parse_npy: ".
std::string refusal(const std::string& bytes) {
  const std::string message = error_of([&] { parse_npy(bytes).array(); });
  EXPECT_TRUE(message.starts_with("parse_npy: ")) << message;
  return message.substr(std::min<size_t>(11, message.size()));
}

class NpyFiles : public testing::Test {
 protected:
  test::TemporaryDirectory directory;
  std::filesystem::path path = directory / "a.npy";
};

TEST_F(NpyFiles, ThatAreNoFilesAreRefused) {
  const auto error = [](const std::filesystem::path& p) { return error_of([&] { load_npy(p); }); };
  EXPECT_EQ(error(path), "read: " + path.string() + ": No such file or directory");
  EXPECT_EQ(error(directory.path()), "read: " + directory.path().string() + ": is a directory");
  EXPECT_EQ(error("/dev/zero"), "read: /dev/zero: is not a regular file");
  ASSERT_EQ(::mkfifo(path.c_str(), 0666), 0);
  EXPECT_EQ(error(path), "read: " + path.string() + ": is not a regular file");
}

TEST_F(NpyFiles, ThatMayNotBeReadAreRefused) {
  write_file(path, "secret");
  std::filesystem::permissions(path, std::filesystem::perms::none);
  const test::WithoutPrivileges scope;
  if (!scope.works()) GTEST_SKIP() << "this root may not become another user";
  EXPECT_EQ(error_of([&] { load_npy(path); }), "read: " + path.string() + ": Permission denied");
}

TEST_F(NpyFiles, AnErrorNamesTheFile) {
  write_file(path, "no array");
  const std::string message = "load_npy: " + path.string() + ": does not begin as a .npy file does";
  EXPECT_EQ(error_of([&] { load_npy(path); }), message);
  EXPECT_EQ(error_of([&] { load_npy_stored(path); }), message);
}

TEST(NpyRefusals, TheStartIsThatOfTheFormat) {
  EXPECT_EQ(refusal(""), "does not begin as a .npy file does");
  EXPECT_EQ(refusal("\x93NUMPY"), "does not begin as a .npy file does");
  EXPECT_EQ(refusal("PK\3\4 this is a .npz"), "does not begin as a .npy file does");
  const auto version = [](char major, char minor) {
    return std::string("\x93NUMPY") + major + minor + std::string("\2\0\0\0{}", 6);
  };
  EXPECT_EQ(refusal(version(4, 0)), "has version 4.0 of the format, known are 1.0, 2.0 and 3.0");
  EXPECT_EQ(refusal(version(0, 0)), "has version 0.0 of the format, known are 1.0, 2.0 and 3.0");
  EXPECT_EQ(refusal(version(1, 1)), "has version 1.1 of the format, known are 1.0, 2.0 and 3.0");
  EXPECT_EQ(refusal(version(2, 0).substr(0, 11)), "ends in the length of the header");
}

TEST(NpyRefusals, TheLengthOfTheHeaderIsChecked) {
  EXPECT_EQ(refusal(std::string("\x93NUMPY\1\0\x10\0{}", 12)),
            "the header's length is given as 16 bytes, the file ends after 2");
  EXPECT_EQ(refusal(std::string("\x93NUMPY\1\0\xff\xff{}", 12)),
            "the header's length is given as 65535 bytes, 10000 are allowed");
  EXPECT_EQ(refusal(std::string("\x93NUMPY\2\0\xff\xff\xff\xff{}", 14)),
            "the header's length is given as 4294967295 bytes, 10000 are allowed");
}

TEST(NpyRefusals, TheHeaderIsADictionary) {
  const auto at = [](int byte) {
    return fmt::format("the header is not a dictionary of Python at its byte {}", byte);
  };
  EXPECT_EQ(refusal(file_of("")), at(1));
  EXPECT_EQ(refusal(file_of("[]")), at(1));
  EXPECT_EQ(refusal(file_of("{")), at(2));
  EXPECT_EQ(refusal(file_of("{,}")), at(2));
  EXPECT_EQ(refusal(file_of("{descr: '<f4'}")), at(2));
  EXPECT_EQ(refusal(file_of("{'descr' '<f4'}")), at(10));
  EXPECT_EQ(refusal(file_of("{'descr': '<f4' 'shape': ()}")), at(17));
  EXPECT_EQ(refusal(file_of("{'descr': '<f4,}")), at(12));
  EXPECT_EQ(refusal(file_of("{'de\\x73cr': '<f4'}")), at(3));
  EXPECT_EQ(refusal(file_of(dictionary("'<f4'", "()") + "x")), at(57));
  EXPECT_EQ(refusal(file_of(dictionary("__import__('os')", "()"))), at(11));
  EXPECT_EQ(refusal(file_of(std::string(9'999, '{'))), at(2));
  EXPECT_EQ(refusal(file_of("{'descr': '<f4', 'descr': '<f4'}")),
            "the header has two entries \"descr\"");
  EXPECT_EQ(refusal(file_of("{'descr': '<f4', 'strides': (1,)}")),
            "the header has an unknown entry \"strides\"");
  EXPECT_EQ(refusal(file_of("{}")),
            "the header has the entries [], it needs descr, fortran_order and shape");
  EXPECT_EQ(refusal(file_of("{'shape': (), 'descr': '<f4'}")),
            "the header has the entries [\"shape\", \"descr\"], it needs descr, fortran_order and "
            "shape");
  for (const char* order : {"'True'", "1", "None", "true"})
    EXPECT_EQ(refusal(file_of(dictionary("'<f4'", "()", order))),
              "fortran_order must be True or False")
        << order;
}

TEST(NpyRefusals, TypesThatAnArrayCannotHold) {
  const auto error = [](const std::string& descr) {
    return refusal(file_of(dictionary(descr, "(1,)"), "12345678"));
  };
  EXPECT_EQ(error("'|O'"), "the elements are Python objects (descr is \"|O\"), not numbers");
  EXPECT_EQ(error("[('a', '<f4')]"),
            "the elements are structured (descr is a list), which Array cannot hold");
  for (const std::string descr : {"<u8", "<c8", "<f16", "|S4", "<U1", "<M8[s]", "|V2", "f4", "=f4",
                                  "|f4", "|b2", "<f", "", "<", "float32"})
    EXPECT_EQ(error("'" + descr + "'"),
              "descr is \"" + descr +
                  "\", known are f4, f8, f2, i8, i4, i2, i1, u4, u2, u1, b1 after < or > (or |, if "
                  "it is a single byte)");
}

TEST(NpyRefusals, ShapesAreWholeNumbersThatFit) {
  const auto error = [](const std::string& shape, const std::string& descr = "'<f4'") {
    return refusal(file_of(dictionary(descr, shape), "12345678"));
  };
  for (const char* shape :
       {"(-2,)", "(2.0,)", "(2)", "[2]", "2", "(2 1)", "(,)", "(True,)", "((2,),)", "(2e0,)",
        "(0x2,)", "(18446744073709551616,)", "('2',)", "(2,,)", "(+2,)"})
    EXPECT_EQ(error(shape), "shape must be whole numbers from 0 to 2^64 - 1 in a tuple") << shape;
  EXPECT_EQ(error("(1, 1, 1, 1, 1, 1, 1, 1, 2)"), "shape has more than 8 numbers");
  EXPECT_EQ(error("(4294967296, 4294967296)"),
            "the shape is [4294967296, 4294967296], more bytes than 64 bits can count");
  EXPECT_EQ(error("(18446744073709551615,)", "'|u1'"),
            "the shape is [18446744073709551615], more bytes than 64 bits can count");
  EXPECT_EQ(error("(0, 4294967296, 4294967296)"),
            "the shape is [0, 4294967296, 4294967296], more bytes than 64 bits can count");
  EXPECT_EQ(error("(2305843009213693951,)"),
            "the elements take 9223372036854775804 bytes, the file has 8");
}

TEST(NpyRefusals, TheElementsAreAllThereAndNothingElse) {
  const std::string start = file_of(dictionary("'<i4'", "(2,)"));
  EXPECT_EQ(parse_npy(start + std::string(8, '\0')).shape(), (Shape{2}));
  EXPECT_EQ(refusal(start + std::string(7, '\0')), "the elements take 8 bytes, the file has 7");
  EXPECT_EQ(refusal(start + std::string(9, '\0')), "the elements take 8 bytes, the file has 9");
  EXPECT_EQ(refusal(start), "the elements take 8 bytes, the file has 0");
  const StoredArray mask = parse_npy(file_of(dictionary("'|b1'", "(2,)"), "\1\2"));
  EXPECT_EQ(error_of([&] { mask.array(); }), "a BOOL must be 0 or 1, got 2");
}

// Whatever happens to a file, it is loaded or refused; a part of one is always refused.
TEST(NpyRefusals, DamageIsRefusedOrHarmless) {
  const std::string bytes = file_of(dictionary("'<f4'", "(2, 3)", "True"), std::string(24, 'x'));
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_NE(refusal(bytes.substr(0, length)), "") << length;
  Generator generator(1);
  int refused = 0, loaded = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    for (int times = 0; times < 50; ++times) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(generator.below(256));
      try {
        parse_npy(damaged).array();
        ++loaded;
      } catch (const Error&) {
        ++refused;
      }
    }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(loaded, 1000);  // most changes of the elements make another array
}

}  // namespace
}  // namespace gradus::io
