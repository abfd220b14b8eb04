// compile_commands.json, which tells clangd and other tools how each source is compiled.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "gradus/io/file.h"
#include "shell.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Entries = std::multimap<std::string, std::string>;  // file, command

Entries compile_commands() {
  Entries entries;
  const std::string text = io::read_file(test::build_directory() + "/compile_commands.json");
  for (const nlohmann::json& entry : nlohmann::json::parse(text)) {
    EXPECT_EQ(entry.at("directory"), fs::current_path().string());
    entries.emplace(entry.at("file"), entry.at("command"));
  }
  return entries;
}

// Whether the compiler accepts what an entry says; nothing is written.
testing::AssertionResult compiles(const std::string& command) {
  const std::string checked =
      command.substr(0, command.rfind(" -MMD")) + " -fsyntax-only" +
      command.substr(command.rfind(" -c "), command.rfind(" -o ") - command.rfind(" -c "));
  const test::ShellResult result = test::shell(checked);
  if (result.exit_code == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure() << checked << "\n" << result.output;
}

TEST(CompileCommands, EverySourceIsThere) {
  const Entries entries = compile_commands();
  for (const char* room : {"src", "lessons", "tests"}) {
    for (const auto& file : fs::recursive_directory_iterator(room)) {
      if (file.path().extension() != ".cpp") continue;
      EXPECT_TRUE(entries.contains(file.path())) << file.path();
    }
  }
}

TEST(CompileCommands, AKernelIsThereForEveryInstructionSet) {
  const Entries entries = compile_commands();
#ifdef GRADUS_X86
  const char* const gemm = "src/kernels/isa/gemm.cpp";
  ASSERT_EQ(entries.count(gemm), 3U);
  std::string all;
  for (auto [entry, end] = entries.equal_range(gemm); entry != end; ++entry) all += entry->second;
  for (const char* flag : {"-DGRADUS_ISA=portable", "-DGRADUS_ISA=avx2", "-DGRADUS_ISA=avx512",
                           "-mavx2 -mfma -DGRADUS_ISA=avx2", "-mavx512vl"})
    EXPECT_NE(all.find(flag), std::string::npos) << flag;
#endif
}

TEST(CompileCommands, EntriesCanBeRun) {
  const Entries entries = compile_commands();
  for (const char* file : {"src/shape.cpp", "src/kernels/isa/optim.cpp"})
    EXPECT_TRUE(compiles(entries.find(file)->second));
}

}  // namespace
}  // namespace gradus
