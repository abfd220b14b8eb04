// Attention, forward and backward: whole matrices, the op's two ways, and PyTorch.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <sstream>

#include "bench/bench.h"
#include "bench/peers.h"
#include "gradus/ops.h"
#include "gradus/random.h"
#include "gradus/storage.h"
#include "gradus/tensor.h"
#include "gradus/threads.h"
#include "kernels/attention.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"

namespace gradus::bench {
namespace {

using kernels::AttentionTuning;
using Way = AttentionTuning::Way;

constexpr int64_t heads = 12, width = 64;

// The job: a causal head's queries, keys and values, (B, H, T, D), and the gradient of its result.
struct Work {
  int64_t batch, length;
  Tensor q, k, v;
  Array dout;

  Work(int64_t b, int64_t t) : batch(b), length(t) {
    Generator generator(1);
    const auto draw = [&] { return randn({b, heads, t, width}, generator, DType::float32); };
    q = parameter(draw());
    k = parameter(draw());
    v = parameter(draw());
    dout = draw();
  }
  // The op, forward and backward.
  void run(Way way) const {
    const kernels::ScopedAttentionTuning scope({.way = way});
    scaled_dot_product_attention(q, k, v, {.causal = true}).backward(dout);
    for (const Tensor* x : {&q, &k, &v}) x->zero_grad();
  }
};

// The textbook's attention, for the comparison: each head's T x T scores are computed whole,
// masked, turned into probabilities that are kept, and multiplied whole, with this library's
// kernels.
class WholeMatrices {
 public:
  explicit WholeMatrices(const Work& w) : work_(w), p_({w.batch, heads, w.length, w.length}, f32) {}

  void run() {
    const int64_t t = work_.length;
    const float scale = 1 / std::sqrt(static_cast<float>(width));
    const Array &q = work_.q.value(), &k = work_.k.value(), &v = work_.v.value();
    Array o = q.empty_like(), dq = q.empty_like(), dk = q.empty_like(), dv = q.empty_like();
    for_each_head([&](int64_t h) {
      float* p = p_.mutable_data<float>() + h * t * t;
      multiply(p, at(q, h), at(k, h), {.m = t, .n = t, .k = width, .b_transposed = true});
      for (int64_t i = 0; i < t; ++i)
        for (int64_t j = 0; j < t; ++j) p[i * t + j] = j > i ? -INFINITY : scale * p[i * t + j];
      kernels::rows<float>().softmax(p, p, t, t);
      multiply(o.mutable_data<float>() + h * t * width, p, at(v, h), {.m = t, .n = width, .k = t});
    });
    for_each_head([&](int64_t h) {
      thread_local std::vector<float> scratch;
      scratch.resize(static_cast<size_t>(t * t));
      float* ds = scratch.data();
      const float* p = p_.data<float>() + h * t * t;
      const auto out = [&](Array& a) { return a.mutable_data<float>() + h * t * width; };
      multiply(out(dv), p, at(work_.dout, h), {.m = t, .n = width, .k = t, .a_transposed = true});
      multiply(ds, at(work_.dout, h), at(v, h), {.m = t, .n = t, .k = width, .b_transposed = true});
      kernels::rows<float>().softmax_backward(ds, ds, p, t, t);
      for (int64_t i = 0; i < t * t; ++i) ds[i] *= scale;
      multiply(out(dq), ds, at(k, h), {.m = t, .n = width, .k = t});
      multiply(out(dk), ds, at(q, h), {.m = t, .n = width, .k = t, .a_transposed = true});
    });
  }

 private:
  static constexpr DType f32 = DType::float32;
  const float* at(const Array& a, int64_t h) const {
    return a.data<float>() + h * work_.length * width;
  }
  static void multiply(float* c, const float* a, const float* b, const Product& p) {
    kernels::gemm_serial(arguments(p, a, b, c));
  }
  template <class F>
  void for_each_head(F f) const {
    kernels::parallel_for(work_.batch * heads, 1, [&](int64_t from, int64_t to) {
      for (int64_t h = from; h < to; ++h) f(h);
    });
  }

