// Matrix products beside the FMA peak, oneDNN and OpenBLAS; products of one row beside the memory.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>

#include "bench/bench.h"
#include "bench/peers.h"
#include "gradus/threads.h"
#include "kernels/kernels.h"
#include "kernels/machine.h"
#include "kernels/parallel.h"

namespace gradus::bench {
namespace {

// ---- the shapes ---------------------------------------------------------------------------------

std::vector<Product> cubes(std::initializer_list<int64_t> sizes) {
  std::vector<Product> products;
  for (const int64_t n : sizes) products.push_back({n, n, n});
  return products;
}

// What training multiplies, m x n x k: the small GPT of the lessons (12 x 64 positions, width 128)
// and GPT-2 (4 x 64 positions, width 768, 50257 tokens). NT is x W^T, the forward pass; NN is its
// input's gradient, TN its weight's.
std::vector<Product> training_products() {
  constexpr bool T = true, N = false;
  return {{768, 384, 128, N, N},   {768, 512, 128, N, N},   {768, 128, 512, N, N},
          {768, 65, 128, N, T},    {128, 512, 768, T, N},   {768, 128, 512, N, T},
          {256, 2304, 768, N, T},  {256, 3072, 768, N, T},  {256, 768, 3072, N, T},
          {256, 50257, 768, N, T}, {50257, 768, 256, T, N}, {256, 768, 50257, N, N}};
}
// What generation multiplies, one token at a time.
std::vector<Product> row_products() {
  return {{1, 768, 768, false, true}, {1, 50257, 768, false, true}};
}

std::string describe(const Product& p) {
  return fmt::format("{}x{}x{} {}{}", p.m, p.n, p.k, p.a_transposed ? 'T' : 'N',
                     p.b_transposed ? 'T' : 'N');
}
double flops_of(const Product& p) {
  return 2.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
}
double weight_bytes(const Product& p) {
  return static_cast<double>(p.n) * static_cast<double>(p.k) * sizeof(float);
}

// ---- the contestants ----------------------------------------------------------------------------

struct Operands {
  std::vector<float> a, b, c;
  explicit Operands(const Product& p)
      : a(random(p.m * p.k)), b(random(p.k * p.n)), c(static_cast<size_t>(p.m * p.n)) {}

