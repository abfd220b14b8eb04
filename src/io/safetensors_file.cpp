#include "gradus/io/safetensors_file.h"

#include "io/safetensors_header.h"
#include "io/shown.h"

namespace gradus::io {

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path), file_(path) {
  try {
    SafetensorsHeader header = read_header(MappedSource(file_));
    data_ = header.data;
    entries_ = std::move(header.entries);
    metadata_ = std::move(header.metadata);
  } catch (const Error& error) {
    fail("safetensors: {}: {}", path.string(), error.what());
  }
  for (size_t i = 0; i < entries_.size(); ++i) places_.emplace(entries_[i].name, i);
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
  try {
    return read_it(MappedSource(file_), data_ + entry->begin, entry->type, entry->shape);
  } catch (const Error& error) {
    fail("safetensors: {}: {}: {}", path_.string(), shown(name), error.what());
  }
}

Array SafetensorsFile::array(std::string_view name) const { return read(name, read_array); }
StoredArray SafetensorsFile::stored(std::string_view name) const { return read(name, read_stored); }

StoredState SafetensorsFile::stored() const {
  StoredState state{{}, metadata_};
  for (const SafetensorsEntry& entry : entries_)
    state.arrays.push_back({entry.name, stored(entry.name)});
  return state;
}

}  // namespace gradus::io
