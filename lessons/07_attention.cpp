/*! \page lesson_07 Lesson 7: Q/K/V attention

\lessonhead
\needs lesson 1, tensors, and lesson 2, autograd.
\verbs
- `matmul(a, b)` multiplies matrices
- `transpose(k)` swaps the last two axes
- `softmax(s)` makes each row positive with sum 1
- `record(...)` makes an op with a backward of your own

\builds attention: each token reads from all others, as much from each as it likes.
\usedlater in every lesson from 8 on; the library's version is gradus::scaled_dot_product_attention.
\endlessonhead

A token is a row of numbers that knows only itself. To understand "sat" it must find out _who_ sat.
Attention lets it ask. Every token makes three rows out of its own: a _query_, what it looks for; a
_key_, what it can be found by; a _value_, what it has to say. Where a query and a key point the
same way, much of that value is read:

\f[ \mathrm{attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V
    \qquad\text{(Vaswani et al. 2017, eq. 1)} \f]

In words: a table with one row for each token that asks and one column for each token that may
answer. Each row is a set of weights that sum to 1; the result is, for each row, the mixture of
values with these weights.

\output{07_attention.1}

\beside
The formula says: for each query, look at every key. That is three nested loops for the scores and
three for the mixture, slow and obvious. \source{slow}

\beside
The same in three matrix operations. \f$Q K^\top\f$ holds all the scores, so one product replaces
the first three loops, and \f$P V\f$ the others; softmax works on each row by itself.
\source{attention}

\output{07_attention.2}

\section lesson_07_scale Why the square root

The dot product of two vectors with \f$d_k\f$ independent entries of mean 0 and variance 1 has
variance \f$d_k\f$. Undivided, softmax gets scores of size \f$\sqrt{d_k}\f$ and answers with rows
that are almost one-hot. What that does to the gradient is measured, not quoted:

\output{07_attention.3}

\section lesson_07_back The way back

\f$O = P V\f$ is a matrix product, so \f$dV = P^\top dO\f$ and \f$dP = dO\, V^\top\f$. For one row
of softmax, \f$\partial p_j / \partial s_i = p_j (\delta_{ij} - p_i)\f$, hence

\f[ ds_i = \sum_j dp_j\, p_j (\delta_{ij} - p_i) = p_i \Big( dp_i - \sum_j p_j\, dp_j \Big) . \f]

\f$S = Q K^\top / \sqrt{d_k}\f$ is a product again: \f$dQ = dS\, K / \sqrt{d_k}\f$ and
\f$dK = dS^\top Q / \sqrt{d_k}\f$.

\beside
Five lines of mathematics, five lines of code, in the same letters.
\source{backward}

\picture{07_attention-the-graph-of-attention-two-tokens,What autograd records for two tokens with
d_k = 2\, with values and gradients.}

\section lesson_07_train Gradients at work

Heat maps of random weights show nothing, so the lesson trains \f$W_Q\f$ and \f$W_K\f$ until the map
is the one that introductions like to draw: "sat" looks at "cat" with weight 0.6.

\beside
The loss compares each row of weights with the picture we want, by cross-entropy. Only the two
matrices move; the tokens stay as they are. \source{train}

\output{07_attention.5}

\picture{07_attention-weights-after-training,The weights that gradient descent found. Each row sums
to 1.}

\section lesson_07_order What it cannot see

\output{07_attention.6}

\papernote The paper's queries, keys and values come from learned projections of _h_ heads at once:
that is lesson 9. Here there is one head and no bias. Nothing in the formula knows the order of the
tokens; lesson 10 will mend it.

\section lesson_07_edit Change one line

\output{07_attention.8}

\output{07_attention.7}

\program{07_attention}
*/
#include <algorithm>
#include <cmath>
#include <numeric>

#include "gradus/arithmetic.h"
#include "gradus/optim/optimizer.h"
#include "lesson.h"

