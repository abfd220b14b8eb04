/// \file
/// Lesson 9, broken on purpose.
#include "../lesson.h"

namespace gradus::lessons {

std::vector<Break> breaks() { return {}; }

}  // namespace gradus::lessons
