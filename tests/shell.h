/// \file
/// Running programs from tests.
#pragma once

#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace gradus::test {

/// Where make puts what it builds, for this variant.
inline std::string build_directory() {
  const char* build = std::getenv("GRADUS_BUILD");
  return build != nullptr ? build : "build";
}

/// What a line of shell came to.
struct ShellResult {
  int exit_code = -1;
  std::string output;  // standard output and standard error
};

/// Runs a line of shell, without input unless it takes some itself.
inline ShellResult shell(const std::string& command) {
  ShellResult result;
  FILE* pipe = ::popen(("exec 2>&1 </dev/null; " + command).c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> buffer{};
  while (const size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe))
    result.output.append(buffer.data(), n);
  const int status = ::pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

}  // namespace gradus::test
