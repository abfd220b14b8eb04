#include "gradus/io/safetensors.h"

#include <algorithm>
#include <unordered_set>

#include "gradus/io/file.h"
#include "io/safetensors_header.h"
#include "io/shown.h"
#include "out_of_memory.h"

namespace gradus::io {
namespace {

// What the header says about an array to be written.
SafetensorsEntry entry_of(const NamedArray& named) {
  if (named.value.is_empty_handle()) fail("save_safetensors: {} holds no array", shown(named.name));
  return {named.name, element_type_for(named.value.dtype()), named.value.shape()};
}
SafetensorsEntry entry_of(const NamedStoredArray& named) {
  return {named.name, named.value.type(), named.value.shape()};
}

void write(OutputFile& file, const Array& array) {
  const Array elements = array.contiguous();
  dispatch(array.dtype(), [&]<class T> {
    file.write(elements.data<T>(), static_cast<size_t>(elements.numel()) * sizeof(T));
  });
}
void write(OutputFile& file, const StoredArray& array) {
  file.write(array.bytes().data(), array.bytes().size());
}

template <class S>
void write(OutputFile& file, const S& state) {
  std::unordered_set<std::string_view> names = {"__metadata__"};
  std::vector<SafetensorsEntry> entries;
  for (const auto& array : state.arrays) {
    if (!names.insert(array.name).second)
      fail("save_safetensors: two arrays are called {}", shown(array.name));
    entries.push_back(entry_of(array));
  }
  const std::string header = make_header(entries, state.metadata);
  std::vector<size_t> order(entries.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  // Where several begin, all but the last are empty.
  std::ranges::stable_sort(order, {}, [&](size_t i) { return entries[i].begin; });

  file.write(header.data(), header.size());
  for (const size_t i : order) write(file, state.arrays[i].value);
}

template <class S>
void save(const std::filesystem::path& path, const S& state) {
  with_memory(
      [&] {
        OutputFile file(path);
        write(file, state);
        file.commit();
      },
      "save_safetensors: {}", path.native());
}

State read_state(const Source& source) {
  SafetensorsHeader header = read_header(source);
  State state{{}, std::move(header.metadata)};
  state.arrays.reserve(header.entries.size());
  for (const SafetensorsEntry& entry : header.entries)
    naming(
        [&] {
          state.arrays.push_back(
              {entry.name, read_array(source, header.data + entry.begin, entry.type, entry.shape)});
        },
        "{}", shown(entry.name));
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
  if (array == nullptr) fail("state: holds no array {}", shown(name));
  return *array;
}

StoredState stored_as(const State& state, ElementType floating) {
  check(is_floating(dtype_for(floating)), "stored_as: {} is not a floating type", name(floating));
  const auto store = [&] {
    StoredState stored{{}, state.metadata};
    for (const auto& [name, array] : state.arrays) {
      if (array.is_empty_handle()) fail("stored_as: {} holds no array", shown(name));
      stored.arrays.push_back({name, is_floating(array.dtype()) ? StoredArray::of(array, floating)
                                                                : StoredArray::of(array)});
    }
    return stored;
  };
  return with_memory(store, "stored_as");
}

void save_safetensors(const std::filesystem::path& path, const State& state) { save(path, state); }
void save_safetensors(const std::filesystem::path& path, const StoredState& state) {
  save(path, state);
}
void write_safetensors(OutputFile& file, const State& state) { write(file, state); }

State load_safetensors(const std::filesystem::path& path) {
  const InputFile file(path);
  return naming([&] { return read_state(FileSource(file)); }, "load_safetensors: {}",
                path.native());
}

State parse_safetensors(std::string_view bytes) {
  return naming([&] { return read_state(MemorySource(bytes)); }, "parse_safetensors");
}

}  // namespace gradus::io
