/*! \page lesson_04 Lesson 4: Matmul

\lessonhead
\needs \ref lesson_01 "lesson 1", shapes, and \ref lesson_02 "lesson 2", gradients.
\verbs
- `matmul(a, b)` multiplies matrices
- `record(...)` makes an op with a backward of your own
\builds a matrix product, seven times: from three loops to all that the machine can do.
\usedlater in every lesson, wherever there is a product; the library's own is gradus::matmul().
\endlessonhead

Most of the time that a network takes goes into one formula:

\f[ C = A B, \qquad c_{ij} = \sum_l a_{il}\, b_{lj} \f]

In words: row i of A times column j of B, multiplied in pairs and added. That is three loops, and
they use about one hundredth of what the machine can do. Where is the rest? Not in the arithmetic:
it stays the same, multiplication for multiplication, on all rungs of this ladder. What changes is
how often a number is fetched, and from where.

\output{04_matmul.1}

\section lesson_04_machine What the machine can do

The times on this page were measured on one machine; yours has others. A lesson prints its own.

\output{04_matmul.2}

\section lesson_04_ladder The ladder

\beside
1 Naive: the formula as it stands. The number of B that is needed next is a whole row further on in
memory. Memory comes in _cache lines_ of 64 bytes, and of each the loop uses 4.
\sourceof{kernels/ladder/loops.cpp,naive}

\beside
2 Reordered: the two inner loops exchanged. Now B and C are read along their rows, and all of a
cache line is used.
\sourceof{kernels/ladder/loops.cpp,reordered}

\beside
3 Tiled: before, all of B went by for each row of C. Now a square of it, small enough for a cache,
serves every row before the next one is fetched.
\sourceof{kernels/ladder/loops.cpp,tiled}

\beside
4 Vectorised: an instruction multiplies and adds a whole register of numbers. A tile of C, rows x
vectors, stays in registers while l runs, so that a vector of B serves several rows. `Vec`,
`load` and `multiply_accumulate`, which is c += a b, come from src/kernels/isa/vec.h; the source is
compiled for each instruction set. \sourceof{kernels/ladder/vectors.cpp,tile}

\beside
5 Packed: the same tile, but its columns of B are copied first, row right after row. What is read
again and again then lies in a few pages of memory.
\sourceof{kernels/ladder/vectors.cpp,packed}

\beside
6 Threaded: one fork; each thread has rows of C of its own, so none waits for another.
\sourceof{kernels/ladder/ladder.cpp,threaded}

7 Ours: the library's `matmul`. It has the same tile; src/kernels/isa/gemm.cpp draws which matrix
waits in which cache, and takes transposes, biases and small products as well.

\output{04_matmul.3}

\output{04_matmul.4}

\section lesson_04_roofline The roofline

An operation needs its bytes. A core that reads \f$\beta\f$ bytes in a second and does at most
\f$\pi\f$ operations is, with \f$I\f$ operations for each byte, no faster than

\f[ \min(\pi,\ I \beta) \qquad\text{(Williams, Waterman and Patterson 2009)} \f]

Drawn over I on logarithmic axes that is a slope that ends in a flat roof. There is a slope for each
level of memory: the nearer the cache, the higher.

\picture{04_matmul-the-roofline-of-this-machine,The rungs under the roofs of the machine that made
this page\, in a quick run: numbers are those of the ladder.}

\output{04_matmul.5}

\papernote The roofline of 2009 counts the bytes that come from main memory. Here the bytes that the
innermost loop loads and stores are counted, wherever they come from, and each cache has a roof: the
"cache-aware" model (Ilic, Pratas and Sousa 2014). It can be counted in the code, without
instruments.

\section lesson_04_blocks Change a block size

Each sentence about what limits a rung can be tried: the sizes of all blocks are flags.

\output{04_matmul.6}

\output{04_matmul.7}

\section lesson_04_back The way back

\f$a_{il}\f$ enters \f$c_{ij}\f$ for every j, with slope \f$b_{lj}\f$; \f$b_{lj}\f$ enters
\f$c_{ij}\f$ for every i, with slope \f$a_{il}\f$. Summed over all that they enter,

\f[ da_{il} = \sum_j dc_{ij}\, b_{lj}, \qquad db_{lj} = \sum_i a_{il}\, dc_{ij},
    \qquad\text{so}\qquad dA = dC\, B^\top, \qquad dB = A^\top dC . \f]

\beside
Two products, and nothing else: what makes the forward fast makes the backward fast.
\source{backward}

\output{04_matmul.8}

\section lesson_04_edit Change one line

\output{04_matmul.10}

\output{04_matmul.9}

\program{04_matmul}
*/
#include <algorithm>
#include <cmath>
#include <cstring>

