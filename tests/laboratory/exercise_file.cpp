#include "laboratory/exercise_file.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "gradus/error.h"
#include "gradus/io/file.h"

namespace gradus::test {
namespace {

namespace fs = std::filesystem;

// The text from the end of the first line `// [name]` to the beginning of the second one, and the
// whole with both lines.
struct Part {
  size_t begin, end, whole_begin, whole_end;
};
Part part(const ExerciseFile& exercise, const std::string& name) {
  const std::string& text = exercise.text;
  const std::string line = "  // [" + name + "]\n";
  const size_t first = text.find(line), second = text.find(line, first + 1);
  check(second != std::string::npos &&
            text.find("[" + name + "]", second + line.size()) == std::string::npos,
        "{} needs two lines \"{}\"", exercise.source, line.substr(0, line.size() - 1));
  return {first + line.size(), second, first, second + line.size()};
}

std::string text_of(const ExerciseFile& exercise, const std::string& name) {
  const Part p = part(exercise, name);
  return exercise.text.substr(p.begin, p.end - p.begin);
}

// A closure that does nothing; the gradient that arrives has the name that it has in the solution.
std::string nothing_yet(const ExerciseFile& exercise) {
  const std::string solution = text_of(exercise, "solution"), before = "const Array& ";
  const size_t name = solution.find(before) + before.size();
  return fmt::format(
      "  // Yours: what is to be kept goes into the brackets, the gradients into the braces.\n"
      "  const Backward backward = [](const Array& {}, Inputs in) {{\n"
      "  }};\n",
      solution.substr(name, solution.find(',', name) - name));
}

}  // namespace

std::string ExerciseFile::stem() const { return fmt::format("exercise-{:02}-{}", number, name); }

std::vector<ExerciseFile> exercise_files() {
  std::vector<ExerciseFile> all;
  for (const auto& file : fs::directory_iterator("lessons/exercises")) {
    const std::string stem = file.path().stem();
    if (file.path().extension() != ".cpp" || std::isdigit(stem[0]) == 0) continue;
    ExerciseFile e{std::stoi(stem), stem.substr(3), {}, file.path(), io::read_file(file)};
    // The first line: "// Exercise 8: softmax. What it teaches."
    const std::string title = fmt::format("// Exercise {}: {}. ", e.number, e.name);
    check(e.text.starts_with(title), "{} does not begin with \"{}\"", e.source, title);
    e.teaches = e.text.substr(title.size(), e.text.find(".\n") - title.size());
    all.push_back(e);
  }
  std::sort(all.begin(), all.end(),
            [](const ExerciseFile& a, const ExerciseFile& b) { return a.number < b.number; });
  return all;
}

std::string stub_of(const ExerciseFile& exercise) {
  const Part hint = part(exercise, "hint"), solution = part(exercise, "solution");
  check(hint.whole_end + 1 == solution.whole_begin,
        "{}: the hint stands above the solution, an empty line between", exercise.source);
  std::string text = exercise.text;
  return text.replace(hint.whole_begin, solution.whole_end - hint.whole_begin,
                      nothing_yet(exercise));
}

std::string solution_of(const ExerciseFile& exercise) { return text_of(exercise, "solution"); }

std::string hint_of(const ExerciseFile& exercise) {
  std::string words;
  for (std::string text = text_of(exercise, "hint"); !text.empty();) {
    const size_t begin = text.find("// ") + 3, end = text.find('\n');
    words += (words.empty() ? "" : " ") + text.substr(begin, end - begin);
    text.erase(0, end + 1);
  }
  return words;
}

std::string solved(const std::string& stub, const ExerciseFile& exercise) {
  std::string text = stub;
  const std::string closure = nothing_yet(exercise);
  const size_t at = text.find(closure);
  check(at != std::string::npos, "{} is not as it began", exercise.stem());
  return text.replace(at, closure.size(), solution_of(exercise));
}

std::string all_in_one(const std::string& name, const std::vector<std::string>& sources) {
  std::string text = "#include <map>\n\n#include \"exercises/exercise.h\"\n\n", table;
  for (size_t i = 0; i < sources.size(); ++i) {
    const std::string room = fmt::format("exercises::{}_{}", name, i);
    text +=
        fmt::format("#define exercises {}\n#include \"{}\"\n#undef exercises\n", room, sources[i]);
    table += fmt::format("      {{\"{}\", {}::exercise()}},\n",
                         fs::path(sources[i]).stem().string(), room);
  }
  return text + fmt::format(
                    "\nnamespace gradus::test {{\nstd::map<std::string, exercises::Exercise> {}() "
                    "{{\n  return {{\n{}  }};\n}}\n}}  // namespace gradus::test\n",
                    name, table);
}

}  // namespace gradus::test
