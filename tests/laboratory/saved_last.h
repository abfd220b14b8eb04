/// \file
/// What a learner worked on last.
#pragma once

#include <filesystem>
#include <vector>

namespace gradus::test {

/// The one of them whose file was saved last, of equally old ones the first; nullptr if no file is
/// there. `file_of(one)` is its path.
template <class T, class FileOf>
const T* saved_last(const std::vector<T>& all, FileOf file_of) {
  const T* last = nullptr;
  std::filesystem::file_time_type time;
  for (const T& one : all) {
    const std::filesystem::path file = file_of(one);
    if (!std::filesystem::exists(file)) continue;
    const auto saved = std::filesystem::last_write_time(file);
    if (last != nullptr && saved <= time) continue;
    last = &one;
    time = saved;
  }
  return last;
}

}  // namespace gradus::test
