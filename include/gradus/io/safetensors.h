/// \file
/// Named arrays in a file, in the format that Hugging Face's safetensors library reads and writes.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gradus/array.h"
#include "gradus/io/stored.h"

namespace gradus::io {

class OutputFile;

/// Everything that a file holds: arrays with names, in an order that saving and loading keep, and
/// short texts (a step, a random state, a configuration).
struct State {
  std::vector<NamedArray> arrays;               ///< weights, moments, ...
  std::map<std::string, std::string> metadata;  ///< texts by their names

  /// The array of that name, or nullptr.
  const Array* find(std::string_view name) const;
  /// The array of that name. \throws Error if there is none.
  const Array& at(std::string_view name) const;
};

/// The same in the elements of a file: F16, BF16, small integers.
struct StoredState {
  std::vector<NamedStoredArray> arrays;         ///< weights, moments, ...
  std::map<std::string, std::string> metadata;  ///< texts by their names
};

/// A state whose floating arrays are stored in the given type, BF16 for example, and rounded to it;
/// integers and masks stay as they are. \throws Error unless `floating` is a floating type.
StoredState stored_as(const State& state, ElementType floating);

/// Writes a state, atomically (see OutputFile): the same state gives the same bytes.
///
///     8 bytes      n, the length of the header, little-endian
///     n bytes      {"weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}, ...}, in JSON,
///                  padded with spaces to a multiple of 8; texts are under "__metadata__"
///     the rest     the elements, row-major and little-endian, without gaps; arrays with the larger
///                  elements come first, so that every element is aligned
///
/// Arrays that are not contiguous are written as if they were. The format is described at
/// https://huggingface.co/docs/safetensors. \throws Error if two arrays have one name, a handle is
/// empty, a text is not UTF-8, or the file cannot be written.
void save_safetensors(const std::filesystem::path& path, const State& state);
/// The same in the elements of a stored state. A file of Hugging Face's library that is opened as a
/// SafetensorsFile and written again is the same to the last byte.
void save_safetensors(const std::filesystem::path& path, const StoredState& state);
/// Writes the bytes of save_safetensors to a file that the caller commits. \throws Error as that.
void write_safetensors(OutputFile& file, const State& state);

/// Reads a state. F32, F64, I64 and BOOL keep their type; F16 and BF16 become float32; I32, I16,
/// I8, U32, U16 and U8 become int64 (SafetensorsFile keeps the types of the file). At most 500,000
/// arrays and 100,000 texts are read, and 100 MB of header, so that a hostile file costs little. No
/// number in the file is believed before it is checked against the file's size. \throws Error
/// naming the file and the rule that it breaks: "load_safetensors: gpt.safetensors: the data ends
/// at byte 4096, but the file has 4000 bytes of it".
State load_safetensors(const std::filesystem::path& path);

/// Reads a state from memory that holds what the file would. \throws Error as load_safetensors
/// does, from "parse_safetensors: ".
State parse_safetensors(std::string_view bytes);

}  // namespace gradus::io
