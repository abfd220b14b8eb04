#include <gtest/gtest.h>

#include <cmath>

#include "gradus/viz/plot.h"
#include "support.h"
#include "viz/markup.h"

namespace gradus::viz {
namespace {

using Style = Series::Style;

PlotOptions titled(std::string title, std::string x_label = "") {
  PlotOptions options;
  options.title = std::move(title);
  options.x_label = std::move(x_label);
  return options;
}

TEST(PlotSvg, LinesPointsAndLevels) {
  const std::string svg = plot_svg({{"train", {0, 1, 2}, {4, 2, 3}},
                                    {"best", {1}, {2}, Style::points},
                                    {"limit", {}, {3.5}, Style::level}},
                                   titled("Loss", "step"));
  EXPECT_EQ(test::markup_error(svg), "");
  EXPECT_EQ(test::count_of(svg, "<title>"), 4);
  EXPECT_EQ(test::count_of(svg, "<title>train, step 1: 2</title>"), 1);
  EXPECT_EQ(test::count_of(svg, "<title>best, step 1: 2</title>"), 1);
  EXPECT_EQ(test::count_of(svg, ">best, step 1: 2</text>"), 1);
  for (const char* text : {">Loss</text>", ">train</text>", ">best</text>", ">limit</text>",
                           ">step</text>", ">2.5</text>", ">3.5</text>", ">4.0</text>"})
    EXPECT_EQ(test::count_of(svg, text), 1) << text;
  // The colours are those of the series' numbers: line, mark and key of each.
  EXPECT_EQ(test::count_of(svg, "class=\"s0 line\""), 2);
  EXPECT_EQ(test::count_of(svg, "class=\"s2 level\""), 2);
  EXPECT_LT(svg.rfind("class=\"s2 level\""), svg.rfind("class=\"s0 line\""));  // the line over it
}

// The last picture's line as "M0 1L2 3".
std::vector<std::string> paths_of(const std::string& svg) {
  std::vector<std::string> paths;
  for (size_t at = 0; (at = svg.find("line\"><path d=\"", at)) != svg.npos;) {
    at += 15;
    paths.push_back(svg.substr(at, svg.find('"', at) - at));
  }
  return paths;
}

TEST(PlotSvg, PointsLieWhereTheirNumbersSay) {
  const auto paths = paths_of(plot_svg({{"", {0, 1, 2}, {0, 2, 1}}}));
  ASSERT_EQ(paths.size(), 1u);
  double x[3], y[3], first_x = 0, first_y = 0;
  ASSERT_EQ(std::sscanf(paths[0].c_str(), "M%lf %lfL%lf %lfL%lf %lfL%lf %lf", &first_x, &first_y,
                        &x[0], &y[0], &x[1], &y[1], &x[2], &y[2]),
            8);
  EXPECT_EQ(first_x, x[0]);
  EXPECT_NEAR(x[1] - x[0], x[2] - x[1], 0.11);        // evenly spaced
  EXPECT_GT(x[1] - x[0], 150);                        // over the picture's width
  EXPECT_NEAR(y[0] - y[2], (y[0] - y[1]) / 2, 0.11);  // 1 lies half-way to 2
  EXPECT_GT(y[0] - y[1], 150);                        // upwards is up
}

TEST(PlotSvg, ALineHasAGapWhereANumberIsMissing) {
  const auto paths = paths_of(plot_svg({{"", {0, 1, 2, 3}, {1, NAN, 2, 3}}}));
  ASSERT_EQ(paths.size(), 1u);
  EXPECT_EQ(test::count_of(paths[0], "M"), 2);
  EXPECT_EQ(paths[0].find("nan"), std::string::npos);
  const std::string svg = plot_svg({{"", {0, 1, 2, 3}, {1, NAN, 2, INFINITY}}});
  EXPECT_EQ(test::count_of(svg, "<title>"), 2);
}

TEST(PlotSvg, OfManyPointsSomeSayTheirNumbers) {
  std::vector<double> x, y;
  for (int i = 0; i < 5000; ++i) {
    x.push_back(i);
    y.push_back(std::sin(i));
  }
  EXPECT_EQ(test::count_of(plot_svg({{"", x, y}}), "<title>"), 200);
  x.resize(200);
  y.resize(200);
  EXPECT_EQ(test::count_of(plot_svg({{"", x, y}}), "<title>"), 200);
}

TEST(PlotSvg, NothingToDrawIsSaid) {
  for (const std::vector<Series>& series :
       {std::vector<Series>{}, {{"a", {}, {}}}, {{"a", {NAN}, {1}}}}) {
    const std::string svg = plot_svg(series, titled("T"));
    EXPECT_EQ(test::markup_error(svg), "");
    EXPECT_NE(svg.find("(no points to plot)"), svg.npos);
  }
  const std::string level = plot_svg({{"a", {}, {1}, Style::level}});
  EXPECT_EQ(level.find("(no points"), std::string::npos);
  for (const char* none : {"nan", "inf"}) EXPECT_EQ(level.find(none), std::string::npos);
  EXPECT_EQ(plot_svg({{"a", {1}, {1}}}).find("nan"), std::string::npos);
}

TEST(PlotSvg, LongLegendsTakeMoreLines) {
  const auto height = [](const std::string& name) {
    const std::string svg =
        plot_svg({{name, {0, 1}, {0, 1}}, {name, {0, 1}, {0, 1}}, {name, {0, 1}, {0, 1}}});
    double result = 0;
    EXPECT_EQ(std::sscanf(svg.c_str() + svg.find("viewBox"), "viewBox=\"0 0 460 %lf\"", &result),
              1);
    return result;
  };
  EXPECT_EQ(height("a name of more than thirty letters, or so") - height("short"), 40);
}

TEST(PlotSvg, TextCannotBecomeMarkup) {
  const std::string svg =
      plot_svg({{test::harmful, {0, 1}, {0, 1}}}, titled(test::harmful, test::harmful));
  EXPECT_EQ(test::markup_error(svg), "");
  EXPECT_EQ(svg.find("<b"), svg.npos);
  // The title and the picture's label, the x label, the legend, and twice two points of two names.
  EXPECT_EQ(test::count_of(svg, test::harmless), 2 + 1 + 1 + 2 * 2 * 2);
}

TEST(PlotSvg, SeriesNeedAsManyXAsY) {
  EXPECT_EQ(test::error_of([] { plot_svg({{"a", {1, 2}, {1}}}); }), "plot: \"a\" has 2 x and 1 y");
}

}  // namespace
}  // namespace gradus::viz
