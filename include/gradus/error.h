/// \file
/// The one error type of the library, and the one way to raise it.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace gradus {

/// Everything that goes wrong because of what a caller passed in: a shape that does not fit, a file
/// that is damaged, a flag out of range. The message names the operation, the rule and the
/// offending values: "matmul: inner sizes differ: [2, 3] @ [4, 5]".
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The part of `fail` that does not depend on the types of the arguments, compiled once.
/// \throws Error always.
[[noreturn]] void throw_error(fmt::string_view format, fmt::format_args args);

/// For want of memory. \throws Error always: "record: out of memory".
[[noreturn]] void throw_out_of_memory(const char* doing);

/// Throws Error with a formatted message: `fail("softmax: axis {} is out of range", axis)`.
/// \throws Error always.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw_error(format, fmt::make_format_args(args...));
}

/// States a rule about the caller's input. The message is only built when the rule is broken, and
/// the check is on in every build. \throws Error if `rule` is false.
template <class... Args>
void check(bool rule, fmt::format_string<Args...> format, Args&&... args) {
  if (!rule) [[unlikely]]
    fail(format, std::forward<Args>(args)...);
}

}  // namespace gradus
