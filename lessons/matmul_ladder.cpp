#include "matmul_ladder.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "gradus/arithmetic.h"
#include "gradus/threads.h"

namespace gradus::lessons {
namespace {

namespace ladder = kernels::ladder;

double seconds_now() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

Array random_floats(Lesson& lesson, const Shape& shape) {
  return randn(shape, lesson.generator(), DType::float32);
}

// Bytes per second when the same block is read again and again.
double read_speed(int64_t bytes) {
  const std::vector<float> block(static_cast<size_t>(bytes) / sizeof(float), 1.0f);
  const int64_t count = static_cast<int64_t>(block.size());
  const int64_t rounds = std::max<int64_t>(1, (4 << 20) / bytes);
  double best = 1e30;
  float sink = 0;
  for (int trial = 0; trial < 20; ++trial) {
    const double start = seconds_now();
    for (int64_t i = 0; i < rounds; ++i) sink += kernels::peak<float>().read(block.data(), count);
    best = std::min(best, seconds_now() - start);
  }
  check(sink > 0, "read_speed: sums of ones are positive");  // so that the sums are needed
  return static_cast<double>(rounds * count) * sizeof(float) / best;
}

}  // namespace

Matrices::Matrices(Lesson& lesson, int64_t m, int64_t n, int64_t gap)
    : a(random_floats(lesson, {m, n + gap})),
      b(random_floats(lesson, {n, n + gap})),
      c_(Array::zeros({m, n + gap})),
      product_{.m = m,
               .n = n,
               .k = n,
               .a = a.value().data<float>(),
               .a_row = n + gap,
               .b = b.value().data<float>(),
               .b_row = n + gap,
               .c = c_.mutable_data<float>(),
               .c_row = n + gap} {}

double Matrices::flops() const {
  return 2.0 * static_cast<double>(product_.m) * static_cast<double>(product_.n) *
         static_cast<double>(product_.k);
}

void Matrices::forget_result() const { std::fill_n(product_.c, c_.numel(), std::nanf("")); }
Tensor Matrices::result() const { return Tensor(c_.clone()); }

RegisterTile register_tile(const LadderFlags& flags) {
  RegisterTile tile = ladder::largest_register_tile();
  if (flags.rows > 0) tile.rows = std::min(tile.rows, flags.rows);
  if (flags.vectors > 0) tile.vectors = std::min(tile.vectors, flags.vectors);
  return tile;
}

double tile_loads(RegisterTile tile) {
  return static_cast<double>(tile.rows + tile.vectors) /
         static_cast<double>(tile.rows * tile.vectors);
}

double tile_bytes(RegisterTile tile) {
  const auto rows = static_cast<double>(tile.rows),
             columns = static_cast<double>(tile.vectors * ladder::lanes());
  return 4 * (rows + columns) / (rows * columns);
}

std::vector<Rung> ladder_rungs(const LadderFlags& flags) {
  const RegisterTile tile = register_tile(flags);
  const int64_t side = flags.tile, depth = flags.depth;
  // naive loads a number of A and one of B; reordered one of B, and C comes and goes.
  return {{"naive", 8, false, ladder::naive},
          {"reordered", 12, false, ladder::reordered},
          {"tiled", 12, false, [=](const Product& p) { ladder::tiled(p, side); }},
          {"vectorised", tile_bytes(tile), false,
           [=](const Product& p) { ladder::vectorised(p, tile); }},
          {"packed", tile_bytes(tile), false,
           [=](const Product& p) { ladder::packed(p, tile, depth); }},
          {"threaded", tile_bytes(tile), true,
           [=](const Product& p) { ladder::threaded(p, tile, depth); }}};
}

void race(Lesson& lesson, std::string_view what, std::vector<Timed>& jobs, int rounds) {
  const double slice = lesson.quick() ? 0.008 : 0.02;  // seconds for a short job, each round
  const int count = static_cast<int>(jobs.size());
  lesson.repeat(what, rounds * count, [&](int step) {
    Timed& timed = jobs[static_cast<size_t>(step % count)];
    const double start = seconds_now();
    for (double before = start; before - start < slice;) {
      timed.job();
      const double after = seconds_now();
      timed.best = std::min(timed.best, after - before);
      before = after;
    }
    return std::string();
  });
}

void measure_peaks(Yardsticks& y) {
  y.peak = std::max(y.peak, kernels::fma_peak<float>(1));
  y.peak_of_all = std::max(y.peak_of_all, kernels::fma_peak<float>(num_threads()));
}

Yardsticks measure_yardsticks() {
  const kernels::Machine machine = kernels::this_machine();
  const auto half_of = [](int64_t size, int64_t usual) { return (size > 0 ? size : usual) / 2; };
  Yardsticks y{.peak = 0,
               .peak_of_all = 0,
               .l1 = read_speed(half_of(machine.l1, 32 << 10)),
               .l2 = read_speed(half_of(machine.l2, 512 << 10)),
               .memory = kernels::memory_bandwidth(1).read};
  measure_peaks(y);
  return y;
}

}  // namespace gradus::lessons
