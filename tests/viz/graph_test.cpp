#include "gradus/viz/graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>
#include <sstream>

#include "gradus/ops.h"
#include "gradus/viz/table.h"
#include "gradus/viz/terminal.h"
#include "support.h"

namespace gradus::viz {
namespace {

using test::error_of;
using Row = std::vector<std::string>;

Array floats(const std::vector<double>& values, const Shape& shape) {
  return Array::of(values, shape);
}

// The lines "n1 -> n3" of a graph, without their attributes, in order.
std::vector<std::string> edges(const std::string& dot) {
  std::vector<std::string> found;
  std::istringstream stream(dot);
  for (std::string line; std::getline(stream, line);)
    if (line.find(" -> ") != line.npos) found.push_back(line.substr(2, line.find(" [") - 2));
  return found;
}

size_t count(const std::string& text, const std::string& part) {
  size_t times = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++times;
  return times;
}

// One column of the table, without its header.
Row column(const GraphTrace& graph, size_t index) {
  Row cells;
  for (const Row& row : graph.table(100, 1000)) cells.push_back(row[index]);
  cells.erase(cells.begin());
  return cells;
}
constexpr size_t names = 1, ops = 2, inputs = 3, values = 5, gradients = 6;

// ---- the text of a graph

TEST(GraphTrace, TheDotTextOfASmallGraph) {
  const Tensor w = parameter(floats({2, -3}, {2})), x(floats({1, 0.5}, {2}));
  GraphTrace graph;
  const Tensor y = sum(w * x) * 0.25;
  graph.name(w, "w");
  y.backward();
  EXPECT_EQ("\n" + graph.dot(), R"(
digraph {
  bgcolor=transparent ordering=in nodesep=0.3 ranksep=0.35 nslimit=2
  node [shape=box style=rounded fontname=Helvetica fontsize=13 margin="0.08,0.05"]
  edge [arrowsize=0.7]
  n1 [class=parameter tooltip="w = parameter\nfloat32 [2]\nvalues from -3 to 2\ngradient from 0.125 to 0.25" style="rounded,filled" penwidth=2 color="#3b82f6" fillcolor="#3b82f61a" label=<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1"><TR><TD ALIGN="LEFT"><B>w</B></TD></TR><TR><TD ALIGN="LEFT"><FONT POINT-SIZE="11" COLOR="#000000b0">parameter [2]</FONT></TD></TR><TR><TD ALIGN="LEFT" CELLPADDING="3" BORDER="1" SIDES="LR"><FONT FACE="Courier" POINT-SIZE="12">2&#160;&#160;-3<BR ALIGN="LEFT"/></FONT></TD></TR><TR><TD ALIGN="LEFT"><FONT POINT-SIZE="11" COLOR="#000000b0">gradient</FONT></TD></TR><TR><TD ALIGN="LEFT" CELLPADDING="3" BORDER="1" SIDES="LR" BGCOLOR="#f59e0b2e"><FONT FACE="Courier" POINT-SIZE="12">0.25&#160;&#160;0.125<BR ALIGN="LEFT"/></FONT></TD></TR></TABLE>>]
  n2 [class=constant tooltip="#2 = constant\nfloat32 [2]\nvalues from 0.5 to 1" style="rounded,dashed" label=<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1"><TR><TD ALIGN="LEFT">constant</TD></TR><TR><TD ALIGN="LEFT"><FONT POINT-SIZE="11" COLOR="#000000b0">[2]</FONT></TD></TR><TR><TD ALIGN="LEFT" CELLPADDING="3" BORDER="1" SIDES="LR"><FONT FACE="Courier" POINT-SIZE="12">1&#160;&#160;0.5<BR ALIGN="LEFT"/></FONT></TD></TR></TABLE>>]
  n3 [class=result tooltip="#3 = mul(w, #2)\nfloat32 [2]\nvalues from -1.5 to 2\ngradient from 0.25 to 0.25" label=<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1"><TR><TD ALIGN="LEFT">mul</TD></TR><TR><TD ALIGN="LEFT"><FONT POINT-SIZE="11" COLOR="#000000b0">[2]</FONT></TD></TR><TR><TD ALIGN="LEFT" CELLPADDING="3" BORDER="1" SIDES="LR"><FONT FACE="Courier" POINT-SIZE="12">2&#160;&#160;-1.5<BR ALIGN="LEFT"/></FONT></TD></TR><TR><TD ALIGN="LEFT"><FONT POINT-SIZE="11" COLOR="#000000b0">gradient</FONT></TD></TR><TR><TD ALIGN="LEFT" CELLPADDING="3" BORDER="1" SIDES="LR" BGCOLOR="#f59e0b2e"><FONT FACE="Courier" POINT-SIZE="12">0.25&#160;&#160;0.25<BR ALIGN="LEFT"/></FONT></TD></TR></TABLE>>]
  n1 -> n3
  n2 -> n3 [style=dashed color="#00000099"]
  n4 [class=result tooltip="#4 = sum(#3)\nfloat32 []" label=<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1"><TR><TD ALIGN="LEFT" COLSPAN="2">sum</TD></TR><TR><TD ALIGN="LEFT" COLSPAN="2"><FONT POINT-SIZE="11" COLOR="#000000b0">[]</FONT></TD></TR><TR><TD ALIGN="LEFT"><FONT POINT-SIZE="11" COLOR="#000000b0">value</FONT></TD><TD ALIGN="LEFT"><FONT POINT-SIZE="11" COLOR="#000000b0">gradient</FONT></TD></TR><TR><TD ALIGN="LEFT" CELLPADDING="3"><FONT FACE="Courier" POINT-SIZE="12">0.5<BR ALIGN="LEFT"/></FONT></TD><TD ALIGN="LEFT" CELLPADDING="3" BGCOLOR="#f59e0b2e"><FONT FACE="Courier" POINT-SIZE="12">0.25<BR ALIGN="LEFT"/></FONT></TD></TR></TABLE>>]
  n3 -> n4
  n5 [class=constant tooltip="0.25 = constant\nfloat32 []" style="rounded,dashed" label="0.25" shape=plaintext width=0 height=0]
  n6 [class=result tooltip="#6 = mul(#4, 0.25)\nfloat32 []" label=<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1"><TR><TD ALIGN="LEFT" COLSPAN="2">mul</TD></TR><TR><TD ALIGN="LEFT" COLSPAN="2"><FONT POINT-SIZE="11" COLOR="#000000b0">[]</FONT></TD></TR><TR><TD ALIGN="LEFT"><FONT POINT-SIZE="11" COLOR="#000000b0">value</FONT></TD><TD ALIGN="LEFT"><FONT POINT-SIZE="11" COLOR="#000000b0">gradient</FONT></TD></TR><TR><TD ALIGN="LEFT" CELLPADDING="3"><FONT FACE="Courier" POINT-SIZE="12">0.125<BR ALIGN="LEFT"/></FONT></TD><TD ALIGN="LEFT" CELLPADDING="3" BGCOLOR="#f59e0b2e"><FONT FACE="Courier" POINT-SIZE="12">1<BR ALIGN="LEFT"/></FONT></TD></TR></TABLE>>]
  n4 -> n6
  n5 -> n6 [style=dashed color="#00000099"]
}
)");
}

TEST(GraphTrace, TheTableOfASmallGraph) {
  const Tensor w = parameter(floats({1, 2, 3, 4}, {2, 2})), b(floats({10, 20}, {2}));
  GraphTrace graph;
  const Tensor y = w * w + b;
  graph.name(w, "w");
  graph.name(y, "y");
  y.backward(floats({1, 0, 0, -1}, {2, 2}));
  EXPECT_EQ(graph.table(),
            (TableRows{{"#", "name", "op", "inputs", "shape", "value", "gradient"},
                       {"1", "w", "parameter", "", "[2, 2]", "1 2 / 3 4", "2 0 / 0 -8"},
                       {"2", "", "mul", "1 1", "[2, 2]", "1 4 / 9 16", "1 0 / 0 -1"},
                       {"3", "", "constant", "", "[2]", "10 20", ""},
                       {"4", "y", "add", "2 3", "[2, 2]", "11 24 / 19 36", "1 0 / 0 -1"}}));
  EXPECT_EQ(graph.table(3)[3][values], "10 20");
  EXPECT_EQ(graph.table(3)[4][values] + graph.table(3)[4][gradients], "");  // four are too many
}

TEST(GraphTrace, AWideTableGivesGradientsALineOfTheirOwn) {
  const Tensor w = parameter(floats({0.125, -0.25, 0.375, -0.875}, {2, 2}));
  GraphTrace graph;
  sum(w * 0.5).backward();
  const TableRows wide = graph.table(4, 85), narrow = graph.table(4, 84);
  EXPECT_EQ(graph.table(), narrow);
  EXPECT_EQ(wide[1], (Row{"1", "", "parameter", "", "[2, 2]", "0.125 -0.25 / 0.375 -0.875",
                          "0.5 0.5 / 0.5 0.5"}));
  EXPECT_EQ(wide.size(), 5U);
  ASSERT_EQ(narrow.size(), 8U);
  EXPECT_EQ(narrow[0], (Row{"#", "name", "op", "inputs", "shape", "value"}));
  EXPECT_EQ(narrow[1], (Row{"1", "", "parameter", "", "[2, 2]", "0.125 -0.25 / 0.375 -0.875"}));
  EXPECT_EQ(narrow[2], (Row{"", "", "", "", "gradient", "0.5 0.5 / 0.5 0.5"}));
  EXPECT_EQ(narrow[3][0], "2");  // the number 0.5, without a gradient
  EXPECT_EQ(narrow[4][0], "3");
  for (const auto& [rows, columns] : {std::pair(wide, 85), {narrow, 68}}) {
    std::istringstream lines(table(rows));
    std::string rule;
    std::getline(lines, rule);
    std::getline(lines, rule);
    EXPECT_EQ(columns_of(rule), columns);
  }
}

TEST(GraphTrace, LargeTensorsShowTheirShapeOnly) {
  const Tensor x(Array::zeros({3, 5})), w = parameter(Array::full({2000}, 7));
  GraphTrace graph;
  const Tensor y = neg(x), z = neg(w);
  EXPECT_EQ(count(graph.dot(14), "Courier"), 0U);
  EXPECT_EQ(count(graph.dot(15), "Courier"), 2U);
  EXPECT_EQ(count(graph.dot(5000), "Courier"), 2U);  // 2000 numbers are no picture
  EXPECT_NE(graph.dot().find("[2000]"), std::string::npos);
}

// ---- what is one node, and what is another

TEST(GraphTrace, ASharedNodeAppearsOnceWithAnEdgeForEachUse) {
  const Tensor x = parameter(floats({3}, {1}));
  GraphTrace graph;
  const Tensor h = exp(x), y = h + h, z = h * y;
  EXPECT_EQ(column(graph, ops), (Row{"parameter", "exp", "add", "mul"}));
  EXPECT_EQ(edges(graph.dot()), (Row{"n1 -> n2", "n2 -> n3", "n2 -> n3", "n2 -> n4", "n3 -> n4"}));
}

TEST(GraphTrace, AConstantIsKnownByItsPlaceInMemory) {
  const Tensor c(floats({1, 2, 3, 4, 5, 6}, {2, 3})), copy = c;
  const Tensor equal(floats({1, 2, 3, 4, 5, 6}, {2, 3}));
  const Tensor again(c.value().transpose().transpose()), turned(c.value().transpose());
  const Tensor row(c.value().slice(0, 0, 1)), same_row(c.value().select(0, 0).unsqueeze(0)),
      other_row(c.value().slice(0, 1, 2));
  GraphTrace graph;
  for (const Tensor& t : {c, copy, again, equal, turned, row, same_row, other_row}) neg(t);
  EXPECT_EQ(column(graph, inputs),
            (Row{"", "1", "1", "1", "", "5", "", "7", "", "9", "9", "", "12"}));
  EXPECT_EQ(column(graph, values)[6], "1 4 / 2 5 / 3 6");
}

TEST(GraphTrace, NumbersInAnExpressionAreNodesOfTheirOwn) {
  const Tensor x = parameter(floats({1, 2}, {2}));
  GraphTrace graph;
  const Tensor y = (x * 0.5) + 0.5;  // the first 0.5 is gone when the second is made
  EXPECT_EQ(edges(graph.dot()), (Row{"n1 -> n3", "n2 -> n3", "n3 -> n5", "n4 -> n5"}));
  EXPECT_EQ(count(graph.dot(), "label=\"0.5\" shape=plaintext"), 2U);
}

TEST(GraphTrace, MemoryThatWasReleasedIsNotMistakenForAnother) {
  const Tensor x = parameter(Array::full({100}, 1));
  GraphTrace graph;
  for (int i = 0; i < 5; ++i) x + Tensor(Array::full({100}, i));  // result and constant are dropped
  EXPECT_EQ(column(graph, ops), (Row{"parameter", "constant", "add", "constant", "add", "constant",
                                     "add", "constant", "add", "constant", "add"}));
}

TEST(GraphTrace, AfterAWriteATensorIsAnother) {
  Tensor w = parameter(floats({1, 2}, {2})), c(floats({5, 6}, {2}));
  GraphTrace graph;
  w* c;
  w* c;
  {
    const NoGrad guard;
    w.mutable_value().mutable_data<float>()[0] = 10;
    c.mutable_value().mutable_data<float>()[1] = 60;
  }
  w* c;
  graph.name(w, "w");
  graph.name(c, "c");
  EXPECT_EQ(column(graph, inputs), (Row{"", "", "1 2", "1 2", "", "", "5 6"}));
  EXPECT_EQ(column(graph, values), (Row{"1 2", "5 6", "5 12", "5 12", "10 2", "5 60", "50 120"}));
  EXPECT_EQ(column(graph, names), (Row{"w", "", "", "", "w", "c", ""}));
}

TEST(GraphTrace, ADetachedTensorIsDrawnBehindItsOrigin) {
  const Tensor w = parameter(floats({1, 2}, {2}));
  GraphTrace graph;
  const Tensor y = neg(w), cut = y.detach();
  const Tensor z = y + cut, frozen = neg(w.detach());
  EXPECT_EQ(column(graph, ops), (Row{"parameter", "neg", "detach", "add", "detach", "neg"}));
  EXPECT_EQ(column(graph, inputs), (Row{"", "1", "2", "2 3", "1", "5"}));
  EXPECT_NE(graph.dot().find("n2 -> n3 [style=dashed"), std::string::npos);
  EXPECT_NE(graph.dot().find("n3 [class=constant"), std::string::npos);
  graph.name(cut, "cut");
  EXPECT_EQ(column(graph, names), (Row{"", "", "cut", "", "", ""}));
}

TEST(GraphTrace, WithoutAGraphResultsAreSeenAllTheSame) {
  const Tensor w = parameter(floats({1, 2}, {2}));
  GraphTrace graph;
  const NoGrad guard;
  const Tensor flat = reshape(w, {2});  // the very place of w
  const Tensor y = neg(flat), z = exp(y);
  EXPECT_EQ(column(graph, ops), (Row{"parameter", "reshape", "neg", "exp"}));
  EXPECT_EQ(column(graph, inputs), (Row{"", "1", "2", "3"}));
  EXPECT_EQ(count(graph.dot(), "style=dashed color"), 3U);
  graph.name(y, "y");
  EXPECT_EQ(column(graph, names), (Row{"", "", "y", ""}));
}

TEST(GraphTrace, AResultFromBeforeIsShownWithoutItsInputs) {
  const Tensor w = parameter(floats({1, 2}, {2}));
  const Tensor before = exp(w);
  GraphTrace graph;
  const Tensor y = sum(before + before);
  EXPECT_EQ(column(graph, ops), (Row{"exp", "add", "sum"}));
  y.backward();
  EXPECT_EQ(column(graph, gradients), (Row{"2 2", "1 1", "1"}));
}

TEST(GraphTrace, ResultsThatNobodyUsesAndInputsThatAreMissing) {
  const Tensor x(floats({1, 2}, {1, 2})), w = parameter(floats({3, 4}, {1, 2}));
  GraphTrace graph;
  linear(x, w);  // without a bias
  neg(w);
  EXPECT_EQ(column(graph, ops), (Row{"constant", "parameter", "linear", "neg"}));
  EXPECT_EQ(column(graph, inputs), (Row{"", "", "1 2", "2"}));
}

TEST(GraphTrace, EveryDtype) {
  const Tensor flags(Array::of_bools({true, false}, {2}));
  const Tensor ids(Array::of_indices({1234567, -2}, {2}));
  const Tensor doubles(Array::of({1.0 / 3, 2}, {2}, DType::float64));
  GraphTrace graph;
  for (const Tensor& t : {flags, ids, doubles}) reshape(t, {2, 1});
  EXPECT_EQ(column(graph, values),
            (Row{"1 0", "1 / 0", "1234567 -2", "1234567 / -2", "0.333 2", "0.333 / 2"}));
  EXPECT_NE(graph.dot().find("\\nint64 [2, 1]"), std::string::npos);
}

// ---- gradients

TEST(GraphTrace, GradientsComeWithBackwardAndThoseOfParametersStayCurrent) {
  const Tensor w = parameter(floats({2, 3}, {2}));
  GraphTrace graph;
  const auto loss = [&] { return sum(square(w)); };
  const Tensor first = loss();
  EXPECT_EQ(column(graph, gradients), (Row{"", "", ""}));
  first.backward();
  EXPECT_EQ(column(graph, gradients), (Row{"4 6", "1 1", "1"}));
  loss().backward();  // adds to what w has
  EXPECT_EQ(column(graph, gradients), (Row{"8 12", "1 1", "1", "1 1", "1"}));
  w.zero_grad();
  EXPECT_EQ(column(graph, gradients), (Row{"", "1 1", "1", "1 1", "1"}));
}

TEST(GraphTrace, WatchingChangesNoGradient) {
  const auto gradient = [](bool watched) {
    const Tensor w = test::random_parameter({3, 3}, 4);
    std::optional<GraphTrace> graph;
    if (watched) graph.emplace();
    const Tensor h = w + w, y = sum(softmax(matmul(h, transpose(h)) + h) * select(h, 0, 1));
    y.backward();
    return w.grad();
  };
  EXPECT_TRUE(test::same_bits(gradient(true), gradient(false)));
}

// ---- text

TEST(GraphTrace, NumbersHaveThreeSignificantDigits) {
  const std::vector<std::pair<double, std::string>> cases = {{0, "0"},
                                                             {-0.0, "0"},
                                                             {1, "1"},
                                                             {-2.5, "-2.5"},
                                                             {1.0 / 3, "0.333"},
                                                             {0.99951, "1"},
                                                             {9.995001, "10"},
                                                             {123.456, "123"},
                                                             {1234.5678, "1235"},
                                                             {0.001, "0.001"},
                                                             {0.00123456, "0.00123"},
                                                             {0.000999, "9.99e-4"},
                                                             {-1.5e-5, "-1.5e-5"},
                                                             {1e-10, "1e-10"},
                                                             {2e6, "2e6"},
                                                             {999999, "999999"},
                                                             {100, "100"},
                                                             {-1.234e12, "-1.23e12"},
                                                             {INFINITY, "inf"},
                                                             {-INFINITY, "-inf"},
                                                             {NAN, "nan"}};
  GraphTrace graph;
  for (const auto& [x, text] : cases) {
    neg(Tensor(x, DType::float64));
    EXPECT_EQ(graph.table()[graph.table().size() - 2][values], text) << x;
  }
}

// The rows of numbers in a graph's text, as a reader sees them.
Row grid_of(const Array& a) {
  GraphTrace graph;
  neg(Tensor(a));
  std::string text = graph.dot(100);
  text = text.substr(text.find("POINT-SIZE=\"12\">") + 16);
  text = text.substr(0, text.find("</FONT>"));
  Row rows;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find("<BR ALIGN=\"LEFT\"/>", at);
    std::string row = text.substr(at, end - at);
    for (size_t space = 0; (space = row.find("&#160;")) != row.npos;) row.replace(space, 6, " ");
    rows.push_back(row);
    at = end + 18;
  }
  return rows;
}

TEST(GraphTrace, MatricesAreAlignedAtTheirDecimalPoints) {
  EXPECT_EQ(grid_of(floats({1, -12.5, 0.125, 3, 0.25, -INFINITY}, {3, 2})),
            (Row{"1      -12.5", "0.125    3  ", "0.25    -inf"}));
  EXPECT_EQ(grid_of(floats({1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2})),
            (Row{"1  2", "3  4", "", "5  6", "7  8"}));
  EXPECT_EQ(grid_of(floats({-4e-8F, 1.25e-7F, 12}, {3, 1})),
            (Row{"-4e-8   ", " 1.25e-7", "12      "}));
  EXPECT_EQ(grid_of(floats({1, 20, 3}, {3})), (Row{"1  20  3"}));
}

TEST(GraphTrace, ANameIsTextAndNothingElse) {
  const Tensor x = parameter(floats({1}, {1}));
  GraphTrace graph;
  const Tensor y = neg(x);
  graph.name(x, "<b> & \"q\" \\N\n");
  const std::string text = "&lt;b&gt; &amp; &quot;q&quot; \\\\\u2060N\\\\\u2060n";
  EXPECT_NE(graph.dot().find("<B>" + text + "</B>"), std::string::npos);
  EXPECT_NE(graph.dot().find("neg(" + text + ")\\n"), std::string::npos);
  graph.name(y, "");
  EXPECT_EQ(column(graph, names)[1], "");
}

TEST(GraphTrace, OnlyWhatWasSeenHasAName) {
  const Tensor x = parameter(floats({1, 2}, {2})), other(floats({1, 2}, {2}));
  GraphTrace graph;
  const Tensor y = neg(x);
  EXPECT_EQ(error_of([&] { graph.name(other, "other"); }),
            "graph: \"other\", float32 [2], was neither computed nor used while the graph was "
            "watched");
  EXPECT_NE(error_of([&] { graph.name(Tensor(), "nothing"); }).find("\"nothing\", no array"),
            std::string::npos);
  graph.name(y, "old");
  graph.name(y, "new");
  EXPECT_EQ(column(graph, names), (Row{"", "new"}));
}

}  // namespace
}  // namespace gradus::viz
