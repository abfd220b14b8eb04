/// \file
/// How the stage lays out text: it knows lines and columns, and nothing of lessons.
#pragma once

#include <string>
#include <string_view>

#include "gradus/viz/table.h"
#include "lesson.h"

namespace gradus::lessons {

/// For the terminal: `code` without its backticks, $formula$ as a line of text.
std::string plain(std::string_view text);
/// Each run of spaces and line breaks becomes one space.
std::string unfolded(std::string_view text);
/// Each line begins so many columns further right.
std::string indented(std::string_view text, int columns);
/// For a terminal without Unicode: "√d_k" becomes "sqrt d_k"; what has no such spelling becomes
/// "?".
std::string in_ascii(std::string_view text);
/// "Weights, trained" becomes "weights-trained": the name of a picture's file.
std::string slug(std::string_view title);
/// A number of so many decimals; never "-0.00".
std::string number(double value, int decimals);
/// A matrix as a table: the names of its axes stand in the corner.
viz::TableRows matrix_rows(const Array& values, const Axes& axes, int decimals);
/// Two blocks of lines beside each other, or one below the other if that takes more columns than
/// there are.
std::string side_by_side(const std::string& left, const std::string& right, int columns);
/// Whether a reader's answer is the expected one. If that has numbers: the same numbers, whole ones
/// exactly and others to 5 %. If not: its words are in the answer.
bool same_answer(std::string given, const std::string& expected);

}  // namespace gradus::lessons
