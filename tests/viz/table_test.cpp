#include "gradus/viz/table.h"

#include <gtest/gtest.h>

#include "viz/markup.h"

namespace gradus::viz {
namespace {

TEST(Table, NumbersGoToTheRightAndWordsToTheLeft) {
  const TableRows rows = {{"tensor", "shape", "bytes", "worst"},
                          {"W_Q", "[2, 2]", "16", "3e-10"},
                          {"longest", "[16]", "1600", "-0.25"}};
  EXPECT_EQ(table(rows),
            "  tensor   shape   bytes  worst\n"
            "  ─────────────────────────────\n"
            "  W_Q      [2, 2]     16  3e-10\n"
            "  longest  [16]     1600  -0.25\n");
  EXPECT_EQ(table(rows, false),
            "  tensor   shape   bytes  worst\n"
            "  -----------------------------\n"
            "  W_Q      [2, 2]     16  3e-10\n"
            "  longest  [16]     1600  -0.25\n");
}

TEST(Table, WhatIsANumber) {
  const auto goes_right = [](const char* cell) {
    return table({{"a wide header"}, {cell}}, false).find("   " + std::string(cell)) !=
           std::string::npos;
  };
  for (const char* cell : {"7", "-7", "+0.5", ".5", "1e-10", "1.2e+05", "12:05", "85 %", "85%",
                           "36 k", "1.5 ms", "nan", "-inf", "1,024"})
    EXPECT_TRUE(goes_right(cell)) << cell;
  for (const char* cell : {"word", "[2, 2]", "2 layers", "4 x 4", "1 h 02 min", "3rd step", "-",
                           "e5", "--quick", "nano"})
    EXPECT_FALSE(goes_right(cell)) << cell;
}

TEST(Table, OneWordMakesAColumnOfWordsAndADashDoesNot) {
  EXPECT_EQ(table({{"value"}, {"1"}, {"none"}}, false), "  value\n  -----\n  1\n  none\n");
  EXPECT_EQ(table({{"value"}, {"1"}, {"-"}, {""}, {"–"}}, false),
            "  value\n  -----\n      1\n      -\n\n      –\n");
}

TEST(Table, RowsMayDifferInLength) {
  EXPECT_EQ(table({{"a"}, {"x", "y", "12"}, {}, {"z"}}, false),
            "  a\n  --------\n  x  y  12\n\n  z\n");
  EXPECT_EQ(table({}, false), "");
  EXPECT_EQ(table({{}, {}}, false), "");
}

TEST(Table, ColumnsAreCountedInCharactersAndCellsStayOnTheirLine) {
  EXPECT_EQ(table({{"é", "b"}, {"eee", "x\ny"}}, false), "  é    b\n  ---------\n  eee  x\\ny\n");
}

TEST(TableHtml, SaysTheSame) {
  const std::string html = table_html({{"name", "n"}, {"a", "1"}, {"b"}});
  EXPECT_EQ(html,
            "<table>\n<thead><tr><th>name</th><th class=\"number\">n</th></tr></thead>\n<tbody>\n"
            "<tr><td>a</td><td class=\"number\">1</td></tr>\n"
            "<tr><td>b</td><td class=\"number\"></td></tr>\n</tbody>\n</table>\n");
  EXPECT_EQ(test::markup_error(html), "");
  EXPECT_EQ(test::markup_error(table_html({})), "");
}

TEST(TableHtml, TextCannotBecomeMarkup) {
  const std::string html = table_html({{test::harmful}, {test::harmful}});
  EXPECT_EQ(test::count_of(html, test::harmless), 2);
  EXPECT_EQ(test::markup_error(html), "");
}

}  // namespace
}  // namespace gradus::viz
