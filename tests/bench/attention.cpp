#include "bench/bench.h"

namespace gradus::bench {

std::vector<Contest> attention_contests(const Options&) { return {}; }
void attention_section(Report&) {}

}  // namespace gradus::bench
