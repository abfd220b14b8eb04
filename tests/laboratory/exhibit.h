/// \file
/// The museum of broken backwards: one line of the library, replaced by a mistake that people make.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "gradus/gradcheck/diagnosis.h"

namespace gradus::test {

/// A mistake, where it is planted, and what a person who does not know it is told.
struct Exhibit {
  std::string name;                  ///< "lost-scale"
  std::string file;                  ///< "src/ops/attention.cpp"
  std::string from;                  ///< a piece of one line, which occurs in the file exactly once
  std::string to;                    ///< what stands there instead
  std::string op;                    ///< what `make gradcheck OP=` is asked
  Cause cause;                       ///< the mistake that was planted
  std::string symptom;               ///< what the learner is told, and nothing else
  std::array<std::string, 3> hints;  ///< each nearer to the line than the one before
  std::string story;                 ///< told when it is mended: what it was, and how it happens
};

/// All exhibits. The number of a puzzle is its place here, from 1.
const std::vector<Exhibit>& exhibits();

/// The text of the file with the mistake in it. \throws Error unless `from` occurs exactly once and
/// the text changes.
std::string planted(const Exhibit& exhibit, const std::string& text);

}  // namespace gradus::test
