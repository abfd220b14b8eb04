// The name that somebody may have meant.
#pragma once

#include <string>
#include <vector>

namespace gradus::test {

// The names, those first that need the fewest letters changed, left out, put in or exchanged with a
// neighbour to become `wanted`; a name that begins with `wanted`, or contains it, is nearer still.
std::vector<std::string> nearest_first(const std::string& wanted, std::vector<std::string> names);

}  // namespace gradus::test
