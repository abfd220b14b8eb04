#include "gradus/io/npy.h"

#include <gtest/gtest.h>

#include <cmath>

#include "gradus/io/file.h"
#include "io/temporary.h"
#include "support.h"

namespace gradus::io {
namespace {

using test::error_of;
using test::same_bits;

class Npy : public testing::Test {
 protected:
  std::string saved(const auto& array) {
    save_npy(path, array);
    return read_file(path);
  }
  test::TemporaryDirectory directory;
  std::filesystem::path path = directory / "a.npy";
};

// What numpy.save writes before the elements: 128 bytes in all, a line break at their end.
std::string header(const std::string& dictionary) {
  std::string bytes = std::string("\x93NUMPY\1\0\x76\0", 10) + dictionary;
  bytes.resize(127, ' ');
  return bytes + '\n';
}

template <class T>
std::string bytes_of(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}

TEST_F(Npy, TheBytesAreThoseOfNumPy) {
  EXPECT_EQ(saved(Array::of({1, 2, 3, 4, 5, 6}, {2, 3})),
            header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }") +
                bytes_of({1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f}));
  EXPECT_EQ(saved(Array::of({0.5}, {1}, DType::float64)),
            header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }") + bytes_of({0.5}));
  EXPECT_EQ(
      saved(Array::of_indices({-1}, {})),
      header("{'descr': '<i8', 'fortran_order': False, 'shape': (), }") + bytes_of<int64_t>({-1}));
  EXPECT_EQ(saved(Array::of_bools({true, false}, {1, 2, 1})),
            header("{'descr': '|b1', 'fortran_order': False, 'shape': (1, 2, 1), }") +
                bytes_of<char>({1, 0}));
  EXPECT_EQ(saved(Array::zeros({3, 0})),
            header("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 0), }"));
}

// NumPy leaves room for the first size to grow to 21 digits, and ends at a multiple of 64. With the
// longest shape there is, two bytes are left.
TEST_F(Npy, TheHeaderAlwaysTakes128Bytes) {
  const std::string bytes = saved(Array::zeros({0, 1000, 1000, 1000, 1000, 1000, 1000, 1}));
  EXPECT_EQ(bytes, header("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 1000, 1000, 1000, "
                          "1000, 1000, 1000, 1), }"));
}

TEST_F(Npy, WhatIsSavedIsLoaded) {
  for (const Array& a :
       {test::random_array({3, 5, 7}, 1), Array::zeros({0, 3}),
        test::random_array({}, 2, DType::float32), Array::of({NAN, INFINITY, -0.0}, {3}),
        Array::of_indices({INT64_MIN, INT64_MAX}, {2, 1}),
        Array::of_bools({true, false, true}, {3})}) {
    save_npy(path, a);
    EXPECT_TRUE(same_bits(load_npy(path), a)) << a.to_string();
    EXPECT_TRUE(load_npy_stored(path) == StoredArray::of(a));
    EXPECT_TRUE(parse_npy(read_file(path)) == StoredArray::of(a));
  }
}

TEST_F(Npy, LayoutsAreWrittenRowMajor) {
  const Array a = test::random_array({3, 5, 7}, 3, DType::float32);
  for (const Array& layout : test::in_every_layout(a)) EXPECT_EQ(saved(layout), saved(a));
  save_npy(path, a.expand({2, 3, 5, 7}));
  EXPECT_TRUE(same_bits(load_npy(path), a.expand({2, 3, 5, 7})));
}

TEST_F(Npy, EveryTypeOfNumPyIsWrittenAndReadWithoutLoss) {
  const Array a = Array::of({0, 1, 1, 0, 1, 0}, {2, 3}, DType::float64);
  std::string all;
  for (int i = 0; i <= static_cast<int>(ElementType::uint8); ++i) {
    const auto type = static_cast<ElementType>(i);
    if (type == ElementType::bfloat16) continue;
    all += saved(StoredArray::of(a, type)).substr(21, 4) + " ";
    EXPECT_TRUE(load_npy_stored(path) == StoredArray::of(a, type)) << name(type);
    EXPECT_TRUE(same_bits(load_npy(path), a.to(dtype_for(type)))) << name(type);
  }
  EXPECT_EQ(all, "<f4' <f8' <i8' |b1' <f2' <i4' <i2' |i1' <u4' <u2' |u1' ");
}

TEST_F(Npy, WhatNumPyHasNotIsRefused) {
  const StoredArray a = StoredArray::of(Array::scalar(1), ElementType::bfloat16);
  EXPECT_EQ(error_of([&] { save_npy(path, a); }), "save_npy: NumPy has no type for BF16");
  EXPECT_EQ(error_of([&] { save_npy(path, Array()); }), "save_npy: there is no array");
  EXPECT_EQ(directory.count(), 0);
}

TEST_F(Npy, BigEndianAndFortransOrderAreTurned) {
  const std::string f4 = std::string("\x3f\x80\0\0\xc0\0\0\0\x40\x40\0\0\x40\x80\0\0", 16);
  const auto read = [&](const std::string& dictionary, const std::string& elements) {
    return parse_npy(header(dictionary) + elements).array();
  };
  EXPECT_TRUE(same_bits(read("{'descr':'>f4','fortran_order':False,'shape':(2,2)}", f4),
                        Array::of({1, -2, 3, 4}, {2, 2})));
  EXPECT_TRUE(same_bits(read("{'descr':'>f4','fortran_order':True,'shape':(2,2)}", f4),
                        Array::of({1, 3, -2, 4}, {2, 2})));
  EXPECT_TRUE(same_bits(
      read("{'descr':'>i2','fortran_order':True,'shape':(3,)}", std::string("\0\1\xff\xfe\1\0", 6)),
      Array::of_indices({1, -2, 256}, {3})));
  EXPECT_TRUE(same_bits(read("{'descr':'>u1','fortran_order':False,'shape':(2,)}", "\1\xff"),
                        Array::of_indices({1, 255}, {2})));
  EXPECT_EQ(read("{'descr':'<f8','fortran_order':True,'shape':(2,0,3)}", "").shape(),
            (Shape{2, 0, 3}));
}

// In Fortran's order the file holds the elements of the array whose axes are reversed.
TEST_F(Npy, FortransOrderIsThatOfReversedAxes) {
  const Array reversed = test::random_array({7, 1, 5, 2, 3}, 4, DType::float32);
  std::string bytes = saved(reversed);
  const std::string c_order = "False, 'shape': (7, 1, 5, 2, 3)";
  bytes.replace(bytes.find(c_order), c_order.size(), "True , 'shape': (3, 2, 5, 1, 7)");
  EXPECT_TRUE(same_bits(parse_npy(bytes).array(), reversed.permute({4, 3, 2, 1, 0})));
}

// What NumPy's reader takes, in other words than those that it writes.
TEST_F(Npy, TheHeaderIsReadAsPython) {
  for (const char* dictionary : {"{\"shape\":(2L,),\"descr\":\"<i2\",\"fortran_order\":False}",
                                 "  {  'fortran_order' : True\t,"
                                 "'descr' : '<i2' , 'shape' : ( 2 , ) , } ",
                                 "{'descr':'<i2',\n'shape':(2,),\r\n"
                                 "'fortran_order':False,}"})
    EXPECT_TRUE(same_bits(parse_npy(header(dictionary) + bytes_of<int16_t>({-7, 9})).array(),
                          Array::of_indices({-7, 9}, {2})))
        << dictionary;
}

}  // namespace
}  // namespace gradus::io
