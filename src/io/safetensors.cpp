#include "gradus/io/safetensors.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_set>

#include "gradus/io/file.h"
#include "io/element_type.h"

namespace gradus::io {
namespace {

using nlohmann::json;

constexpr uint64_t max_header = 100'000'000;  // the reference implementation's bound
constexpr size_t length_bytes = 8;
constexpr std::string_view metadata_key = "__metadata__";

// A name for an error message: in quotes, in ASCII, not too long.
std::string shown(std::string_view name) {
  constexpr size_t longest = 80;
  const std::string text =
      json(name.substr(0, longest)).dump(-1, ' ', true, json::error_handler_t::replace);
  return name.size() > longest ? text + "..." : text;
}

// ---- writing ----

std::string json_string(const std::string& text) {
  try {
    return json(text).dump();
  } catch (const json::exception&) {
    fail("save_safetensors: {} is not UTF-8", shown(text));
  }
}

const ElementType& type_of(const Array& array) {
  return *std::ranges::find(element_types(), array.dtype(), &ElementType::dtype);
}

// The order in which the elements lie in the file: the largest first, otherwise as in the state.
std::vector<size_t> data_order(const State& state) {
  std::vector<size_t> order(state.arrays.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto element_size = [&](size_t i) { return size_of(state.arrays[i].value.dtype()); };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t i, size_t j) { return element_size(i) > element_size(j); });
  return order;
}

std::string make_header(const State& state, const std::vector<size_t>& order) {
  std::vector<uint64_t> begin(order.size()), end(order.size());
  uint64_t offset = 0;
  for (const size_t i : order) {
    const Array& array = state.arrays[i].value;
    begin[i] = offset;
    end[i] = offset += static_cast<uint64_t>(array.numel()) * size_of(array.dtype());
  }

  std::vector<std::string> fields;
  if (!state.metadata.empty()) {
    std::vector<std::string> texts;
    for (const auto& [key, text] : state.metadata)
      texts.push_back(json_string(key) + ":" + json_string(text));
    fields.push_back(fmt::format("\"{}\":{{{}}}", metadata_key, fmt::join(texts, ",")));
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const auto& [name, array] = state.arrays[i];
    fields.push_back(fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                                 json_string(name), type_of(array).name,
                                 fmt::join(array.shape(), ","), begin[i], end[i]));
  }
  std::string header = fmt::format("{{{}}}", fmt::join(fields, ","));
  header.resize((header.size() + 7) / 8 * 8, ' ');
  check(header.size() <= max_header, "save_safetensors: a header of {} bytes, {} are allowed",
        header.size(), max_header);
  return header;
}

// ---- reading ----

// What the header says about one array.
struct Description {
  std::string name, dtype;
  std::vector<uint64_t> shape, offsets;
  std::vector<std::string> fields;  // those that were given
};

// Receives the header piece by piece and refuses it at the first one that has no place in it. No
// tree of JSON values is built, so a header of 100 MB of "[" costs nothing. depth_ counts the open
// brackets: 1 in the outer object, 2 in that of one array, 3 in a list.
class HeaderReader : public json::json_sax_t {
 public:
  std::vector<Description> arrays;
  std::map<std::string, std::string> metadata;

