#include "bench/bench.h"

namespace gradus::bench {

void generation_section(Report&) {}

}  // namespace gradus::bench
