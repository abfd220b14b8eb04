#include <algorithm>
#include <mutex>
#include <thread>

#include "laboratory/museum.h"

namespace gradus::test {
namespace {

Shown show_one(const Exhibit& exhibit, const std::filesystem::path& directory) {
  Shown shown;
  shown.exhibit = &exhibit;
  try {
    Workshop workshop(directory);
    workshop.put(exhibit.file, planted(exhibit, text_of(exhibit.file)));
    shown.verdict = workshop.gradcheck({exhibit.op});
    if (!shown.verdict.compiled()) shown.obstacle = "does not compile:\n" + shown.verdict.output;
  } catch (const std::exception& error) {
    shown.obstacle = error.what();
  }
  std::filesystem::remove_all(directory);
  return shown;
}

}  // namespace

std::vector<Shown> show(const std::vector<const Exhibit*>& exhibits,
                        const std::filesystem::path& directory, const OnShown& on_shown) {
  std::vector<Shown> all(exhibits.size());
  size_t done = 0;
  std::mutex telling;
  in_parallel(exhibits.size(), std::thread::hardware_concurrency(), [&](size_t i) {
    all[i] = show_one(*exhibits[i], directory / exhibits[i]->name);
    const std::lock_guard lock(telling);
    if (on_shown) on_shown(all[i], ++done, exhibits.size());
  });
  return all;
}

double share_named(const std::vector<Shown>& all) {
  const auto named =
      std::count_if(all.begin(), all.end(), [](const Shown& s) { return s.named(); });
  return all.empty() ? 0 : static_cast<double>(named) / static_cast<double>(all.size());
}

}  // namespace gradus::test
