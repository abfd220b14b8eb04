/// \file
/// The lessons of the whole course, in order.
#pragma once

#include <span>
#include <string>

namespace gradus::lessons {

struct Entry {
  int number;
  const char* title;
  const char* program;  ///< "07_attention"; null while the lesson is planned
};

/// Lessons 1 to 31.
std::span<const Entry> curriculum();
/// One of them. \throws Error if there is no such lesson.
const Entry& entry(int number);
/// The nearest lesson before (direction -1) or after (+1) this one that exists; null at the ends.
const Entry* neighbour(int number, int direction);
/// "lesson-07".
std::string target(int number);

}  // namespace gradus::lessons