#include "gradus/arithmetic.h"
#include "gradus/threads.h"
#include "lesson.h"
#include "matmul_flags.h"
#include "matmul_ladder.h"
#include "matmul_trials.h"

namespace gradus::lessons {
namespace {

LadderFlags flags;

int64_t size_of(const Lesson& lesson) { return flags.n > 0 ? flags.n : lesson.quick() ? 256 : 640; }

// ---- a product, and its way back ----

// [slow]
// c_ij = sum over l of a_il b_lj.  a: (m, k), b: (k, n) -> (m, n)
Array product(const Array& a, const Array& b) {
  check(a.size(1) == b.size(0), "product: inner sizes differ: {} @ {}", a.shape(), b.shape());
  const int64_t m = a.size(0), n = b.size(1);
  std::vector<double> c;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < a.size(1); ++l) sum += a.at({i, l}) * b.at({l, j});
      c.push_back(sum);
    }
  return Array::of(c, {m, n}, DType::float64);
}
// [slow]

// [backward]
Tensor matmul_by_hand(const Tensor& a, const Tensor& b) {
  return record("matmul_by_hand", product(a.value(), b.value()), {a, b},
                [a = saved(a), b = saved(b)](const Array& dC, Inputs in) {
                  in.add(0, product(dC, transposed(*b)));  // dA = dC B^T
                  in.add(1, product(transposed(*a), dC));  // dB = A^T dC
                });
}
// [backward]

// ---- the sections ----

void cost(Lesson& lesson) {
  lesson.section("What a product costs");
  const Array a = Array::of({1, 2, 3, 4, 5, 6}, {2, 3}, DType::float64);
  const Array b = Array::of({1, 0, 0, 1, 2, 1}, {3, 2}, DType::float64);
  lesson.say("C = A B: an element of C is a row of A times a column of B, in pairs, added up.");
  lesson.equation("c_ij = sum_{l} a_il b_lj");
  lesson.beside("A", Tensor(a), {"i", "l", {}, {}}, "B", Tensor(b), {"l", "j", {}, {}}, 0);
  lesson.predict("What is c_10, row 1 of A times column 0 of B?",
                 fmt::format("{}", product(a, b).at({1, 0})), "4·1 + 5·0 + 6·2.");
  lesson.show("C", Tensor(product(a, b)), {"i", "j", {}, {}}, 0);
  const int64_t n = size_of(lesson);
  const auto flops = 2 * n * n * n, bytes = 3 * n * n * 4;
  lesson.predict(
      fmt::format("Two matrices of {0} x {0}: how many operations, + and · counted?", n),
      fmt::format("{}", flops),
      fmt::format("2 · {0} · {0} · {0}: each of {0}² elements needs {0} of each kind.", n));
  lesson.predict(fmt::format("And how many bytes, if each float of A, B and C moves once?"),
                 fmt::format("{}", bytes), fmt::format("3 · {0} · {0} numbers of 4 bytes.", n));
  lesson.say(
      R"(So there is work for {:.1f} operations in every byte, if it is fetched only once: n / 6, the
      more the larger the matrices. Three plain loops fetch two numbers, 8 bytes, for each pair of
      operations.)",
      static_cast<double>(flops) / static_cast<double>(bytes));
}

Yardsticks machine(Lesson& lesson) {
  lesson.section("What this machine can do");
  lesson.say(
      R"(Two limits, both measured just now. How many operations in a second, when all numbers are in
      registers: each instruction multiplies and adds a whole vector of them, which counts as two
      operations for each number. And how many bytes one core reads in a second, from each cache
      and from memory. G is $10^9$.)");
  const Yardsticks y = measure_yardsticks();
  const kernels::Machine cpu = kernels::this_machine();
  lesson.unchecked();
  lesson.table(
      {{"limit", "measured", ""},
       row("operations, 1 thread | {:.1f} | GFLOP/s", y.peak / 1e9),
       row("operations, all threads ({}) | {:.1f} | GFLOP/s", num_threads(), y.peak_of_all / 1e9),
       row("reading from the L1 cache ({} KiB) | {:.1f} | GB/s", cpu.l1 >> 10, y.l1 / 1e9),
       row("reading from the L2 cache ({} KiB) | {:.1f} | GB/s", cpu.l2 >> 10, y.l2 / 1e9),
       row("reading from memory | {:.1f} | GB/s", y.memory / 1e9),
       row("operations in the time of a byte from memory | {:.1f} | ", y.peak / y.memory)});
  lesson.say(
      R"(Three plain loops ask for 4 bytes for each operation. The last line says how far memory is from
      that.)");
  return y;
}

