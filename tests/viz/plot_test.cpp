#include "gradus/viz/plot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <tuple>

#include "support.h"

namespace gradus::viz {
namespace {

using Style = Series::Style;

const Terminal ascii{};
const Terminal unicode{false, false, true, 80};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::string line;
  for (std::istringstream stream(text); std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(Plot, LinesPointsAndLevels) {
  const Series line{"line", {0, 1, 2}, {4, 0, 4}};
  const Series points{"points", {0, 1, 2}, {1, 2, 3}, Style::points};
  const Series level{"level", {}, {1}, Style::level};
  const PlotOptions options{"title", "step", 32, 5};
  EXPECT_EQ("\n" + plot({line, points, level}, options, ascii), R"(
title
   * line   o points   -- level
4 +**                         **
  |  ****                 **** o
2 +      ***     o     ***
  |o----------------------------
0 +             ***
  ++-------------+-------------+
   0             1             2
                            step
)");
  EXPECT_EQ("\n" + plot({line, points, level}, options, unicode), R"(
title
   ⠤⠒ line   ● points   ⠂⠂ level
4 ┤⠑⠢⣀                       ⣀⠔⠊
  │   ⠑⠢⣀                 ⣀⠔⠊  ●
2 ┤      ⠑⠢⢄     ●     ⢀⠔⠊
  │●⠄⠄⠄⠄⠄⠄⠄⠄⠍⠦⢄⠄⠄⠄⠄⠄⢄⠤⠎⠅⠄⠄⠄⠄⠄⠄⠄⠄
0 ┤            ⠉⠢⢄⠤⠊⠁
  └┬─────────────┬─────────────┬
   0             1             2
                            step
)");
}

// Equal distances are equal factors; points have names; 0 has no logarithm and is left out.
TEST(Plot, LogarithmicAxes) {
  const Series roof{"roof", {0.1, 1, 10}, {1, 10, 10}};
  const Series points{"", {1, 0.1, 0, 10}, {1, 10, 5, 0}, Style::points, {"1", "2", "3", "4"}};
  PlotOptions options{"", "x", 32, 5};
  options.log_log = true;
  EXPECT_EQ("\n" + plot({roof, points}, options, ascii), R"(
    * roof
10 +2            ***************
 5 +         ****
   |      ***
 2 +  ****
 1 +**            1
   ++-------------+------------+
   0.1            1           10
                               x
)");
  // Of many powers of ten every other or every third has its number.
  const Series v{"", {1e-12, 1e-6, 1}, {1e-4, 1e-10, 1}};
  EXPECT_EQ("\n" + plot({v}, {.x_label = "h", .width = 60, .height = 10, .log_log = true}, ascii),
            R"(
     1 +                                                  **
       |                                               ***
  0.01 +                                             **
       |                                          ***
0.0001 +***                                    ***
 1e-06 +   *****                            ***
       |        *****                    ***
 1e-08 +             ******            **
       |                   *****    ***
 1e-10 +                        ****
       ++------------+------------+-----------+------------+
      1e-12        1e-09        1e-06       0.001          1
                                                           h
)");
  Series unnamed = points;
  unnamed.labels.pop_back();
  EXPECT_THROW(plot({unnamed}, options, ascii), Error);
  const std::string svg = plot_svg({roof, points}, options);
  EXPECT_NE(svg.find("<title>2, x 0.1: 10</title>"), std::string::npos) << svg;
  EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
}

// Every line is as wide as asked at most, and the last one of the frame exactly.
TEST(Plot, StaysInsideItsWidth) {
  Generator generator(1);
  for (const Terminal& terminal : {ascii, unicode})
    for (int width = 30; width < 130; width += 7)
      for (const double scale : {1e-12, 1e-3, 1.0, 12345.678, 1e9, 1e200}) {
        Series series{"a", {}, {}};
        for (int i = 0; i < 50; ++i) {
          series.x.push_back(scale * generator.normal());
          series.y.push_back(scale * generator.normal());
        }
        const auto lines = lines_of(plot({series}, {"", "", width, 7}, terminal));
        ASSERT_EQ(lines.size(), 1U + 7 + 2);
        for (const std::string& line : lines) EXPECT_LE(columns_of(line), std::min(width, 80));
        EXPECT_EQ(columns_of(lines[8]), std::min(width, 80));
      }
}

// The numbers beside the plot, from the top, and those below it.
std::pair<std::vector<std::string>, std::vector<std::string>> labels(const std::vector<double>& x,
                                                                     const std::vector<double>& y) {
  const auto lines = lines_of(plot({{"", x, y}}, {"", "", 60, 12}, ascii));
  std::vector<std::string> beside, below;
  for (size_t row = 0; row < 12; ++row)
    if (std::string label; std::istringstream(lines[row]) >> label && label[0] != '|')
      beside.push_back(label);
  std::istringstream stream(lines.back());
  for (std::string label; stream >> label;) below.push_back(label);
  return {beside, below};
}

TEST(Plot, TicksAreRoundNumbers) {
  using Labels = std::vector<std::string>;
  auto [beside, below] = labels({0, 2000}, {1.37, 4.21});
  EXPECT_EQ(beside, (Labels{"4.0", "3.5", "3.0", "2.5", "2.0", "1.5"}));
  EXPECT_EQ(below, (Labels{"0", "500", "1000", "1500", "2000"}));
  std::tie(beside, below) = labels({-0.03, 0.031}, {-1, 1});
  EXPECT_EQ(beside, (Labels{"1.0", "0.5", "0.0", "-0.5", "-1.0"}));
  EXPECT_EQ(below, (Labels{"-0.02", "0.00", "0.02"}));
  std::tie(beside, below) = labels({0, 3e7}, {0, 2.5e-9});
  EXPECT_EQ(beside, (Labels{"2.5e-09", "2e-09", "1.5e-09", "1e-09", "5e-10", "0"}));
  EXPECT_EQ(below, (Labels{"0", "1e+07", "2e+07", "3e+07"}));
}

TEST(Plot, OnePointAndConstantsHaveRoom) {
  for (const double value : {0.0, 2.0, -1e-5, 1e12, 1e-320}) {
    const auto lines = lines_of(plot({{"", {value}, {value}}}, {"", "", 40, 7}, ascii));
    EXPECT_NE(lines[3].find('*'), std::string::npos) << value;  // in the middle
    const auto flat = lines_of(plot({{"", {0, 1}, {value, value}}}, {"", "", 40, 7}, ascii));
    EXPECT_NE(flat[3].find(std::string(25, '*')), std::string::npos) << value;
  }
}

TEST(Plot, NumbersThatAreNoneLeaveAGap) {
  for (const double none : {double{NAN}, double{INFINITY}, -double{INFINITY}, 1e301}) {
    const std::string gap =
        plot({{"", {0, 10, 20, 30, 40}, {1, 1, none, 1, 1}}}, {"", "", 46, 4}, ascii);
    const std::string run(11, '*');
    EXPECT_NE(gap.find(run + std::string(19, ' ') + run + "\n"), std::string::npos) << gap;
  }
  EXPECT_EQ(plot({}, {.title = "title"}, ascii), "title\n(no points to plot)\n");
  EXPECT_EQ(plot({{"a", {0}, {NAN}}}, {}, ascii), "(no points to plot)\n");
}

TEST(Plot, ColoursAreForTerminalsThatAllowThem) {
  const std::vector<Series> series = {{"a", {0, 1}, {0, 1}}, {"b", {0, 1}, {1, 0}}};
  EXPECT_EQ(plot(series, {}, unicode).find('\033'), std::string::npos);
  const std::string coloured = plot(series, {}, {true, true, true, 80});
  EXPECT_NE(coloured.find("\033[36m"), std::string::npos);
  EXPECT_NE(coloured.find("\033[33m"), std::string::npos);
}

TEST(Plot, WithoutColourSeveralCurvesHaveLetters) {
  const Series rising{"up", {0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}};
  const Series falling{"down", {0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}};
  const Series level{"half", {}, {2.5}, Series::Style::level};
  const std::string both = plot({rising, level, falling}, {}, unicode);
  EXPECT_NE(both.find("a up"), std::string::npos) << both;
  EXPECT_NE(both.find("b down"), std::string::npos) << both;
  // One letter on each curve: of six points the second for the first of three series, the fifth for
  // the third.
  const std::string picture = both.substr(both.find('\n'));
  EXPECT_EQ(std::count(picture.begin(), picture.end(), 'a'), 1) << both;
  EXPECT_EQ(std::count(picture.begin(), picture.end(), 'b'), 1) << both;
  const std::string alone = plot({rising, level}, {}, unicode);
  EXPECT_EQ(alone.find("a up"), std::string::npos) << "one curve needs none";
  const std::string coloured = plot({rising, falling}, {}, {true, true, true, 80});
  EXPECT_EQ(coloured.find("a up"), std::string::npos) << "colours tell";
}

TEST(Plot, MistakesAreNamed) {
  EXPECT_EQ(test::error_of([] {
              plot({{"a", {1, 2}, {1}}}, {}, ascii);
            }),
            "plot: \"a\" has 2 x and 1 y");
  EXPECT_EQ(test::error_of([] {
              plot({{"a", {1}, {1}}}, {"", "", 29, 9}, ascii);
            }),
            "plot: 29 x 9 characters, at least 30 x 4 are needed");
  EXPECT_EQ(test::error_of([] {
              plot({{"a", {1}, {1}}}, {"", "", 80, 3}, ascii);
            }),
            "plot: 80 x 3 characters, at least 30 x 4 are needed");
}

}  // namespace
}  // namespace gradus::viz
