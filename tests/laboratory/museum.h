/// \file
/// Every exhibit of the museum, planted and looked for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "laboratory/exhibit.h"
#include "laboratory/workshop.h"

namespace gradus::test {

/// What became of an exhibit.
struct Shown {
  const Exhibit* exhibit = nullptr;
  std::string obstacle;  ///< why it could not be tried: its line has changed, it does not compile
  Verdict verdict;       ///< of the ordinary gradient checks of the exhibit's op

  /// Whether the checks of the op find it.
  bool caught() const { return obstacle.empty() && verdict.caught(); }
  /// Whether the cause that explains most of what is wrong is the one that was planted.
  bool named() const { return caught() && verdict.main_cause == name(exhibit->cause); }
};

/// Told after each exhibit: what was shown, how many of how many.
using OnShown = std::function<void(const Shown& shown, size_t done, size_t all)>;

/// Plants each of the exhibits in a workshop of its own under `directory`, as many at a time as
/// there are cores. The results are in the order of the exhibits.
std::vector<Shown> show(const std::vector<const Exhibit*>& exhibits,
                        const std::filesystem::path& directory, const OnShown& on_shown = {});

/// How many of them are named, 0 to 1.
double share_named(const std::vector<Shown>& all);

/// The share of exhibits whose cause must be named.
inline constexpr double wanted_share = 0.8;

}  // namespace gradus::test