namespace gradus::lessons {
namespace {

const std::vector<std::string> words{"The", "cat", "sat", "on", "the", "mat"};
const Axes query_by_key{"query", "key", words, words};

double root(int64_t n) { return std::sqrt(static_cast<double>(n)); }

// ---- attention, three times ----

// [slow]
// For each query i, look at every key j.  q, k: (T, d_k), v: (T, d_v) -> (T, d_v)
Array attention_slowly(const Array& q, const Array& k, const Array& v) {
  const int64_t T = q.size(0), d_k = q.size(1), d_v = v.size(1);
  std::vector<double> out;
  for (int64_t i = 0; i < T; ++i) {
    std::vector<double> weight;
    for (int64_t j = 0; j < T; ++j) {
      double score = 0;
      for (int64_t c = 0; c < d_k; ++c) score += q.at({i, c}) * k.at({j, c});
      weight.push_back(std::exp(score / root(d_k)));
    }
    const double total = std::accumulate(weight.begin(), weight.end(), 0.0);
    for (int64_t c = 0; c < d_v; ++c) {
      double mixed = 0;
      for (int64_t j = 0; j < T; ++j)
        mixed += weight[static_cast<size_t>(j)] / total * v.at({j, c});
      out.push_back(mixed);
    }
  }
  return Array::of(out, {T, d_v}, DType::float64);
}
// [slow]

// [attention]
// P: each row the weights of one query.  q, k: (T, d_k) -> (T, T)
Tensor attention_weights(const Tensor& q, const Tensor& k) {
  const Tensor s = matmul(q, transpose(k)) / root(q.size(-1));  // (T, d_k) @ (d_k, T)
  return softmax(s);
}
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v) {
  return matmul(attention_weights(q, k), v);  // (T, T) @ (T, d_v)
}
// [attention]

// [backward]
// The same, with its backward written out: `record` takes the value, the inputs, and a function
// that gets d, the gradient of the result, and adds each input's share. `saved` keeps what it
// needs; `detach` leaves autograd out of it, so that nothing but this function says what the
// gradient is.
Tensor attention_by_hand(const Tensor& q, const Tensor& k, const Tensor& v) {
  const Tensor p = attention_weights(q.detach(), k.detach());
  return record(
      "attention_by_hand", matmul(p, v.detach()).value(), {q, k, v},
      [q = saved(q), k = saved(k), v = saved(v), p = saved(p)](const Array& d, Inputs in) {
        const Tensor Q(*q), K(*k), V(*v), P(*p), dO(d);
        const Tensor dV = matmul(transpose(P), dO);
        const Tensor dP = matmul(dO, transpose(V));
        const Tensor dS = P * (dP - sum(P * dP, {1}, true));
        const Tensor dQ = matmul(dS, K) / root(Q.size(1));
        const Tensor dK = matmul(transpose(dS), Q) / root(Q.size(1));
        in.add(0, dQ.value());
        in.add(1, dK.value());
        in.add(2, dV.value());
      });
}
// [backward]

// ---- the sections ----

void one_row(Lesson& lesson) {
  lesson.section("One row, by hand");
  lesson.say(
      R"(To understand "sat" a model must find out who sat. Attention is a soft look-up: each token
      asks with a query q; each token offers a key k, to be found by, and a value v, to be read.
      These are rows of numbers; how well a key fits a query is their dot product (multiply in pairs
      and add), divided by $sqrt(d_k)$, d_k being the length of q: section 3 says why. Softmax makes
      weights of that: e to each, divided by the sum of them all. The result o is the mixture of
      the values with these weights.)");
  lesson.equation("w_j = softmax_j(q dot k_j / sqrt(d_k)),   o = sum_{j} w_j v_j");
  const double q[2] = {1, 1};
  const double k[3][2] = {{0, 1}, {2, 0}, {0, 0}}, v[3][2] = {{1, 0}, {0, 1}, {1, 1}};
  lesson.say(
      R"(Here "sat" asks with q = ({}, {}), so d_k = 2, and three tokens answer. Their keys are
      k_The = ({}, {}), k_cat = ({}, {}), k_sat = ({}, {}).)",
      q[0], q[1], k[0][0], k[0][1], k[1][0], k[1][1], k[2][0], k[2][1]);
  lesson.predict("Which token will get the largest weight?", "cat",
                 "Its key has the largest dot product with q: 1·2 + 1·0 = 2.");

