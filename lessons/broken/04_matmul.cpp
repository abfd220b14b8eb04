/// \file
/// Lesson 4, broken on purpose. Each function has the correct line and the broken one beside it.
#include <algorithm>
#include <cmath>

#include "../lesson.h"
#include "gradus/arithmetic.h"

namespace gradus::lessons {
namespace {

// ---- forgotten-transpose ----

Tensor careless_matmul(const Tensor& a, const Tensor& b) {
  return record("careless_matmul", matmul(a.detach(), b.detach()).value(), {a, b},
                [a = saved(a), b = saved(b)](const Array& d, Inputs in) {
                  const Tensor A(*a), B(*b), dC(d);
                  in.add(0, matmul(dC, B).value());             // not dC B^T
                  in.add(1, matmul(transpose(A), dC).value());  // A^T dC
                });
}

void forgotten_transpose(Lesson& lesson) {
  lesson.equation("correct: dA = dC B^T,   broken: dA = dC B");
  const auto dA = [](auto f, const Array& x, const Array& y) {
    const Tensor a = parameter(x), b = parameter(y);
    sum(f(a, b)).backward();
    return Tensor(a.grad());
  };
  lesson.say("With A [2, 3] and B [3, 4] the second product is [2, 4] times [3, 4]:");
  try {
    dA(careless_matmul, lesson.randn({2, 3}), lesson.randn({3, 4}));
    lesson.symptom("the shapes do not fit", false);
  } catch (const Error& error) {
    lesson.text(error.what());
    lesson.symptom("it is refused: the shapes do not fit", true);
  }
  lesson.say(
      "But weights from d_model to d_model are square, and so is a test that saves thought:");
  const Array x = lesson.randn({3, 3}), y = lesson.randn({3, 3});
  const auto right = [](const Tensor& a, const Tensor& b) { return matmul(a, b); };
  lesson.compare("dA", dA(right, x, y), dA(careless_matmul, x, y), {"i", "l", {}, {}});
  lesson.symptom("square matrices: it runs, and dA is wrong",
                 largest_difference(dA(right, x, y), dA(careless_matmul, x, y)) > 0.1);
  lesson.caught("careless_matmul",
                [](const std::vector<Tensor>& in) { return careless_matmul(in[0], in[1]); },
                {{"A", x}, {"B", y}});
  lesson.say(
      R"(With a symmetric B even the check would pass, for then B and its transpose are one. Random
      matrices of three different sizes leave no such hiding place.)");
  const Array symmetric = y + transposed(y);
  lesson.symptom(
      "a symmetric B hides it",
      largest_difference(dA(right, x, symmetric), dA(careless_matmul, x, symmetric)) < 1e-12);
}

// ---- blocks of k ----

// A product whose sum over l is made in blocks. Correct: the next block is added. Broken: it
// overwrites, as if C were still empty.
Tensor blocked(const Tensor& a, const Tensor& b, int64_t depth, bool add) {
  Tensor c(Array::zeros({a.size(0), b.size(1)}, DType::float64));
  for (int64_t l = 0; l < a.size(1); l += depth) {
    const int64_t end = std::min(l + depth, a.size(1));
    const Tensor part = matmul(slice(a, 1, l, end), slice(b, 0, l, end));
    c = add ? c + part : part;
  }
  return c;
}

void no_accumulate(Lesson& lesson) {
  lesson.say(
      R"(Packed makes the sum over l in blocks of `depth`, and all but the first must add to C. A block
      of 4, and matrices of more and more rows of B:)");
  viz::TableRows rows{{"k", "correct", "broken"}};
  bool small_is_right = true, large_is_wrong = true;
  for (const int64_t k : {1, 2, 3, 4, 5, 8, 9}) {
    const Tensor a(lesson.randn({3, k})), b(lesson.randn({k, 5})), c = matmul(a, b);
    const double correct = largest_difference(blocked(a, b, 4, true), c),
                 broken = largest_difference(blocked(a, b, 4, false), c);
    rows.push_back(row("{} | {} | {}", k, correct < 1e-12 ? "right" : "wrong",
                       broken < 1e-12 ? "right" : "wrong"));
    small_is_right = small_is_right && correct < 1e-12 && (k > 4 || broken < 1e-12);
    large_is_wrong = large_is_wrong && (k <= 4 || broken > 0.1);
  }
  lesson.table(rows);
  lesson.symptom("right for every k of one block, wrong from the second on",
                 small_is_right && large_is_wrong);
  lesson.say(
      R"(With a depth of 256 no test of small matrices meets a second block. The tests of this library
      make the blocks tiny instead: see ScopedGemmTuning in tests/kernels/gemm_test.cpp.)");
}

// ---- edges ----

// Tiles of r x r; broken: only whole tiles.
Tensor in_tiles(const Tensor& a, const Tensor& b, int64_t r, bool edges) {
  const int64_t m = a.size(0), n = b.size(1);
  std::vector<double> c(static_cast<size_t>(m * n), 0.0);
  for (int64_t i = 0; edges ? i < m : i + r <= m; i += r)
    for (int64_t j = 0; edges ? j < n : j + r <= n; j += r) {
      const Tensor tile =
          matmul(slice(a, 0, i, std::min(i + r, m)), slice(b, 1, j, std::min(j + r, n)));
      for (int64_t y = 0; y < tile.size(0); ++y)
        for (int64_t x = 0; x < tile.size(1); ++x)
          c[static_cast<size_t>((i + y) * n + j + x)] = tile.value().at({y, x});
    }
  return Tensor(Array::of(c, {m, n}, DType::float64));
}

void forgotten_edge(Lesson& lesson) {
  const Tensor a(lesson.randn({5, 4})), b(lesson.randn({4, 5})), c = matmul(a, b);
  lesson.compare("C, tiles of 2 x 2", in_tiles(a, b, 2, true), in_tiles(a, b, 2, false),
                 {"i", "j", {}, {}});
  lesson.symptom("the last row and the last column are never written",
                 largest_difference(in_tiles(a, b, 2, true), c) < 1e-12 &&
                     largest_difference(in_tiles(a, b, 2, false), c) > 0.1);
  int wrong = 0;
  for (int64_t n = 1; n <= 8; ++n) {
    const Tensor x(lesson.randn({n, 3})), y(lesson.randn({3, n}));
    if (largest_difference(in_tiles(x, y, 4, false), matmul(x, y)) > 1e-6) ++wrong;
  }
  lesson.symptom("with tiles of 4 x 4, sizes 1 to 8: wrong for six of eight, right for 4 and 8",
                 wrong == 6);
  lesson.say(
      R"(Powers of two fit every tile, so a test with 64 x 64 sees nothing. A vocabulary of 65 letters
      does: lesson 15 has one. Walk all sizes from 0 to two tiles and one.)");
}

// ---- split-k ----

// One element of C in float32, the sum over l in so many shares: one for each thread, added at the
// end.
float shared_out(const std::vector<double>& a, const std::vector<double>& b, size_t threads) {
  const size_t k = a.size();
  float total = 0;
  for (size_t t = 0; t < threads; ++t) {
    float part = 0;
    for (size_t l = k * t / threads; l < k * (t + 1) / threads; ++l)
      part += static_cast<float>(a[l]) * static_cast<float>(b[l]);
    total += part;
  }
  return total;
}

void split_k(Lesson& lesson) {
  lesson.say(
      R"(64 elements of a product, each a sum over k = 3000 in float32. By one thread: in one go. By more:
      each makes its share of the sum, and the shares are added.)");
  viz::TableRows rows{{"threads", "elements that differ from one thread's"}};
  std::vector<std::vector<double>> rows_of_a, columns_of_b;
  for (int i = 0; i < 64; ++i) {
    rows_of_a.push_back(lesson.randn({3000}).to_vector());
    columns_of_b.push_back(lesson.randn({3000}).to_vector());
  }
  bool differ = true;
  double largest = 0;
  for (const size_t threads : {1u, 2u, 3u, 4u}) {
    int count = 0;
    for (size_t i = 0; i < 64; ++i) {
      const float one = shared_out(rows_of_a[i], columns_of_b[i], 1),
                  many = shared_out(rows_of_a[i], columns_of_b[i], threads);
      if (one != many) ++count;
      largest = std::max(largest, static_cast<double>(std::abs(one - many)));
    }
    rows.push_back(row("{} | {} of 64", threads, count));
    differ = differ && (threads == 1) == (count == 0);
  }
  lesson.table(rows);
  lesson.symptom("another number of threads, other bits", differ);
  lesson.symptom("and yet no difference is above 0.001, with sums of size 55", largest < 1e-3);
  lesson.say(
      R"(Nothing is wrong with any of them. But a training run then cannot be repeated on another
      machine, and a bug cannot be found by comparing two runs. So threads share C, never k.)");
}

}  // namespace

std::vector<Break> breaks() {
  return {{"forgotten-transpose", "The backward has dA = dC B, without the transpose.",
           forgotten_transpose},
          {"no-accumulate", "Each block of the sum over l overwrites C.", no_accumulate},
          {"forgotten-edge", "Only whole tiles of C are computed.", forgotten_edge},
          {"split-k", "The sum over l is divided among threads, not C.", split_k}};
}

}  // namespace gradus::lessons
