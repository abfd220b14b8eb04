#include "laboratory/workshop.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <sstream>

#include "gradus/error.h"
#include "shell.h"

namespace gradus::test {
namespace {

using Path = std::filesystem::path;

// For the shell.
std::string quoted(const Path& p) { return "'" + p.string() + "'"; }

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
  verdict.finished = true;
  verdict.cases = answer.at("cases");
  verdict.wrong = answer.at("wrong");
  verdict.causes = answer.at("causes").get<std::map<std::string, int>>();
  verdict.main_cause = answer.at("main_cause");
}

}  // namespace

Toolchain toolchain_of_build() {
  const Path file = Path(build_directory()) / "laboratory/toolchain";
  std::ifstream in(file);
  check(in.good(), "workshop: there is no {}; `make {}` writes it", file.string(), file.string());
  Toolchain tools;
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

Workshop::Workshop(Path directory, Toolchain toolchain)
    : directory_(std::move(directory)), toolchain_(std::move(toolchain)) {
  std::filesystem::create_directories(directory_);
}

Path Workshop::path(const std::string& source) const {
  return directory_ / Path(source).filename();
}

void Workshop::put(const std::string& source, const std::string& text) {
  std::ofstream(path(source)) << text;
  take(source);
}

void Workshop::take(const std::string& source) {
  check(std::filesystem::exists(path(source)), "workshop: there is no {}", path(source).string());
  if (std::find(sources_.begin(), sources_.end(), source) == sources_.end())
    sources_.push_back(source);
}

Verdict Workshop::gradcheck(const std::vector<std::string>& ops, double seconds) {
  const Path build = directory_ / ".build", program = build / "gradcheck",
             answer = build / "answer.json";
  std::filesystem::create_directories(build);
  std::vector<std::future<ShellResult>> running;
  std::string objects;
  for (const std::string& source : sources_)
    for (const auto& [object, command] : compilations(toolchain_, source, path(source), build)) {
      running.push_back(std::async(std::launch::async, shell, command));
      objects += quoted(object) + " ";
    }
  Verdict verdict;
  verdict.compiled = true;
  const auto need = [&](const ShellResult& step) {
    verdict.compiled = verdict.compiled && step.exit_code == 0;
    verdict.output += step.output;
  };
  for (auto& compiler : running) need(compiler.get());
  if (verdict.compiled)
    need(shell(fmt::format("{} {} {} -o {}", toolchain_.link, objects, toolchain_.objects,
                           quoted(program))));
  if (!verdict.compiled) return verdict;

  std::filesystem::remove(answer);
  // One thread: several workshops may be at work, and the cases are small.
  const ShellResult run =
      shell(fmt::format("OMP_NUM_THREADS=1 {} --seconds {} --tell {} {}", quoted(program),
                        static_cast<int>(std::ceil(seconds)), quoted(answer), fmt::join(ops, " ")));
  verdict.output += run.output;
  read_answer(answer, verdict);
  return verdict;
}

}  // namespace gradus::test
