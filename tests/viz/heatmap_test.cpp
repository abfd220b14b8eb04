#include "gradus/viz/heatmap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "support.h"
#include "viz/markup.h"

namespace gradus::viz {
namespace {

const Terminal ascii{};
const Terminal unicode{false, false, true, 80};
const Terminal colour{true, true, true, 80};

Heatmap cats() {
  return {"Attention weights",
          Array::of({1, 0, 0, 0.25, 0.75, 0, 0.04, 0.6, 0.36}, {3, 3}),
          "query",
          "key",
          {"The", "cat", "sat"},
          {"The", "cat", "sat"},
          0,
          1};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::string line;
  for (std::istringstream stream(text); std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// What one sees: the text without the sequences that colour it.
std::string uncoloured(std::string text) {
  for (size_t at = 0; (at = text.find('\033')) != text.npos;)
    text.erase(at, text.find('m', at) + 1 - at);
  return text;
}

TEST(Heatmap, NumbersStandBesideTheirShades) {
  EXPECT_EQ(heatmap(cats(), unicode),
            "  Attention weights\n"
            "            key →\n"
            "  query ↓        The      cat      sat\n"
            "      The    ██ 1.00     0.00     0.00\n"
            "      cat    ▒▒ 0.25  ██ 0.75     0.00\n"
            "      sat       0.04  ▓▓ 0.60  ▒▒ 0.36\n");
  EXPECT_EQ(heatmap(cats(), ascii),
            "  Attention weights\n"
            "            key ->\n"
            "  query v        The      cat      sat\n"
            "      The    ## 1.00     0.00     0.00\n"
            "      cat    :: 0.25  ## 0.75     0.00\n"
            "      sat       0.04  ** 0.60  :: 0.36\n");
}

TEST(Heatmap, ColoursSetBothTheBackgroundAndTheForeground) {
  const std::string text = heatmap(cats(), colour);
  EXPECT_EQ(lines_of(text)[3],
            "      The  \033[48;5;17;38;5;231m 1.00 \033[0m\033[48;5;255;38;5;240m 0.00 \033[0m"
            "\033[48;5;255;38;5;240m 0.00 \033[0m");
  EXPECT_EQ(uncoloured(text),
            "  Attention weights\n"
            "            key →\n"
            "  query ↓    The   cat   sat\n"
            "      The   1.00  0.00  0.00 \n"
            "      cat   0.25  0.75  0.00 \n"
            "      sat   0.04  0.60  0.36 \n");
}

TEST(Heatmap, WithoutNamesThereAreNumbersAndNothingElse) {
  EXPECT_EQ(heatmap({"", Array::of({0, 1}, {1, 2}), "", "", {}, {}}, unicode),
            "             0        1\n"
            "  0       0.00  ██ 1.00\n");
}

TEST(Heatmap, BothSignsHaveTheirOwnColourAndZeroHasNone) {
  const Heatmap map{"", Array::of({-2, -1, 0, 1}, {1, 4}), "", "", {}, {}};
  EXPECT_EQ(lines_of(heatmap(map, unicode))[1], "  0    ██ -2.00  ▓▓ -1.00      0.00  ▓▓ +1.00");
  const std::string text = heatmap(map, colour);
  EXPECT_NE(text.find("\033[48;5;17;38;5;231m -2.00 "), text.npos);   // the darkest blue
  EXPECT_NE(text.find("\033[48;5;75;38;5;16m -1.00 "), text.npos);    // half of it
  EXPECT_NE(text.find("\033[48;5;215;38;5;16m +1.00 "), text.npos);   // half of the orange
  EXPECT_NE(text.find("\033[48;5;255;38;5;240m  0.00 "), text.npos);  // neutral
}

TEST(Heatmap, TheScaleIsTheGivenOneOrTheExtremes) {
  const auto shades = [](double low, double high) {
    return lines_of(
        heatmap({"", Array::of({1, 2, 3}, {1, 3}), "", "", {}, {}, low, high}, ascii))[1];
  };
  EXPECT_EQ(shades(0, 0), "  0       1.00  ** 2.00  ## 3.00");
  EXPECT_EQ(shades(0, 10), "  0    .. 1.00  .. 2.00  :: 3.00");
  EXPECT_EQ(shades(2, 2.5), "  0       1.00     2.00  ## 3.00");
  const Heatmap even{"", Array::full({1, 2}, 7), "", "", {}, {}};
  EXPECT_EQ(lines_of(heatmap(even, ascii))[1], "  0       7.00     7.00");
}

TEST(Heatmap, NumbersThatAreNotFiniteHaveNoShadeAndNoSay) {
  const Heatmap map{"", Array::of({-INFINITY, NAN, 0, 1}, {1, 4}), "", "", {}, {}};
  EXPECT_EQ(lines_of(heatmap(map, ascii))[1], "  0       -inf      nan     0.00  ## 1.00");
  const Heatmap none{"", Array::full({1, 1}, INFINITY), "", "", {}, {}};
  EXPECT_EQ(lines_of(heatmap(none, ascii))[1], "  0       inf");
}

TEST(Heatmap, DecimalsFitTheSizeOfTheNumbers) {
  const auto row = [](const std::vector<double>& values) {
    const int64_t n = std::ssize(values);
    const auto lines =
        lines_of(heatmap({"", Array::of(values, {1, n}, DType::float64), "", "", {}, {}}, ascii));
    return lines[1] + (lines.size() > 2 ? "|" + lines[2] : "");
  };
  EXPECT_EQ(row({0, 99.9}), "  0        0.00  ## 99.90");
  EXPECT_EQ(row({0, 100}), "  0         0.0  ## 100.0");
  EXPECT_EQ(row({0, 1000}), "  0          0  ## 1000");
  EXPECT_EQ(row({0, 12345}), "  0       0.00  ## 1.23|     in units of 1e+04");
  EXPECT_EQ(row({0, 0.1}), "  0       0.00  ## 0.10");
  EXPECT_EQ(row({0, 0.05}), "  0       0.00  ## 5.00|     in units of 1e-02");
  EXPECT_EQ(row({0, 3.25e-5}), "  0       0.00  ## 3.25|     in units of 1e-05");
  EXPECT_EQ(row({-0.0001, 0.5}), "  0        0.00  ## +0.50");  // no "-0.00"
}

TEST(Heatmap, MasksAndIndicesAreWholeNumbers) {
  EXPECT_EQ(heatmap({"", Array::of_bools({true, false}, {1, 2}), "", "", {}, {}}, ascii),
            "          0     1\n"
            "  0    ## 1     0\n");
}

TEST(Heatmap, WhereNumbersDoNotFitNamesGoDownwardsAndAScaleSaysWhatShadesMean) {
  Heatmap map{"",      Array::of({0, 0.2, 0.4, 0.6, 0.8, 1}, {1, 6}),
              "q",     "k",
              {"row"}, {"a", "bc", "d", "e", "f", "g"}};
  EXPECT_EQ(heatmap(map, {false, false, true, 30}),
            "       k →\n"
            "         b\n"
            "  q ↓  a c d e f g\n"
            "  row    ░░▒▒▓▓████\n"
            "       0   ░░▒▒▓▓██ 1\n");
  EXPECT_EQ(uncoloured(heatmap(map, {true, true, true, 30})),
            "       k →\n"
            "         b\n"
            "  q ↓  a c d e f g\n"
            "  row              \n"
            "       0            1\n");
  const std::string coloured = heatmap(map, {true, true, true, 30});
  const std::string scale = coloured.substr(coloured.rfind("0 \033"));
  for (const char* quarter : {"48;5;255;", "48;5;153;", "48;5;75;", "48;5;26;", "48;5;17;"})
    EXPECT_EQ(test::count_of(scale, quarter), 1) << quarter;
  map.values = Array::of({-1, -0.6, 0, 0.2, 0.6, 1}, {1, 6});
  EXPECT_EQ(lines_of(heatmap(map, {false, false, true, 30}))[3], "  row  █-▓-  ░+▓+█+");
}

TEST(Heatmap, ColumnsBeyondTheWidthFollowBelow) {
  const Heatmap map{"", test::counting({2, 40}), "", "", {}, {}};
  const auto lines = lines_of(heatmap(map, {false, false, false, 35}));
  ASSERT_EQ(lines.size(), 9u);
  EXPECT_EQ(lines[0], "               11111111112222222222");
  EXPECT_EQ(lines[1], "     012345678901234567890123456789");
  EXPECT_EQ(lines[4], "     3333333333");
  EXPECT_EQ(lines[5], "     0123456789");
  EXPECT_EQ(lines[6], "  0  ::::::::::");  // 30 to 39 of 79
  EXPECT_EQ(lines[7], "  1  ##########");  // 70 to 79
}

TEST(Heatmap, NothingIsWiderThanTheTerminal) {
  std::vector<std::string> names;
  for (int i = 0; i < 90; ++i)
    names.push_back("name " + std::string(static_cast<size_t>(i % 17), 'x'));
  for (const int width : {20, 25, 40, 80, 120})
    for (const int64_t columns : {1, 2, 5, 9, 13, 30, 90})
      for (const bool named : {false, true})
        for (const bool coloured : {false, true})
          for (const double scale : {1.0, 1e-6}) {
            Heatmap map{
                "A title of some words that goes on for longer than narrow terminals are wide",
                test::random_array({3, columns}),
                "a row axis",
                "a column axis",
                {},
                {}};
            if (named) map.columns.assign(names.begin(), names.begin() + columns);
            std::vector<double> values = map.values.to_vector();
            for (double& value : values) value *= scale;
            map.values = Array::of(values, {3, columns}, DType::float64);
            const std::string text = heatmap(map, {coloured, coloured, true, width});
            for (const std::string& line : lines_of(uncoloured(text)))
              EXPECT_LE(columns_of(line), width) << text;
          }
}

TEST(Heatmap, NamesAreCutAndControlCharactersSpelledOut) {
  const Heatmap map{"a\nb", Array::of({0, 1}, {1, 2}),
                    "",     "",
                    {"\n"}, {"a very long name indeed", std::string("\t\x01")}};
  EXPECT_EQ(heatmap(map, unicode),
            "  a\\nb\n"
            "       a very lon…      \\t\\x01\n"
            "  \\n          0.00     ██ 1.00\n");
  EXPECT_EQ(lines_of(heatmap(map, ascii))[1], "       a very lon~      \\t\\x01");
}

TEST(Heatmap, WhatIsWrongIsNamed) {
  const auto error = [](const Heatmap& map) {
    const std::string text = test::error_of([&] { heatmap(map, ascii); });
    EXPECT_EQ(test::error_of([&] { heatmap_svg(map); }), text);
    return text;
  };
  EXPECT_EQ(error({"", Array::zeros({2, 3, 4}), "", "", {}, {}}),
            "heatmap: needs a matrix, got float32 [2, 3, 4]");
  EXPECT_EQ(error({"", Array(), "", "", {}, {}}), "heatmap: needs a matrix, got no array []");
  EXPECT_EQ(error({"", Array::zeros({0, 3}), "", "", {}, {}}), "heatmap: [0, 3] has no elements");
  EXPECT_EQ(error({"", Array::zeros({2, 3}), "", "", {"a"}, {}}), "heatmap: 1 names for 2 rows");
  EXPECT_EQ(error({"", Array::zeros({1, 3}), "", "", {}, {"a", "b"}}),
            "heatmap: 2 names for 3 columns");
  EXPECT_EQ(error({"", Array::zeros({1, 1}), "", "", {}, {}, 2, 1}),
            "heatmap: the scale runs from 2 to 1");
}

// ---- SVG ----

TEST(HeatmapSvg, EachCellSaysItsValue) {
  const std::string svg = heatmap_svg(cats());
  EXPECT_EQ(test::markup_error(svg), "");
  EXPECT_EQ(test::count_of(svg, "class=\"cell\""), 9);
  EXPECT_EQ(test::count_of(svg, "<title>query sat, key cat: 0.6</title>"), 1);
  EXPECT_EQ(test::count_of(svg, ">query sat, key cat: 0.6</text>"), 1);  // below the map
  EXPECT_NE(svg.find(">0.60</text>"), svg.npos);
  EXPECT_NE(svg.find("fill-opacity=\"0.600\""), svg.npos);
  EXPECT_EQ(svg.find("http", svg.find("http") + 1), svg.npos);  // the name space, no address
}

TEST(HeatmapSvg, PositiveNumbersAreWarmWhereBothSignsAre) {
  const std::string svg = heatmap_svg({"", Array::of({-2, 0, 1}, {1, 3}), "", "", {}, {}});
  EXPECT_EQ(test::count_of(svg, "class=\"cell\""), 2);
  EXPECT_EQ(test::count_of(svg, "class=\"cell warm\""), 1);
  EXPECT_NE(svg.find("class=\"cell warm\" tabindex=\"-1\"><title>0, 2: 1</title>"), svg.npos);
  EXPECT_NE(svg.find("fill-opacity=\"0.500\""), svg.npos);
}

TEST(HeatmapSvg, TheLegendHasEveryQuarterAndStrongCellsWhiteNumbers) {
  const std::string svg = heatmap_svg({"", Array::of({0, 0.7, 0.8, 1}, {1, 4}), "", "", {}, {}});
  EXPECT_EQ(test::count_of(svg, "class=\"strong\""), 2);
  EXPECT_EQ(test::count_of(svg, "<g class=\"cool\">"), 5);
  for (const char* quarter : {"\"0.00\"", "\"0.25\"", "\"0.50\"", "\"0.75\"", "\"1.00\""})
    EXPECT_EQ(test::count_of(svg, "fill-opacity=" + std::string(quarter)), 1) << quarter;
  const std::string both = heatmap_svg({"", Array::of({-2, 1}, {1, 2}), "", "", {}, {}});
  EXPECT_EQ(test::count_of(both, "<g class=\"cool\">"), 5);
  EXPECT_EQ(test::count_of(both, "<g class=\"warm\">"), 4);
}

TEST(HeatmapSvg, NumbersInAnotherUnitSayWhichBesideTheLegend) {
  const std::string svg = heatmap_svg({"", Array::of({1e-5, 2e-5}, {1, 2}), "", "", {}, {}});
  EXPECT_EQ(test::count_of(svg, ">numbers in units of 1e-05</text>"), 1);
  EXPECT_EQ(heatmap_svg(cats()).find("in units of"), svg.npos);
}

TEST(HeatmapSvg, TextCannotBecomeMarkup) {
  Heatmap map = cats();
  map.title = map.row_axis = map.column_axis = map.rows[0] = map.columns[1] = test::harmful;
  const std::string svg = heatmap_svg(map);
  EXPECT_EQ(test::markup_error(svg), "");
  EXPECT_EQ(svg.find("<b"), svg.npos);
  EXPECT_NE(svg.find("aria-label=\"" + std::string(test::harmless) + "\""), svg.npos);
}

TEST(HeatmapSvg, ManyColumnsHaveSmallCellsWithoutNumbers) {
  const std::string svg = heatmap_svg({"", test::random_array({2, 200}), "", "", {}, {}});
  EXPECT_EQ(test::markup_error(svg), "");
  EXPECT_EQ(test::count_of(svg, "<title>"), 400);
  EXPECT_EQ(test::count_of(svg, "width=\"4.5\""), 400);
  EXPECT_LT(svg.size(), 200000u);
}

}  // namespace
}  // namespace gradus::viz
