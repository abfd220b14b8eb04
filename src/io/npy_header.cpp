#include "io/npy_header.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "io/shown.h"

namespace gradus::io {
namespace {

constexpr std::string_view magic = "\x93NUMPY";
constexpr uint64_t max_header = 10'000;  // NumPy's bound

// What NumPy calls the types, after the sign of the order of their bytes.
struct Code {
  std::string_view code;
  ElementType type;
};
constexpr std::array codes = {
    Code{"f4", ElementType::float32}, Code{"f8", ElementType::float64},
    Code{"f2", ElementType::float16}, Code{"i8", ElementType::int64},
    Code{"i4", ElementType::int32},   Code{"i2", ElementType::int16},
    Code{"i1", ElementType::int8},    Code{"u4", ElementType::uint32},
    Code{"u2", ElementType::uint16},  Code{"u1", ElementType::uint8},
    Code{"b1", ElementType::boolean},
};

// The dictionary in the header. Of Python's language it knows just what NumPy writes there:
// {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class DictionaryReader {
 public:
  explicit DictionaryReader(std::string_view text) : text_(text) {}

  NpyHeader read() {
    std::vector<std::string_view> given;
    expect('{');
    while (!accept('}')) {
      if (!given.empty()) expect(',');
      if (!given.empty() && accept('}')) break;
      const std::string_view key = string();
      check(std::ranges::find(given, key) == given.end(), "the header has two entries {}",
            shown(key));
      given.push_back(key);
      expect(':');
      read_value(key);
    }
    skip_space();
    if (at_ != text_.size()) refuse();
    check(given.size() == 3,
          "the header has the entries {}, it needs descr, fortran_order and shape", given);
    check_shape();
    return header_;
  }

 private:
  [[noreturn]] void refuse() const {
    fail("the header is not a dictionary of Python at its byte {}", at_ + 1);
  }
  void skip_space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  bool accept(std::string_view token) {
    skip_space();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  bool accept(char token) { return accept(std::string_view(&token, 1)); }
  void expect(char token) {
    if (!accept(token)) refuse();
  }

  std::string_view string() {
    const char quote = accept('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const size_t end = text_.find(quote, at_);
    const std::string_view found = text_.substr(at_, end - at_);
    if (end == text_.npos || found.find_first_of("\\\n") != found.npos) refuse();
    at_ = end + 1;
    return found;
  }

  void read_value(std::string_view key) {
    if (key == "descr") {
      check(!accept('['), "the elements are structured (descr is a list), which Array cannot hold");
      read_descr(string());
    } else if (key == "fortran_order") {
      header_.fortran_order = accept("True");
      check(header_.fortran_order || accept("False"), "fortran_order must be True or False");
    } else if (key == "shape") {
      read_shape();
    } else {
      fail("the header has an unknown entry {}", shown(key));
    }
  }

  void read_descr(std::string_view descr) {
    check(!descr.ends_with('O'), "the elements are Python objects (descr is {}), not numbers",
          shown(descr));
    const char order = descr.empty() ? ' ' : descr.front();
    const auto found =
        std::ranges::find(codes, descr.substr(std::min<size_t>(1, descr.size())), &Code::code);
    const bool known = found != codes.end() && (order == '<' || order == '>' ||
                                                (order == '|' && size_of(found->type) == 1));
    if (!known) {
      std::vector<std::string_view> all;
      for (const Code& code : codes) all.push_back(code.code);
      fail("descr is {}, known are {} after < or > (or |, if it is a single byte)", shown(descr),
           fmt::join(all, ", "));
    }
    header_.type = found->type;
    header_.big_endian = order == '>' && size_of(found->type) > 1;
  }

  // (), (3,) or (2, 3): one size alone needs its comma, as in Python.
  void read_shape() {
    constexpr const char* rule = "shape must be whole numbers from 0 to 2^64 - 1 in a tuple";
    std::array<uint64_t, max_rank> sizes{};
    size_t rank = 0;
    bool comma = false;
    check(accept('('), rule);
    while (!accept(')')) {
      check(rank == 0 || comma, rule);
      skip_space();
      uint64_t size = 0;
      const char* const first = text_.data() + at_;
      const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), size);
      check(error == std::errc(), rule);
      check(rank < max_rank, "shape has more than {} numbers", max_rank);
      sizes[rank++] = size;
      at_ += static_cast<size_t>(end - first);
      accept('L');  // NumPy on Python 2 wrote 3L
      comma = accept(',');
    }
    check(rank != 1 || comma, rule);
    header_.shape = Shape::filled(static_cast<int>(rank), 0);
    sizes_ = sizes;
  }

