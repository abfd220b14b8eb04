// What goes wrong although nobody passed in anything wrong, and what is said about it.
#pragma once

#include <new>
#include <string>

#include "gradus/error.h"

namespace gradus {

// Memory or the system did not allow what was asked for: out of memory, permission denied, too many
// open files. It says nothing about the file that was to be read.
class Unavailable : public Error {
 public:
  using Error::Error;
};

template <class... Args>
[[noreturn]] void fail_unavailable(fmt::format_string<Args...> format, Args&&... args) {
  throw Unavailable(fmt::format(format, std::forward<Args>(args)...));
}

// "load_bpe: vocab.json: out of memory", of what was being done.
template <class... Args>
[[noreturn]] void fail_out_of_memory(fmt::format_string<Args...> doing, Args&&... args) {
  throw Unavailable(fmt::format(doing, std::forward<Args>(args)...) + ": out of memory");
}

// f(); but where a standard container gets no memory, that is an Error as everything else is. The
// message is made when what f had is free again.
template <class F, class... Args>
auto with_memory(F&& f, fmt::format_string<Args...> doing, Args&&... args) -> decltype(f()) {
  try {
    return f();
  } catch (const std::bad_alloc&) {
    fail_out_of_memory(doing, std::forward<Args>(args)...);
  }
}

// The same, and all errors begin with what was being done.
template <class F, class... Args>
auto naming(F&& f, fmt::format_string<Args...> doing, Args&&... args) -> decltype(f()) {
  const auto named = [&](const Error& error) {
    return fmt::format(doing, std::forward<Args>(args)...) + ": " + error.what();
  };
  try {
    return f();
  } catch (const std::bad_alloc&) {
    fail_out_of_memory(doing, std::forward<Args>(args)...);
  } catch (const Unavailable& error) {
    throw Unavailable(named(error));
  } catch (const Error& error) {
    throw Error(named(error));
  }
}

}  // namespace gradus
