/// \file
/// Running the lessons as programs.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "shell.h"

namespace gradus::test {

/// The names of all lessons that have a source, "07_attention", in order.
inline std::vector<std::string> lesson_names() {
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator("lessons")) {
    const std::string name = file.path().stem();
    if (file.path().extension() == ".cpp" && name[0] >= '0' && name[0] <= '9')
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Whether a run would take a minute under the sanitizers, because the lesson trains a model. There
/// each such lesson is run once.
inline bool is_too_slow_twice([[maybe_unused]] const std::string& lesson) {
#ifdef GRADUS_SANITIZE
  for (const char* trained : {"09_", "13_", "15_"})
    if (lesson.starts_with(trained)) return true;
#endif
  return false;
}

inline std::string lesson_program(const std::string& name) {
  return build_directory() + "/lessons/" + name;
}

}  // namespace gradus::test