  // Only now are both the shape and the size of an element known.
  void check_shape() {
    const auto sizes = std::span(sizes_).first(static_cast<size_t>(header_.shape.rank()));
    check(bytes_of(sizes, size_of(header_.type)).has_value(),
          "the shape is {}, more bytes than 64 bits can count", sizes);
    for (int axis = 0; axis < header_.shape.rank(); ++axis)
      header_.shape[axis] = static_cast<int64_t>(sizes[static_cast<size_t>(axis)]);
  }

  std::array<uint64_t, max_rank> sizes_{};
  std::string_view text_;
  size_t at_ = 0;
  NpyHeader header_;
};

}  // namespace

NpyHeader read_npy_header(const Source& source) {
  std::array<uint8_t, 12> start{};
  const uint64_t size = source.size();
  source.read(0, start.data(), static_cast<size_t>(std::min<uint64_t>(size, start.size())));
  check(size >= 10 &&
            std::ranges::equal(magic, std::span(start).first(magic.size()),
                               [](char a, uint8_t b) { return static_cast<uint8_t>(a) == b; }),
        "does not begin as a .npy file does");
  const int major = start[6], minor = start[7];
  check(major >= 1 && major <= 3 && minor == 0,
        "has version {}.{} of the format, known are 1.0, 2.0 and 3.0", major, minor);
  const uint64_t begin = major == 1 ? 10 : 12;
  check(size >= begin, "ends in the length of the header");
  uint64_t length = start[8] | uint64_t{start[9]} << 8;
  if (major > 1) length |= uint64_t{start[10]} << 16 | uint64_t{start[11]} << 24;
  check(length <= max_header, "the header's length is given as {} bytes, {} are allowed", length,
        max_header);
  check(length <= size - begin, "the header's length is given as {} bytes, the file ends after {}",
        length, size - begin);
  std::string text(static_cast<size_t>(length), '\0');
  source.read(begin, text.data(), text.size());

  NpyHeader header = DictionaryReader(text).read();
  header.data = begin + length;
  const uint64_t bytes = static_cast<uint64_t>(header.shape.numel()) * size_of(header.type);
  check(bytes == size - header.data, "the elements take {} bytes, the file has {}", bytes,
        size - header.data);
  return header;
}

std::string make_npy_header(ElementType type, const Shape& shape) {
  const auto code = std::ranges::find(codes, type, &Code::type);
  check(code != codes.end(), "save_npy: NumPy has no type for {}", name(type));
  std::string text = fmt::format("{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}{}), }}",
                                 size_of(type) == 1 ? '|' : '<', code->code, fmt::join(shape, ", "),
                                 shape.rank() == 1 ? "," : "");
  // NumPy leaves room for the first size to grow to 21 digits, and never ends without a space.
  if (shape.rank() > 0) text.append(21 - std::to_string(shape[0]).size(), ' ');
  constexpr size_t before = 10, alignment = 64;
  text.append(alignment - (before + text.size() + 1) % alignment, ' ');
  text += '\n';
  const std::array length = {static_cast<char>(text.size() % 256),
                             static_cast<char>(text.size() / 256)};
  return std::string(magic) + std::string("\1\0", 2) + std::string(length.data(), length.size()) +
         text;
}

}  // namespace gradus::io
