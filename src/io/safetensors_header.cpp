#include "io/safetensors_header.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "io/json.h"
#include "io/shown.h"

namespace gradus::io {
namespace {

constexpr uint64_t max_header = 100'000'000;  // the reference implementation's bound
// Several times what the largest models have: without a bound, a header of 100 MB could ask for a
// gigabyte of descriptions.
constexpr size_t max_arrays = 500'000, max_texts = 100'000;
constexpr size_t length_bytes = 8;
constexpr std::string_view metadata_key = "__metadata__";

// At most `N` numbers of the header.
template <size_t N>
class Numbers {
 public:
  void clear() { count_ = 0; }
  bool add(uint64_t value) {
    if (count_ == N) return false;
    values_[count_++] = value;
    return true;
  }
  std::span<const uint64_t> all() const { return std::span(values_).first(count_); }

 private:
  std::array<uint64_t, N> values_{};
  size_t count_ = 0;
};

// What the header has said so far about one array.
struct Description {
  std::string dtype;
  Numbers<max_rank> shape;
  Numbers<2> offsets;
  std::vector<std::string_view> fields;  // those that were given
};

constexpr std::array<std::string_view, 3> field_names = {"dtype", "shape", "data_offsets"};

ElementType type_of(const std::string& name, const std::string& dtype) {
  const auto named = [](ElementType type) { return io::name(type); };
  const auto type = std::ranges::find(all_element_types, dtype, named);
  if (type == all_element_types.end()) {
    std::vector<std::string_view> known;
    for (const ElementType t : all_element_types) known.push_back(io::name(t));
    fail("{} has dtype {}, known are {}", shown(name), shown(dtype), fmt::join(known, ", "));
  }
  return *type;
}

// The array, if its shape agrees with its share of the data.
SafetensorsEntry checked(const std::string& name, const Description& array) {
  const ElementType type = type_of(name, array.dtype);
  const std::span<const uint64_t> sizes = array.shape.all(), offsets = array.offsets.all();
  const std::optional<uint64_t> bytes = bytes_of(sizes, size_of(type));
  if (!bytes) fail("{} has the shape {}, more bytes than 64 bits can count", shown(name), sizes);
  if (offsets[0] > offsets[1] || offsets[1] - offsets[0] != *bytes)
    fail("{} of shape {} and dtype {} takes {} bytes, its data_offsets are {}", shown(name), sizes,
         array.dtype, *bytes, offsets);
  Shape shape = Shape::filled(static_cast<int>(sizes.size()), 0);
  for (int axis = 0; axis < shape.rank(); ++axis)
    shape[axis] = static_cast<int64_t>(sizes[static_cast<size_t>(axis)]);
  return {name, type, shape, offsets[0], offsets[1]};
}

// Rules that are asked for every entry are not stated with check(), which would write the names for
// its message each time.
//
// depth_ counts the open brackets: 1 in the outer object, 2 in that of one array, 3 in a list.
class HeaderReader final : public JsonReader {
 public:
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;

  bool start_object(size_t size) override {
    if (depth_ > 1) return JsonReader::start_object(size);
    if (depth_ == 1) {
      array_.shape.clear();
      array_.offsets.clear();
      array_.fields.clear();
    }
    ++depth_;
    return true;
  }
  bool key(std::string& key) override {
    if (depth_ == 1) {
      in_metadata_ = key == metadata_key;
      if (in_metadata_ && has_metadata_) fail("{} appears twice", shown(key));
      has_metadata_ |= in_metadata_;
      check(entries.size() < max_arrays, "the header describes more than {} arrays", max_arrays);
      name_ = std::move(key);
    } else if (in_metadata_) {
      field_ = key_ = std::move(key);
    } else {
      const auto field = std::ranges::find(field_names, key);
      if (field == field_names.end()) fail("{} has an unknown field {}", shown(name_), shown(key));
      auto& fields = array_.fields;
      if (std::ranges::find(fields, key) != fields.end())
        fail("{} has two fields {}", shown(name_), shown(key));
      fields.push_back(*field);
      field_ = *field;
    }
    return true;
  }
  bool end_object() override {
    --depth_;
    if (depth_ != 1 || in_metadata_) return true;
    if (array_.fields.size() != 3)
      fail("{} has the fields {}, it needs dtype, shape and data_offsets", shown(name_),
           array_.fields);
    entries.push_back(checked(name_, array_));
    return true;
  }
  bool start_array(size_t size) override {
    if (depth_ != 2 || in_metadata_ || field_ == "dtype") return JsonReader::start_array(size);
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    if (field_ != "shape" && array_.offsets.all().size() != 2)
      fail("data_offsets of {} must be two numbers", shown(name_));
    return true;
  }
  bool number_unsigned(uint64_t value) override {
    if (depth_ != 3) return JsonReader::number_unsigned(value);
    const bool is_shape = field_ == "shape";
    if (!(is_shape ? array_.shape.add(value) : array_.offsets.add(value)))
      fail("{} of {} has more than {} numbers", field_, shown(name_), is_shape ? max_rank : 2);
    return true;
  }
  bool string(std::string& text) override {
    if (depth_ == 2 && in_metadata_)
      add_text(text);
    else if (depth_ == 2 && field_ == "dtype")
      array_.dtype = std::move(text);
    else
      return JsonReader::string(text);
    return true;
  }

