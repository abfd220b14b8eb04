#include "gradus/io/safetensors_file.h"

#include "io/safetensors_header.h"
#include "io/shown.h"
#include "out_of_memory.h"

namespace gradus::io {

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) try : path_(path), file_(path) {
  SafetensorsHeader header =
      naming([&] { return read_header(MappedSource(file_)); }, "safetensors: {}", path.native());
  data_ = header.data;
  entries_ = std::move(header.entries);
  metadata_ = std::move(header.metadata);
  for (size_t i = 0; i < entries_.size(); ++i) places_.emplace(entries_[i].name, i);
} catch (const std::bad_alloc&) {
  fail_out_of_memory("safetensors: {}", path.native());
}

const SafetensorsEntry* SafetensorsFile::find(std::string_view name) const {
  const auto place = places_.find(name);
  return place == places_.end() ? nullptr : &entries_[place->second];
}

// Calls read_it(source, offset, type, shape) with what is known about an array.
template <class Read>
auto SafetensorsFile::read(std::string_view name, Read read_it) const {
  const SafetensorsEntry* entry = find(name);
  if (entry == nullptr) fail("safetensors: {}: holds no array {}", path_.string(), shown(name));
  const auto read_entry = [&] {
    return read_it(MappedSource(file_), data_ + entry->begin, entry->type, entry->shape);
  };
  return with_memory(
      [&] { return naming(read_entry, "safetensors: {}: {}", path_.native(), shown(name)); },
      "safetensors: {}", path_.native());
}

Array SafetensorsFile::array(std::string_view name) const { return read(name, read_array); }
StoredArray SafetensorsFile::stored(std::string_view name) const { return read(name, read_stored); }

StoredState SafetensorsFile::stored() const {
  const auto read_all = [&] {
    StoredState state{{}, metadata_};
    for (const SafetensorsEntry& entry : entries_)
      state.arrays.push_back({entry.name, stored(entry.name)});
    return state;
  };
  return with_memory(read_all, "safetensors: {}", path_.native());
}

}  // namespace gradus::io
