/// \file
/// What is fuzzed. A target takes any bytes, hands them to a part of the library, and states what
/// must hold whatever they are. libFuzzer looks for bytes on which it does not (`make fuzz`,
/// fuzzer.cpp); fuzz_test.cpp runs the committed ones with all other tests.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/error.h"

namespace gradus::test::fuzz {

/// An input.
using Bytes = std::span<const uint8_t>;

/// The input as text.
inline std::string_view text_of(Bytes input) {
  return {reinterpret_cast<const char*>(input.data()), input.size()};
}

/// One thing that is fuzzed. A target that throws has found a mistake; so has one that crashes.
struct Target {
  const char* name;  ///< of the program and of the directories with its inputs
  /// Whether what reads the input took it: one that is refused at once says little. Graphs are made
  /// of any bytes.
  bool (*run)(Bytes input);
  /// Makes a changed input consistent again where chance hardly ever would: a length that has to
  /// agree with what it counts. Null if there is no such thing.
  void (*repair)(std::vector<uint8_t>& input);
};

extern const Target checkpoint, command_line, graphs, npy, safetensors, tokenizers;

/// What must hold does not. It is no gradus::Error: those are what a target expects.
class Finding : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// States what must hold. \throws Finding otherwise.
template <class... Args>
void require(bool holds, fmt::format_string<Args...> format, Args&&... args) {
  if (!holds) throw Finding(fmt::format(format, std::forward<Args>(args)...));
}

/// f(), or nothing where it refuses with an Error. Whatever else it throws is a mistake.
template <class F>
auto unless_refused(F f) -> std::optional<decltype(f())> {
  try {
    return f();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace gradus::test::fuzz