 private:
  void add_text(std::string& text) {
    check(metadata.size() < max_texts, "the metadata hold more than {} texts", max_texts);
    if (!metadata.emplace(key_, std::move(text)).second)
      fail("the metadata hold {} twice", shown(key_));
  }
  std::string_view not_json() const override { return "the header is not JSON at its byte"; }
  std::string rule() const override {
    if (depth_ == 0) return "the header must be an object";
    if (depth_ == 1) return shown(name_) + " must be an object";
    if (in_metadata_) return fmt::format("the metadata's {} must be a string", shown(field_));
    if (field_ == "dtype") return fmt::format("dtype of {} must be a string", shown(name_));
    return fmt::format("{} of {} must be whole numbers from 0 to 2^64 - 1 in a list", field_,
                       shown(name_));
  }

  int depth_ = 0;
  bool in_metadata_ = false, has_metadata_ = false;
  std::string name_, key_;  // of the array, or of the text
  std::string_view field_;  // of the array, or key_
  Description array_;
};

HeaderReader parsed(const std::string& text) {
  check(text.starts_with('{'), "the header must begin with an opening brace");
  HeaderReader reader;
  reader.read(text);
  return reader;
}

// Sorted by a hash of the name, of which most comparisons need no more.
void check_names(const std::vector<SafetensorsEntry>& entries) {
  std::vector<std::pair<size_t, std::string_view>> names;
  names.reserve(entries.size());
  for (const SafetensorsEntry& entry : entries)
    names.emplace_back(std::hash<std::string_view>()(entry.name), entry.name);
  std::ranges::sort(names);
  const auto same = std::ranges::adjacent_find(names);
  if (same != names.end()) fail("{} appears twice", shown(same->second));
}

// Every byte of the data belongs to exactly one array.
void check_coverage(const std::vector<SafetensorsEntry>& entries, uint64_t data_bytes) {
  std::vector<const SafetensorsEntry*> order(entries.size());
  std::ranges::transform(entries, order.begin(), [](const auto& entry) { return &entry; });
  std::ranges::stable_sort(order, [](const auto* a, const auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  uint64_t covered = 0;
  for (const SafetensorsEntry* entry : order) {
    const uint64_t begin = entry->begin, end = entry->end;
    if (begin < covered)
      fail("{} begins at byte {} of the data and overlaps what ends at byte {}", shown(entry->name),
           begin, covered);
    if (begin > covered)
      fail("bytes {} to {} of the data, before {}, belong to nothing", covered, begin,
           shown(entry->name));
    if (end > data_bytes)
      fail("{} ends at byte {} of the data, but the file has only {} of them", shown(entry->name),
           end, data_bytes);
    covered = end;
  }
  check(covered == data_bytes, "the last array ends at byte {} of the data, but there are {}",
        covered, data_bytes);
}

}  // namespace

SafetensorsHeader read_header(const Source& source) {
  check(source.size() >= length_bytes, "has {} bytes, the length of the header alone takes {}",
        source.size(), length_bytes);
  uint64_t header_bytes = 0;
  source.read(0, &header_bytes, length_bytes);
  check(header_bytes <= max_header, "the header's length is given as {} bytes, {} are allowed",
        header_bytes, max_header);
  check(header_bytes <= source.size() - length_bytes,
        "the header's length is given as {} bytes, the file ends after {}", header_bytes,
        source.size() - length_bytes);
  // Copied first: another program may write to a mapped file while it is parsed.
  std::string text(static_cast<size_t>(header_bytes), '\0');
  source.read(length_bytes, text.data(), text.size());

  HeaderReader header = parsed(text);
  const uint64_t data = length_bytes + header_bytes;
  check_names(header.entries);
  check_coverage(header.entries, source.size() - data);
  return {std::move(header.entries), std::move(header.metadata), data};
}

std::string make_header(std::vector<SafetensorsEntry>& entries,
                        const std::map<std::string, std::string>& metadata) {
  check(entries.size() <= max_arrays && metadata.size() <= max_texts,
        "save_safetensors: {} arrays and {} texts, {} and {} are allowed", entries.size(),
        metadata.size(), max_arrays, max_texts);
  std::vector<SafetensorsEntry*> order(entries.size());
  std::ranges::transform(entries, order.begin(), [](auto& entry) { return &entry; });
  std::ranges::stable_sort(order, std::greater{}, [](auto* entry) { return size_of(entry->type); });
  uint64_t offset = 0;
  for (SafetensorsEntry* entry : order) {
    entry->begin = offset;
    entry->end = offset += static_cast<uint64_t>(entry->shape.numel()) * size_of(entry->type);
  }

  const auto in_json = [](const std::string& text) {
    return json_string("save_safetensors", text);
  };
  std::vector<std::string> fields;
  if (!metadata.empty()) {
    std::vector<std::string> texts;
    for (const auto& [key, text] : metadata) texts.push_back(in_json(key) + ":" + in_json(text));
    fields.push_back(fmt::format("\"{}\":{{{}}}", metadata_key, fmt::join(texts, ",")));
  }
  for (const SafetensorsEntry& entry : entries)
    fields.push_back(fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                                 in_json(entry.name), name(entry.type), fmt::join(entry.shape, ","),
                                 entry.begin, entry.end));
  std::string header = fmt::format("{{{}}}", fmt::join(fields, ","));
  header.resize((header.size() + 7) / 8 * 8, ' ');
  check(header.size() <= max_header, "save_safetensors: a header of {} bytes, {} are allowed",
        header.size(), max_header);
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), length_bytes) + header;
}

}  // namespace gradus::io
