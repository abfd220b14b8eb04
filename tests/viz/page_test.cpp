#include "gradus/viz/page.h"
#include "gradus/viz/math.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "gradus/io/file.h"
#include "support.h"
#include "viz/markup.h"

namespace gradus::viz {
namespace {

// What a page of these calls holds between <main> and </main>.
template <class F>
std::string body_of(F&& fill) {
  Page page("t", "");
  fill(page);
  const std::string html = page.to_string();
  EXPECT_EQ(test::markup_error(html), "");
  const size_t begin = html.find("<main>\n") + 7;
  return html.substr(begin, html.find("</main>") - begin);
}
std::string paragraph(std::string_view text) {
  return body_of([&](Page& page) { page.paragraph(text); });
}

TEST(Page, HoldsEverythingInOrder) {
  Page page("Queries & keys", "and *values*");
  page.heading("One row");
  page.paragraph("It begins.");
  page.heading("The `map`");
  page.figure("<svg></svg>\n", "A map.");
  const std::string html = page.to_string();
  EXPECT_EQ(test::markup_error(html), "");
  EXPECT_NE(html.find("<title>Queries &amp; keys</title>"), html.npos);
  EXPECT_NE(html.find("<h1>Queries &amp; keys</h1>\n<p class=\"subtitle\">and <em>values</em></p>"),
            html.npos);
  EXPECT_NE(html.find("<ol>\n<li><a href=\"#section-1\">One row</a></li>\n"
                      "<li><a href=\"#section-2\">The <code>map</code></a></li>\n</ol>"),
            html.npos);
  EXPECT_NE(html.find("<main>\n<h2 id=\"section-1\">One row</h2>\n<p>It begins.</p>\n"
                      "<h2 id=\"section-2\">The <code>map</code></h2>\n"
                      "<figure>\n<div class=\"frame\">\n<svg></svg>\n</div>\n"
                      "<figcaption>A map.</figcaption>\n</figure>\n</main>"),
            html.npos);
}

TEST(Page, NeedsNoNetworkAndNoSecondFile) {
  Page page("t", "s");
  page.heading("h");
  const std::string html = page.to_string();
  for (const char* reference : {"http:", "https:", "src=", "url(", "@import", "<link", "<script"})
    EXPECT_EQ(html.find(reference), html.npos) << reference;
  EXPECT_NE(html.find("prefers-color-scheme: dark"), html.npos);
  EXPECT_NE(html.find("width=device-width"), html.npos);
}

TEST(Page, OneHeadingNeedsNoContents) {
  Page page("t", "");
  page.heading("h");
  EXPECT_EQ(page.to_string().find("<nav"), std::string::npos);
  EXPECT_EQ(page.to_string().find("<p class=\"subtitle\""), std::string::npos);
  page.heading("h");
  EXPECT_NE(page.to_string().find("<nav"), std::string::npos);
}

TEST(Page, CodeAndEmphasisAreMarked) {
  EXPECT_EQ(paragraph("a `b*c*d` e"), "<p>a <code>b*c*d</code> e</p>\n");
  EXPECT_EQ(paragraph("*a b* c *d*, (*e*)"), "<p><em>a b</em> c <em>d</em>, (<em>e</em>)</p>\n");
  EXPECT_EQ(paragraph("*uses `x * y`*"), "<p><em>uses <code>x * y</code></em></p>\n");
  EXPECT_EQ(paragraph("one\n\ntwo\nlines\n\n\n\nthree"),
            "<p>one</p>\n<p>two\nlines</p>\n<p>three</p>\n");
}

TEST(Page, StarsAndTicksThatMarkNothingStay) {
  for (const char* text :
       {"a * b * c", "2*3*4", "2*3* 4", "a ` b", "*a", "a*", "**", "`", "*", "x *a b"})
    EXPECT_EQ(paragraph(text), "<p>" + std::string(text) + "</p>\n");
}

TEST(Page, TextCannotBecomeMarkup) {
  Page page(test::harmful, test::harmful);
  page.heading(test::harmful);
  page.heading(test::harmful);
  page.paragraph(test::harmful);
  page.paragraph("`" + std::string(test::harmful) + "`, *" + test::harmful + "*");
  page.preformatted(test::harmful);
  page.box("note", test::harmful, test::harmful);
  page.figure("", test::harmful);
  const std::string html = page.to_string();
  EXPECT_EQ(test::markup_error(html), "");
  // title and h1, subtitle, two headings, each in the contents as well, and what follows
  EXPECT_EQ(test::count_of(html, test::harmless), 3 + 4 + 1 + 2 + 1 + 2 + 1);
}

TEST(Page, PreformattedTextKeepsItsLines) {
  EXPECT_EQ(body_of([](Page& page) { page.preformatted("  a\n\tb"); }), "<pre>  a\n\tb</pre>\n");
  // The first line feed after <pre> is dropped by browsers.
  EXPECT_EQ(body_of([](Page& page) { page.preformatted("\na"); }), "<pre>\n\na</pre>\n");
}

TEST(Page, BoxesOfEveryKind) {
  for (const std::string kind : {"passed", "failed", "broken", "note"})
    EXPECT_EQ(body_of([&](Page& page) { page.box(kind, "T", "x"); }),
              "<div class=\"box " + kind + "\"><strong>T</strong>\n<p>x</p>\n</div>\n");
  for (const std::string kind : {"question", "passed", "failed", "broken"})
    EXPECT_NE(Page("", "").to_string().find("." + kind + " {"), std::string::npos) << "a colour";
  EXPECT_EQ(test::error_of([] { Page("", "").box("warning", "", ""); }),
            "page: a box is a question, passed, failed, broken or a note, not \"warning\"");
}

TEST(Page, QuestionsOpenAndVerdictsAreLines) {
  EXPECT_EQ(
      body_of([](Page& page) { page.box("question", "1 < 2?", "yes"); }),
      "<details class=\"box question\"><summary>1 &lt; 2?</summary>\n<p>yes</p>\n</details>\n");
  EXPECT_EQ(body_of([](Page& page) { page.box("passed", "", "it `holds`"); }),
            "<p class=\"line passed\">it <code>holds</code></p>\n");
  EXPECT_EQ(body_of([](Page& page) { page.box("failed", "", "x"); }),
            "<p class=\"line failed\">x</p>\n");
  EXPECT_NE(body_of([](Page& page) { page.box("note", "", "x"); }).find("class=\"box note\""),
            std::string::npos);
}

TEST(Page, FormulasInSentencesAndSideBySide) {
  EXPECT_EQ(body_of([](Page& page) { page.paragraph("the $x$ of 5 $"); }),
            "<p>the <math><mi>x</mi></math> of 5 $</p>\n");
  const std::string two = body_of([](Page& page) { page.formulas({"x", "y"}); });
  EXPECT_NE(two.find(math_html("x") + math_html("y")), std::string::npos) << two;
  const std::string pair = body_of([](Page& page) { page.pair("<b></b>", "a", "<i></i>", "c"); });
  EXPECT_TRUE(pair.starts_with("<div class=\"pair\">\n<figure>")) << pair;
  EXPECT_LT(pair.find("<figcaption>a</figcaption>"), pair.find("<i></i>"));
}

TEST(Page, IsWrittenWhole) {
  const auto path = std::filesystem::path(testing::TempDir()) / "gradus_page_test.html";
  Page page("t", "");
  page.write(path.string());
  EXPECT_EQ(io::read_file(path), page.to_string());
  std::filesystem::remove(path);
  EXPECT_EQ(test::error_of([&] { page.write("/no/such/directory/page.html"); }),
            "write: /no/such/directory/page.html: No such file or directory");
}

}  // namespace
}  // namespace gradus::viz
