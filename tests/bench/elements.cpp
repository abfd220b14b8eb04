// Element and row kernels: beside the textbook's loop where the data is in a cache, and beside the
// memory where it is not.
#include <fmt/format.h>

#include "bench/bench.h"
#include "bench/plain.h"
#include "gradus/ops/embedding.h"
#include "kernels/kernels.h"
#include "kernels/machine.h"

namespace gradus::bench {
namespace {

// Of the matrix that a job is done on; elementwise ones do not care about its rows.
struct Size {
  int64_t rows, cols;
  int64_t elements() const { return rows * cols; }
};

// The job as the kernel does it, and as a plain loop does, on the same memory.
struct Pair {
  Job ours, plain;
};

struct Case {
  std::string name;
  Size cached, large;    // one that a cache holds, and one that none does
  double reads, writes;  // how many numbers must come from memory and go there, for each element
  std::function<Pair(Size)> make;
  double bytes(Size size) const {
    return (reads + writes) * static_cast<double>(size.elements()) * sizeof(float);
  }
};

constexpr Size in_l1 = {1, 2048}, in_memory = {1, 16 << 20};
constexpr Size some_rows = {768, 768}, many_rows = {16384, 768};

// ---- what the jobs work on ---------------------------------------------------------------------

// Numbers that live as long as a job which has captured them.
struct Floats {
  Array array;
  float* data;
};

Floats numbers(int64_t n, double low = -4, double high = 4) {
  Array a({n}, DType::float32);
  float* data = a.mutable_data<float>();
  uint32_t random = 1;
  for (int64_t i = 0; i < n; ++i) {
    random = random * 1664525 + 1013904223;
    data[i] = static_cast<float>(low + (high - low) * random / 4294967296.0);
  }
  return {a, data};
}
Floats numbers(Size size) { return numbers(size.elements()); }

// n indices, each below `classes`.
Array indices(int64_t n, int64_t classes) {
  Array a({n}, DType::int64);
  int64_t* data = a.mutable_data<int64_t>();
  for (int64_t i = 0; i < n; ++i) data[i] = i * 7919 % classes;
  return a;
}

// ---- the jobs ----------------------------------------------------------------------------------

using Function = void (*)(float* y, const float* x, int64_t n);
using Slope = void (*)(float* dx, const float* dy, const float* x, int64_t n);

Case unary(const char* op, Function plain, double low = -4) {
  return {op, in_l1, in_memory, 1, 1, [=](Size size) {
            const int64_t n = size.elements();
            const Floats x = numbers(n, low), y = numbers(n);
            const auto kernel = kernels::unary<float>(op).value;
            return Pair{[=] { kernel(y.data, x.data, n); }, [=] { plain(y.data, x.data, n); }};
          }};
}

Case slope(const char* op, Slope plain) {
  return {fmt::format("{} backward", op), in_l1, in_memory, 2, 1, [=](Size size) {
            const int64_t n = size.elements();
            const Floats x = numbers(n), dy = numbers(n), dx = numbers(n);
            const auto kernel = kernels::unary<float>(op).backward;
            return Pair{[=] { kernel(dx.data, dy.data, x.data, n); },
                        [=] { plain(dx.data, dy.data, x.data, n); }};
          }};
}

Pair add(Size size) {
  const int64_t n = size.elements();
  const Floats x = numbers(n), y = numbers(n), z = numbers(n);
  const auto kernel = kernels::binary<float>("add").value;
  return {[=] { kernel(z.data, x.data, 1, y.data, 1, n); },
          [=] { plain::add(z.data, x.data, y.data, n); }};
}

Pair sum(Size size) {
  const int64_t n = size.elements();
  const Floats x = numbers(n), total = numbers(1);
  return {[=] { *total.data = kernels::rows<float>().sum(x.data, n); },
          [=] { *total.data = plain::sum(x.data, n); }};
}

Pair adamw(Size size) {
  const int64_t n = size.elements();
  const Floats p = numbers(n), g = numbers(n), m = numbers(n), v = numbers(n, 0);
  const kernels::AdamStep step{.learning_rate = 1e-3,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .epsilon = 1e-8,
                               .weight_decay = 0.1,
                               .l2 = 0,
                               .correction1 = 0.99,
                               .correction2 = 0.9};
  return {[=] { kernels::optim<float>().adam(p.data, m.data, v.data, g.data, n, step); },
          [=] { plain::adamw(p.data, m.data, v.data, g.data, n, 1e-3f, 100); }};
}

Pair softmax(Size size) {
  const auto [rows, cols] = size;
  const Floats x = numbers(size), y = numbers(size);
  return {
      [=, rows = rows, cols = cols] { kernels::rows<float>().softmax(y.data, x.data, rows, cols); },
      [=, rows = rows, cols = cols] { plain::softmax(y.data, x.data, rows, cols); }};
}

Pair softmax_backward(Size s) {
  const Floats y = numbers(s), dy = numbers(s), dx = numbers(s);
  return {
      [=] { kernels::rows<float>().softmax_backward(dx.data, dy.data, y.data, s.rows, s.cols); },
      [=] { plain::softmax_backward(dx.data, dy.data, y.data, s.rows, s.cols); }};
}

Pair log_softmax(Size s) {
  const Floats x = numbers(s), y = numbers(s);
  return {[=] { kernels::rows<float>().log_softmax(y.data, x.data, s.rows, s.cols); },
          [=] { plain::log_softmax(y.data, x.data, s.rows, s.cols); }};
}

// The losses, and then the gradient in the place of the logits: into memory of its own here, so
// that the logits stay what they are.
Pair cross_entropy(Size s) {
  const Floats x = numbers(s), dx = numbers(s), loss = numbers(s.rows), lse = numbers(s.rows);
  const Array target = indices(s.rows, s.cols);
  const int64_t* t = target.data<int64_t>();
  const Floats one = numbers(s.rows, 1, 1);
  return {[=] {
            (void)target;  // lives on in this closure
            const kernels::Rows<float>& kernel = kernels::rows<float>();
            kernel.cross_entropy(loss.data, lse.data, x.data, t, s.rows, s.cols, {});
            kernel.cross_entropy_backward(dx.data, one.data, x.data, lse.data, t, s.rows, s.cols,
                                          {});
          },
          [=] { plain::cross_entropy(loss.data, dx.data, x.data, t, s.rows, s.cols); }};
}

Pair layer_norm(Size s) {
  const Floats x = numbers(s), y = numbers(s), w = numbers(s.cols), b = numbers(s.cols);
  const Floats mean = numbers(s.rows), rstd = numbers(s.rows);
  return {[=] {
            kernels::rows<float>().layer_norm(y.data, mean.data, rstd.data, x.data, w.data, b.data,
                                              1e-5f, s.rows, s.cols);
          },
          [=] {
            plain::layer_norm(y.data, mean.data, rstd.data, x.data, w.data, b.data, s.rows, s.cols);
          }};
}

Pair layer_norm_backward(Size s) {
  const Floats x = numbers(s), dy = numbers(s), dx = numbers(s), w = numbers(s.cols);
  const Floats dw = numbers(s.cols), db = numbers(s.cols);
  const Floats mean = numbers(s.rows), rstd = numbers(s.rows);
  return {[=] {
            kernels::rows<float>().layer_norm_backward(dx.data, dw.data, db.data, dy.data, x.data,
                                                       mean.data, rstd.data, w.data, s.rows,
                                                       s.cols);
          },
          [=] {
            plain::layer_norm_backward(dx.data, dw.data, db.data, dy.data, x.data, mean.data,
                                       rstd.data, w.data, s.rows, s.cols);
          }};
}

Pair rms_norm(Size s) {
  const Floats x = numbers(s), y = numbers(s), w = numbers(s.cols), rstd = numbers(s.rows);
  return {[=] {
            kernels::rows<float>().layer_norm(y.data, nullptr, rstd.data, x.data, w.data, nullptr,
                                              1e-5f, s.rows, s.cols);
          },
          [=] { plain::rms_norm(y.data, rstd.data, x.data, w.data, s.rows, s.cols); }};
}

// The op itself, graph and all: that many rows are taken from a table, GPT's of letters or, if that
// is the cached size, GPT-2's; backward, their gradients are added up in the table's.
int64_t table_rows(Size s) { return s.rows == some_rows.rows ? 65 : 50257; }

Pair gather(Size s) {
  const Floats y = numbers(s), table = numbers(table_rows(s) * s.cols);
  const Tensor weight(table.array.reshape({table_rows(s), s.cols}));
  const Array index = indices(s.rows, table_rows(s));
  return {[=] { embedding(weight, index); },
          [=] { plain::gather(y.data, table.data, index.data<int64_t>(), s.rows, s.cols); }};
}

Pair gather_and_scatter(Size s) {
  const Floats y = numbers(s), table = numbers(table_rows(s) * s.cols);
  const Floats gradient = numbers(table_rows(s) * s.cols), dy = numbers(s);
  const Tensor weight = parameter(table.array.reshape({table_rows(s), s.cols}));
  const Array seed = dy.array.reshape({s.rows, s.cols}), index = indices(s.rows, table_rows(s));
  return {[=] { embedding(weight, index).backward(seed); },
          [=] {
            plain::gather(y.data, table.data, index.data<int64_t>(), s.rows, s.cols);
            plain::scatter_add(gradient.data, dy.data, index.data<int64_t>(), s.rows, s.cols);
          }};
}

std::vector<Case> cases() {
  return {
      unary("exp", plain::exp),
      unary("log", plain::log, 0.01),
      unary("tanh", plain::tanh),
      unary("erf", plain::erf),
      unary("sigmoid", plain::sigmoid),
      unary("silu", plain::silu),
      unary("gelu", plain::gelu),
      unary("gelu_tanh", plain::gelu_tanh),
      slope("gelu", plain::gelu_backward),
      slope("gelu_tanh", plain::gelu_tanh_backward),
      {"add", in_l1, in_memory, 2, 1, add},
      {"sum", in_l1, in_memory, 1, 0, sum},
      {"AdamW", in_l1, in_memory, 4, 3, adamw},
      {"softmax", some_rows, many_rows, 1, 1, softmax},
      {"softmax backward", some_rows, many_rows, 2, 1, softmax_backward},
      {"log_softmax", some_rows, many_rows, 1, 1, log_softmax},
      {"cross-entropy, both ways", {768, 65}, many_rows, 2, 1, cross_entropy},
      {"cross-entropy, both ways", {256, 50257}, {256, 50257}, 2, 1, cross_entropy},
      {"layer_norm", some_rows, many_rows, 1, 1, layer_norm},
      {"layer_norm backward", some_rows, many_rows, 2, 1, layer_norm_backward},
      {"rms_norm", some_rows, many_rows, 1, 1, rms_norm},
      {"embedding", {768, 128}, many_rows, 1, 1, gather},
      {"embedding, both ways", {768, 128}, many_rows, 3, 2, gather_and_scatter},
  };
}

// ---- the contests ------------------------------------------------------------------------------

Contest beside_plain_loop(const Case& c, Size size) {
  return {.name = fmt::format("elements/{}/{}x{}", c.name, size.rows, size.cols),
          .threads = 1,
          .flops = 0,
          .bytes = c.bytes(size),
          .who = {"Gradus", "std::"},
          .prepare = [c, size] {
            const Pair pair = c.make(size);
            return std::vector<Job>{pair.ours, pair.plain};
          }};
}

// Moves as many bytes as the job must, from and to memory: half read and half written, or all read
// if the job writes none.
Contest beside_memory(const Case& c) {
  const double bytes = c.bytes(c.large);
  return {.name = fmt::format("elements/{}/from memory", c.name),
          .threads = 1,
          .flops = 0,
          .bytes = bytes,
          .who = {"Gradus", "memory"},
          .prepare = [c, bytes] {
            const int64_t n = static_cast<int64_t>(bytes) / static_cast<int64_t>(sizeof(float));
            const Floats x = numbers(n);
            const Job read = [x, n] { *x.data = kernels::peak<float>().read(x.data, n); };
            const Job copy = [x, n] { kernels::peak<float>().copy(x.data + n / 2, x.data, n / 2); };
            return std::vector<Job>{c.make(c.large).ours, c.writes == 0 ? read : copy};
          }};
}

}  // namespace

std::vector<Contest> elements_contests(const Options&) {
  std::vector<Contest> contests;
  for (const Case& c : cases()) {
    contests.push_back(beside_plain_loop(c, c.cached));
    contests.push_back(beside_memory(c));
  }
  return contests;
}

void elements_section(Report& report) {
  report.heading("Elements and rows");
  report.say(
      "Nanoseconds for each element, float32, 1 thread. From a cache: beside the loop of a "
      "textbook, "
      "with std:: functions, as g++ -O2 compiles it. From memory: beside the time in which as many "
      "bytes as must be read and written are copied, in turns with the kernel.");
  report.columns({"kernel                   ", "size   ", "Gradus", "std::", "times faster",
                  "from memory", "a copy", "times the copy"});
  for (const Case& c : cases()) {
    const double patience = report.options.patience();
    const Times cached = race(beside_plain_loop(c, c.cached), patience);
    const Times large = race(beside_memory(c), patience);
    const double small = 1e9 / static_cast<double>(c.cached.elements()),
                 big = 1e9 / static_cast<double>(c.large.elements());
    report.row({c.name, fmt::format("{}x{}", c.cached.rows, c.cached.cols),
                fmt::format("{:.3f}", cached.best[0] * small),
                fmt::format("{:.3f}", cached.best[1] * small),
                fmt::format("{:.1f}", cached.beside_first[1]),
                fmt::format("{:.3f}", large.best[0] * big),
                fmt::format("{:.3f}", large.best[1] * big),
                fmt::format("{:.2f}", 1 / large.beside_first[1])});
  }
  report.end_table();
}

}  // namespace gradus::bench