  const Work& work_;
  Array p_;
};

std::vector<Job> jobs(const std::shared_ptr<const Work>& work) {
  const auto whole = std::make_shared<WholeMatrices>(*work);
  return {[work] { work->run(Way::choose); }, [work] { work->run(Way::materialised); },
          [work] { work->run(Way::tiled); }, [work, whole] { whole->run(); }};
}
const std::vector<std::string> who = {"Gradus", "materialised", "tiled", "whole matrices"};

// What is allocated at the same time by forward and backward, beyond the result and the three
// gradients; the kernels' scratch memory, a few tiles for each thread, comes on top.
size_t extra_bytes(const Work& work, Way way) {
  reset_peak_memory();
  const size_t before = memory_stats().live;
  work.run(way);
  const size_t results = 4 * static_cast<size_t>(work.q.value().numel()) * sizeof(float);
  return memory_stats().peak - before - results;
}

struct Size {
  int64_t batch, length;
};
std::vector<Size> sizes(const Options& options) {
  if (options.quick) return {{1, 64}, {1, 256}};
  return {{1, 64}, {4, 64}, {1, 128}, {1, 256}, {1, 512}, {1, 1024}, {1, 4096}};
}

// 4 products of T x T x D forward, 8 backward, half of each below the diagonal; recomputation is no
// useful work, and is not counted.
double flops(const Size& s) {
  const double t = static_cast<double>(s.length);
  return 12.0 / 2 * static_cast<double>(s.batch * heads * width) * t * t;
}

// Best milliseconds of PyTorch for each size, at its best number of threads.
using PeerTimes = std::map<std::pair<int64_t, int64_t>, double>;
void ask(Report& report, PeerTimes& best) {
  std::string list;
  for (const Size& s : sizes(report.options)) list += fmt::format(" {}x{}", s.batch, s.length);
  for (const int threads : report.options.threads)
    for (const std::string& line :
         ask_peers(report, fmt::format("--job attention --threads {} --sizes{}", threads, list))) {
      std::istringstream words(line);
      std::string word;
      int64_t batch, length;
      double milliseconds;
      if (words >> word >> batch >> length >> milliseconds && word == "attention") {
        double& time = best.try_emplace({batch, length}, milliseconds).first->second;
        time = std::min(time, milliseconds);
      }
    }
}

}  // namespace

std::vector<Contest> attention_contests(const Options& options) {
  std::vector<Contest> contests;
  for (const Size& s : sizes(options))
    for (const int threads : options.threads)
      contests.push_back(
          {.name = fmt::format("attention/{}x{}", s.batch, s.length),
           .threads = threads,
           .flops = flops(s),
           .bytes = 0,
           .who = who,
           .prepare = [s] { return jobs(std::make_shared<Work>(s.batch, s.length)); }});
  return contests;
}

void attention_section(Report& report) {
  report.heading("Attention, causal, forward and backward: 12 heads of 64, float32");
  report.say(
      "Milliseconds, the best of both numbers of threads for everybody. Gradus is the way that the "
      "op chooses: it keeps the probabilities of short rows (materialised), and computes those of "
      "long ones again, tile by tile. Both skip what is above the diagonal. The textbook's "
      "attention computes and keeps whole matrices of scores. MiB are the most that was allocated "
      "at a time beyond result and gradients, without the tiles that each thread keeps (under 1 "
      "MiB). PyTorch is measured before and after us.");
  PeerTimes peer;
  report.doing("PyTorch, before");
  ask(report, peer);
  struct Row {
    Size size;
    std::vector<double> seconds;
    size_t materialised, tiled;
  };
  std::vector<Row> rows;
  for (const Size& s : sizes(report.options)) {
    Row row{s, {}, 0, 0};
    report.doing(fmt::format("{} x {} tokens", s.batch, s.length));
    for (const int threads : report.options.threads) {
      set_num_threads(threads);
      const auto work = std::make_shared<Work>(s.batch, s.length);
      const std::vector<double> seconds = race(jobs(work), threads, report.options.patience()).best;
      if (row.seconds.empty()) row.seconds = seconds;
      for (size_t i = 0; i < seconds.size(); ++i)
        row.seconds[i] = std::min(row.seconds[i], seconds[i]);
      row.materialised = extra_bytes(*work, Way::materialised);
      row.tiled = extra_bytes(*work, Way::tiled);
    }
    rows.push_back(row);
    release_pooled_memory();
  }
  report.doing("PyTorch, after");
  ask(report, peer);

  report.columns({"batch x T ", " Gradus", "materialised", " tiled", "whole matrices", "PyTorch",
                  "beside PyTorch", "tiled beside materialised", "beside whole", "MiB materialised",
                  "MiB tiled"});
  for (const Row& row : rows) {
    const auto ms = [](double x) { return fmt::format("{:.2f}", 1e3 * x); };
    const auto times = [](double x) { return fmt::format("{:.2f}x", x); };
    const auto mib = [](size_t x) {
      return fmt::format("{:.2f}", static_cast<double>(x) / (1 << 20));
    };
    const auto found = peer.find({row.size.batch, row.size.length});
    const bool asked = found != peer.end();
    report.row({fmt::format("{} x {}", row.size.batch, row.size.length), ms(row.seconds[0]),
                ms(row.seconds[1]), ms(row.seconds[2]), ms(row.seconds[3]),
                asked ? fmt::format("{:.2f}", found->second) : "-",
                asked ? times(found->second / 1e3 / row.seconds[0]) : "-",
                times(row.seconds[1] / row.seconds[2]), times(row.seconds[3] / row.seconds[2]),
                mib(row.materialised), mib(row.tiled)});
  }
  report.end_table();
}

}  // namespace gradus::bench
