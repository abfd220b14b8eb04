#include "io/json.h"

#include <nlohmann/json.hpp>

#include "gradus/error.h"
#include "io/shown.h"

namespace gradus::io {

using nlohmann::json;

std::string json_string(std::string_view op, std::string_view text) {
  try {
    return json(text).dump();
  } catch (const json::exception&) {
    fail("{}: {} is not UTF-8", op, shown(text));
  }
}

void JsonReader::read(std::string_view text) {
  // The parser takes a NUL for the end and would not look at what follows.
  if (const size_t nul = text.find('\0'); nul != text.npos) fail("{} {}", not_json(), nul + 1);
  json::sax_parse(text, this);
}

void JsonReader::refuse(std::string_view found) const { fail("{}, not {}", rule(), found); }

bool JsonReader::start_object(size_t) { refuse("an object"); }
bool JsonReader::start_array(size_t) { refuse("a list"); }
bool JsonReader::number_unsigned(uint64_t value) { refuse(fmt::format("the number {}", value)); }
bool JsonReader::string(std::string& text) { refuse(shown(text)); }
bool JsonReader::number_integer(int64_t value) { refuse(fmt::format("the number {}", value)); }
bool JsonReader::number_float(double, const std::string& text) {
  refuse("the number " + text.substr(0, 40));
}
bool JsonReader::boolean(bool) { refuse("a truth value"); }
bool JsonReader::null() { refuse("null"); }
bool JsonReader::binary(std::vector<uint8_t>&) { refuse("bytes"); }
bool JsonReader::parse_error(size_t position, const std::string&, const std::exception&) {
  fail("{} {}", not_json(), position);
}

}  // namespace gradus::io
