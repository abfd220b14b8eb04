// What is said when the system refuses.
#pragma once

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "gradus/error.h"

namespace gradus::io {

// What the system says about its last failure: "Permission denied".
inline std::string reason() { return std::generic_category().message(errno); }

// The message is made, and takes memory, only when the call has failed.
inline void check_call(bool done, const char* verb, const std::filesystem::path& path) {
  if (!done) fail("{}: {}: {}", verb, path.native(), reason());
}

}  // namespace gradus::io