 private:
  static std::vector<float> random(int64_t count) {
    std::vector<float> numbers(static_cast<size_t>(count));
    uint32_t state = 1;
    for (float& x : numbers) {
      state = state * 1664525 + 1013904223;
      x = static_cast<float>(state >> 8) / (1 << 24) - 0.5f;
    }
    return numbers;
  }
};

void multiply(const Product& p, const float* a, const float* b, float* c) {
  kernels::gemm(arguments(p, a, b, c));
}

// A rival that is told the wrong strides would be a fast one: every product is compared with ours.
void check_agreement(const std::vector<float>& ours, const std::vector<float>& theirs,
                     const Product& p, const std::string& name) {
  const float tolerance = 1e-5f * static_cast<float>(p.k);
  for (size_t i = 0; i < ours.size(); ++i)
    if (!(std::abs(ours[i] - theirs[i]) <= tolerance))
      throw std::runtime_error(fmt::format("{} gives another product: {}", name, describe(p)));
}

std::vector<Job> prepare(const Product& p, int threads, bool with_peers = true) {
  const auto memory = std::make_shared<Operands>(p);
  const auto job = [&](auto product) {
    return [=] { product(p, memory->a.data(), memory->b.data(), memory->c.data()); };
  };
  std::vector<Job> jobs{job(multiply)};
  if (!with_peers) return jobs;
  jobs[0]();
  const std::vector<float> ours = memory->c;
  for (const GemmPeer& peer : gemm_peers()) {
    peer.set_num_threads(threads);
    jobs.push_back(job(peer.multiply));
    std::ranges::fill(memory->c, std::nanf(""));
    jobs.back()();
    check_agreement(ours, memory->c, p, peer.name);
  }
  return jobs;
}

Contest contest_of(const Product& p, int threads) {
  Contest contest{.name = "gemm/" + describe(p),
                  .threads = threads,
                  .flops = flops_of(p),
                  .bytes = p.m == 1 ? weight_bytes(p) : 0,
                  .who = {"Gradus"},
                  .prepare = [=] { return prepare(p, threads); }};
  for (const GemmPeer& peer : gemm_peers()) contest.who.push_back(peer.name);
  return contest;
}

// ---- the yardsticks, which take their turns among the contestants -------------------------------

// The speed of a machine wanders by a tenth within seconds. So a product is held against the peak,
// or against the bandwidth, that was measured between its own trials, best against best.
alignas(
    64) float sinks[1024][16];  // what a thread's yardstick comes to, in a cache line of its own
struct Yardstick {
  double work;  // floating-point operations, or bytes, of one job
  Job job;
};

Yardstick fma_yardstick(int threads) {
  constexpr int64_t rounds = 1 << 16;
  const auto work = [] { return kernels::peak<float>().multiply_adds(rounds, sinks[0]); };
  return {.work = static_cast<double>(work()) * threads, .job = [threads] {
            kernels::parallel_for(threads, 1, [](int64_t thread, int64_t) {
              kernels::peak<float>().multiply_adds(rounds, sinks[thread]);
            });
          }};
}

// Reads as many bytes as the weights have, from memory of its own.
Yardstick read_yardstick(const Product& p, int threads) {
  const auto memory = std::make_shared<std::vector<float>>(static_cast<size_t>(p.n * p.k), 1.0f);
  return {.work = weight_bytes(p), .job = [=] {
            kernels::parallel_for(threads, 1, [&](int64_t thread, int64_t) {
              const int64_t count = p.n * p.k, from = count * thread / threads;
              const auto to = count * (thread + 1) / threads;
              sinks[thread][0] = kernels::peak<float>().read(memory->data() + from, to - from);
            });
          }};
}

// ---- the tables ---------------------------------------------------------------------------------

// Per second: operations of a product of many rows, bytes of weights of a product of one.
struct Result {
  double ours, limit;
  double calm;                 // the part of the trials that had the machine to themselves
  std::vector<double> beside;  // times the speed of each peer
  double share() const { return ours / limit; }
};

Result measure(const Product& p, int threads, double patience, bool with_peers = true) {
  set_num_threads(threads);
  const Yardstick yardstick = p.m == 1 ? read_yardstick(p, threads) : fma_yardstick(threads);
  std::vector<Job> jobs = prepare(p, threads, with_peers);
  jobs.push_back(yardstick.job);
  const Times times = race(jobs, threads, patience);
  const double work = p.m == 1 ? weight_bytes(p) : flops_of(p);
  Result result{.ours = work / times.best.front(),
                .limit = yardstick.work / times.best.back(),
                .calm = times.calm,
                .beside = {}};
  result.beside.assign(times.beside_first.begin() + 1, times.beside_first.end() - 1);
  return result;
}

std::string number(double x) { return fmt::format("{:.1f}", x / 1e9); }
std::string percent(double x) { return fmt::format("{:.1f} %", 100 * x); }
std::string calm(const Result& r) { return fmt::format("{:.0f} %", 100 * r.calm); }
std::string times(double x) { return fmt::format("{:.2f}x", x); }

// What all rows of a table come to.
struct Summary {
  std::vector<double> shares;
  std::vector<std::vector<double>> ratios{gemm_peers().size()};

