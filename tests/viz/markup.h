/// \file
/// A strict reader of HTML and SVG, for tests: what a browser would forgive is an error here.
#pragma once

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace gradus::test {

/// What is wrong with the markup, or "" if each element is closed in order, each attribute quoted
/// and each & the beginning of an entity. Style sheets are skipped.
inline std::string markup_error(std::string_view html) {
  std::vector<std::string> open;
  const auto check_text = [](std::string_view text) -> std::string {
    for (size_t at = 0; (at = text.find('&', at)) != text.npos; ++at) {
      bool known = false;
      for (const std::string_view entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"})
        known = known || text.substr(at).starts_with(entity);
      if (!known) return "bare & in: " + std::string(text);
    }
    if (text.find('>') != text.npos) return "bare > in: " + std::string(text);
    for (const char c : text)
      if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t')
        return "control character";
    return "";
  };
  for (size_t at = 0; at < html.size();) {
    const size_t next = std::min(html.find('<', at), html.size());
    if (const std::string wrong = check_text(html.substr(at, next - at)); !wrong.empty())
      return wrong;
    if (next == html.size()) break;
    // The tag, whose attributes may hold anything between quotes but < and >.
    const size_t end = html.find('>', next);
    if (end == html.npos) return "a tag is not closed";
    std::string_view tag = html.substr(next + 1, end - next - 1);
    at = end + 1;
    if (tag == "!DOCTYPE html") continue;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1))
        return "</" + std::string(tag.substr(1)) + "> closes " +
               (open.empty() ? "nothing" : "<" + open.back() + ">");
      open.pop_back();
      continue;
    }
    const bool closed = tag.ends_with('/');
    if (closed) tag.remove_suffix(1);
    size_t i = 0;
    while (i < tag.size() && (std::isalnum(static_cast<unsigned char>(tag[i])) != 0)) ++i;
    const std::string name(tag.substr(0, i));
    if (name.empty()) return "a tag without a name: " + std::string(tag);
    while (i < tag.size()) {  // attributes
      if (tag[i] == ' ') {
        ++i;
        continue;
      }
      const size_t quote = tag.find("=\"", i);
      if (quote == tag.npos) return "an attribute without a value in: " + std::string(tag);
      for (const char c : tag.substr(i, quote - i))
        if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != ':')
          return "an attribute's name is not one, in: " + std::string(tag);
      const size_t close = tag.find('"', quote + 2);
      if (close == tag.npos) return "a quote is missing in: " + std::string(tag);
      const std::string_view value = tag.substr(quote + 2, close - quote - 2);
      if (value.find('<') != value.npos) return "bare < in: " + std::string(tag);
      if (const std::string wrong = check_text(value); !wrong.empty()) return wrong;
      i = close + 1;
      if (i < tag.size() && tag[i] != ' ')
        return "no space between attributes: " + std::string(tag);
    }
    if (name == "style") {
      at = html.find("</style>", at);
      if (at == html.npos) return "a style sheet does not end";
    }
    if (!closed && name != "meta") open.push_back(name);
  }
  return open.empty() ? "" : "<" + open.back() + "> is not closed";
}

/// How often one text is in another.
inline int count_of(std::string_view text, std::string_view part) {
  int count = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++count;
  return count;
}

/// A text that would do harm in markup, and what it has to look like there.
inline constexpr const char* harmful = "<b onclick='x'>&\"\x1b";
inline constexpr const char* harmless = "&lt;b onclick=&#39;x&#39;&gt;&amp;&quot;\\x1b";

}  // namespace gradus::test
