// Graphviz's program `dot`.
#pragma once

#include <string>

namespace gradus::viz {

// Draws a graph in Graphviz's language as an <svg> element that can stand in a page: no ids that
// could meet another picture's, black replaced by currentColor, the page's font, tooltips as
// <title>. Throws Error if `dot` is not installed or fails.
std::string draw_dot(const std::string& graph);

}  // namespace gradus::viz