  double score[3], e[3], total = 0, out[2] = {0, 0};
  for (int j = 0; j < 3; ++j) {
    score[j] = q[0] * k[j][0] + q[1] * k[j][1];
    e[j] = std::exp(score[j] / std::sqrt(2.0));
    total += e[j];
  }
  viz::TableRows rows{{"token", "q·k", "/ √2", "exp", "weight w", "v", "w v"}};
  for (int j = 0; j < 3; ++j) {
    const double w = e[j] / total;
    for (int c = 0; c < 2; ++c) out[c] += w * v[j][c];
    rows.push_back(row("{} | {} | {:.3f} | {:.3f} | {:.3f} | ({}, {}) | ({:.3f}, {:.3f})",
                       words[static_cast<size_t>(j)], score[j], score[j] / std::sqrt(2.0), e[j], w,
                       v[j][0], v[j][1], w * v[j][0], w * v[j][1]));
  }
  rows.push_back(row("sum |  |  | {:.3f} | 1.000 |  | ({:.3f}, {:.3f})", total, out[0], out[1]));
  lesson.table(rows);
  lesson.say(
      R"(The last pair is what "sat" takes home: a mixture of values, mostly that of "cat".)");
}

void all_rows(Lesson& lesson) {
  lesson.section("All rows at once");
  lesson.say(
      R"(The T = 6 tokens of "The cat sat on the mat" are the rows of a matrix X, each d_model = 8
      numbers. Three matrices, random here and learned in section 5, make queries, keys and values of all
      of them:)");
  lesson.equation("Q = X W_Q,   K = X W_K,   V = X W_V,   O = softmax(Q K^T / sqrt(d_k)) V");
  const Tensor x(lesson.randn({6, 8})), w_q(lesson.randn({8, 4}) / root(8)),
      w_k(lesson.randn({8, 4}) / root(8)), w_v(lesson.randn({8, 5}));
  const Tensor q = matmul(x, w_q), k = matmul(x, w_k), v = matmul(x, w_v);
  const Tensor p = attention_weights(q, k), o = attention(q, k, v);
  lesson.predict("What is the shape of $Q K^T$?", fmt::format("{}", p.shape()),
                 "(T, d_k) times (d_k, T): one for each query and key. d_k is summed away.");
  lesson.predict("And the shape of O, if V has d_v = 5 columns?", fmt::format("{}", o.shape()),
                 "For each token one mixture of rows of V, so as wide as V.");
  lesson.table({{"matrix", "axes", "shape", "a row is"},
                row("X | token, d_model | {} | a token", x.shape()),
                row("Q | token, d_k | {} | what it asks", q.shape()),
                row("K | token, d_k | {} | how it is found", k.shape()),
                row("V | token, d_v | {} | what it tells", v.shape()),
                row("P = softmax(...) | query, key | {} | how much it takes from each", p.shape()),
                row("O = P V | token, d_v | {} | what it takes home", o.shape())});
  lesson.show("P", p, query_by_key);
  lesson.check("each row of P sums to 1", sum(p, {1}), Tensor(Array::full({6}, 1, DType::float64)));
  lesson.check("three matrix operations equal the loops of the formula", o,
               Tensor(attention_slowly(q.value(), k.value(), v.value())));
  lesson.check("and the library's `scaled_dot_product_attention`", o,
               scaled_dot_product_attention(q, k, v));
}

// [scale]
// A line of the table: T = 6 random keys for each query, and the gradient of the loss sum(O w), w
// random, with respect to each query.
std::vector<std::string> scale_row(Lesson& lesson, int64_t d_k, double scale, int trials) {
  double variance = 0, entropy = 0;
  std::vector<double> size;  // |dq| of every query
  for (int trial = 0; trial < trials; ++trial) {
    const Tensor q = parameter(lesson.randn({6, d_k})), k(lesson.randn({6, d_k})),
                 v(lesson.randn({6, 4}));
    const Tensor s = matmul(q, transpose(k)) * scale, log_p = log_softmax(s), p = exp(log_p);
    variance += mean(square(s)).item() / trials;
    entropy -= mean(sum(p * log_p, {1})).item() / trials;
    sum(matmul(p, v) * Tensor(lesson.randn({6, 4}))).backward();
    for (const double n : norm(Tensor(q.grad()), {1}).value().to_vector()) size.push_back(n);
  }
  std::sort(size.begin(), size.end());
  const auto tiny =
      static_cast<size_t>(std::lower_bound(size.begin(), size.end(), 0.01) - size.begin());
  return row("{} | {:.1f} | {:.2f} | {} % | {:.2g} | {:.1f}", d_k, variance, entropy,
             100 * tiny / size.size(), size[size.size() / 2], size[size.size() * 99 / 100]);
}
// [scale]

