/// \file
/// A safetensors file whose arrays are read one by one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gradus/io/mapped_file.h"
#include "gradus/io/safetensors.h"
#include "gradus/io/stored.h"

namespace gradus::io {

/// What a safetensors file says about one of its arrays.
struct SafetensorsEntry {
  std::string name;    ///< "blocks.0.norm1.weight"
  ElementType type;    ///< of the elements in the file
  Shape shape;         ///< the size of each axis
  uint64_t begin = 0;  ///< where its bytes begin, counted from the first one behind the header
  uint64_t end = 0;    ///< where they end
};

/// An open safetensors file: what is in it is known, what its arrays hold is read when it is asked
/// for. Nothing outside this object points into the file: arrays are copies.
///
///     const SafetensorsFile file("model.safetensors");
///     for (const SafetensorsEntry& entry : file.entries()) ...    // reads none of the arrays
///     Array weight = file.array("embedding.weight");              // reads one of them
///
/// The file is mapped: MappedFile says what that means if somebody shortens it meanwhile.
class SafetensorsFile {
 public:
  /// Reads and checks the header. \throws Error as load_safetensors does.
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// The arrays in the order of the header.
  const std::vector<SafetensorsEntry>& entries() const { return entries_; }
  /// The texts.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  /// What the file says about an array, or nullptr if it holds none of that name.
  const SafetensorsEntry* find(std::string_view name) const;

  /// An array in the dtype that its elements are computed in (see dtype_for), cast from the file's
  /// pages. \throws Error if there is none of that name, a BOOL is neither 0 nor 1, or the file's
  /// size is no longer what it was.
  Array array(std::string_view name) const;
  /// An array in the elements of the file. \throws Error as array() does.
  StoredArray stored(std::string_view name) const;
  /// All arrays and texts, in the elements of the file: what save_safetensors writes again.
  StoredState stored() const;

 private:
  template <class Read>
  auto read(std::string_view name, Read read) const;

  std::filesystem::path path_;
  MappedFile file_;
  uint64_t data_;  // where the first byte behind the header is
  std::vector<SafetensorsEntry> entries_;
  std::unordered_map<std::string_view, size_t> places_;  // in entries_, by name
  std::map<std::string, std::string> metadata_;
};

}  // namespace gradus::io
