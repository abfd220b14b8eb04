// The ways to break a lesson, which each lesson's program has, for the program that has no lesson.
#include "../lessons/lesson.h"

std::vector<gradus::lessons::Break> gradus::lessons::breaks() {
  return {{"no-scale", "The scores are not scaled.", [](Lesson&) {}}};
}
