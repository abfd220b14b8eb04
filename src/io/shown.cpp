#include "io/shown.h"

#include <nlohmann/json.hpp>

namespace gradus::io {

std::string shown(std::string_view text) {
  using nlohmann::json;
  constexpr size_t longest = 80;
  const std::string quoted =
      json(text.substr(0, longest)).dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() > longest ? quoted + "..." : quoted;
}

}  // namespace gradus::io
