#include "laboratory/workshop.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>

#include "gradus/error.h"
#include "shell.h"

namespace gradus::test {
namespace {

using Path = std::filesystem::path;

// For the shell, which takes everything between ' and ' as it is.
std::string quoted(const Path& p) {
  std::string text = p.string();
  for (size_t at = 0; (at = text.find('\'', at)) != text.npos; at += 4)
    text.replace(at, 1, R"('\'')");
  return "'" + text + "'";
}

// A line of shell for each object that a source is compiled to: a kernel has one for each
// instruction set. Each must be replaced, or the archive's member would be used for the other sets.
struct Compilation {
  Path object;
  std::string command;
};
std::vector<Compilation> compilations(const Toolchain& tools, const std::string& source,
                                      const Path& text, const Path& build) {
  std::vector<Compilation> result;
  const bool is_kernel = Path(source).parent_path() == "src/kernels/isa";
  const std::vector<std::string> plain = {""};
  for (const std::string& flags : is_kernel ? tools.kernels : plain) {
    Path object = build / text.stem();
    object += is_kernel ? fmt::format(".{}.o", result.size()) : ".o";
    result.push_back({object, fmt::format("{} {} -c {} -o {}", tools.compile, flags, quoted(text),
                                          quoted(object))});
  }
  return result;
}

// What the program told the machine.
void read_answer(const Path& file, Verdict& verdict) {
  std::ifstream in(file);
  const nlohmann::json answer = nlohmann::json::parse(in, nullptr, false);
  if (answer.is_discarded()) return;
  verdict.ending = Ending::answered;
  verdict.cases = answer.at("cases");
  verdict.wrong = answer.at("wrong");
  verdict.causes = answer.at("causes").get<std::map<std::string, int>>();
  verdict.main_cause = answer.at("main_cause");
  verdict.values = answer.at("values").get<std::map<std::string, std::string>>();
}

}  // namespace

Toolchain toolchain_of_build() {
  const Path file = Path(build_directory()) / "laboratory/toolchain";
  std::ifstream in(file);
  check(in.good(), "workshop: there is no {}; `make {}` writes it", file.string(), file.string());
  Toolchain tools;
  tools.since = std::filesystem::last_write_time(file);
  for (std::string line; std::getline(in, line);) {
    const size_t space = std::min(line.find(' '), line.size());
    const std::string key = line.substr(0, space), value = line.substr(space);
    if (key == "compile") tools.compile = value;
    if (key == "kernel") tools.kernels.push_back(value);
    if (key == "link") tools.link = value;
    if (key == "objects") tools.objects = value;
  }
  return tools;
}

std::string text_of(const Path& source) {
  std::ifstream in(source);
  check(in.good(), "workshop: there is no source {}", source.string());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void in_parallel(size_t count, unsigned workers, const std::function<void(size_t)>& f) {
  std::atomic<size_t> next = 0;
  std::vector<std::future<void>> running;
  for (unsigned i = 0; i < std::max(1U, workers); ++i)
    running.push_back(std::async(std::launch::async, [&] {
      try {
        for (size_t k = next++; k < count; k = next++) f(k);
      } catch (...) {
        next = count;  // the others begin nothing new
        throw;
      }
    }));
  for (const auto& worker : running) worker.wait();
  for (auto& worker : running) worker.get();
}

Workshop::Workshop(Path directory, Toolchain toolchain)
    : directory_(std::move(directory)), toolchain_(std::move(toolchain)) {
  std::filesystem::create_directories(directory_);
}

Path Workshop::path(const std::string& source) const {
  return directory_ / Path(source).filename();
}

void Workshop::put(const std::string& source, const std::string& text) {
  std::ofstream file(path(source));
  check(static_cast<bool>(file << text << std::flush), "workshop: cannot write {}",
        path(source).string());
  take(source);
}

void Workshop::take(const std::string& source) {
  check(std::filesystem::exists(path(source)), "workshop: there is no {}", path(source).string());
  if (std::find(sources_.begin(), sources_.end(), source) == sources_.end())
    sources_.push_back(source);
}

namespace {

// Whether `made` was made after the toolchain and what it is made of.
bool is_current(const Path& made, const Toolchain& tools, const std::vector<Path>& parts) {
  if (!std::filesystem::exists(made)) return false;
  const auto time = std::filesystem::last_write_time(made);
  return time > tools.since && std::ranges::all_of(parts, [&](const Path& part) {
           return time > std::filesystem::last_write_time(part);
         });
}

}  // namespace

Verdict run_gradcheck(const Path& program, const Path& answer, const std::vector<std::string>& ops,
                      double seconds, const std::string& options) {
  Verdict verdict;
  std::filesystem::remove(answer);
  // One thread: several workshops may be at work, and the cases are small.
  const ShellResult run = shell(fmt::format("OMP_NUM_THREADS=1 {} --seconds {} --tell {} {} {}",
                                            quoted(program), static_cast<int>(std::ceil(seconds)),
                                            quoted(answer), options, fmt::join(ops, " ")));
  verdict.output = run.output;
  // The shell's own way to say which signal ended the program.
  if (run.exit_code == 128 + SIGALRM)
    verdict.ending = Ending::too_long;
  else if (run.exit_code > 128)
    verdict.ending = Ending::crashed;
  else
    read_answer(answer, verdict);
  check(verdict.compiled(), "{} gave no answer (exit code {}):\n{}", program.string(),
        run.exit_code, run.output);
  return verdict;
}

Verdict Workshop::gradcheck(const std::vector<std::string>& ops, double seconds,
                            const std::string& options) {
  const Path build = directory_ / ".build", program = build / "gradcheck";
  std::filesystem::create_directories(build);
  std::vector<std::future<ShellResult>> running;
  std::vector<Path> parts;
  std::string objects;
  for (const std::string& source : sources_)
    for (const auto& [object, command] : compilations(toolchain_, source, path(source), build)) {
      if (!is_current(object, toolchain_, {path(source)}))
        running.push_back(std::async(std::launch::async, shell, command));
      parts.push_back(object);
      objects += quoted(object) + " ";
    }
  Verdict failure;
  bool failed = false;
  const auto need = [&](const ShellResult& step) {
    if (!failed) failure.output += step.output;  // not once for each instruction set
    failed = failed || step.exit_code != 0;
  };
  for (auto& compiler : running) need(compiler.get());
  if (!failed && !is_current(program, toolchain_, parts))
    need(shell(fmt::format("{} {} {} -o {}", toolchain_.link, objects, toolchain_.objects,
                           quoted(program))));
  return failed ? failure : run_gradcheck(program, build / "answer.json", ops, seconds, options);
}

}  // namespace gradus::test