// The share of the proven bound that the largest difference takes, |x - y| <= 2 gamma_k |A| |B|.
double share_of_bound(const Matrices& m, const Tensor& x, const Tensor& y) {
  const auto k = static_cast<double>(m.product().k), u = std::pow(2.0, -24);
  const Tensor sizes = matmul(abs(to(m.a, DType::float64)), abs(to(m.b, DType::float64)));
  const Tensor bound = sizes * (2 * k * u / (1 - k * u));
  return max(abs(to(x, DType::float64) - to(y, DType::float64)) / bound).item();
}

bool same_bits(const Tensor& x, const Tensor& y) {
  return std::memcmp(x.value().data<float>(), y.value().data<float>(),
                     static_cast<size_t>(x.numel()) * sizeof(float)) == 0;
}

void six_rewrites(Lesson& lesson, const Matrices& matrices) {
  lesson.section("Seven rungs, one product");
  lesson.say(
      R"(Rungs 1 to 6 are in src/kernels/ladder/, each a few lines more than the one below. Each has one
      idea, and something that limits it, which the flag at its right makes better or worse. Where
      all fits into the L1 cache, as with `--n 64`, the first three are nearly equal.)");
  lesson.table({{"", "rung", "its idea", "what limits it", "try"},
                {"1", "naive", "the formula", "a cache line per number of B", "--n 64"},
                {"2", "reordered", "B row by row", "B goes by for each row of C", "--n 64"},
                {"3", "tiled", "squares of B", "instructions for single numbers", "--tile 4"},
                {"4", "vectorised", "C in registers", "rows of B lie in many pages", "section 6"},
                {"5", "packed", "B copied", "loads for each multiply-add", "--rows 1"},
                {"6", "threaded", "C shared out", "how many cores there are", "--threads 1"},
                {"7", "ours", "A in L1 as well", "the multiply-adds", "section 7"}});
  lesson.predict(
      "Reordered: the innermost loop is another one. The same bits as naive?", "yes",
      "Each c_ij is still the sum over l = 0, 1, 2, ... in this order; only the elements "
      "take turns. A sum rounds by its order, and that is the same.");
  lesson.predict("Threaded: the same bits as packed?", "yes",
                 "An element belongs to one thread, which adds it up as one alone would.");
  lesson.say(
      R"(Packed adds up parts of the sum first, and a fused multiply-add rounds once where · and + round
      twice. Such results differ, but no more than this: a sum of k products, in any order, has an
      error of at most $gamma_k = k u / (1 - k u)$ times the sum of the sizes, with $u = 2^-24$ for
      float32 (Higham 2002, section 3.1). Two of them are apart by)");
  lesson.equation("|c_ij - c'_ij| <= 2 gamma_k sum_{l} |a_il| |b_lj|");
  const std::vector<Rung> rungs = ladder_rungs(flags);
  std::vector<Tensor> results;
  viz::TableRows rows{{"rung", "largest difference from naive", "of its bound", "same bits"}};
  const auto compare = [&](const std::string& name, const Tensor& result) {
    results.push_back(result);
    const double share = share_of_bound(matrices, result, results[0]);
    rows.push_back(row("{} | {:.1e} | {:.2f} % | {}", name, largest_difference(result, results[0]),
                       100 * share, same_bits(result, results[0]) ? "yes" : "no"));
    return share <= 1;
  };
  bool equal = true;
  for (const Rung& rung : rungs) {
    matrices.forget_result();  // what a rung does not write stays NaN, and is not equal
    rung.multiply(matrices.product());
    equal = compare(rung.name, matrices.result()) && equal;
  }
  equal = compare("ours", matmul(matrices.a, matrices.b)) && equal;
  lesson.check("all seven are equal, each element to within its bound", equal);
  lesson.check("reordered and tiled have the bits of naive",
               same_bits(results[1], results[0]) && same_bits(results[2], results[0]));
  lesson.check("threaded has the bits of packed", same_bits(results[5], results[4]));
  lesson.unchecked();
  lesson.table(rows);
}

