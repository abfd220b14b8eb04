/// \file
/// Other libraries' matrix products, if this machine has them. They are no part of the program:
/// each is looked for when the lesson runs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace gradus::lessons {

struct Peer {
  std::string name;     ///< "oneDNN"
  std::string problem;  ///< why it cannot be used; empty if it can
  /// C = A B for dense square float32 matrices of n rows.
  std::function<void(int64_t n, const float* a, const float* b, float* c)> multiply;
  /// How many threads it uses from now on.
  std::function<void(int threads)> set_threads;
};

/// oneDNN and OpenBLAS, found or not.
std::vector<Peer> find_peers();

}  // namespace gradus::lessons
