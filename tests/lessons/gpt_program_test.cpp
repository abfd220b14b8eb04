// The main job as a person meets it: a program with flags, files and Ctrl-C.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <sys/wait.h>
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "gradus/io/file.h"
#include "gradus/io/safetensors.h"
#include "io/temporary.h"
#include "lessons/program.h"

namespace gradus {
namespace {

using test::ShellResult;

std::string program() { return test::lesson_program("15_gpt"); }

class GptProgram : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream text(text_);
    for (int i = 0; i < 400; ++i) text << "The cat sat on mat " << i * 7 % 31 << ".\n";
  }

  // Starts the program with a model so small that a step takes a millisecond.
  pid_t start(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program());
    std::fflush(nullptr);  // otherwise the child would print it again
    const pid_t child = ::fork();
    if (child == 0) {
      std::freopen(log_.c_str(), "w", stdout);
      ::dup2(::fileno(stdout), 2);
      std::vector<char*> argv;
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      ::alarm(60);  // a run that should have been refused must not train for minutes
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    return child;
  }
  // The exit code is 128 + n after signal n.
  ShellResult wait(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), io::read_file(log_)};
  }
  ShellResult run(const std::vector<std::string>& arguments) { return wait(start(arguments)); }

  // The same, training: what a test adds comes last and so does not repeat a flag given here.
  std::vector<std::string> tiny(std::vector<std::string> more) {
    std::vector<std::string> all{"--data",  text_,     "--layers", "2",         "--heads",
                                 "2",       "--width", "16",       "--context", "16",
                                 "--batch", "4",       "--tokens", "20"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  std::string file(const std::string& name) const { return directory_ / name; }
  std::string write(const std::string& name, const std::string& bytes) const {
    io::write_file(file(name), bytes);
    return file(name);
  }

  test::TemporaryDirectory directory_;
  std::string text_ = directory_ / "text.txt", log_ = directory_ / "log";
};

TEST_F(GptProgram, HelpNamesEveryFlagWithin80Columns) {
  const ShellResult help = run({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* flag :
       {"--data",   "--steps",   "--layers",      "--heads",   "--width", "--context",    "--batch",
        "--lr",     "--dropout", "--seed",        "--threads", "--save",  "--save-every", "--load",
        "--prompt", "--tokens",  "--temperature", "--top-k",   "--quick", "--help"})
    EXPECT_NE(help.output.find(flag), std::string::npos) << flag;
  for (size_t begin = 0; begin < help.output.size();) {
    const size_t end = std::min(help.output.find('\n', begin), help.output.size());
    EXPECT_LE(end - begin, 80u) << help.output.substr(begin, end - begin);
    begin = end + 1;
  }
}

TEST_F(GptProgram, TrainsSavesAndWrites) {
  const ShellResult outcome =
      run(tiny({"--steps", "30", "--save", file("a"), "--prompt", "The cat"}));
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  for (const char* part : {"step 30/30", "validation loss", "\n  The cat", "The checkpoint is"})
    EXPECT_NE(outcome.output.find(part), std::string::npos) << part << " in\n" << outcome.output;
  EXPECT_EQ(outcome.output.find('\r'), std::string::npos) << "a live line where nobody watches";
  EXPECT_EQ(io::load_safetensors(file("a")).metadata.at("progress.step"), "30");
}

TEST_F(GptProgram, TheSameSeedGivesTheSameBytesOnAnyNumberOfThreads) {
  for (const char* threads : {"1", "2"})
    ASSERT_EQ(run(tiny({"--steps", "15", "--dropout", "0.1", "--threads", threads, "--save",
                        file(threads)}))
                  .exit_code,
              0);
  EXPECT_EQ(io::read_file(file("1")), io::read_file(file("2")));
}

TEST_F(GptProgram, CtrlCSavesAndLoadContinuesBitIdentically) {
  // Whatever the machine's speed, the signal must fall into the training: the number of steps grows
  // until it does.
  for (int steps = 1000; steps <= 64'000; steps *= 4) {
    const std::vector<std::string> training =
        tiny({"--threads", "1", "--steps", std::to_string(steps)});
    const auto with = [&](std::vector<std::string> more) {
      more.insert(more.begin(), training.begin(), training.end());
      return more;
    };
    const pid_t child = start(with({"--save", file("stopped"), "--save-every", "50"}));
    while (!std::filesystem::exists(file("stopped")))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(child, SIGINT);
    const ShellResult stopped = wait(child);
    if (stopped.exit_code == 0) continue;  // it had finished
    ASSERT_EQ(stopped.exit_code, 130) << stopped.output;
    EXPECT_NE(stopped.output.find("Stopped after "), std::string::npos) << stopped.output;
    const int64_t reached =
        std::stoll(io::load_safetensors(file("stopped")).metadata.at("progress.step"));
    EXPECT_GE(reached, 50);
    ASSERT_LT(reached, steps);

    ASSERT_EQ(
        run({"--load", file("stopped"), "--save", file("stopped"), "--threads", "2"}).exit_code, 0);
    ASSERT_EQ(run(with({"--save", file("whole")})).exit_code, 0);
    EXPECT_EQ(io::read_file(file("stopped")), io::read_file(file("whole")));
    return;
  }
  FAIL() << "the training always finished before the signal came";
}

TEST_F(GptProgram, KilledItGoesOnBitIdenticallyFromTheLastSave) {
  const std::vector<std::string> training = tiny({"--threads", "1", "--steps", "300"});
  const auto with = [&](const std::string& name) {
    std::vector<std::string> all = training;
    all.insert(all.end(), {"--save", file(name), "--save-every", "20"});
    return all;
  };
  ASSERT_EQ(run(with("whole")).exit_code, 0);
  // Twice: once from the beginning, once from what the first one left.
  pid_t child = start(with("killed"));
  for (int kills = 0; kills < 2; ++kills) {
    while (!std::filesystem::exists(file(kills == 0 ? "killed" : "killed.previous")))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ::kill(child, SIGKILL);
    wait(child);
    child = start({"--load", file("killed"), "--save", file("killed"), "--save-every", "20"});
  }
  const ShellResult resumed = wait(child);
  EXPECT_EQ(resumed.exit_code, 0) << resumed.output;
  EXPECT_EQ(io::read_file(file("killed")), io::read_file(file("whole")));
  EXPECT_EQ(io::read_file(file("killed.previous")), io::read_file(file("whole.previous")));
}

TEST_F(GptProgram, SaysWhenItGoesOnFromThePreviousCheckpoint) {
  ASSERT_EQ(run(tiny({"--steps", "20", "--save-every", "8", "--save", file("a")})).exit_code, 0);
  const std::string whole = io::read_file(file("a"));
  write("a", whole.substr(0, whole.size() - 1) + '\x7f');
  ShellResult outcome = run({"--load", file("a"), "--save", file("a")});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  std::ranges::replace(outcome.output, '\n', ' ');  // lines end where the name is long
  for (const char* part : {"damaged: the", "a.previous is used", "from step 16."})
    EXPECT_NE(outcome.output.find(part), std::string::npos) << part << " in\n" << outcome.output;
  EXPECT_EQ(io::read_file(file("a")), whole);
}

TEST_F(GptProgram, AStepThatCannotBeSavedDoesNotEndTheTraining) {
  const std::string folder = file("folder"), away = file("away");
  std::filesystem::create_directory(folder);
  const pid_t child = start(
      tiny({"--steps", "600", "--save-every", "10", "--save", folder + "/a", "--prompt", "The"}));
  while (!std::filesystem::exists(folder + "/a"))
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::filesystem::rename(folder, away);
  const ShellResult outcome = wait(child);
  EXPECT_EQ(outcome.exit_code, 1);
  for (const char* part : {"is not saved: write: ", "No such file or directory", "step 600/600",
                           "\n  The", "15_gpt: step 600 is not saved"})
    EXPECT_NE(outcome.output.find(part), std::string::npos) << part << " in\n" << outcome.output;
  // What had been saved before is still good.
  EXPECT_EQ(run({"--load", away + "/a", "--steps", "1"}).exit_code, 0);
}

TEST_F(GptProgram, AFinishedCheckpointJustWrites) {
  ASSERT_EQ(run(tiny({"--steps", "12", "--save", file("a")})).exit_code, 0);
  const std::string before = io::read_file(file("a"));
  const auto write = [&] {
    return run({"--load", file("a"), "--tokens", "40", "--prompt", "The ", "--temperature", "0.5",
                "--top-k", "3"});
  };
  const ShellResult once = write(), again = write();
  EXPECT_EQ(once.exit_code, 0) << once.output;
  EXPECT_EQ(once.output, again.output);
  EXPECT_NE(once.output.find("\n  The "), std::string::npos);
  EXPECT_EQ(once.output.find("step "), std::string::npos) << "it must not train: " << once.output;
  EXPECT_EQ(io::read_file(file("a")), before);
}

TEST_F(GptProgram, RefusesImpossibleFlags) {
  const std::vector<std::vector<std::string>> wrong{
      {"--no-such-flag"},  {"--steps", "0"},      {"--steps", "-3"},
      {"--steps", "many"}, {"--steps", "1e99"},   {"--lr", "nan"},
      {"--lr", "0"},       {"--lr", "inf"},       {"--width", "1.5"},
      {"--dropout", "1"},  {"--dropout", "-0.1"}, {"--temperature", "nan"},
      {"--heads", "3"},    {"--threads", "0"},    {"--context", "99999999"},
      {"--seed", "-1"},    {"--top-k", "0"},      {"--tokens", "-1"},
      {"--batch"},         {"--save-every", "0"}, {"--temperature", "-1"},
      {"stray"},
  };
  for (const auto& arguments : wrong) {
    const ShellResult outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, 2) << arguments[0] << "\n" << outcome.output;
    EXPECT_EQ(outcome.output.rfind("15_gpt: ", 0), 0u) << outcome.output;
    EXPECT_NE(outcome.output.find(arguments[0]), std::string::npos)
        << "names the flag: " << outcome.output;
  }
}

TEST_F(GptProgram, RefusesTextsItCannotLearnFrom) {
  const std::string bytes{"no text: \0\x01\x02\xff\xfe", 14};
  const std::vector<std::pair<std::string, std::string>> wrong{
      {file("missing"), "No such file"},
      {directory_.path(), "directory"},
      {write("empty", ""), "empty"},
      {write("short", "too short"), "context"},
      {write("binary", bytes), "text"}};
  for (const auto& [path, reason] : wrong) {
    const ShellResult outcome = run({"--data", path, "--steps", "5", "--save", file("never")});
    EXPECT_EQ(outcome.exit_code, 1) << path << "\n" << outcome.output;
    EXPECT_NE(outcome.output.find("15_gpt: "), std::string::npos) << outcome.output;
    EXPECT_NE(outcome.output.find(reason), std::string::npos) << outcome.output;
  }
  EXPECT_FALSE(std::filesystem::exists(file("never")));
  const ShellResult prompt = run(tiny({"--steps", "5", "--prompt", "@"}));
  EXPECT_EQ(prompt.exit_code, 1);
  EXPECT_NE(prompt.output.find("@"), std::string::npos) << prompt.output;
  EXPECT_EQ(prompt.output.find("step 1/5"), std::string::npos)
      << "found out only after training: " << prompt.output;
}

TEST_F(GptProgram, RefusesModelsThatNoMachineHolds) {
  const ShellResult outcome =
      run({"--data", text_, "--layers", "256", "--width", "65536", "--heads", "1"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
  EXPECT_NE(outcome.output.find("memory"), std::string::npos) << outcome.output;
}

TEST_F(GptProgram, RefusesCheckpointsThatDoNotFit) {
  ASSERT_EQ(run(tiny({"--steps", "8", "--save", file("a")})).exit_code, 0);
  const std::string good = io::read_file(file("a"));
  const auto expect_refusal = [&](const std::vector<std::string>& arguments, int exit_code,
                                  const std::string& reason) {
    const ShellResult outcome = run(arguments);
    EXPECT_EQ(outcome.exit_code, exit_code) << outcome.output;
    EXPECT_NE(outcome.output.find(reason), std::string::npos) << reason << " in\n"
                                                              << outcome.output;
  };
  expect_refusal({"--load", write("half", good.substr(0, good.size() / 2))}, 1, "half");
  expect_refusal({"--load", write("noise", "not a checkpoint at all")}, 1, "noise");
  expect_refusal({"--load", file("missing")}, 1, "No such file");
  expect_refusal({"--load", file("a"), "--width", "32"}, 1, "token_embedding.weight is float32");
  expect_refusal({"--load", file("a"), "--layers", "3"}, 1,
                 "blocks.2.norm1.weight [16] is missing");
  expect_refusal({"--load", file("a"), "--lr", "0.5"}, 2, "--lr");
  expect_refusal({"--load", file("a"), "--heads", "4"}, 2, "--heads");
  expect_refusal(
      {"--load", file("a"), "--steps", "9", "--data", write("other", std::string(500, 'a') + "b")},
      1, "another text");
  EXPECT_EQ(io::read_file(file("a")), good);
}

TEST_F(GptProgram, SaysWhereItCannotSave) {
  const ShellResult outcome = run(tiny({"--steps", "5", "--save", file("no/such/directory/a")}));
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_NE(outcome.output.find("no/such/directory"), std::string::npos) << outcome.output;
}

}  // namespace
}  // namespace gradus
