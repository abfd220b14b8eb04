// make exercise, exercise-check, exercise-solution: an op without its backward, for a learner to
// write.
#include <fmt/format.h>
#include <sys/wait.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>

#include "gradus/error.h"
#include "gradus/io/file.h"
#include "gradus/viz/table.h"
#include "gradus/viz/terminal.h"
#include "laboratory/exercise_file.h"
#include "laboratory/nearest.h"
#include "laboratory/saved_last.h"

namespace gradus::test {
namespace {

namespace fs = std::filesystem;

// Where the learner's files are, and how one is compiled: a line of shell with @source@ and
// @program@ in it.
struct Desk {
  fs::path scratch, programs;
  std::string compile;
  bool hint;
  fs::path file(const ExerciseFile& e) const { return scratch / (e.stem() + ".cpp"); }
  // A file that says when the exercise was right.
  fs::path passed(const ExerciseFile& e) const { return scratch / ".passed" / e.stem(); }
};

std::string begin_anew(const fs::path& file) {
  return fmt::format("To begin anew: mv -n '{}' '{}.old'", file.string(), file.string());
}

std::string state(const Desk& desk, const ExerciseFile& e) {
  if (!fs::exists(desk.file(e))) return "-";
  const fs::path passed = desk.passed(e);
  if (!fs::exists(passed)) return "begun";
  return fs::last_write_time(passed) < fs::last_write_time(desk.file(e)) ? "changed" : "passed";
}

int list(const Desk& desk) {
  viz::TableRows rows = {{"N", "exercise", "what it is about", "yours"}};
  for (const ExerciseFile& e : exercise_files())
    rows.push_back({fmt::format("{}", e.number), e.name, e.teaches, state(desk, e)});
  fmt::print("{}\n", viz::table(rows, viz::Terminal::standard_output().unicode));
  fmt::print(
      "make exercise N=1           begins one, in {}/\n"
      "make exercise-check         checks the one you saved last; N=1 another\n"
      "make exercise-solution N=1  shows ours, and why it is right\n",
      desk.scratch.string());
  return 0;
}

// "8", "08" or "softmax".
ExerciseFile find(const std::string& wanted) {
  const std::vector<ExerciseFile> all = exercise_files();
  std::vector<std::string> names;
  for (const ExerciseFile& e : all) {
    if (wanted == e.name || wanted == e.stem() || wanted == fmt::format("{}", e.number) ||
        wanted == fmt::format("{:02}", e.number))
      return e;
    names.push_back(e.name);
  }
  if (wanted.find_first_not_of("0123456789") == std::string::npos)
    fail("there is no exercise {}: they are 1 to {}. `make exercise` lists them", wanted,
         all.size());
  names = nearest_first(wanted, names);
  fail("there is no exercise \"{}\". Did you mean {}?\nAll, nearest first: {}", wanted,
       names.front(), fmt::join(names, ", "));
}

// The one whose file was saved last.
ExerciseFile newest(const Desk& desk) {
  const std::vector<ExerciseFile> all = exercise_files();
  const ExerciseFile* last = saved_last(all, [&](const ExerciseFile& e) { return desk.file(e); });
  check(last != nullptr, "no exercise is begun in {}/: `make exercise N=1` begins the first",
        desk.scratch.string());
  return *last;
}

int open(const Desk& desk, const ExerciseFile& e) {
  const fs::path file = desk.file(e);
  fmt::print("Exercise {}, {}: {}.\n\n", e.number, e.name, e.teaches);
  if (fs::exists(file)) {
    fmt::print("{} is there already and stays as it is.\n{}\n", file.string(), begin_anew(file));
  } else {
    fs::create_directories(desk.scratch);
    io::write_file(file, stub_of(e));
    fmt::print("It is in {}. The comment at its top says what to do:\nthe closure is yours.\n",
               file.string());
  }
  fmt::print(
      "\nThen: make exercise-check N={}\nStuck for good: make exercise-solution N={} shows ours.\n",
      e.number, e.number);
  return 0;
}

std::string with_path(std::string line, const std::string& placeholder, const fs::path& path) {
  std::string quoted = "'";
  for (const char c : path.string()) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  quoted += "'";
  const size_t at = line.find(placeholder);
  check(at != std::string::npos, "the line that compiles has no {}: {}", placeholder, line);
  return line.replace(at, placeholder.size(), quoted);
}

int run(const std::string& line) {
  std::fflush(stdout);
  const int status = std::system(line.c_str());  // NOLINT: the compiler, and what it made
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void congratulate(const Desk& desk, const ExerciseFile& e) {
  fs::create_directories(desk.passed(e).parent_path());
  io::write_file(desk.passed(e), "");
  fmt::print("Exercise {}, {}, is solved.", e.number, e.name);
  for (const ExerciseFile& next : exercise_files())
    if (state(desk, next) != "passed") {
      fmt::print(" Next: make exercise N={}, {}.\n", next.number, next.name);
      return;
    }
  fmt::print(" It was the last one: all are.\n");
}

int check_solution(const Desk& desk, const ExerciseFile& e) {
  const fs::path file = desk.file(e), program = desk.programs / e.stem();
  check(fs::exists(file), "exercise {} is not begun: `make exercise N={}` begins it", e.number,
        e.number);
  fmt::print("Exercise {}, {}: {}\n\n", e.number, e.name, file.string());
  fs::create_directories(desk.programs);
  std::string compile = desk.compile;
  if (std::getenv("NO_COLOR") != nullptr) compile += " -fdiagnostics-color=never";
  if (run(with_path(with_path(compile, "@source@", file), "@program@", program)) != 0) {
    fmt::print("\nIt does not compile. The first message says where.\n");
    return 1;
  }
  const int code = run(with_path("@program@", "@program@", fs::absolute(program)));
  if (code == 0) {
    congratulate(desk, e);
    return 0;
  }
  if (code > 1)
    fmt::print(
        "\nIt ended with exit status {}: a crash. Does a loop or a data() leave its array?\n",
        code);
  if (io::read_file(file) == stub_of(e))
    fmt::print("The closure is still empty: begin with in.add(0, ...).\n");
  else if (desk.hint)
    fmt::print("{}", viz::wrapped("Hint: " + hint_of(e) + "\n", 80));
  else
    fmt::print("A hint: make exercise-check N={} HINT=1\n", e.number);
  return 1;
}

int show_solution(const Desk& desk, const ExerciseFile& e) {
  fmt::print("{}", solution_of(e));
  std::fflush(stdout);
  if (fs::exists(desk.file(e)))
    fmt::print(stderr, "\nBeside yours: diff {} {}\n", desk.file(e).string(), e.source);
  return 0;
}

// What the tests are made of: all stubs, and the C++ files that hold all stubs and all solutions.
int write_for_tests(const fs::path& directory) {
  std::vector<std::string> stubs, solutions;
  fs::create_directories(directory / "stubs");
  for (const ExerciseFile& e : exercise_files()) {
    const fs::path stub = directory / "stubs" / fs::path(e.source).filename();
    io::write_file(stub, stub_of(e));
    stubs.push_back(stub);
    solutions.push_back(e.source);
  }
  io::write_file(directory / "stubs.cpp", all_in_one("stubs", stubs));
  io::write_file(directory / "solutions.cpp", all_in_one("solutions", solutions));
  return 0;
}

}  // namespace
}  // namespace gradus::test

int main(int argc, char** argv) try {
  using namespace gradus::test;
  CLI::App app("Ops without their backward, for you to write.");
  Desk desk{"scratch", "build/exercises", {}, false};
  std::string wanted, directory;
  app.add_option("--scratch", desk.scratch, "where your files are")->capture_default_str();
  app.add_option("--programs", desk.programs, "where what is compiled goes")->capture_default_str();
  app.add_option("--compile", desk.compile,
                 "a line of shell that compiles @source@ and links @program@");
  app.add_flag("--hint", desk.hint, "with what is wrong, say how to go on");
  app.require_subcommand(1);
  app.fallthrough();
  CLI::App* const begin = app.add_subcommand("open", "begin one, or list all");
  CLI::App* const test = app.add_subcommand("check", "compile yours and check its gradients");
  CLI::App* const show = app.add_subcommand("solution", "show ours");
  CLI::App* const make = app.add_subcommand("for-tests", "write all stubs, and C++ that holds all");
  for (CLI::App* command : {begin, test, show})
    command->add_option("N", wanted, "the number or the name of an exercise");
  make->add_option("directory", directory, "where to")->required();
  app.footer("Exits with 0 if all is right, 1 if a gradient is wrong, 2 if there is no such one.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (*make) return write_for_tests(directory);
  if (*begin) return wanted.empty() ? list(desk) : open(desk, find(wanted));
  const ExerciseFile exercise = wanted.empty() ? newest(desk) : find(wanted);
  return *test ? check_solution(desk, exercise) : show_solution(desk, exercise);
} catch (const std::exception& error) {
  fmt::print(stderr, "exercise: {}\n", error.what());
  return 2;
}
