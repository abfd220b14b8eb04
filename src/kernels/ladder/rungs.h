// The rungs as they are, without the checks that ladder.cpp makes first.
#pragma once

#include "kernels/ladder/ladder.h"

namespace gradus::kernels::ladder {

void multiply_naive(const Product& p);
void multiply_reordered(const Product& p);
void multiply_tiled(const Product& p, int64_t tile);

// What vectors.cpp exports for each ISA.
struct VectorRungs {
  int64_t lanes;
  RegisterTile largest;
  void (*vectorised)(const Product& p, RegisterTile tile);
  // `panel` has room for `depth` rows of tile.vectors vectors, and starts at a cache line.
  void (*packed)(const Product& p, RegisterTile tile, int64_t depth, float* panel);
};

}  // namespace gradus::kernels::ladder

namespace gradus::kernels {
namespace portable {
extern const ladder::VectorRungs ladder_table;
}
namespace avx2 {
extern const ladder::VectorRungs ladder_table;
}
namespace avx512 {
extern const ladder::VectorRungs ladder_table;
}
}  // namespace gradus::kernels