  bool start_object(size_t) override {
    if (depth_ > 1) refuse("an object");
    if (depth_ == 1 && !in_metadata()) arrays.push_back({name_, {}, {}, {}, {}});
    ++depth_;
    return true;
  }
  bool key(std::string& key) override {
    if (depth_ == 1) {
      check(names_.insert(key).second, "{} appears twice", shown(key));
      name_ = key;
    } else if (in_metadata()) {
      check(!metadata.contains(key), "the metadata hold {} twice", shown(key));
    } else {
      auto& fields = arrays.back().fields;
      check(key == "dtype" || key == "shape" || key == "data_offsets", "{} has an unknown field {}",
            shown(name_), shown(key));
      check(std::find(fields.begin(), fields.end(), key) == fields.end(), "{} has two fields {}",
            shown(name_), shown(key));
      fields.push_back(key);
    }
    field_ = key;
    return true;
  }
  bool end_object() override {
    --depth_;
    if (depth_ != 1 || in_metadata()) return true;
    const auto& fields = arrays.back().fields;
    check(fields.size() == 3, "{} has the fields {}, it needs dtype, shape and data_offsets",
          shown(name_), fields);
    return true;
  }
  bool start_array(size_t) override {
    if (depth_ != 2 || in_metadata() || field_ == "dtype") refuse("a list");
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    check(field_ == "shape" || arrays.back().offsets.size() == 2,
          "data_offsets of {} must be two numbers", shown(name_));
    return true;
  }
  bool number_unsigned(uint64_t value) override {
    if (depth_ != 3) refuse(fmt::format("the number {}", value));
    const bool is_shape = field_ == "shape";
    auto& list = is_shape ? arrays.back().shape : arrays.back().offsets;
    list.push_back(value);
    check(list.size() <= (is_shape ? max_rank : 2), "{} of {} has more than {} numbers", field_,
          shown(name_), is_shape ? max_rank : 2);
    return true;
  }
  bool string(std::string& text) override {
    if (depth_ == 2 && in_metadata())
      metadata[field_] = text;
    else if (depth_ == 2 && field_ == "dtype")
      arrays.back().dtype = text;
    else
      refuse(shown(text));
    return true;
  }
  bool null() override { refuse("null"); }
  bool boolean(bool) override { refuse("a truth value"); }
  bool number_integer(int64_t value) override { refuse(fmt::format("the number {}", value)); }
  bool number_float(double, const std::string& text) override {
    refuse("the number " + text.substr(0, 40));
  }
  bool binary(json::binary_t&) override { refuse("bytes"); }
  bool parse_error(size_t position, const std::string&, const json::exception&) override {
    fail("the header is not JSON at its byte {}", position);
  }

 private:
  bool in_metadata() const { return name_ == metadata_key; }
  [[noreturn]] void refuse(std::string_view found) const {
    if (depth_ == 0) fail("the header must be an object, not {}", found);
    if (depth_ == 1) fail("{} must be an object, not {}", shown(name_), found);
    if (in_metadata()) fail("the metadata's {} must be a string, not {}", shown(field_), found);
    if (field_ == "dtype") fail("dtype of {} must be a string, not {}", shown(name_), found);
    fail("{} of {} must be whole numbers from 0 to 2^64 - 1 in a list, not {}", field_,
         shown(name_), found);
  }

  int depth_ = 0;
  std::string name_, field_;
  std::unordered_set<std::string> names_;
};

HeaderReader read_header(const std::string& text) {
  check(text.starts_with('{'), "the header must begin with an opening brace");
  // The parser takes a NUL for the end and would not look at what follows.
  check(text.find('\0') == text.npos, "the header is not JSON at its byte {}", text.find('\0') + 1);
  HeaderReader reader;
  json::sax_parse(text, &reader);
  return reader;
}

const ElementType& type_of(const Description& array) {
  const std::span<const ElementType> types = element_types();
  const auto type = std::ranges::find(types, array.dtype, &ElementType::name);
  if (type == types.end()) {
    std::vector<std::string_view> known;
    for (const ElementType& t : types) known.push_back(t.name);
    fail("{} has dtype {}, known are {}", shown(array.name), shown(array.dtype),
         fmt::join(known, ", "));
  }
  return *type;
}

// The shape, if it agrees with the array's share of the data.
Shape checked_shape(const Description& array) {
  // Sizes of 0 are left out of the product, so that the strides beside them cannot overflow either.
  int64_t product = static_cast<int64_t>(type_of(array).size);
  bool fits = true, empty = false;
  for (const uint64_t size : array.shape) {
    empty |= size == 0;
    fits &= !__builtin_mul_overflow(product, std::max<uint64_t>(size, 1), &product);
  }
  check(fits, "{} has the shape {}, more bytes than 64 bits can count", shown(array.name),
        array.shape);
  const uint64_t bytes = empty ? 0 : static_cast<uint64_t>(product);
  const uint64_t begin = array.offsets[0], end = array.offsets[1];
  check(begin <= end && end - begin == bytes,
        "{} of shape {} and dtype {} takes {} bytes, its data_offsets are {}", shown(array.name),
        array.shape, array.dtype, bytes, array.offsets);
  Shape shape = Shape::filled(static_cast<int>(array.shape.size()), 0);
  for (int axis = 0; axis < shape.rank(); ++axis)
    shape[axis] = static_cast<int64_t>(array.shape[static_cast<size_t>(axis)]);
  return shape;
}

