#include "matmul_trials.h"

#include <algorithm>
#include <cmath>

#include "gradus/threads.h"
#include "matmul_peers.h"

namespace gradus::lessons {
namespace {

namespace ladder = kernels::ladder;

// Some sizes of one block, and the job with each.
struct Sweep {
  std::string title;
  std::vector<std::string> sizes = {};
  std::vector<Timed> jobs = {};

  template <class F>
  void add(const std::string& size, const Matrices& matrices, F rung) {
    sizes.push_back(size);
    jobs.push_back({[rung, p = matrices.product()] { rung(p); }, matrices.flops()});
  }
  // Times the jobs and shows their speeds as bars; returns them, in GFLOP/s.
  std::vector<double> run(Lesson& lesson) {
    race(lesson, title, jobs, 4);
    std::vector<double> speeds;
    for (const Timed& job : jobs) speeds.push_back(job.speed() / 1e9);
    const double best = *std::max_element(speeds.begin(), speeds.end());
    viz::TableRows rows{{title, "GFLOP/s", ""}};
    for (size_t i = 0; i < jobs.size(); ++i)
      rows.push_back(
          row("{} | {:.2f} | {}", sizes[i], speeds[i],
              std::string(static_cast<size_t>(std::lround(24 * speeds[i] / best)), '#')));
    lesson.table(rows);
    return speeds;
  }
};

}  // namespace

void show_roofline(Lesson& lesson, const std::vector<Climbed>& climbed, const Yardsticks& y) {
  lesson.section("The roofline");
  lesson.say(
      R"(Count the bytes that the innermost loop loads and stores for a multiply-add, wherever they come
      from. Naive: a number of A and one of B, 8 bytes for two operations, 0.25 operations for a
      byte. Reordered and tiled: one of B, and c comes and goes, 12 bytes. A register tile of r rows
      and v vectors of W numbers: r + v W numbers for r v W multiply-adds.)");
  lesson.equation("speed <= min(peak, operations per byte dot bytes per second)");
  lesson.unchecked();
  lesson.say("The roofs of this machine, and under them the rungs, by their numbers:");
  using Style = viz::Series::Style;
  const double left = 0.1, right = 10;
  const auto roof = [&](const char* name, double bandwidth) {
    const double corner = std::min(right, y.peak / bandwidth);
    return viz::Series{.name = name,
                       .x = {left, corner, right},
                       .y = {left * bandwidth / 1e9, corner * bandwidth / 1e9,
                             std::min(y.peak, right * bandwidth) / 1e9}};
  };
  viz::Series rungs{.name = "rungs", .x = {}, .y = {}, .style = Style::points};
  for (const Climbed& c : climbed) {
    rungs.labels.push_back(fmt::format("{}", rungs.labels.size() + 1));
    rungs.x.push_back(2 / c.bytes);
    rungs.y.push_back(c.speed / 1e9);
  }
  lesson.plot(
      {roof("L1", y.l1),
       roof("L2", y.l2),
       roof("memory", y.memory),
       rungs,
       {.name = "peak of all threads", .x = {}, .y = {y.peak_of_all / 1e9}, .style = Style::level}},
      {.title = "The roofline of this machine",
       .x_label = "operations per byte (GFLOP/s upwards)",
       .height = 20,
       .log_log = true});
  lesson.say(
      R"(Two ways lead up. To the right: fewer bytes for each operation, as from 3 to 4, where C stays in
      registers. Straight up: the same bytes, from nearer by, as from 2 to 3 and from 4 to 5. Rungs
      1 to 3 stay far below the roofs of the caches: there the limit is less the bytes than the
      instructions, several for each number.)");
}

void try_blocks(Lesson& lesson, const LadderFlags& flags) {
  lesson.section("Change a block size");
  const int64_t n = lesson.quick() ? 512 : 1024;
  lesson.say(
      R"(What limits a rung shows when its block changes; each line is a flag, as `--tile 8` or
      `--rows 1`. All on one thread; B has {0} x {0} numbers, C fewer rows, to save time.)",
      n);
  lesson.predict(
      "A register tile of 1 row and 1 vector does 2 loads for a multiply-add. And 6 x 4?", "0.42",
      "6 numbers of A and 4 vectors of B for 6 · 4 multiply-adds: 10 / 24.");
  lesson.predict(
      fmt::format("16 unused numbers after each row of {}: is the vectorised rung faster, slower "
                  "or the same?",
                  n),
      "faster",
      fmt::format("Rows {} bytes apart share a few sets of the cache, and push each other out. "
                  "Packed rows are adjacent, and care less.",
                  4 * n));
  lesson.unchecked();
  const Matrices few(lesson, 48, n), some(lesson, 192, n), gap(lesson, 192, n, 16);
  const RegisterTile full = ladder::largest_register_tile();

