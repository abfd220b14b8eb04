#include "laboratory/exhibits.h"

#include "gradus/error.h"

namespace gradus::test {

const std::vector<Exhibit>& exhibits() {
  static const std::vector<Exhibit> all = [] {
    std::vector<Exhibit> list;
    for (const auto& room :
         {exhibits_of_elements(), exhibits_of_rows(), exhibits_of_products(), exhibits_of_places()})
      list.insert(list.end(), room.begin(), room.end());
    return list;
  }();
  return all;
}

std::string planted(const Exhibit& exhibit, const std::string& text) {
  const size_t at = text.find(exhibit.from);
  check(at != text.npos, "{}: not found in {}: {}", exhibit.name, exhibit.file, exhibit.from);
  check(text.find(exhibit.from, at + 1) == text.npos, "{}: more than once in {}: {}", exhibit.name,
        exhibit.file, exhibit.from);
  check(exhibit.from != exhibit.to, "{}: nothing changes in {}", exhibit.name, exhibit.file);
  std::string changed = text;
  return changed.replace(at, exhibit.from.size(), exhibit.to);
}

}  // namespace gradus::test
