#include "gradus/viz/page.h"

#include <algorithm>
#include <cctype>
#include <iterator>

#include "gradus/error.h"
#include "gradus/io/file.h"
#include "gradus/viz/math.h"
#include "viz/text.h"

namespace gradus::viz {
namespace {

constexpr const char* style = R"(
:root {
  color-scheme: light dark;
  --page: #fcfcfa; --text: #1e2530; --soft: #5b6472; --rule: #dfe1dd; --tint: #f1f2ee; --shade: #00000022;
  --accent: #1d5fb4; --heat: #2166ac; --heat-positive: #b8530c;
  --green: #23804b; --red: #b3372f; --orange: #a85f0b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181d; --text: #e2e5e9; --soft: #9aa3af; --rule: #2d333c; --tint: #1d2128; --shade: #00000088;
    --accent: #82b4f5; --heat: #2e77cf; --heat-positive: #c9620f;
    --green: #5cbf88; --red: #ef8079; --orange: #e3a14f;
    --series-0: #6ea8f3; --series-1: #efa04b; --series-2: #5fc48d; --series-3: #c398ea; --series-4: #ee8499; --series-5: #4fbdcd;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2.5rem 1rem 5rem; max-width: 46rem;
  background: var(--page); color: var(--text);
  font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: break-word;
}
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .4rem; letter-spacing: -.01em; text-wrap: balance; }
h2 { font-size: 1.35rem; line-height: 1.3; margin: 3rem 0 .8rem; scroll-margin-top: 1rem; text-wrap: balance; }
p { margin: .9rem 0; }
.subtitle { margin: 0; color: var(--soft); font-size: 1.15rem; }
a { color: var(--accent); text-decoration-thickness: 1px; text-underline-offset: .15em; }
nav { margin: 2rem 0; padding: .2rem 0 .2rem 1.1rem; border-left: 2px solid var(--rule); font-size: .95rem; }
nav ol { margin: 0; padding: 0; list-style: none; }
nav li { margin: .2rem 0; }
nav a { text-decoration: none; color: inherit; }
nav a:hover { color: var(--accent); text-decoration: underline; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: .9em; padding: .1em .3em; border-radius: .25em; background: var(--tint); }
pre { margin: 1.2rem 0; padding: .8rem 1rem; border-radius: .4rem; background: var(--tint); font-size: .82rem; line-height: 1.45; overflow-x: auto; }
/* What is too wide scrolls inside its frame; a shadow at the edge says that there is more. */
.frame {
  margin: 1.4rem 0; overflow-x: auto;
  background:
    linear-gradient(90deg, var(--page) 40%, transparent) 0 -1px / 2rem calc(100% + 2px) no-repeat local,
    linear-gradient(270deg, var(--page) 40%, transparent) 100% -1px / 2rem calc(100% + 2px) no-repeat local,
    linear-gradient(90deg, var(--shade), transparent) left / .7rem 100% no-repeat scroll,
    linear-gradient(270deg, var(--shade), transparent) right / .7rem 100% no-repeat scroll;
}
.frame > svg { margin: 0 auto; }
figure { margin: 1.8rem 0; }
figure .frame { margin: 0; }
figcaption { margin-top: .5rem; color: var(--soft); font-size: .93rem; line-height: 1.45; text-align: center; text-wrap: balance; }
table { border-collapse: collapse; margin: 0 auto; font-size: .93rem; line-height: 1.4; }
th, td { padding: .35rem clamp(.3rem, 1.6vw, .75rem); text-align: left; white-space: nowrap; }
th { border-bottom: 1px solid var(--soft); font-weight: 600; }
td { border-bottom: 1px solid var(--rule); }
.number { text-align: right; font-variant-numeric: tabular-nums; }
math[display=block] { font-size: 1.2rem; padding: .2rem 0; }
.pair { display: flex; flex-wrap: wrap; justify-content: center; gap: 0 2rem; }
.pair figure { max-width: 100%; }
summary { cursor: pointer; font-weight: 700; color: var(--kind); }
.formulas { padding-bottom: .5rem; display: flex; flex-wrap: wrap; justify-content: safe center; gap: .2rem 2.5rem; }
.formulas math { width: auto; }
.line { margin: .35rem 0; padding-left: 1.7rem; text-indent: -1.7rem; --kind: var(--soft); }
.line::before { content: "✓"; display: inline-block; width: 1.7rem; text-indent: 0; color: var(--kind); font-weight: 700; }
.line.failed::before { content: "✗"; }
.box { margin: 1.4rem 0; padding: .8rem 1.1rem; border-left: 4px solid var(--kind); border-radius: .2rem; background: var(--tint); --kind: var(--soft); }
.box p { margin: .4rem 0 0; }
.box code { background: var(--page); }
.box strong:first-child { display: block; color: var(--kind); }
.question { --kind: var(--accent); } .passed { --kind: var(--green); }
.failed { --kind: var(--red); } .broken { --kind: var(--orange); }
@media print { nav { display: none; } h2, figure, .box { break-inside: avoid; } }
)";

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t'; }
bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
}

