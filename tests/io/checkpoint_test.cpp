// What a checkpoint promises: whatever fails, one of its two files is whole and loads.
#include "gradus/io/checkpoint.h"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "gradus/io/file.h"
#include "io/failpoints.h"
#include "io/temporary.h"
#include "support.h"

namespace gradus::io {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::Failing;
using test::TemporaryDirectory;

// Every dtype, an empty array, a strided one, and a text of several lines.
State state_of(int generation) {
  const auto seed = static_cast<uint64_t>(generation);
  return {{{"weight", test::random_array({5, 3}, seed, DType::float32)},
           {"moment", test::random_array({3, 5}, seed + 100).transpose()},
           {"none", Array::zeros({0, 3})},
           {"ids", Array::of_indices({generation, -1, 1 << 30}, {3})},
           {"mask", Array::of_bools({true, false, true}, {3})}},
          {{"step", std::to_string(generation)}, {"letters", "a\n\"b\"\u00e9"}}};
}

std::string step_of(const State& state) { return state.metadata.at("step"); }

// The state's step if it is whole; checks that it is the state of that step in every bit.
std::string loaded_step(const fs::path& path) {
  const State state = load_checkpoint(path).state;
  EXPECT_EQ(checksum(state), checksum(state_of(std::stoi(step_of(state)))));
  return step_of(state);
}

void flip(const fs::path& path, size_t byte, int bit = 0) {
  std::string bytes = read_file(path);
  bytes.at(byte) = static_cast<char>(bytes.at(byte) ^ (1 << bit));
  write_file(path, bytes);
}

TEST(Checkpoint, WhatIsSavedIsLoaded) {
  const TemporaryDirectory directory;
  const State state = state_of(1);
  save_checkpoint(directory / "a", state);
  const Checkpoint loaded = load_checkpoint(directory / "a");
  EXPECT_EQ(loaded.note, "");
  EXPECT_EQ(loaded.state.metadata, state.metadata);
  ASSERT_EQ(loaded.state.arrays.size(), state.arrays.size());
  for (size_t i = 0; i < state.arrays.size(); ++i) {
    EXPECT_EQ(loaded.state.arrays[i].name, state.arrays[i].name);
    EXPECT_TRUE(test::same_bits(loaded.state.arrays[i].value, state.arrays[i].value));
  }
  save_checkpoint(directory / "b", loaded.state);
  EXPECT_EQ(read_file(directory / "a"), read_file(directory / "b"));
  EXPECT_EQ(directory.count(), 2);
}

TEST(Checkpoint, KeepsTheOneBefore) {
  const TemporaryDirectory directory;
  const fs::path path = directory / "a";
  for (int generation = 1; generation <= 4; ++generation) {
    save_checkpoint(path, state_of(generation));
    EXPECT_EQ(loaded_step(path), std::to_string(generation));
    if (generation == 1) continue;
    EXPECT_EQ(loaded_step(directory / "a.previous"), std::to_string(generation - 1));
  }
  EXPECT_EQ(directory.count(), 2);
}

// The checksum sees everything that a state has.
TEST(Checkpoint, TheChecksumIsAnothersForAnyOtherState) {
  const State state = state_of(1);
  const std::string sum = checksum(state);
  EXPECT_EQ(sum.size(), 16u);
  State other = state;
  other.arrays[0].name = "weights";
  EXPECT_NE(checksum(other), sum);
  other = state;
  other.arrays[0].value = state.arrays[0].value.reshape({3, 5});
  EXPECT_NE(checksum(other), sum);
  other = state;
  std::swap(other.arrays[0], other.arrays[1]);
  EXPECT_NE(checksum(other), sum);
  other = state;
  other.metadata["step"] = "2";
  EXPECT_NE(checksum(other), sum);
  other = state;
  other.metadata["ste"] = "p1";  // the same letters, divided otherwise
  other.metadata.erase("step");
  EXPECT_NE(checksum(other), sum);
  other = state;
  other.arrays[2].value = Array::zeros({0, 4});
  EXPECT_NE(checksum(other), sum);
  other.arrays[2].value = Array::zeros({0, 3}, DType::float64);
  EXPECT_NE(checksum(other), sum);
}

TEST(Checkpoint, EveryFlippedBitAndEveryMissingEndIsNoticed) {
  const TemporaryDirectory directory;
  save_checkpoint(directory / "a", state_of(1));
  const std::string good = read_file(directory / "a");
  EXPECT_EQ(checksum(parse_checkpoint(good)), checksum(state_of(1)));
  std::string bytes = good;
  for (size_t place = 0; place < good.size(); ++place) {
    for (int bit = 0; bit < 8; ++bit) {
      bytes[place] = static_cast<char>(good[place] ^ (1 << bit));
      EXPECT_THROW(parse_checkpoint(bytes), Error) << "bit " << bit << " of byte " << place;
    }
    bytes[place] = good[place];
  }
  for (size_t length = 0; length < good.size(); ++length)
    EXPECT_THROW(parse_checkpoint(good.substr(0, length)), Error) << length;
  EXPECT_THROW(parse_checkpoint(good + '\0'), Error);
}

TEST(Checkpoint, ADamagedOrMissingOneIsReplacedByThePreviousOneAndTheNoteSaysSo) {
  const TemporaryDirectory directory;
  const fs::path path = directory / "a";
  save_checkpoint(path, state_of(1));
  save_checkpoint(path, state_of(2));
  const std::string good = read_file(path);
  const auto note = [&] {
    const Checkpoint loaded = load_checkpoint(path);
    EXPECT_EQ(step_of(loaded.state), "1");
    EXPECT_TRUE(loaded.note.ends_with("; a.previous is used instead")) << loaded.note;
    return loaded.note;
  };
  flip(path, good.size() - 3);
  EXPECT_NE(note().find(path.string() + ": damaged: the checksum is \""), std::string::npos);
  write_file(path, good.substr(0, good.size() / 2));
  EXPECT_NE(note().find(path.string() + ": "), std::string::npos);
  write_file(path, "");
  EXPECT_NE(note().find(path.string() + ": has 0 bytes"), std::string::npos);
  write_file(path, std::string(good.size(), '\0'));  // what some file systems leave
  EXPECT_NE(note().find(path.string()), std::string::npos);
  fs::remove(path);
  EXPECT_EQ(note(),
            "load_checkpoint: " + path.string() + " is missing; a.previous is used instead");
}

TEST(Checkpoint, ADamagedOneIsNotKeptInThePlaceOfAGoodOne) {
  const TemporaryDirectory directory;
  const fs::path path = directory / "a";
  save_checkpoint(path, state_of(1));
  save_checkpoint(path, state_of(2));
  flip(path, read_file(path).size() - 1);
  save_checkpoint(path, state_of(3));
  EXPECT_EQ(loaded_step(path), "3");
  EXPECT_EQ(loaded_step(directory / "a.previous"), "1");
}

TEST(Checkpoint, WhereBothAreDamagedTheErrorNamesBoth) {
  const TemporaryDirectory directory;
  const fs::path path = directory / "a";
  EXPECT_EQ(error_of([&] { load_checkpoint(path); }),
            "read: " + path.string() + ": No such file or directory");
  save_checkpoint(path, state_of(1));
  flip(path, read_file(path).size() - 1);
  const std::string alone = error_of([&] { load_checkpoint(path); });
  EXPECT_NE(alone.find(path.string() + ": damaged"), std::string::npos) << alone;
  EXPECT_TRUE(alone.ends_with("; there is no a.previous")) << alone;
  write_file(directory / "a.previous", "noise");
  const std::string both = error_of([&] { load_checkpoint(path); });
  EXPECT_NE(both.find(path.string() + ": damaged"), std::string::npos) << both;
  EXPECT_NE(both.find("; and load_safetensors: " + path.string() + ".previous: "),
            std::string::npos)
      << both;
}

TEST(Checkpoint, AFileThatMayNotBeReadIsAnErrorAndNotPassedOver) {
  const TemporaryDirectory directory;
  const fs::path path = directory / "a";
  save_checkpoint(path, state_of(1));
  save_checkpoint(path, state_of(2));
  fs::permissions(path, fs::perms::none);
  bool tried = false;
  {
    const test::WithoutPrivileges scope;
    tried = scope.works();
    if (tried) {
      EXPECT_EQ(error_of([&] { load_checkpoint(path); }),
                "read: " + path.string() + ": Permission denied");
    }
  }
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_EQ(error_of([&] { load_checkpoint(path); }),
            "read: " + path.string() + ": is a directory");
  if (!tried) GTEST_SKIP() << "this root may not become another user";
}

TEST(Checkpoint, OtherSafetensorsFilesAreNoCheckpoints) {
  const TemporaryDirectory directory;
  save_safetensors(directory / "a", state_of(1));
  EXPECT_NE(error_of([&] { load_checkpoint(directory / "a"); }).find("there is no checksum"),
            std::string::npos);
  State taken = state_of(1);
  taken.metadata["checksum"] = "mine";
  EXPECT_EQ(error_of([&] { save_checkpoint(directory / "a", taken); }),
            "save_checkpoint: the state has a text \"checksum\" already");
}

TEST(Checkpoint, FollowsALinkAndKeepsThePreviousOneBesideTheRealFile) {
  const TemporaryDirectory directory;
  fs::create_directory(directory / "disk");
  fs::create_symlink("disk/real", directory / "link");
  save_checkpoint(directory / "link", state_of(1));
  save_checkpoint(directory / "link", state_of(2));
  EXPECT_TRUE(fs::is_symlink(directory / "link"));
  EXPECT_EQ(loaded_step(directory / "disk/real"), "2");
  EXPECT_EQ(loaded_step(directory / "disk/real.previous"), "1");
  fs::remove(directory / "disk/real");
  EXPECT_EQ(loaded_step(directory / "link"), "1");
}

// ---- what fails while it is saved ----

const std::vector<std::string> calls_of_a_save{"open",     "write", "fsync",
                                               "exchange", "keep",  "fsync_directory"};

TEST(Checkpoint, ASaveMakesItsCallsInThisOrder) {
  const TemporaryDirectory directory;
  {
    const Failing none;
    save_checkpoint(directory / "a", state_of(1));
    EXPECT_EQ(none.calls(),
              (std::vector<std::string>{"open", "write", "fsync", "rename", "fsync_directory"}));
  }
  const Failing none;
  save_checkpoint(directory / "a", state_of(2));
  EXPECT_EQ(none.calls(), calls_of_a_save);
}

// Each call in turn, and in the middle of the writing, with errors that disks have; where files can
// be exchanged and where not.
TEST(Checkpoint, AfterAnyFailureItLoadsAndCanBeSavedAgain) {
  for (const bool can_exchange : {true, false})
    for (const auto& [call, error] :
         std::vector<std::pair<std::string, int>>{{"open", EROFS},
                                                  {"open", EACCES},
                                                  {"open", EMFILE},
                                                  {"write", ENOSPC},
                                                  {"write", EDQUOT},
                                                  {"write", EIO},
                                                  {"fsync", EIO},
                                                  {"fsync", ENOSPC},
                                                  {"keep", EIO},
                                                  {"rename", EROFS},
                                                  {"fsync_directory", EIO}}) {
      if (can_exchange && call == "rename") continue;
      for (const int successes : {0, 3}) {
        if (successes > 0 && call != "write") continue;
        SCOPED_TRACE(fmt::format("{} {} {} {}", can_exchange, call, error, successes));
        const TemporaryDirectory directory;
        const fs::path path = directory / "a";
        save_checkpoint(path, state_of(1));
        save_checkpoint(path, state_of(2));
        static std::string broken;
        static int number, left;
        static bool exchanges;
        broken = call, number = error, left = successes, exchanges = can_exchange;
        failpoint = [](const char* now) {
          if (now == broken && left-- <= 0) return number;
          return std::string(now) == "exchange" && !exchanges ? EINVAL : 0;
        };
        const std::string message = error_of([&] { save_checkpoint(path, state_of(3)); });
        failpoint = nullptr;
        EXPECT_EQ(message, fmt::format("write: {}: {}", path.string(),
                                       std::generic_category().message(error)));
        const bool is_old = call != "fsync_directory";
        EXPECT_EQ(loaded_step(path), is_old ? "2" : "3");
        EXPECT_EQ(loaded_step(previous_checkpoint(path)), is_old && call != "rename" ? "1" : "2");
        EXPECT_LE(directory.count(), 2) << "the temporary file is still there";
        save_checkpoint(path, state_of(4));
        EXPECT_EQ(loaded_step(path), "4");
      }
    }
}

TEST(Checkpoint, WorksWhereFilesCannotBeExchanged) {
  const TemporaryDirectory directory;
  const Failing fat("exchange", EINVAL);
  for (int generation = 1; generation <= 3; ++generation)
    save_checkpoint(directory / "a", state_of(generation));
  const std::vector<std::string> last(fat.calls().end() - 4, fat.calls().end());
  EXPECT_EQ(last, (std::vector<std::string>{"exchange", "keep", "rename", "fsync_directory"}));
  EXPECT_EQ(loaded_step(directory / "a"), "3");
  EXPECT_EQ(loaded_step(directory / "a.previous"), "2");
  EXPECT_EQ(directory.count(), 2);
}

// A limit on the size of files, which the system enforces as it does the end of a disk.
TEST(Checkpoint, ALimitOfTheSystemLeavesTheOldOne) {
  const TemporaryDirectory directory;
  save_checkpoint(directory / "a", state_of(1));
  State large = state_of(2);
  large.arrays.push_back({"large", Array::zeros({300, 300})});
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = error_of([&] { save_checkpoint(directory / "a", large); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(message, "write: " + (directory / "a").string() + ": File too large");
  EXPECT_EQ(loaded_step(directory / "a"), "1");
  EXPECT_EQ(directory.count(), 1);
}

// A disk of 64 KiB, for whoever may mount one.
class SmallDisk {
 public:
  explicit SmallDisk(const fs::path& where) : where_(where) {
    fs::create_directory(where);
    is_mounted_ = ::mount("tmpfs", where.c_str(), "tmpfs", 0, "size=64k") == 0;
  }
  ~SmallDisk() {
    if (is_mounted_) ::umount2(where_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  bool is_mounted() const { return is_mounted_; }
  bool make_read_only(bool on) const {
    return ::mount("tmpfs", where_.c_str(), "tmpfs", on ? MS_REMOUNT | MS_RDONLY : MS_REMOUNT,
                   "size=64k") == 0;
  }

 private:
  fs::path where_;
  bool is_mounted_ = false;
};

TEST(Checkpoint, AFullDiskAndOneThatBecomesReadOnlyLeaveTheOldOne) {
  const TemporaryDirectory directory;
  const SmallDisk disk(directory / "disk");
  if (!disk.is_mounted()) GTEST_SKIP() << "only root may mount a disk, outside most containers";
  const fs::path path = directory / "disk/a";
  save_checkpoint(path, state_of(1));
  State large = state_of(2);
  large.arrays.push_back({"large", Array::zeros({200, 200})});
  EXPECT_EQ(error_of([&] { save_checkpoint(path, large); }),
            "write: " + path.string() + ": No space left on device");
  EXPECT_EQ(loaded_step(path), "1");
  save_checkpoint(path, state_of(3));  // a smaller one still fits

  ASSERT_TRUE(disk.make_read_only(true));
  EXPECT_EQ(error_of([&] { save_checkpoint(path, state_of(4)); }),
            "write: " + path.string() + ": Read-only file system");
  EXPECT_EQ(loaded_step(path), "3");
  ASSERT_TRUE(disk.make_read_only(false));
  save_checkpoint(path, state_of(4));
  EXPECT_EQ(loaded_step(path), "4");
  EXPECT_EQ(loaded_step(previous_checkpoint(path)), "3");
}

TEST(Checkpoint, ADirectoryThatIsReadOnlyOrGoneIsAnErrorUntilItIsBack) {
  const TemporaryDirectory directory;
  const fs::path folder = directory / "folder", path = folder / "a";
  fs::create_directory(folder);
  save_checkpoint(path, state_of(1));
  fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read |
                              fs::perms::others_exec);
  bool tried = false;
  {
    const test::WithoutPrivileges scope;
    tried = scope.works();
    if (tried) {
      EXPECT_EQ(error_of([&] { save_checkpoint(path, state_of(2)); }),
                "write: " + path.string() + ": Permission denied");
    }
  }
  EXPECT_EQ(loaded_step(path), "1");
  fs::permissions(folder, fs::perms::owner_all);
  fs::rename(folder, directory / "elsewhere");
  EXPECT_EQ(error_of([&] { save_checkpoint(path, state_of(2)); }),
            "write: " + path.string() + ": No such file or directory");
  EXPECT_EQ(loaded_step(directory / "elsewhere/a"), "1");
  fs::rename(directory / "elsewhere", folder);
  save_checkpoint(path, state_of(2));
  EXPECT_EQ(loaded_step(path), "2");
  if (!tried) GTEST_SKIP() << "this root may not become another user";
}

}  // namespace
}  // namespace gradus::io