void why_scale(Lesson& lesson) {
  lesson.section("Why divide by $sqrt(d_k)$?");
  const int trials = lesson.quick() ? 60 : 300;
  lesson.say(
      R"(The dot product of two vectors with d_k independent entries of mean 0 and variance 1 has
      variance d_k. Softmax turns numbers of that size into rows that are almost one-hot, one weight
      near 1. One reads that the gradient then vanishes; one reads that it explodes. We measure
      |dq|, the length of the gradient of a query, for the loss $sum w O$ with random w; {} random
      queries for each row of the table. Entropy: 0 if one key has all the weight, log 6 = 1.79 if
      all six have the same.)",
      6 * trials);
  lesson.predict("At d_k = 1024, not divided: does |dq| vanish, explode, or both?", "both",
                 "For most queries it is near zero, for a few it is huge.");
  const std::vector<std::string> head{"d_k",         "var(q·k)",    "entropy",
                                      "|dq| < 0.01", "median |dq|", "99 % are below"};
  viz::TableRows raw{head}, scaled{head};
  scaled[0][1] = "var(q·k / √d_k)";
  for (const int64_t d_k : {4, 64, 1024}) {
    raw.push_back(scale_row(lesson, d_k, 1, trials));
    scaled.push_back(scale_row(lesson, d_k, 1 / root(d_k), trials));
  }
  lesson.table(raw);
  lesson.say("Divided by $sqrt(d_k)$:");
  lesson.table(scaled);
  lesson.say(
      R"(At 1024 most queries get next to no gradient. At 64 the usual query has lost a good part, and a few
      get several times too much: where two keys tie, dq is proportional to the difference of the
      two, and that grows as $sqrt(d_k)$. Dividing keeps the rows soft, and the $1 / sqrt(d_k)$ in
      dQ cancels the length of the keys. Only Q and K suffer; V is trained by any weights.)");
}

std::vector<NamedArray> random_qkv(Lesson& lesson, int64_t T, int64_t d_k, int64_t d_v) {
  return {
      {"Q", lesson.randn({T, d_k})}, {"K", lesson.randn({T, d_k})}, {"V", lesson.randn({T, d_v})}};
}

void backward(Lesson& lesson) {
  lesson.section("The way back");
  lesson.say(
      R"(Write $S = Q K^T / sqrt(d_k)$, $P = softmax(S)$, $O = P V$, and dO for the gradient of the loss with
      respect to O. A product C = A B has $dA = dC B^T$ and $dB = A^T dC$, which gives)");
  lesson.equation("dV = P^T dO,   dP = dO V^T");
  lesson.say(R"(In a row of softmax every p_j depends on every s_i:
      $partial p_j / partial s_i = p_j ([i = j] - p_i)$, where [i = j] is 1 if i = j and 0 if not.
      Summing over all j that s_i reaches:)");
  lesson.equation("ds_i = sum_{j} dp_j p_j ([i = j] - p_i) = p_i (dp_i - sum_{j} p_j dp_j)");
  lesson.say("and $S = Q K^T / sqrt(d_k)$ is a product again:");
  lesson.equation("dQ = dS K / sqrt(d_k),   dK = dS^T Q / sqrt(d_k)");
  lesson.say(
      R"(`attention_by_hand` has these five formulas as its backward. Beside it stands what autograd
      found by itself for matmul, division, softmax, matmul:)");
  const std::vector<NamedArray> qkv = random_qkv(lesson, 6, 3, 5);
  const Tensor w(lesson.randn({6, 5}));
  const auto gradients = [&](auto f) {
    const Tensor q = parameter(qkv[0].value), k = parameter(qkv[1].value),
                 v = parameter(qkv[2].value);
    sum(f(q, k, v) * w).backward();
    return std::vector<Tensor>{Tensor(q.grad()), Tensor(k.grad()), Tensor(v.grad())};
  };
  const auto by_hand = gradients(attention_by_hand), by_graph = gradients(attention);
  for (size_t i = 0; i < 3; ++i)
    lesson.check(fmt::format("d{} by hand equals autograd's", qkv[i].name), by_hand[i],
                 by_graph[i]);

  viz::GraphTrace graph;
  const Tensor q = parameter(lesson.randn({2, 2})), k = parameter(lesson.randn({2, 2})),
               v = parameter(lesson.randn({2, 2}));
  const Tensor o = attention(q, k, v), loss = sum(square(o));
  loss.backward();
  for (const auto& [tensor, name] :
       {std::pair(q, "Q"), {k, "K"}, {v, "V"}, {o, "O"}, {loss, "loss"}})
    graph.name(tensor, name);
  lesson.graph(graph, "The graph of attention, two tokens", true);
}

