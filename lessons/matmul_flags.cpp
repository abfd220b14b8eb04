#include "matmul_flags.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>

namespace gradus::lessons {

void add_ladder_flags(CLI::App& app, LadderFlags& flags) {
  const auto size = [&](const char* name, int64_t& value, int64_t high, const char* help) {
    app.add_option(name, value, help)
        ->type_name("N")
        ->group("The ladder")
        ->check(CLI::Validator(
            [high](std::string& text) -> std::string {
              int64_t number = 0;
              const bool good = CLI::detail::lexical_cast(text, number);
              if (good && number >= 1 && number <= high) return {};
              return fmt::format("must be a number from 1 to {}, got '{}'", high, text);
            },
            ""));
  };
  size("--n", flags.n, 2048, "Rows of each matrix; default: 640, quick 256");
  size("--tile", flags.tile, 4096, "Rung 3: side of a tile; default: 64");
  size("--rows", flags.rows, 6, "Rungs 4 to 6: rows of the register tile");
  size("--vectors", flags.vectors, 4, "and its vectors; default: as many as fit");
  size("--depth", flags.depth, 4096, "Rungs 5 and 6: rows in a panel; default: 256");
}

}  // namespace gradus::lessons
