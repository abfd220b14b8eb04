#include "gradus/viz/math.h"

#include <gtest/gtest.h>

#include "support.h"
#include "viz/markup.h"

namespace gradus::viz {
namespace {

// The formula alone, without the element around it.
std::string mathml(std::string_view formula) {
  const std::string html = math_html(formula);
  EXPECT_EQ(test::markup_error(html), "") << formula;
  const std::string begin = "<math display=\"block\">", end = "</math>\n";
  EXPECT_TRUE(html.starts_with(begin) && html.ends_with(end)) << html;
  return html.substr(begin.size(), html.size() - begin.size() - end.size());
}

TEST(MathText, TheAttentionFormula) {
  EXPECT_EQ(math_text("softmax(Q K^T / sqrt(d_k)) V"), "softmax(Q Kᵀ / √d_k) V");
  EXPECT_EQ(math_text("softmax(Q K^T / sqrt(d_k)) V", false), "softmax(Q K^T / sqrt(d_k)) V");
  EXPECT_EQ(math_text("softmax(frac(Q K^T, sqrt(d_k))) V"), "softmax((Q Kᵀ)/√d_k) V");
}

TEST(MathText, ScriptsThatUnicodeHasAreCharacters) {
  EXPECT_EQ(math_text("x_1 + x_12^2"), "x₁ + x₁₂²");
  EXPECT_EQ(math_text("10^{-5} e^x x^-1"), "10⁻⁵ eˣ x⁻¹");
  EXPECT_EQ(math_text("W_Q d_model h_{t-1} a_{ij}"), "W_Q d_model h_{t-1} a_ij");
  EXPECT_EQ(math_text("e^{x_i} W^Q a^(l) x'^2"), "e^(x_i) W^Q a⁽ˡ⁾ x′²");
  EXPECT_EQ(math_text("10^{-5} W_1^T x'", false), "10^(-5) W_1^T x'");
}

TEST(MathText, FractionsRootsAndMarks) {
  EXPECT_EQ(math_text("frac(1, n) sum_{i=1}^n x_i"), "1/n Σ_{i=1}^n x_i");
  EXPECT_EQ(math_text("frac(x - mu, sqrt(sigma^2 + epsilon))"), "(x - μ)/√(σ² + ε)");
  EXPECT_EQ(math_text("frac(x - mu, sqrt(sigma^2 + epsilon))", false),
            "(x - mu)/sqrt(sigma^2 + epsilon)");
  EXPECT_EQ(math_text("frac(frac(a, b), c)"), "(a/b)/c");
  EXPECT_EQ(math_text("frac(f(a, b), c)"), "f(a, b)/c");  // that comma belongs to f
  EXPECT_EQ(math_text("frac(partial L, partial W)"), "∂L/∂W");
  EXPECT_EQ(math_text("bar(x) hat(x) tilde(c) bar(x y)"), "x\u0304 x\u0302 c\u0303 bar(x y)");
  EXPECT_EQ(math_text("bar(x)", false), "bar(x)");
}

TEST(MathText, NamesOfSigns) {
  EXPECT_EQ(math_text("alpha Omega a dot b odot c in RR"), "α Ω a · b ⊙ c ∈ ℝ");
  EXPECT_EQ(math_text("a <= b >= c != d -> e ~~ f := g, ..."), "a ≤ b ≥ c ≠ d → e ≈ f := g, …");
  EXPECT_EQ(math_text("alpha <= b dot c", false), "alpha <= b dot c");
  EXPECT_EQ(math_text("inner dotted"), "inner dotted");  // words are whole
  EXPECT_EQ(math_text("1.5e-9 x \"if x < 3\" é"), "1.5e-9 x if x < 3 é");
  EXPECT_EQ(math_text(""), "");
}

TEST(MathHtml, TheAttentionFormula) {
  EXPECT_EQ(mathml("softmax(frac(Q K^T, sqrt(d_k))) V"),
            "<mrow><mi>softmax</mi><mrow><mo>(</mo>"
            "<mfrac><mrow><mi>Q</mi><msup><mi>K</mi><mi mathvariant=\"normal\">T</mi></msup></mrow>"
            "<msqrt><msub><mi>d</mi><mi>k</mi></msub></msqrt></mfrac>"
            "<mo>)</mo></mrow><mi>V</mi></mrow>");
}

TEST(MathHtml, LimitsStandBelowAndAbove) {
  EXPECT_EQ(mathml("sum_{j}"), "<munder><mo>∑</mo><mi>j</mi></munder>");
  EXPECT_EQ(mathml("sum_{j}^n"), "<munderover><mo>∑</mo><mi>j</mi><mi>n</mi></munderover>");
  EXPECT_EQ(mathml("max_j"), "<munder><mi>max</mi><mi>j</mi></munder>");
  EXPECT_EQ(mathml("x_1^2"), "<msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup>");
  EXPECT_EQ(mathml("x'"), "<msup><mi>x</mi><mo>′</mo></msup>");
}

TEST(MathHtml, TwoLettersAreAnIndexOrADifferentialMoreAreAWord) {
  EXPECT_EQ(mathml("a_{ij}"), "<msub><mi>a</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub>");
  EXPECT_EQ(mathml("a_é"), "<msub><mi>a</mi><mi>é</mi></msub>");  // one letter of two bytes
  EXPECT_EQ(mathml("dQ"), "<mrow><mi>d</mi><mi>Q</mi></mrow>");
  EXPECT_EQ(mathml("d_model"), "<msub><mi>d</mi><mi>model</mi></msub>");
}

TEST(MathHtml, ANumberIsOneWithItsExponent) {
  EXPECT_EQ(mathml("1.5e-9"), "<mn>1.5e-9</mn>");
  EXPECT_EQ(mathml("2e"), "<mrow><mn>2</mn><mi>e</mi></mrow>");
}

TEST(MathHtml, SpacesThatMathMLWouldLose) {
  EXPECT_EQ(mathml("log p"), "<mrow><mi>log</mi><mspace width=\"0.25em\"/><mi>p</mi></mrow>");
  EXPECT_EQ(mathml("Q K"), "<mrow><mi>Q</mi><mi>K</mi></mrow>");
  EXPECT_EQ(mathml("log - p"), "<mrow><mi>log</mi><mo>−</mo><mi>p</mi></mrow>");
}

TEST(MathHtml, ASignAtTheBeginningOrAfterAnotherBelongsToWhatFollows) {
  const std::string prefix = "<mo form=\"prefix\">−</mo>";
  EXPECT_EQ(mathml("-a - b"), "<mrow>" + prefix + "<mi>a</mi><mo>−</mo><mi>b</mi></mrow>");
  EXPECT_EQ(mathml("a = -b"), "<mrow><mi>a</mi><mo>=</mo>" + prefix + "<mi>b</mi></mrow>");
}

TEST(MathHtml, ABarThatStandsFreeHasRoomAndOneAroundSomethingHasNone) {
  const std::string free = "<mo lspace=\"0.28em\" rspace=\"0.28em\" stretchy=\"false\">|</mo>";
  const std::string close = "<mo stretchy=\"false\">|</mo>";
  EXPECT_EQ(mathml("y | x"), "<mrow><mi>y</mi>" + free + "<mi>x</mi></mrow>");
  EXPECT_EQ(mathml("|x|"), "<mrow>" + close + "<mi>x</mi>" + close + "</mrow>");
}

TEST(MathHtml, MarksStandAboveAndSignsMayBeIndices) {
  EXPECT_EQ(mathml("bar(x)"), "<mover accent=\"true\"><mi>x</mi><mo>¯</mo></mover>");
  EXPECT_EQ(mathml("tilde(a b)"),
            "<mover accent=\"true\"><mrow><mi>a</mi><mi>b</mi></mrow><mo>~</mo></mover>");
  EXPECT_EQ(mathml("x_<="), "<msub><mi>x</mi><mo>≤</mo></msub>");
}

TEST(MathHtml, TextCannotBecomeMarkup) {
  EXPECT_EQ(mathml("a < b & c"),
            "<mrow><mi>a</mi><mo>&lt;</mo><mi>b</mi><mo>&amp;</mo><mi>c</mi></mrow>");
  EXPECT_EQ(mathml("\"<b> & c\""), "<mtext>&lt;b&gt; &amp; c</mtext>");
}

TEST(Math, WhatIsWrongIsNamed) {
  const auto error = [](const char* formula) {
    const std::string text = test::error_of([&] { math_text(formula); });
    EXPECT_EQ(test::error_of([&] { math_html(formula); }), text);
    return text;
  };
  EXPECT_EQ(error("softmax(x"), "math: nothing closes the ( in: softmax(x");
  EXPECT_EQ(error("x)"), "math: nothing opens the ) in: x)");
  EXPECT_EQ(error("(0, 1]"), "math: ( is closed by ] in: (0, 1]");
  EXPECT_EQ(error("x_{i"), "math: nothing closes the { in: x_{i");
  EXPECT_EQ(error("\"a"), "math: nothing closes the \" in: \"a");
  EXPECT_EQ(error("x_"), "math: _ and ^ need something after them in: x_");
  EXPECT_EQ(error("x^ 2"), "math: _ and ^ need something after them in: x^ 2");
  EXPECT_EQ(error("x_{}"), "math: {} holds nothing in: x_{}");
  EXPECT_EQ(error("_x"), "math: _ has nothing before it in: _x");
  EXPECT_EQ(error("x_1_2"), "math: two subscripts in: x_1_2");
  EXPECT_EQ(error("x^1^2"), "math: two superscripts in: x^1^2");
  EXPECT_EQ(error("sqrt x"), "math: sqrt needs (...) in: sqrt x");
  EXPECT_EQ(error("frac(a)"), "math: frac needs two parts in: frac(a)");
  EXPECT_EQ(error("frac(a, b, c)"), "math: frac needs two parts in: frac(a, b, c)");
  EXPECT_EQ(error("frac(a, b"), "math: nothing closes the ( in: frac(a, b");
}

}  // namespace
}  // namespace gradus::viz
