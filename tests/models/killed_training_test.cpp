// Training that is killed at any moment goes on from its checkpoint to the bytes that it would have
// reached undisturbed.
//
// The victim is this program once more, started with orders in its environment: it trains a GPT of
// a few hundred numbers and saves after each step, until it has finished or is killed with
// signal 9.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "gradus/io/checkpoint.h"
#include "gradus/io/file.h"
#include "gradus/models/trainer.h"
#include "io/failpoint.h"
#include "io/failpoints.h"
#include "io/temporary.h"
#include "support.h"

namespace gradus::models {
namespace {

namespace fs = std::filesystem;

// ---- what is trained ----

constexpr int64_t steps = 20;

data::Corpus text() {
  std::string letters;
  for (int i = 0; i < 100; ++i) letters += fmt::format("The cat sat on mat {}. ", i * 7 % 31);
  return data::Corpus(letters);
}

// With everything that has a state: dropout, warm-up, decay, clipping.
Trainer new_trainer(const data::Corpus& corpus) {
  return Trainer({.vocabulary = corpus.tokenizer().size(),
                  .context = 8,
                  .layers = 1,
                  .heads = 2,
                  .width = 8,
                  .dropout = 0.1},
                 {.steps = steps, .batch = 3, .warmup = 5, .seed = 7}, corpus);
}

// ---- the victim ----

constexpr const char* orders_variable = "GRADUS_TRAIN_UNTIL_KILLED";
constexpr int report_number = 3;  // the file on which it tells the number of each step it has saved

// What the victim is told: path, threads, whether files can be exchanged, and, if it kills itself,
// before which call to the system.
struct Orders {
  std::string path;
  int threads = 1;
  bool can_exchange = true;
  std::string call = "none";
  int count = 1;

  std::string text() const {
    return fmt::format("{} {} {} {} {}", threads, can_exchange ? 1 : 0, count, call, path);
  }
};
Orders orders;

int kill_itself_when_told(const char* call) {
  if (call == orders.call && --orders.count == 0) ::kill(::getpid(), SIGKILL);
  return std::strcmp(call, "exchange") == 0 && !orders.can_exchange ? EINVAL : 0;
}

void report(int64_t step) {
  if (::write(report_number, &step, sizeof step) != sizeof step) ::_exit(3);
}

[[noreturn]] void train_until_killed(const std::string& text_of_orders) {
  int exchange = 0;
  char path[1024], call[64];
  if (std::sscanf(text_of_orders.c_str(), "%d %d %d %63s %1023[^\n]", &orders.threads, &exchange,
                  &orders.count, call, path) != 5)
    ::_exit(4);
  orders.path = path, orders.call = call, orders.can_exchange = exchange != 0;
  set_num_threads(orders.threads);
  io::failpoint = kill_itself_when_told;
  const data::Corpus corpus = text();
  Trainer trainer = new_trainer(corpus);
  if (fs::exists(orders.path) || fs::exists(io::previous_checkpoint(orders.path)))
    trainer.load_state(io::load_checkpoint(orders.path).state);
  report(trainer.steps_done());
  while (!trainer.is_finished()) {
    trainer.step();
    io::save_checkpoint(orders.path, trainer.state());
    report(trainer.steps_done());
  }
  ::_exit(0);
}

// GoogleTest prepares this before the first test: there the victim turns aside.
class Victim : public testing::Environment {
  void SetUp() override {
    if (const char* text_of_orders = std::getenv(orders_variable))
      train_until_killed(text_of_orders);
  }
};
[[maybe_unused]] const testing::Environment* const victim =
    testing::AddGlobalTestEnvironment(new Victim);

// ---- who starts it and looks what it has left ----

struct Outcome {
  bool killed;         // or it had finished
  int64_t last_saved;  // the last step whose save had returned
};

class KilledTraining : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const data::Corpus corpus = text();
    Trainer trainer = new_trainer(corpus);
    const test::TemporaryDirectory directory;
    sums_ = {io::checksum(trainer.state())};
    const auto start = std::chrono::steady_clock::now();
    while (!trainer.is_finished()) {
      trainer.step();
      io::save_checkpoint(directory / "a", trainer.state());
      sums_.push_back(io::checksum(trainer.state()));
    }
    seconds_per_step_ =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / steps;
    final_bytes_ = io::read_file(directory / "a");
  }