// Where the emphasis that begins at text[at] == '*' ends; npos if it is a star like any other, as
// in "a * b" and "2*3*4".
size_t emphasis_end(std::string_view text, size_t at) {
  if (at > 0 && is_word(text[at - 1])) return text.npos;
  if (at + 1 >= text.size() || is_space(text[at + 1]) || text[at + 1] == '*') return text.npos;
  for (size_t end = at + 2; (end = text.find('*', end)) != text.npos; ++end)
    if (!is_space(text[end - 1]) && (end + 1 == text.size() || !is_word(text[end + 1]))) return end;
  return text.npos;
}

// `code`, $formula$ and *emphasis* in a text.
std::string marked(std::string_view text) {
  std::string html;
  size_t done = 0;  // what stands before it is in the result
  const auto mark = [&](size_t begin, size_t end, const std::string& inside, const char* tag) {
    html += escaped(text.substr(done, begin - done)) + "<" + tag + ">" + inside + "</" + tag + ">";
    done = end + 1;
  };
  for (size_t at = 0; at < text.size(); at = std::max(at + 1, done)) {
    const size_t end = text[at] == '`'   ? text.find('`', at + 1)
                       : text[at] == '$' ? text.find('$', at + 1)
                       : text[at] == '*' ? emphasis_end(text, at)
                                         : text.npos;
    if (end == text.npos) continue;
    const std::string_view inside = text.substr(at + 1, end - at - 1);
    if (text[at] == '$') {
      html += escaped(text.substr(done, at - done)) + math_html(inside, false);
      done = end + 1;
    } else if (text[at] == '`')
      mark(at, end, escaped(inside), "code");
    else
      mark(at, end, marked(inside), "em");
  }
  return html + escaped(text.substr(done));
}

// A blank line begins a new paragraph.
std::string paragraphs(std::string_view text) {
  std::string html;
  while (!text.empty()) {
    const size_t end = std::min(text.find("\n\n"), text.size());
    if (end > 0) html += "<p>" + marked(text.substr(0, end)) + "</p>\n";
    text.remove_prefix(std::min(text.size(), end + 2));
  }
  return html;
}

std::string framed(std::string_view html) {
  return "<div class=\"frame\">\n" + std::string(html) + "</div>\n";
}

}  // namespace

Page::Page(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Page::heading(std::string_view text) {
  const std::string id = "section-" + std::to_string(++headings_);
  contents_ += "<li><a href=\"#" + id + "\">" + marked(text) + "</a></li>\n";
  body_ += "<h2 id=\"" + id + "\">" + marked(text) + "</h2>\n";
}

void Page::paragraph(std::string_view text) { body_ += paragraphs(text); }

void Page::preformatted(std::string_view text) {
  // A line feed right after <pre> would not count.
  body_ += "<pre>" + std::string(text.starts_with('\n') ? "\n" : "") + escaped(text) + "</pre>\n";
}

void Page::html(std::string_view html) { body_ += framed(html); }

void Page::figure(std::string_view html, std::string_view caption) {
  body_ += "<figure>\n" + framed(html);
  if (!caption.empty()) body_ += "<figcaption>" + marked(caption) + "</figcaption>\n";
  body_ += "</figure>\n";
}

void Page::pair(std::string_view html_a, std::string_view caption_a, std::string_view html_b,
                std::string_view caption_b) {
  body_ += "<div class=\"pair\">\n";
  figure(html_a, caption_a);
  figure(html_b, caption_b);
  body_ += "</div>\n";
}

void Page::formulas(const std::vector<std::string>& formulas) {
  std::string html = "<div class=\"formulas\">\n";
  for (const std::string& formula : formulas) html += math_html(formula);
  body_ += framed(html + "</div>\n");
}

void Page::box(std::string_view kind, std::string_view title, std::string_view text) {
  static constexpr std::string_view kinds[] = {"question", "passed", "failed", "broken", "note"};
  check(std::find(std::begin(kinds), std::end(kinds), kind) != std::end(kinds),
        "page: a box is a question, passed, failed, broken or a note, not \"{}\"", kind);
  if (title.empty() && (kind == "passed" || kind == "failed")) {
    body_ += "<p class=\"line " + std::string(kind) + "\">" + marked(text) + "</p>\n";
    return;
  }
  if (kind == "question") {
    body_ += "<details class=\"box question\"><summary>" + marked(title) + "</summary>\n" +
             paragraphs(text) + "</details>\n";
    return;
  }
  body_ += "<div class=\"box " + std::string(kind) + "\"><strong>" + marked(title) + "</strong>\n" +
           paragraphs(text) + "</div>\n";
}

std::string Page::to_string() const {
  std::string html = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n";
  html += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  html += "<title>" + escaped(title_) + "</title>\n<style>" + style + "</style>\n</head>\n";
  // The empty listener makes iOS show what is hovered over when a cell is tapped.
  html += "<body ontouchstart=\"\">\n<header>\n<h1>" + marked(title_) + "</h1>\n";
  if (!subtitle_.empty()) html += "<p class=\"subtitle\">" + marked(subtitle_) + "</p>\n";
  html += "</header>\n";
  if (headings_ > 1)
    html += "<nav aria-label=\"Contents\">\n<ol>\n" + contents_ + "</ol>\n</nav>\n";
  return html + "<main>\n" + body_ + "</main>\n</body>\n</html>\n";
}

void Page::write(const std::string& path) const { io::write_file(path, to_string()); }

}  // namespace gradus::viz