  void add(const Result& r) {
    shares.push_back(r.share());
    for (size_t i = 0; i < r.beside.size(); ++i) ratios[i].push_back(r.beside[i]);
  }
  void say(Report& report, std::string_view limit) const {
    std::string text =
        fmt::format("Geometric means: {} of the {}", percent(geometric_mean(shares)), limit);
    for (size_t i = 0; i < ratios.size(); ++i)
      text += fmt::format(", {} {} (at worst {})", times(geometric_mean(ratios[i])),
                          gemm_peers()[i].name, times(std::ranges::min(ratios[i])));
    report.say(text + ".");
  }
};

std::vector<std::string> with_peers(std::vector<std::string> names) {
  for (const GemmPeer& peer : gemm_peers()) names.push_back("beside " + peer.name);
  return names;
}
std::vector<std::string> with_ratios(std::vector<std::string> cells, const Result& r) {
  for (const double peer : r.beside) cells.push_back(times(peer));
  return cells;
}

// `alone`: what one thread reached, for each product, or empty.
std::vector<double> product_table(Report& report, const std::vector<Product>& products, int threads,
                                  const std::vector<double>& alone) {
  std::vector<std::string> names =
      with_peers({"m x n x k          ", "calm", "GFLOP/s", "of the FMA peak"});
  const std::string scaling = fmt::format("of {} x one thread", threads);
  if (!alone.empty()) names.push_back(scaling);
  report.columns(names);
  std::vector<double> reached;
  Summary summary;
  for (size_t i = 0; i < products.size(); ++i) {
    const Result r = measure(products[i], threads, report.options.patience());
    std::vector<std::string> cells =
        with_ratios({describe(products[i]), calm(r), number(r.ours), percent(r.share())}, r);
    if (!alone.empty()) cells.push_back(percent(r.ours / alone[i] / threads));
    report.row(cells);
    reached.push_back(r.ours);
    summary.add(r);
  }
  report.end_table();
  summary.say(report, "FMA peak");
  return reached;
}

void row_table(Report& report, int threads) {
  report.columns(with_peers({"m x n x k       ", "calm", "GB/s of weights", "of reading alone"}));
  for (const Product& p : row_products()) {
    const Result r = measure(p, threads, report.options.patience());
    report.row(with_ratios({describe(p), calm(r), number(r.ours), percent(r.share())}, r));
  }
  report.end_table();
}

std::string on_threads(int threads) {
  return threads == 1 ? "One thread" : fmt::format("{} threads", threads);
}

// The narrower vectors of CPUs without AVX-512, where this CPU has both.
void avx2_table(Report& report) {
  using kernels::Isa;
  const auto& isas = kernels::available_isas();
  if (kernels::active_isa() == Isa::avx2 || std::ranges::find(isas, Isa::avx2) == isas.end())
    return;
  const kernels::ScopedIsa isa(Isa::avx2);
  report.say("One thread of the AVX2 kernels, beside the FMA peak of 256-bit vectors:");
  report.columns({"m x n x k       ", "calm", "GFLOP/s", "of the FMA peak"});
  for (const Product& p : cubes({256, 512, 1024})) {
    const Result r = measure(p, 1, report.options.patience(), false);
    report.row({describe(p), calm(r), number(r.ours), percent(r.share())});
  }
  report.end_table();
}

std::vector<Product> products_for(const Options& options) {
  std::vector<Product> products = cubes({64, 128, 256, 512, 1024, 2048});
  std::ranges::copy(training_products(), std::back_inserter(products));
  if (options.quick) std::erase_if(products, [](const Product& p) { return flops_of(p) > 1e9; });
  return products;
}

}  // namespace

std::vector<Contest> gemm_contests(const Options& options) {
  std::vector<Contest> contests;
  for (const int threads : options.threads)
    for (const auto& products : {products_for(options), row_products()})
      for (const Product& p : products) contests.push_back(contest_of(p, threads));
  return contests;
}

void gemm_section(Report& report) {
  report.heading("Matrix products, float32");
  for (const std::string& peer : missing_gemm_peers())
    report.say(peer + " is left out: it was not there when this program was built.");
  report.say(
      "N and T say whether A and B are read as they lie or transposed: NT is x W^T. All "
      "contestants and the peak take turns. GFLOP/s are the best of many trials. Calm is the part "
      "of the trials before and after which a loop of additions ran at full speed: then nobody "
      "else used the core. Ratios are of the medians of calm trials, or, where there were fewer "
      "than three for each, the median over the turns.");
  const std::vector<Product> products = products_for(report.options);
  std::vector<double> alone;
  for (const int threads : report.options.threads) {
    report.say(on_threads(threads) + ":");
    std::vector<double> reached = product_table(report, products, threads, alone);
    if (threads == 1) alone = std::move(reached);
  }
  for (const int threads : report.options.threads) {
    report.say(on_threads(threads) +
               ", one row, as in generation, beside reading the weights alone:");
    row_table(report, threads);
  }
  avx2_table(report);
}

}  // namespace gradus::bench
