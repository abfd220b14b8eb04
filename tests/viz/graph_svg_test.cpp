// The picture of a graph, drawn by `dot`.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>

#include "gradus/ops.h"
#include "gradus/viz/graph.h"
#include "io/temporary.h"
#include "support.h"

namespace gradus::viz {
namespace {

using test::error_of;

Array floats(const std::vector<double>& values, const Shape& shape) {
  return Array::of(values, shape);
}

size_t count(const std::string& text, const std::string& part) {
  size_t times = 0;
  for (size_t at = 0; (at = text.find(part, at)) != text.npos; at += part.size()) ++times;
  return times;
}

bool dot_is_installed() {
  const char* path = std::getenv("PATH");
  std::istringstream directories(path == nullptr ? "" : path);
  for (std::string directory; std::getline(directories, directory, ':');)
    if (::access((directory + "/dot").c_str(), X_OK) == 0) return true;
  return false;
}

const std::string missing_dot =
    "graph: the picture is drawn by the program `dot`, which is not installed; it is in the "
    "package "
    "graphviz (Debian, Ubuntu: sudo apt-get install graphviz)";

// The picture, or none where there is nobody to draw it: then the error must say so.
std::string drawn(const GraphTrace& graph, int64_t small = 12) {
  if (dot_is_installed()) return graph.svg(small);
  EXPECT_EQ(error_of([&] { graph.svg(small); }), missing_dot);
  return "";
}

// An element's texts and tags, checked on the way: every tag that opens closes, in order.
void expect_well_formed(const std::string& svg) {
  std::vector<std::string> open;
  for (size_t at = 0; (at = svg.find('<', at)) != svg.npos;) {
    const size_t end = svg.find('>', at);
    ASSERT_NE(end, svg.npos);
    const std::string tag = svg.substr(at + 1, end - at - 1);
    at = end;
    if (tag.back() == '/') continue;
    if (tag[0] != '/') {
      open.push_back(tag.substr(0, tag.find(' ')));
      continue;
    }
    ASSERT_FALSE(open.empty());
    ASSERT_EQ(tag.substr(1), open.back());
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST(GraphSvg, AnAttentionHead) {
  const auto random = [](const Shape& shape, uint64_t seed) {
    return test::random_array(shape, seed, DType::float32);
  };
  const Tensor x(random({3, 4}, 1)),
      w_q = parameter(random({4, 2}, 2)), w_k = parameter(random({4, 2}, 3)),
      w_v = parameter(random({4, 2}, 4)), w_o = parameter(random({2, 4}, 5));
  const Tensor mask(floats({0, -INFINITY, -INFINITY, 0, 0, -INFINITY, 0, 0, 0}, {3, 3}));
  GraphTrace graph;
  const Tensor q = matmul(x, w_q), k = matmul(x, w_k), v = matmul(x, w_v);
  const Tensor scores = matmul(q, transpose(k)) * (1 / std::sqrt(2.0));
  const Tensor a = softmax(scores + mask), y = matmul(matmul(a, v), w_o);
  const std::vector<std::pair<Tensor, std::string>> named = {
      {x, "X"}, {w_q, "W_Q"}, {w_k, "W_K"},   {w_v, "W_V"},       {w_o, "W_O"}, {q, "Q"},
      {k, "K"}, {v, "V"},     {mask, "mask"}, {scores, "scores"}, {a, "A"},     {y, "Y"}};
  for (const auto& [tensor, name] : named) graph.name(tensor, name);
  y.backward(random({3, 4}, 6));

  const std::string svg = drawn(graph);
  if (svg.empty()) return;
  expect_well_formed(svg);
  for (const auto& [tensor, name] : named)
    EXPECT_EQ(count(svg, ">" + name + "</text>"), 1U) << name;
  EXPECT_EQ(count(svg, "class=\"node parameter\""), 4U);
  EXPECT_EQ(count(svg, "class=\"node constant\""), 3U);  // X, the mask, 1 / sqrt 2
  EXPECT_EQ(count(svg, "class=\"node result\""), 10U);
  EXPECT_EQ(count(svg, "class=\"edge\""), 18U);
  // The op is in the line below a name, alone where there is none.
  EXPECT_EQ(count(svg, ">matmul [3, 2]</text>"), 3U);
  EXPECT_EQ(count(svg, ">matmul</text>"), 2U);
  for (const char* text : {">transpose</text>", ">mul [3, 3]</text>", ">add</text>",
                           ">softmax [3, 3]</text>", ">matmul [3, 4]</text>", ">0.707</text>"})
    EXPECT_EQ(count(svg, text), 1U) << text;
  // 13 tensors with a gradient; all but the mask's rows are numbers of this very run.
  EXPECT_EQ(count(svg, ">gradient</text>"), 14U);
  EXPECT_NE(svg.find("<title>Q = matmul(X, W_Q)&#10;float32 [3, 2]&#10;values from"), svg.npos);
}

TEST(GraphSvg, IsMadeForAPage) {
  const Tensor x = parameter(floats({1.5, -2}, {2})), c(floats({1, 2}, {2}));
  GraphTrace graph;
  sum(x * c).backward();
  graph.name(x, "<x> & \"y\" \\N");
  const std::string svg = drawn(graph);
  if (svg.empty()) return;
  expect_well_formed(svg);
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"graph\""));
  EXPECT_TRUE(svg.find("</svg>") > svg.size() - 10);
  EXPECT_NE(svg.find("fill=\"currentColor\""), svg.npos);
  EXPECT_NE(svg.find("stroke=\"currentColor\""), svg.npos);
  for (const char* alien : {"black", "white", "#000000", "Helvetica", "Courier", " id=", "xlink",
                            "<a ", "<!--", "<!DOCTYPE", "<?xml", "%3"})
    EXPECT_EQ(svg.find(alien), svg.npos) << alien;
  EXPECT_NE(svg.find(">&lt;x&gt; &amp; &quot;y&quot; \\\u2060N</text>"), svg.npos);
  EXPECT_NE(svg.find("<title>&lt;x&gt; &amp; &quot;y&quot; \\\u2060N = parameter&#10;"), svg.npos);
}

// More text on both sides than a pipe holds.
TEST(GraphSvg, OfALargeGraph) {
  const Tensor x = test::random_parameter({3, 4}, 1, DType::float32);
  GraphTrace graph;
  std::vector<Tensor> parts;
  for (int i = 0; i < 100; ++i) parts.push_back(exp(x * i));
  concat(parts);
  EXPECT_GT(graph.dot().size(), 100'000U);
  const std::string svg = drawn(graph);
  if (svg.empty()) return;
  expect_well_formed(svg);
  EXPECT_EQ(count(svg, "class=\"node "), 302U);
  EXPECT_GT(svg.size(), 100'000U);
}

// While one is alive, programs are looked for in one directory only.
class ScopedPath {
 public:
  explicit ScopedPath(const std::string& path) {
    if (const char* before = std::getenv("PATH")) before_ = before;
    ::setenv("PATH", path.c_str(), 1);
  }
  ~ScopedPath() { ::setenv("PATH", before_.c_str(), 1); }
  ScopedPath(const ScopedPath&) = delete;
  ScopedPath& operator=(const ScopedPath&) = delete;

 private:
  std::string before_;
};

// What svg() says when `dot` is a program of this text.
std::string error_with_dot(const std::string& script) {
  const test::TemporaryDirectory directory;
  std::ofstream(directory / "dot") << script;
  ::chmod((directory / "dot").c_str(), 0755);
  const ScopedPath path(directory.path().string());
  GraphTrace graph;
  Tensor y(floats({1, 2, 3}, {3}));
  for (int i = 0; i < 500; ++i) y = neg(y);  // more than a pipe holds
  return error_of([&] { graph.svg(); });
}

TEST(GraphSvg, AMissingProgramIsNamedWithItsPackage) {
  const test::TemporaryDirectory nothing;
  const ScopedPath path(nothing.path().string());
  EXPECT_EQ(error_of([] { GraphTrace().svg(); }), missing_dot);
}

TEST(GraphSvg, AProgramThatFailsIsQuoted) {
  EXPECT_EQ(error_with_dot("#!/bin/sh\necho 'syntax error in line 7' >&2\nexit 3\n"),
            "graph: `dot` failed (exit status 3): syntax error in line 7\n");
  EXPECT_EQ(error_with_dot("#!/bin/sh\nkill -9 $$\n"), "graph: `dot` failed (signal 9): ");
  EXPECT_EQ(error_with_dot("#!/bin/sh\necho '<svg></svg>'; echo half of it >&2; exit 1\n"),
            "graph: `dot` failed (exit status 1): half of it\n");
  EXPECT_EQ(error_with_dot("#!/bin/sh\necho nothing to see\n"),
            "graph: `dot` failed (exit status 0): ");
  EXPECT_EQ(error_with_dot("#!/nowhere/interpreter\n"), missing_dot);
}

}  // namespace
}  // namespace gradus::viz