  Sweep tile{"rung 3: tile"};
  const std::vector<double> tiles{4, 16, 64, 256};
  for (const double side : tiles)
    tile.add(fmt::format("{}", side), few,
             [=](const Product& p) { ladder::tiled(p, static_cast<int64_t>(side)); });
  tile.add("none", few, ladder::reordered);
  std::vector<double> with_tile = tile.run(lesson);
  with_tile.pop_back();  // the one without

  Sweep registers{"rung 5: register tile"};
  for (const RegisterTile t : {RegisterTile{1, 1}, {1, full.vectors}, {2, full.vectors}, full})
    registers.add(fmt::format("{} x {}, {:.2f} loads", t.rows, t.vectors, tile_loads(t)), some,
                  [=](const Product& p) { ladder::packed(p, t, flags.depth); });
  registers.run(lesson);

  Sweep gaps{"rungs 4 and 5: gap after a row"};
  for (const auto& [name, matrices] : {std::pair("no gap", &some), {"16 numbers", &gap}}) {
    gaps.add(fmt::format("vectorised, {}", name), *matrices,
             [=](const Product& p) { ladder::vectorised(p, full); });
    gaps.add(fmt::format("packed, {}", name), *matrices,
             [=](const Product& p) { ladder::packed(p, full, flags.depth); });
  }
  gaps.run(lesson);

  Sweep depth{"rung 5: depth of a panel"};
  const std::vector<double> depths{4, 16, 64, 256, static_cast<double>(n)};
  for (const double rows : depths)
    depth.add(fmt::format("{} rows", rows), some,
              [=](const Product& p) { ladder::packed(p, full, static_cast<int64_t>(rows)); });
  const std::vector<double> with_depth = depth.run(lesson);

  lesson.say(
      R"(A small tile makes short loops, which cost more than they save; a shallow panel makes C come and
      go for every few rows of B. With few rows in the register tile, most instructions load.)");
  if (!lesson.quick())
    lesson.plot({{.name = "rung 3, its tile", .x = tiles, .y = with_tile},
                 {.name = "rung 5, its depth", .x = depths, .y = with_depth}},
                {.title = "GFLOP/s over the size of the block",
                 .x_label = "tile, depth",
                 .height = 10,
                 .log_log = true});
}

void show_peers(Lesson& lesson, const Matrices& matrices, const Yardsticks& yardsticks) {
  lesson.section("Other libraries on this machine");
  lesson.say(
      R"(The same product by libraries that years of work went into, if they are installed: they are
      looked for now, and are no part of this program.)");
  lesson.unchecked();
  const Product p = matrices.product();
  const int all = num_threads();
  struct Contestant {
    std::string name, problem;
    std::function<void()> job;
    std::function<void(int)> set_threads;
    double speed[2];
  };
  std::vector<Contestant> contestants{
      {"ours", "", [&] { matmul(matrices.a, matrices.b); }, [](int) {}, {}}};
  for (const Peer& peer : find_peers())
    contestants.push_back({peer.name,
                           peer.problem,
                           [=] { peer.multiply(p.n, p.a, p.b, p.c); },
                           peer.set_threads,
                           {}});
  for (const int i : {0, 1}) {
    set_num_threads(i == 0 ? 1 : all);
    std::vector<Timed> jobs;
    for (const Contestant& c : contestants) {
      if (!c.problem.empty()) continue;
      c.set_threads(num_threads());
      jobs.push_back({c.job, matrices.flops()});
    }
    race(lesson, "others", jobs, 8);
    auto job = jobs.begin();
    for (Contestant& c : contestants)
      if (c.problem.empty()) c.speed[i] = (job++)->speed();
  }
  viz::TableRows rows{
      {"library", "1 thread", "of peak", fmt::format("{} threads", all), "of peak"}};
  for (const Contestant& c : contestants)
    rows.push_back(c.problem.empty()
                       ? row("{} | {:.1f} GFLOP/s | {:.1f} % | {:.1f} GFLOP/s | {:.1f} %", c.name,
                             c.speed[0] / 1e9, 100 * c.speed[0] / yardsticks.peak, c.speed[1] / 1e9,
                             100 * c.speed[1] / yardsticks.peak_of_all)
                       : row("{} | {} |  |  | ", c.name, c.problem));
  lesson.table(rows);
}

}  // namespace gradus::lessons
