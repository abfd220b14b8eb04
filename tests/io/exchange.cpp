// make exchange: what tests/reference/exchange.py runs to have a file read and written by Gradus.
// The format, safetensors or .npy, is that of the file's name.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "gradus/io/npy.h"
#include "gradus/io/safetensors_file.h"

namespace gradus::io {
namespace {

namespace fs = std::filesystem;

bool is_npy(const fs::path& path) { return path.extension() == ".npy"; }

// The elements as they stand in the file, and then written.
StoredState open(const fs::path& path) {
  if (is_npy(path)) return {{{"array", load_npy_stored(path)}}, {}};
  return SafetensorsFile(path).stored();
}

void write(const fs::path& path, const StoredState& state) {
  if (!is_npy(path)) return save_safetensors(path, state);
  check(state.arrays.size() == 1, "{}: holds one array, not {}", path.string(),
        state.arrays.size());
  save_npy(path, state.arrays.front().value);
}

// What the engine computes in, by the readers that know nothing else.
State load(const fs::path& path) {
  if (is_npy(path)) return {{{"array", load_npy(path)}}, {}};
  return load_safetensors(path);
}

ElementType type_called(const std::string& wanted) {
  for (int i = 0; i <= static_cast<int>(ElementType::uint8); ++i)
    if (const auto type = static_cast<ElementType>(i); name(type) == wanted) return type;
  fail("{} is no element type: F64, F32, F16, BF16, I64, ..., BOOL", wanted);
}

StoredState as_type(const State& state, ElementType type) {
  StoredState stored{{}, state.metadata};
  for (const auto& [name, array] : state.arrays)
    stored.arrays.push_back({name, StoredArray::of(array, type)});
  return stored;
}

int run(int count, char** words) {
  CLI::App app(
      "Reads a file of arrays and writes what was read: .safetensors or .npy.\n"
      "Exit codes: 0 written, 1 refused, 2 wrong arguments.");
  std::string from, to, type;
  const auto command = [&](const char* verb, const char* what) {
    CLI::App* sub = app.add_subcommand(verb, what);
    sub->add_option("FROM", from, "the file to read")->required();
    sub->add_option("TO", to, "the file to write")->required();
    return sub;
  };
  command("keep", "Write the elements as they are, in the types of the file")->callback([&] {
    write(to, open(from));
  });
  command("compute", "Write what the engine computes in: F32, F64, I64 and BOOL")->callback([&] {
    const State state = load(from);
    is_npy(to) ? save_npy(to, state.arrays.at(0).value) : save_safetensors(to, state);
  });
  command("store", "Write the elements in another type")
      ->callback([&] { write(to, as_type(load(from), type_called(type))); })
      ->add_option("TYPE", type, "F16, BF16, U8, ...")
      ->required();
  app.require_subcommand(1);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace gradus::io

int main(int count, char** words) { return gradus::io::run(count, words); }