std::vector<Climbed> climb(Lesson& lesson, const Matrices& matrices, Yardsticks& yardsticks) {
  lesson.section("The ladder, measured");
  std::vector<Rung> rungs = ladder_rungs(flags);
  rungs.push_back({"ours", tile_bytes(kernels::ladder::largest_register_tile()), true,
                   [&](const Product&) { matmul(matrices.a, matrices.b); }});
  std::vector<Timed> jobs;
  for (const Rung& rung : rungs)
    jobs.push_back({[&] { rung.multiply(matrices.product()); }, matrices.flops()});
  race(lesson, "climbing", jobs, 3);
  measure_peaks(yardsticks);
  lesson.say(
      R"(The best of several trials, the rungs taking turns. The share is that of one thread's peak,
      for the last two that of all threads. Loads are numbers or vectors, for each multiply-add of
      numbers or vectors. Other programs that share the caches of this machine slow all rungs down,
      the peak least, for it touches no memory.)");
  lesson.unchecked();
  const auto share = [&](size_t i) {
    return jobs[i].speed() / (rungs[i].threaded ? yardsticks.peak_of_all : yardsticks.peak);
  };
  lesson.predict("Naive: how much of the peak, in percent?", fmt::format("{:.1f}", 100 * share(0)),
                 "One number at a time, and each addition waits for the one before.");
  const RegisterTile tile = register_tile(flags);
  viz::TableRows rows{{"", "rung", "loads", "ms", "GFLOP/s", "of peak", "times naive"}};
  std::vector<Climbed> climbed;
  for (size_t i = 0; i < rungs.size(); ++i) {
    climbed.push_back({rungs[i].name, rungs[i].bytes, jobs[i].speed(), rungs[i].threaded});
    rows.push_back(row("{} | {} | {:.2f} | {:.2f} | {:.2f} | {:.1f} % | {:.1f}", i + 1,
                       rungs[i].name, i < 3 ? 2.0 : tile_loads(tile), 1e3 * jobs[i].best,
                       jobs[i].speed() / 1e9, 100 * share(i), jobs[0].best / jobs[i].best));
  }
  lesson.table(rows);
  return climbed;
}

void way_back(Lesson& lesson) {
  lesson.section("The way back");
  lesson.say(
      R"(Write dC for the gradient of the loss with respect to C. a_il enters c_ij for every j, with slope
      b_lj; b_lj enters c_ij for every i, with slope a_il. Summed over all that they enter:)");
  lesson.equation("da_il = sum_{j} dc_ij b_lj,   db_lj = sum_{i} a_il dc_ij");
  lesson.say(
      "The first is a row of dC times a row of B, the second a column of A times one of dC:");
  lesson.equation("dA = dC B^T,   dB = A^T dC");
  const NamedArray a{"A", lesson.randn({5, 3})}, b{"B", lesson.randn({3, 7})};
  lesson.predict("A is [5, 3] and B is [3, 7]. The shape of $dC B^T$?", "[5, 3]",
                 "[5, 7] times [7, 3]: that of A. No other product of dC and B fits.");
  lesson.predict("How many times the operations of the forward does the backward take?", "2",
                 "Two products, and each has m · n · k multiply-adds: a step costs three.");
  const Tensor w(lesson.randn({5, 7}));
  const auto gradients = [&](auto f) {
    const Tensor x = parameter(a.value), y = parameter(b.value);
    sum(f(x, y) * w).backward();
    return std::pair(Tensor(x.grad()), Tensor(y.grad()));
  };
  const auto by_hand = gradients(matmul_by_hand), by_library = gradients(matmul);
  lesson.check("dA by hand equals the library's", by_hand.first, by_library.first);
  lesson.check("dB by hand equals the library's", by_hand.second, by_library.second);
  const auto two = [](auto f) {
    return [f](const std::vector<Tensor>& x) { return f(x[0], x[1]); };
  };
  lesson.gradcheck("matmul_by_hand", two(matmul_by_hand), {a, b});
  lesson.gradcheck("matmul", two([](const Tensor& x, const Tensor& y) { return matmul(x, y); }),
                   {a, b});
}

void teach(Lesson& lesson) {
  cost(lesson);
  Yardsticks yardsticks = machine(lesson);
  const Matrices matrices(lesson, size_of(lesson), size_of(lesson));
  six_rewrites(lesson, matrices);
  const std::vector<Climbed> climbed = climb(lesson, matrices, yardsticks);
  show_roofline(lesson, climbed, yardsticks);
  try_blocks(lesson, flags);
  show_peers(lesson, matrices, yardsticks);
  way_back(lesson);
  lesson.change_one_line({
      {"In src/kernels/ladder/loops.cpp, multiply_reordered, exchange the lines of the loops over "
       "i "
       "and l.",
       "Now all of C goes by for each row of B, loaded and stored. The bits are the same; rung 2 "
       "took half as long again here.",
       "make lesson-04 ARGS=\"--quick --n 512\""},
      {"In the same file, multiply_tiled, delete `clear(p)`.",
       "Section 3 fails: C still holds what was there before, and everything is added to that.",
       "make lesson-04 ARGS=--quick"},
      {"In lessons/04_matmul.cpp, matmul_by_hand, write `product(dC, *b)`.",
       "The program ends in section 8: sizes that all differ refuse a forgotten transpose.",
       "make lesson-04 ARGS=--quick"},
  });
}

}  // namespace
}  // namespace gradus::lessons

int main(int argc, char** argv) {
  using namespace gradus::lessons;
  return run(argc, argv,
             {.number = 4,
              .seconds = 8,
              .quick_seconds = 2,
              .more_flags = [](CLI::App& app) { add_ladder_flags(app, flags); }},
             teach);
}