  // Trains in another process, which is killed `delay` seconds after its first report, if it has
  // not ended before.
  static Outcome run(const Orders& told, double delay = 60) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe2 failed");
    const io::Descriptor reading(ends[0]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], report_number);
    std::string name = "/proc/self/exe", filter = "--gtest_filter=KilledTraining.*";
    char* arguments[] = {name.data(), filter.data(), nullptr};
    ::setenv(orders_variable, told.text().c_str(), 1);
    pid_t child = 0;
    const int error = ::posix_spawn(&child, name.c_str(), &actions, nullptr, arguments, environ);
    ::unsetenv(orders_variable);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    if (error != 0) throw std::runtime_error("posix_spawn failed");

    int64_t last_saved = 0, step = 0;
    const auto heard = [&] { return ::read(reading.number(), &step, sizeof step) == sizeof step; };
    if (heard()) last_saved = step;      // or it killed itself
    pollfd end{reading.number(), 0, 0};  // POLLHUP, which always counts: the child is gone
    ::poll(&end, 1, 0);
    if (end.revents == 0) wait_for_end(reading.number(), delay);
    ::kill(child, SIGKILL);
    while (heard()) last_saved = step;
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) == 0)
        << "the training ended with status " << status;
    return {WIFSIGNALED(status), last_saved};
  }
  static void wait_for_end(int number, double delay) {
    pollfd end{number, 0, 0};
    const timespec time{static_cast<time_t>(delay),
                        static_cast<long>(1e9 * (delay - std::floor(delay)))};
    ::ppoll(&end, 1, &time, nullptr);
  }

  // What lies there is the state of some step, bit for bit, and of none before the last that was
  // saved. Training goes on from it, is saved as `end`, and has the bytes of one that was never
  // interrupted.
  static void expect_nothing_lost(const Orders& told, const Outcome& outcome, int threads,
                                  const fs::path& end) {
    const data::Corpus corpus = text();
    Trainer trainer = new_trainer(corpus);
    if (fs::exists(told.path) || fs::exists(io::previous_checkpoint(told.path))) {
      const io::Checkpoint found = io::load_checkpoint(told.path);
      EXPECT_TRUE(found.note.empty() || !told.can_exchange) << found.note;
      trainer.load_state(found.state);
    }
    EXPECT_GE(trainer.steps_done(), outcome.last_saved);
    EXPECT_LE(trainer.steps_done(), outcome.last_saved + 1);
    EXPECT_EQ(io::checksum(trainer.state()), sums_.at(static_cast<size_t>(trainer.steps_done())));

    const test::ScopedThreads scope(threads);
    while (!trainer.is_finished()) trainer.step();
    io::save_checkpoint(end, trainer.state());
    EXPECT_TRUE(io::read_file(end) == final_bytes_) << "other bytes than undisturbed";
  }

  static inline std::vector<std::string> sums_;  // of the states after 0, 1, ... steps
  static inline std::string final_bytes_;
  static inline double seconds_per_step_ = 0;
};

TEST_F(KilledTraining, SixtyTimesAtRandomMoments) {
  const test::TemporaryDirectory directory;
  Orders told{.path = directory / "a"};
  Generator generator(2024);
  int kills = 0, finished = 0, runs = 0;
  for (; kills < 60 && runs < 300; ++runs) {
    SCOPED_TRACE(fmt::format("run {}", runs));
    told.threads = 1 + runs % 2;
    const Outcome outcome = run(told, generator.uniform() * 8 * seconds_per_step_);
    kills += outcome.killed ? 1 : 0;
    expect_nothing_lost(told, outcome, 1 + runs / 2 % 2, directory / "resumed");
    if (HasFailure()) return;
    if (outcome.last_saved < steps) continue;
    EXPECT_TRUE(io::read_file(told.path) == final_bytes_) << "a chain of killed runs differs";
    ++finished;
    for (const auto& file : fs::directory_iterator(directory.path())) fs::remove(file);
  }
  EXPECT_EQ(kills, 60);
  EXPECT_GE(finished, 2) << "of " << runs << " runs";
}

