#include "io/xxhash.h"

#include <gtest/gtest.h>

#include <string>

namespace gradus::io {
namespace {

// Sums by the reference implementation: python3 -c 'import xxhash; ...', version 3.6.
TEST(XxHash, IsThatOfTheReferenceImplementation) {
  std::string bytes(1000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>((i * 131 + 7) % 256);
  struct Sum {
    size_t length;
    uint64_t seed_0, seed_2654435761;
  };
  for (const Sum& sum : {Sum{0, 0xef46db3751d8e999, 0xac75fda2929b17ef},
                         {1, 0xa96c7f0ce858bbb7, 0x84e535b36672440d},
                         {3, 0xbed43740ee6332bb, 0x00b77b485431ce5d},
                         {4, 0xfa212ae44b3bb23d, 0x60492c4bfcb70cac},
                         {8, 0x994b676b71ce94dd, 0xf424edebfea8d23f},
                         {31, 0x6711d55e306b5d8f, 0xfa1259cc8b20eb58},
                         {32, 0x07f7b8e3bc5d6e25, 0x920f3e10a5db09c6},
                         {33, 0x09f85eeb4e1cbe9f, 0x3d805e8712cb4890},
                         {63, 0xb7c9968c066cb6a5, 0x184bc5097530bb9a},
                         {64, 0x50d4159a0411632e, 0x94667e10d68b3991},
                         {100, 0x9ddada11d3dc2d8f, 0x5766be6782b96389},
                         {1000, 0x0bf0bdbcc82eb373, 0xb43e358553049780}}) {
    EXPECT_EQ(xxh64(bytes.data(), sum.length, 0), sum.seed_0) << sum.length;
    EXPECT_EQ(xxh64(bytes.data(), sum.length, 2654435761), sum.seed_2654435761) << sum.length;
  }
}

}  // namespace
}  // namespace gradus::io
