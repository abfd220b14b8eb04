// The rungs of lesson 4 against sums in long double: every tail, block size and gap, on every
// instruction set.
#include "kernels/ladder/ladder.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gradus/error.h"
#include "kernel_test.h"
#include "kernels/kernels.h"

namespace gradus::kernels::ladder {
namespace {

using test::Fenced;
using test::on_every_isa;
using test::ScopedThreads;

// Two matrices with a gap after each row, and a C that nothing may be read from.
struct Problem {
  Problem(int64_t m, int64_t n, int64_t k, int64_t gap)
      : a(test::uniform<float>(m * (k + gap), 1)),
        b(test::uniform<float>(k * (n + gap), 2)),
        c(m * (n + gap), std::numeric_limits<float>::quiet_NaN()),
        product{m, n, k, a.data(), k + gap, b.data(), n + gap, c.data(), n + gap} {}
  Problem(const Problem&) = delete;

  void expect_right(const std::string& what) const {
    const Product& p = product;
    constexpr long double u = std::numeric_limits<float>::epsilon() / 2;
    const auto k = static_cast<long double>(p.k);
    for (int64_t i = 0; i < p.m; ++i)
      for (int64_t j = 0; j < p.c_row; ++j) {
        if (j >= p.n) {
          ASSERT_TRUE(std::isnan(p.c[i * p.c_row + j])) << what << ": wrote into the gap";
          continue;
        }
        long double sum = 0, size = 0;
        for (int64_t l = 0; l < p.k; ++l) {
          const long double term =
              static_cast<long double>(p.a[i * p.a_row + l]) * p.b[l * p.b_row + j];
          sum += term, size += std::abs(term);
        }
        // The proven bound of a sum of k products in any order.
        ASSERT_LE(std::abs(p.c[i * p.c_row + j] - sum), k * u / (1 - k * u) * size)
            << what << ": element " << i << ", " << j;
      }
    c.expect_fences_untouched();
  }

  Fenced<float> a, b, c;
  Product product;
};

using Rung = std::function<void(const Product&)>;

// Every rung with every block size worth a test.
std::vector<std::pair<std::string, Rung>> all_rungs() {
  std::vector<std::pair<std::string, Rung>> rungs{{"naive", naive}, {"reordered", reordered}};
  for (const int64_t tile : {1, 3, 8, 1000})
    rungs.push_back({fmt::format("tiled {}", tile), [=](const Product& p) { tiled(p, tile); }});
  const RegisterTile most = largest_register_tile();
  for (int64_t rows = 1; rows <= most.rows; ++rows)
    for (int64_t vectors = 1; vectors <= most.vectors; ++vectors) {
      const RegisterTile tile{rows, vectors};
      const std::string size = fmt::format("{} x {}", rows, vectors);
      rungs.push_back({"vectorised " + size, [=](const Product& p) { vectorised(p, tile); }});
      for (const int64_t depth : {1, 4, 1000})
        rungs.push_back({fmt::format("packed {} {}", size, depth),
                         [=](const Product& p) { packed(p, tile, depth); }});
    }
  for (const int64_t depth : {4, 1000})
    rungs.push_back(
        {fmt::format("threaded {}", depth), [=](const Product& p) { threaded(p, most, depth); }});
  return rungs;
}

TEST(Ladder, EveryRungIsRightForEverySize) {
  on_every_isa([] {
    for (const auto& [name, rung] : all_rungs())
      for (const auto& [m, n, k] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1},
                                    {7, 13, 5},
                                    {6, 64, 8},
                                    {13, 65, 9},
                                    {2, 0, 3},
                                    {0, 2, 3},
                                    {3, 17, 0}})
        for (const int64_t gap : {0, 3}) {
          const Problem problem(m, n, k, gap);
          rung(problem.product);
          problem.expect_right(fmt::format("{}, {} x {} x {}, gap {}", name, m, n, k, gap));
        }
  });
}

TEST(Ladder, EveryTail) {
  on_every_isa([] {
    const RegisterTile tile = largest_register_tile();
    for (int64_t m = 1; m <= 13; ++m)
      for (const int64_t n : test::tail_lengths()) {
        const Problem problem(m, n, 5, 1);
        vectorised(problem.product, tile);
        problem.expect_right(fmt::format("vectorised, {} x {}", m, n));
        packed(problem.product, tile, 2);
        problem.expect_right(fmt::format("packed, {} x {}", m, n));
      }
  });
}

TEST(Ladder, ReorderedAndTiledHaveTheBitsOfNaive) {
  Problem first(11, 37, 50, 0), other(11, 37, 50, 0);
  naive(first.product);
  reordered(other.product);
  EXPECT_TRUE(first.c == other.c);
  tiled(other.product, 7);
  EXPECT_TRUE(first.c == other.c);
}

TEST(Ladder, ThreadsDoNotChangeABit) {
  on_every_isa([] {
    const RegisterTile tile = largest_register_tile();
    for (const int64_t m : {1, 5, 6, 20, 33}) {
      Problem one(m, 70, 40, 0), many(m, 70, 40, 0);
      packed(one.product, tile, 16);
      for (const int threads : {1, 2, 3, 8}) {
        const ScopedThreads scoped(threads);
        threaded(many.product, tile, 16);
        EXPECT_TRUE(one.c == many.c) << threads << " threads, " << m << " rows";
      }
    }
  });
}

// What an Error says, or "" if none is thrown.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Ladder, WrongSizesAreErrors) {
  const Problem problem(4, 4, 4, 0);
  const Product good = problem.product;
  const RegisterTile tile = largest_register_tile();
  EXPECT_EQ(error_of([&] { tiled(good, 0); }), "tiled: tile must be 1 or more, got 0");
  EXPECT_EQ(error_of([&] { packed(good, tile, -1); }), "packed: depth must be 1 or more, got -1");
  EXPECT_EQ(error_of([&] { threaded(good, tile, 0); }), "threaded: depth must be 1 or more, got 0");
  Product bad = good;
  bad.k = -1;
  EXPECT_EQ(error_of([&] { naive(bad); }), "naive: (4, -1) times (-1, 4): a size is negative");
  bad = good;
  bad.b_row = 3;
  EXPECT_EQ(error_of([&] { reordered(bad); }),
            "reordered: rows of 4, 4 and 4 numbers cannot begin every 4, 3 and 4");
  on_every_isa([&] {
    const RegisterTile most = largest_register_tile();
    for (const RegisterTile wrong :
         {RegisterTile{0, 1}, {1, 0}, {most.rows + 1, 1}, {1, most.vectors + 1}})
      for (const Rung& rung : {Rung([=](const Product& p) { vectorised(p, wrong); }),
                               Rung([=](const Product& p) { packed(p, wrong, 8); }),
                               Rung([=](const Product& p) { threaded(p, wrong, 8); })})
        EXPECT_NE(error_of([&] { rung(good); })
                      .find(fmt::format("a register tile has 1 to {} rows of 1 to {} vectors",
                                        most.rows, most.vectors)),
                  std::string::npos);
  });
}

}  // namespace
}  // namespace gradus::kernels::ladder