// Every byte of the data belongs to exactly one array.
void check_coverage(const std::vector<Description>& arrays, uint64_t data_bytes) {
  std::vector<const Description*> order;
  for (const Description& array : arrays) order.push_back(&array);
  std::sort(order.begin(), order.end(),
            [](const Description* a, const Description* b) { return a->offsets < b->offsets; });
  uint64_t covered = 0;
  for (const Description* array : order) {
    const uint64_t begin = array->offsets[0], end = array->offsets[1];
    check(begin >= covered, "{} begins at byte {} of the data and overlaps what ends at byte {}",
          shown(array->name), begin, covered);
    check(begin == covered, "bytes {} to {} of the data, before {}, belong to nothing", covered,
          begin, shown(array->name));
    check(end <= data_bytes, "{} ends at byte {} of the data, but the file has only {} of them",
          shown(array->name), end, data_bytes);
    covered = end;
  }
  check(covered == data_bytes, "the last array ends at byte {} of the data, but there are {}",
        covered, data_bytes);
}

State read_state(const InputFile& file) {
  check(file.size() >= length_bytes, "has {} bytes, the length of the header alone takes {}",
        file.size(), length_bytes);
  uint64_t header_bytes = 0;
  file.read(0, &header_bytes, length_bytes);
  check(header_bytes <= max_header, "the header's length is given as {} bytes, {} are allowed",
        header_bytes, max_header);
  check(header_bytes <= file.size() - length_bytes,
        "the header's length is given as {} bytes, the file ends after {}", header_bytes,
        file.size() - length_bytes);
  std::string text(static_cast<size_t>(header_bytes), '\0');
  file.read(length_bytes, text.data(), text.size());

  HeaderReader header = read_header(text);
  const uint64_t data = length_bytes + header_bytes;
  std::vector<Shape> shapes;
  for (const Description& array : header.arrays) shapes.push_back(checked_shape(array));
  check_coverage(header.arrays, file.size() - data);

  State state{{}, std::move(header.metadata)};
  for (size_t i = 0; i < shapes.size(); ++i) {
    const Description& array = header.arrays[i];
    const ElementType& type = type_of(array);
    try {
      Array value(shapes[i], type.dtype);
      type.read(file, data + array.offsets[0], value);
      state.arrays.push_back({array.name, std::move(value)});
    } catch (const Error& error) {
      fail("{}: {}", shown(array.name), error.what());
    }
  }
  return state;
}

}  // namespace

const Array* State::find(std::string_view name) const {
  const auto found = std::find_if(arrays.begin(), arrays.end(),
                                  [&](const auto& entry) { return entry.name == name; });
  return found == arrays.end() ? nullptr : &found->value;
}

const Array& State::at(std::string_view name) const {
  const Array* array = find(name);
  check(array != nullptr, "state: holds no array {}", shown(name));
  return *array;
}

void save_safetensors(const std::filesystem::path& path, const State& state) {
  std::unordered_set<std::string_view> names = {metadata_key};
  for (const auto& [name, array] : state.arrays) {
    check(names.insert(name).second, "save_safetensors: two arrays are called {}", shown(name));
    check(!array.is_empty_handle(), "save_safetensors: {} holds no array", shown(name));
  }
  const std::vector<size_t> order = data_order(state);
  const std::string header = make_header(state, order);
  const uint64_t header_bytes = header.size();

  OutputFile file(path);
  file.write(&header_bytes, length_bytes);
  file.write(header.data(), header.size());
  for (const size_t i : order) {
    const Array array = state.arrays[i].value.contiguous();
    dispatch(array.dtype(), [&]<class T> {
      file.write(array.data<T>(), static_cast<size_t>(array.numel()) * sizeof(T));
    });
  }
  file.commit();
}

State load_safetensors(const std::filesystem::path& path) {
  const InputFile file(path);
  try {
    return read_state(file);
  } catch (const Error& error) {
    fail("load_safetensors: {}: {}", path.string(), error.what());
  }
}

}  // namespace gradus::io
