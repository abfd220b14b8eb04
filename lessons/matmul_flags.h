/// \file
/// The flags of lesson 4: sizes that can be changed without editing anything.
#pragma once

#include <cstdint>

namespace CLI {
class App;
}

namespace gradus::lessons {

struct LadderFlags {
  int64_t n = 0;      ///< the product is (n, n) times (n, n); 0: 640, or 256 with --quick
  int64_t tile = 64;  ///< of the tiled rung
  int64_t rows = 0, vectors = 0;  ///< of the register tile; 0: as many as fit
  int64_t depth = 256;            ///< of the packed panel
};

/// Adds --n, --tile, --rows, --vectors and --depth; `flags` must outlive the app.
void add_ladder_flags(CLI::App& app, LadderFlags& flags);

}  // namespace gradus::lessons