struct Place {
  const char* call;
  std::vector<int> counts;  // before the how manieth such call
};

void kill_at(const std::vector<Place>& places, bool can_exchange,
             const std::function<void(const Orders&)>& f) {
  for (const Place& place : places)
    for (const int count : place.counts) {
      if (testing::Test::HasFailure()) return;
      SCOPED_TRACE(fmt::format("before call {} of {}", count, place.call));
      const test::TemporaryDirectory directory;
      f({.path = directory / "a",
         .threads = 1 + count % 2,
         .can_exchange = can_exchange,
         .call = place.call,
         .count = count});
    }
}

// A save writes 29 pieces: the header's length, the header, 9 weights and 18 moments.
TEST_F(KilledTraining, BeforeEveryCallOfASave) {
  int kills = 0, between_open_and_rename = 0;
  const auto try_it = [&](const Orders& told) {
    const Outcome outcome = run(told);
    ASSERT_TRUE(outcome.killed) << "it was never there";
    ++kills;
    if (told.call != "open" && told.call != "fsync_directory" && told.call != "keep")
      ++between_open_and_rename;
    expect_nothing_lost(told, outcome, 3 - told.threads, told.path);
    const fs::path folder = fs::path(told.path).parent_path();
    EXPECT_LE(std::distance(fs::directory_iterator(folder), {}), 2)
        << "what the killed process left behind is still there";
  };
  kill_at({{"open", {1, 2, 3}},
           {"write", {1, 2, 15, 29, 30, 45, 58}},
           {"fsync", {1, 2, 3}},
           {"rename", {1}},
           {"exchange", {1, 2, 3}},
           {"keep", {1, 2, 3}},
           {"fsync_directory", {1, 2, 3}}},
          true, try_it);
  kill_at({{"keep", {1, 2}}, {"rename", {1, 2, 3}}, {"fsync_directory", {2}}}, false, try_it);
  EXPECT_EQ(kills, 29);
  EXPECT_GE(between_open_and_rename, 10);
}

// A disk that is full in the middle of a file, or at its end, or that became read-only.
TEST_F(KilledTraining, ThatCouldNotBeSavedGoesOnFromTheLastSave) {
  struct Refusal {
    const char* call;
    int error, successes;
  };
  for (const Refusal refusal : {Refusal{"write", ENOSPC, 0}, Refusal{"write", ENOSPC, 15},
                                Refusal{"fsync", ENOSPC, 0}, Refusal{"open", EROFS, 0}}) {
    SCOPED_TRACE(fmt::format("{} after {}", refusal.call, refusal.successes));
    const test::TemporaryDirectory directory;
    const Orders told{.path = directory / "a"};
    const data::Corpus corpus = text();
    Trainer trainer = new_trainer(corpus);
    const auto step_and_save = [&] {
      trainer.step();
      io::save_checkpoint(told.path, trainer.state());
    };
    for (int i = 0; i < 7; ++i) step_and_save();
    {
      const test::Failing disk(refusal.call, refusal.error, refusal.successes);
      for (int i = 0; i < 2; ++i)
        EXPECT_EQ(test::error_of(step_and_save),
                  fmt::format("write: {}: {}", told.path, std::strerror(refusal.error)));
    }
    expect_nothing_lost(told, {.killed = false, .last_saved = 7}, 2, directory / "resumed");
    step_and_save();  // there is room again: this training goes on as well
    EXPECT_EQ(io::checksum(io::load_checkpoint(told.path).state), sums_.at(10));
  }
}

}  // namespace
}  // namespace gradus::models
