/// \file
/// JSON: a text written, and a file read without a tree of values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::io {

/// A text as JSON writes it, in quotes. \throws Error in the name of `op` if it is not UTF-8.
std::string json_string(std::string_view op, std::string_view text);

/// Receives JSON piece by piece. Each piece is refused unless a derived class takes it; what that
/// has no place for it passes on to the function of this class, which refuses it. So a file ends at
/// the first piece that is wrong in it, and as no tree of values is built, 100 MB of "[" cost
/// nothing.
///
/// These are the functions that nlohmann-json calls; they return true, or throw.
class JsonReader {
 public:
  /// Reads all of a text. \throws Error if it is no JSON, or what the functions below throw.
  void read(std::string_view text);

  virtual bool start_object(size_t);
  virtual bool key(std::string& key) = 0;
  virtual bool end_object() { return true; }
  virtual bool start_array(size_t);
  virtual bool end_array() { return true; }
  virtual bool number_unsigned(uint64_t value);
  virtual bool string(std::string& text);
  // Nothing that is read here holds one of these.
  bool number_integer(int64_t value);  // below zero
  bool number_float(double, const std::string& text);
  bool boolean(bool);
  bool null();
  bool binary(std::vector<uint8_t>&);
  bool parse_error(size_t position, const std::string&, const std::exception&);

 protected:
  ~JsonReader() = default;
  /// The rule that the piece read last breaks; ", not a list" is added to it.
  virtual std::string rule() const = 0;
  /// What is said of a text that is no JSON; the byte that says so, counted from 1, is added to it.
  virtual std::string_view not_json() const = 0;

 private:
  [[noreturn]] void refuse(std::string_view found) const;
};

}  // namespace gradus::io
