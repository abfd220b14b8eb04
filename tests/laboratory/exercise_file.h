// Exercises as texts: lessons/exercises/NN_name.cpp holds an exercise and its solution, and what a
// learner begins with is made from it.
#pragma once

#include <string>
#include <vector>

namespace gradus::test {

struct ExerciseFile {
  int number;                // 8
  std::string name;          // "softmax"
  std::string teaches;       // "A row whose elements all move each other"
  std::string source;        // "lessons/exercises/08_softmax.cpp"
  std::string text;          // all of it
  std::string stem() const;  // "exercise-08-softmax", the learner's file
};

// All exercises, in their order.
std::vector<ExerciseFile> exercise_files();

// What a learner begins with: the file without hint and solution, and a closure that does nothing.
// Each throws Error unless the file has each part exactly once.
std::string stub_of(const ExerciseFile& exercise);
// The part between the two lines `// [solution]`: the derivation and the closure.
std::string solution_of(const ExerciseFile& exercise);
// The text between the two lines `// [hint]`, as words.
std::string hint_of(const ExerciseFile& exercise);
// A learner's file with our solution in the place of the closure that does nothing. Throws Error if
// the file does not have it.
std::string solved(const std::string& stub, const ExerciseFile& exercise);

// Two C++ files: all stubs, or all solutions, one after another, each in a namespace of its own. It
// defines `std::map<std::string, exercises::Exercise> NAME()`.
std::string all_in_one(const std::string& name, const std::vector<std::string>& sources);

}  // namespace gradus::test