// [train]
// The usual picture: The-cat, cat-sat, sat-cat, on-mat, the-mat, mat-on, each with weight 0.6.
const std::vector<int64_t> partner{1, 2, 1, 5, 5, 3};
Tensor usual_picture() {
  return Tensor(0.08 + 0.52 * one_hot(Array::of_indices(partner, {6}), 6, DType::float64));
}

// Cross-entropy: the mean over the rows of -sum(picture log P).
Tensor picture_loss(const Tensor& x, const Tensor& w_q, const Tensor& w_k) {
  const Tensor q = matmul(x, w_q), k = matmul(x, w_k);
  return -sum(usual_picture() * log(attention_weights(q, k))) / 6;
}
// [train]

void train(Lesson& lesson) {
  lesson.section("Gradients at work");
  lesson.say(
      R"(The usual picture has "sat" looking at "cat". Where does it come from? We choose it, 0.6
      for one partner of each token and 0.08 for the others, and look for W_Q and W_K by gradient
      descent: again and again a small step against the gradient of a loss, a number that is the
      smaller the nearer P is to the picture. Here it is the cross-entropy, minus the mean over the
      rows of $sum picture log P$, which cannot fall below the picture's own entropy. Now d_model is
      16 and d_k is 6; X stays as it is, random.)");
  const Tensor x(lesson.randn({6, 16}));
  const Tensor w_q = parameter(0.2 * lesson.randn({16, 6})),
               w_k = parameter(0.2 * lesson.randn({16, 6}));
  const auto weights = [&] { return attention_weights(matmul(x, w_q), matmul(x, w_k)); };
  optim::SGD sgd({{"W_Q", w_q}, {"W_K", w_k}});
  viz::TableRows rows{{"step", "loss", "sat looks at cat", "|dW_Q|", "|dW_K|"}};
  viz::Series curve{.name = "weight of cat in the row of sat", .x = {}, .y = {}};
  for (int step = 0; step <= 400; ++step) {
    w_q.zero_grad();
    w_k.zero_grad();
    const Tensor loss = picture_loss(x, w_q, w_k);
    loss.backward();
    curve.x.push_back(step);
    curve.y.push_back(weights().value().at({2, 1}));
    if (step == 0 || step == 10 || step == 50 || step == 400)
      rows.push_back(row("{} | {:.3f} | {:.3f} | {:.4f} | {:.4f}", step, loss.item(),
                         curve.y.back(), norm(Tensor(w_q.grad())).item(),
                         norm(Tensor(w_k.grad())).item()));
    sgd.step(0.3);
  }
  const Tensor picture = usual_picture();
  rows.push_back(row("best | {:.3f} | 0.600 |  | ", -sum(picture * log(picture)).item() / 6));
  lesson.table(rows);
  if (lesson.verbose())
    lesson.plot({curve, {.name = "0.6", .x = {}, .y = {0.6}, .style = viz::Series::Style::level}},
                {.title = "Sat looks at cat", .x_label = "step", .height = 8});
  lesson.heatmap(
      {"Weights after training", weights().value(), "query", "key", words, words, 0, 0.6});
  lesson.check(
      fmt::format(R"("sat" looks at "cat" with weight {:.2f}; we asked for 0.60)", curve.y.back()),
      std::abs(curve.y.back() - 0.6) < 0.01);
  lesson.say(
      R"(We asked for this picture, and 2 · 16 · 6 = 192 free numbers can draw any picture of six random tokens.
      Whether a model that only predicts the next word finds one like it is a question for
      lesson 9.)");
}

