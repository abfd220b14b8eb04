// Text of a file inside an error message.
#pragma once

#include <string>
#include <string_view>

namespace gradus::io {

// In quotes, in ASCII, not too long.
std::string shown(std::string_view text);

}  // namespace gradus::io
