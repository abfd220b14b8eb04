/// \file
/// Three sections of lesson 4: the roofline drawn, block sizes tried, and other libraries asked.
#pragma once

#include "matmul_ladder.h"

namespace gradus::lessons {

/// "The roofline": the roofs of this machine, with the rungs under them.
void show_roofline(Lesson& lesson, const std::vector<Climbed>& climbed, const Yardsticks& y);
/// "Change a block size": the sizes of tile, register tile, gap and panel, each over a range.
void try_blocks(Lesson& lesson, const LadderFlags& flags);
/// "Other libraries on this machine": the product by those that are installed.
void show_peers(Lesson& lesson, const Matrices& matrices, const Yardsticks& yardsticks);

}  // namespace gradus::lessons