void permute(Lesson& lesson) {
  lesson.section("What attention cannot see");
  lesson.say("Nothing in the formula says which token came first.");
  lesson.predict("We shuffle the words. Does what \"sat\" takes home change?", "no",
                 "The same keys and values are there; a sum does not know the order of its terms.");
  const Tensor x(lesson.randn({6, 8})), w_q(lesson.randn({8, 2}) / root(8)),
      w_k(lesson.randn({8, 2}) / root(8)), w_v(lesson.randn({8, 2}) / root(8));
  const auto attend = [&](const Tensor& t) {
    return attention(matmul(t, w_q), matmul(t, w_k), matmul(t, w_v));
  };
  const auto shuffled = [](const Tensor& t) {
    return index_select(t, 0, Array::of_indices({5, 2, 4, 1, 3, 0}, {6}));
  };
  const Tensor before = attend(x), after = attend(shuffled(x));
  lesson.beside("in order", before, {"token", "d_v", words, {}}, "shuffled", after,
                {"token", "d_v", {"mat", "sat", "the", "cat", "on", "The"}, {}});
  lesson.check("attention(shuffled X) = shuffled attention(X)", after, shuffled(before));
  lesson.check("and that is another matrix than attention(X)",
               largest_difference(before, after) > 0.1);
  lesson.say(R"(The rows move with their tokens, and each says the same as before: attention is
      equivariant to the order of the tokens (not invariant, for the rows do move). Who came first
      must be told some other way: lesson 10, planned.)");
}

void teach(Lesson& lesson) {
  one_row(lesson);
  all_rows(lesson);
  why_scale(lesson);
  backward(lesson);
  train(lesson);
  permute(lesson);
  const auto check = [&](const char* name, auto f) {
    lesson.gradcheck(
        name, [f](const std::vector<Tensor>& x) { return f(x[0], x[1], x[2]); },
        random_qkv(lesson, 5, 3, 7));
  };
  check("attention", attention);
  check("attention_by_hand", attention_by_hand);
  const Tensor x(lesson.randn({6, 7}));
  lesson.gradcheck("picture_loss",
                   [x](const std::vector<Tensor>& w) { return picture_loss(x, w[0], w[1]); },
                   {{"W_Q", lesson.randn({7, 3})}, {"W_K", lesson.randn({7, 3})}});
  lesson.change_one_line({
      {"In lessons/07_attention.cpp, `attention_by_hand`, leave out `/ root(Q.size(1))` after "
       "`matmul(dS, K)`.",
       "Section 4 says that dQ differs, and the gradient check shows by what: analytic / numeric = "
       "1.732, "
       "the √3 of its d_k = 3.",
       "make lesson-07"},
      {"In the same file let \"sat\" look at \"mat\": `partner{1, 2, 5, 5, 5, 3}`.",
       "The map follows, and the check that expects \"cat\" fails with 0.08.", "make lesson-07"},
      {"In `src/ops/matmul.cpp` write `2 * gemm(dy, transposed(*b))`: the engine's own gradient.",
       "dV stays right, dK is twice too large, dQ four times: on the way back to K the wrong line "
       "is "
       "passed once, on the way to Q twice. `attention_by_hand` does not use it and passes.",
       "make lesson-07"},
  });
}

}  // namespace
}  // namespace gradus::lessons

int main(int argc, char** argv) {
  using namespace gradus::lessons;
  return run(argc, argv, {.number = 7, .seconds = 1, .quick_seconds = 0.3}, teach);
}
