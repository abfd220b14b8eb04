/*! \page lesson_09 Lesson 9: Multi-head attention

\lessonhead
\needs \ref lesson_07 "lesson 7" (attention); from lessons 1 and 2 shapes and gradients.
\verbs
- `reshape(x, shape)`: the same numbers in the same order, other axes
- `transpose(x, a, b)`: two axes exchanged
- `concat(parts, axis)`: tensors laid side by side
- `masked_fill(x, mask, v)`: v where the mask is true
\builds h attentions at once, in one product each; a small language model, and the answer to a
question that pictures of attention beg: does a head find the noun of a pronoun?
\usedlater in every transformer from here on, as gradus::nn::MultiHeadAttention.
\endlessonhead

One head gives each token one row of weights, so one mixture of what the others say. Multi-head
attention gives it h of them. Each head is the attention of lesson 7 with narrow matrices of its
own, and a last matrix mixes what they bring:

\f[ H_i = \mathrm{softmax}\!\left(\frac{Q_i K_i^\top}{\sqrt{d_k}}\right) V_i, \qquad
    O = [\,H_1\; H_2 \cdots H_h\,]\, W_O \f]
\f[ Q_i = X W_i^Q,\quad K_i = X W_i^K,\quad V_i = X W_i^V \f]

(Vaswani et al. 2017, section 3.2.2), with \f$d_k = d_\mathrm{model} / h\f$.

\beside
Written down as it is defined: a loop over the heads. The narrow matrices are columns of the wide
ones.
\source{slow}

\section lesson_09_split Split and merge

The loop is not needed. One product \f$X W_Q\f$ holds the queries of all heads, and matmul treats
every axis but the last two as a batch, so heads have to become such an axis.

\beside
Reshape keeps the numbers in their order, and in memory a token's columns stand together. So the
new axis can only be cut out of the last one, and is then moved forward by `transpose`. Going
straight to (B, h, T, d_k) has the right shape and the wrong numbers.
\source{split}

\beside
With heads as an axis, attention is written as it was for one. The mask is for the language model
below: what has not been read yet must not be seen.
\source{fast}

Since \f$[H_1 \cdots H_h] W_O = \sum_i H_i W_i^O\f$, where \f$W_i^O\f$ are the \f$d_k\f$ rows of
\f$W_O\f$ that meet head i, each head adds a message of its own to the result. This is what makes it
possible, further down, to take a single head out.

\output{09_multi_head.2}

\section lesson_09_noun Who is "she"?

Clark et al. 2019 ("What Does BERT Look At?") found a head of BERT that connects a pronoun with its
noun. Tales of this library come with the truth about every pronoun, so here it can be scored,
beside rules that need no model.

\beside
The model is as small as can be: one layer, and scores for the next word that are products with the
rows of all words. \source{model}

\beside
It sees 16 new tales in a step. \source{train}

On the tales that the other lessons use no head does it, and the reason is not the model. A swap of
one pronoun leaves the tale exactly as probable, so nothing is gained by finding the noun.

\output{09_multi_head.4}

In other tales the subject decides the pronoun. Now a head appears: in six of the seven seeds that
were tried one head does it alone, in the seventh (`--seed 7`) two share the work.

\output{09_multi_head.5}

\picture{09_multi_head-the-head-that-finds-the-noun,A tale up to its first pronoun. Each row sums
to 1.}

\beside
A head is cut out by setting its rows of W_O to zero. \source{cut}

\output{09_multi_head.6}

\papernote The paper has h = 8 and d_k = 64, and no biases in its formulas of attention; PyTorch's
layer has them, as ours has unless told otherwise. Michel et al. 2019 ("Are Sixteen Heads Really
Better than One?") cut heads out of trained translators and found most of them dispensable; Jain and
Wallace 2019 ("Attention is not Explanation") is the reason not to trust a map alone.

\exercise{How many heads does the noun need?}
In `new_model` set h to 1, 2, 8, 16 in turn. With one head the model has not got there after 250
steps; with eight there are two that find the noun, and either may be cut out without much harm.

    make lesson-09 ARGS=--quick
\endexercise

\section lesson_09_output All that it prints

\output{09_multi_head}
\program{09_multi_head}
*/
#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "gradus/arithmetic.h"
#include "gradus/nn/attention.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"
#include "lesson.h"
#include "pronouns.h"

namespace gradus::lessons {
namespace {

double root(int64_t n) { return std::sqrt(static_cast<double>(n)); }

// ---- multi-head attention, twice ----

// [slow]
struct Weights {
  Tensor W_Q, W_K, W_V, W_O;  // (d_model, d_model) each; head i owns columns i d_k, ... of W_Q
};

// One head after the other, each an attention of lesson 7.  x: (B, T, d_model)
Tensor head_by_head(const Tensor& x, const Weights& w, int64_t h) {
  const int64_t d_k = x.size(-1) / h;
  std::vector<Tensor> heads;
  for (int64_t i = 0; i < h; ++i) {
    const auto own = [&](const Tensor& W) { return slice(W, 1, i * d_k, (i + 1) * d_k); };
    const Tensor q = matmul(x, own(w.W_Q)), k = matmul(x, own(w.W_K)), v = matmul(x, own(w.W_V));
    const Tensor p = softmax(matmul(q, transpose(k)) / root(d_k));  // (B, T, T)
    heads.push_back(matmul(p, v));                                  // (B, T, d_k)
  }
  return matmul(concat(heads, -1), w.W_O);
}
// [slow]

// [split]
// (B, T, d_model) -> (B, h, T, d_k)
Tensor split_heads(const Tensor& x, int64_t h) {
  const int64_t B = x.size(0), T = x.size(1), d_k = x.size(2) / h;
  return transpose(reshape(x, {B, T, h, d_k}), 1, 2);
}
// and back: (B, h, T, d_k) -> (B, T, d_model)
Tensor merge_heads(const Tensor& z) {
  const Tensor rows = transpose(z, 1, 2);  // (B, T, h, d_k)
  return reshape(rows, {rows.size(0), rows.size(1), rows.size(2) * rows.size(3)});
}
// [split]

// [fast]
enum class Sees { all, past };

// The weights of all heads: (B, h, T, T). With Sees::past a token looks at itself and at what
// stands before it: elsewhere its score is -infinity, so its weight 0.
Tensor head_weights(const Tensor& x, const Weights& w, int64_t h, Sees sees = Sees::all) {
  const Tensor q = split_heads(matmul(x, w.W_Q), h), k = split_heads(matmul(x, w.W_K), h);
  Tensor s = matmul(q, transpose(k)) / root(q.size(-1));  // (B, h, T, d_k) @ (B, h, d_k, T)
  if (sees == Sees::past) s = masked_fill(s, upper_triangle(s.size(2), s.size(2), 1), -INFINITY);
  return softmax(s);
}
Tensor multi_head(const Tensor& x, const Weights& w, int64_t h, Sees sees = Sees::all) {
  const Tensor v = split_heads(matmul(x, w.W_V), h);        // (B, h, T, d_k)
  const Tensor z = matmul(head_weights(x, w, h, sees), v);  // (B, h, T, d_k)
  return matmul(merge_heads(z), w.W_O);
}
// [fast]

void two_questions(Lesson& lesson) {
  lesson.section("Two questions at once");
  lesson.say(
      R"(In "The cat sat on the mat" the word "sat" may want to know two things: who sat, and where.
      One head gives it one row of weights, so one mixture. Half of "cat" and half of "mat", with
      the values v_cat = (2, 0) and v_mat = (0, 4), is the same mixture as when the mat sits on the
      cat. Two heads, one that looks at the subject and one that looks at the place, put what they
      read side by side:)");
  const std::vector<double> cat{2, 0}, mat{0, 4};
  const auto line = [](const char* sentence, const std::vector<double>& who,
                       const std::vector<double>& where) {
    return row("{} | ({}, {}) | ({}, {}, {}, {})", sentence, (who[0] + where[0]) / 2,
               (who[1] + where[1]) / 2, who[0], who[1], where[0], where[1]);
  };
  lesson.table({{"what \"sat\" takes home", "one head", "two heads"},
                line("The cat sat on the mat", cat, mat),
                line("The mat sat on the cat", mat, cat)});
  lesson.say(
      R"(Each head i has its own narrow matrices, d_k = d_model / h columns each. The h results are
      concatenated, laid side by side, and a last matrix W_O mixes them:)");
  lesson.equation("H_i = softmax(Q_i K_i^T / sqrt(d_k)) V_i,   O = [H_1 H_2 ... H_h] W_O");
  lesson.equation("Q_i = X W_i^Q,   K_i = X W_i^K,   V_i = X W_i^V");
}

void split_and_merge(Lesson& lesson) {
  lesson.section("Split, attend, concatenate, mix");
  lesson.say(
      R"(Nobody loops over heads. The narrow matrices stand side by side in one W_Q, so one product
      X W_Q makes the queries of all heads; head i owns columns i d_k to (i + 1) d_k - 1. To split
      them, reshape (T, d_model) to (T, h, d_k), then exchange the first two axes. With T = 2,
      d_model = 4, h = 2, and numbers that say where they come from, 10 t + column:)");
  const Tensor x(Array::of({0, 1, 2, 3, 10, 11, 12, 13}, {1, 2, 4}, DType::float64));
  const Axes token_by_column{"token", "d_k", {}, {}};
  const auto head = [](const Tensor& heads, int i) { return select(select(heads, 0, 0), 0, i); };
  const Tensor right = split_heads(x, 2), wrong = reshape(x, {1, 2, 2, 2});
  lesson.predict(
      "Reshaped to (h, T, d_k) at once, without the exchange: what is head 0?",
      "token 0 alone, cut in two",
      "reshape keeps the order 0 1 2 3 10 ..., so the first four numbers become head 0.");
  lesson.beside("split: head 0", head(right, 0), token_by_column, "reshape alone: head 0",
                head(wrong, 0), token_by_column, 0);
  lesson.check("head 0 is the columns 0 and 1 of both tokens", head(right, 0),
               slice(select(x, 0, 0), 1, 0, 2));
  lesson.check("merging undoes splitting", merge_heads(right), x);

  const int64_t h = 3, d = 15;
  const Tensor X(lesson.randn({2, 6, d}));
  const auto matrix = [&] { return Tensor(lesson.randn({d, d}) / root(d)); };
  const Weights w{matrix(), matrix(), matrix(), matrix()};
  const Tensor q = split_heads(matmul(X, w.W_Q), h), p = head_weights(X, w, h),
               z = matmul(p, split_heads(matmul(X, w.W_V), h)), o = multi_head(X, w, h);
  lesson.predict(
      "B = 2 sentences of T = 6 tokens, d_model = 15, h = 3: the shape of all weights P?",
      fmt::format("{}", p.shape()), "For each sentence and head a (T, T) matrix.");
  lesson.table({{"step", "axes", "shape"},
                row("X | B, T, d_model | {}", X.shape()),
                row("split(X W_Q) | B, h, T, d_k | {}", q.shape()),
                row("P = softmax(Q K^T / √d_k) | B, h, query, key | {}", p.shape()),
                row("P V | B, h, T, d_k | {}", z.shape()),
                row("merge(P V) | B, T, d_model | {}", merge_heads(z).shape()),
                row("O = merge(P V) W_O | B, T, d_model | {}", o.shape())});
  lesson.check("all heads at once equal one head after the other", o, head_by_head(X, w, h));

  Generator generator(1);
  nn::MultiHeadAttention library(d, h, generator, nn::Bias::none);
  library.to(DType::float64);
  library.load_state(
      {{"in_proj_weight", concat({transpose(w.W_Q), transpose(w.W_K), transpose(w.W_V)}).value()},
       {"out_proj.weight", transpose(w.W_O).value()}});
  lesson.check("and the library's `MultiHeadAttention` with these weights", o, library(X));

  Tensor sum_of_heads(Array::zeros(o.shape(), DType::float64));
  const int64_t d_k = d / h;
  for (int64_t i = 0; i < h; ++i)
    sum_of_heads = sum_of_heads + matmul(select(z, 1, i), slice(w.W_O, 0, i * d_k, (i + 1) * d_k));
  lesson.check("$O = sum_{i} H_i W_i^O$, where $W_i^O$ are d_k rows of W_O", o, sum_of_heads);
  lesson.say(
      R"(The last line says what concatenating and mixing amount to: each head writes its own
      message of d_model numbers, and the messages are added. Without W_O head i could write
      nowhere but in its own columns.)");
}

void what_it_costs(Lesson& lesson) {
  lesson.section("What h heads cost");
  const int64_t d = 64, T = 50;
  lesson.predict("d_model = 64. How many numbers are learned with 8 heads?",
                 fmt::format("{}", 4 * d * d), "4 d_model^2, as with one head.");
  viz::TableRows rows{
      {"h", "d_k", "W_Q of a head", "learned", "products in Q K^T", "numbers in P"}};
  bool same = true;
  for (const int64_t h : {1, 2, 4, 8, 16}) {
    Generator generator(1);
    const int64_t count = nn::MultiHeadAttention(d, h, generator, nn::Bias::none).parameter_count();
    same = same && count == 4 * d * d;
    rows.push_back(row("{} | {} | {} | {} | {} | {}", h, d / h, Shape{d, d / h}, count,
                       h * T * T * (d / h), h * T * T));
  }
  lesson.table(rows);
  lesson.check("the library's layer has 4 d_model^2 parameters, whatever h is", same);
  lesson.say(
      R"(Heads are not added, the width is divided among them. (The last two columns are for
      T = {} tokens.) More heads means more questions, each asked with fewer numbers; what grows is
      P.)",
      T);
}

// ---- a model of one attention layer ----

// [model]
struct Model {
  int64_t h;
  Tensor E, P;  // a row for each word, (V, d_model), and for each position, (128, d_model)
  Weights w;
};

// Each word with its position: (B, T) -> (B, T, d_model)
Tensor tokens(const Model& m, const Array& words) {
  return embedding(m.E, words) + slice(m.P, 0, 0, words.size(1));
}
// For each word a score of every word that may come next: (B, T) -> (B, T, V)
Tensor scores(const Model& m, const Array& words) {
  const Tensor x = tokens(m, words);
  const Tensor y = x + multi_head(layer_norm(x), m.w, m.h, Sees::past);
  return matmul(layer_norm(y), transpose(m.E));
}
// [model]

Model new_model(const Book& book, uint64_t seed) {
  const int64_t h = 4, d_model = 64, V = static_cast<int64_t>(book.ids.size());
  Generator generator(seed, 1);
  const auto draw = [&](const Shape& shape, double deviation) {
    return parameter(deviation * randn(shape, generator, DType::float64));
  };
  Model m{h, draw({V, d_model}, 0.02), draw({128, d_model}, 0.005), {}};
  for (Tensor* W : {&m.w.W_Q, &m.w.W_K, &m.w.W_V}) *W = draw({d_model, d_model}, 1 / root(d_model));
  m.w.W_O = draw({d_model, d_model}, 0.5 / root(d_model));
  return m;
}

// [train]
Model train(Lesson& lesson, const Book& book, int steps) {
  const Model m = new_model(book, lesson.seed());
  const std::vector<nn::NamedParameter> parameters{{"E", m.E},       {"P", m.P},
                                                   {"W_Q", m.w.W_Q}, {"W_K", m.w.W_K},
                                                   {"W_V", m.w.W_V}, {"W_O", m.w.W_O}};
  optim::AdamW adam(parameters, {.weight_decay = 0.01});
  const optim::WarmupCosine rate{.peak = 5e-3, .floor = 5e-4, .warmup = 30, .total = steps};
  Generator generator(lesson.seed(), 2);
  lesson.repeat("training", steps, [&](int step) {
    const Batch batch = batch_of(book.stories(16, generator));
    for (const auto& [name, parameter] : parameters) parameter.zero_grad();
    const Tensor loss = cross_entropy(scores(m, batch.words), batch.next);
    loss.backward();
    optim::clip_grad_norm(parameters, 1);
    adam.step(rate(step));
    return fmt::format("loss {:.2f}", loss.item());
  });
  return m;
}
// [train]

double loss_on(const Model& m, const std::vector<Story>& stories) {
  const NoGrad guard;
  const Batch batch = batch_of(stories);
  return cross_entropy(scores(m, batch.words), batch.next).item();
}

// ---- who finds the noun? ----

// The weights of all heads on some stories: (B, h, T, T).
Array weights_on(const Model& m, const std::vector<Story>& stories) {
  const NoGrad guard;
  return head_weights(layer_norm(tokens(m, batch_of(stories).words)), m.w, m.h, Sees::past).value();
}

// [finds]
// Whether a head's largest weight, in the row of the word before the pronoun, stands on the noun.
Judge finds(const Array& weights, int64_t head) {
  const Array largest = argmax(Tensor(weights), -1);  // (B, h, T), of int64
  return [largest, head](size_t b, const Story&, const Pronoun& pronoun) {
    const double at = largest.at({static_cast<int64_t>(b), head, pronoun.query});
    return static_cast<double>(pronoun.first) <= at && at <= static_cast<double>(pronoun.last);
  };
}
// [finds]

// Which of the three pronouns the model gives the highest score: (B, T), of int64.
Array choices(const Model& m, const std::vector<Story>& stories, const Book& book) {
  const NoGrad guard;
  const Tensor all = scores(m, batch_of(stories).words);
  std::vector<Tensor> three;
  for (const std::string& word : pronoun_words) three.push_back(select(all, 2, book.ids.at(word)));
  return argmax(stack(three, 2), 2);
}
// Whether that is the right one.
Judge chooses(const Model& m, const std::vector<Story>& stories, const Book& book) {
  return [choice = choices(m, stories, book)](size_t b, const Story&, const Pronoun& pronoun) {
    return choice.at({static_cast<int64_t>(b), pronoun.query}) == static_cast<double>(pronoun.kind);
  };
}
// Whether it is this one, right or wrong.
Judge says(const Model& m, const std::vector<Story>& stories, const Book& book, size_t kind) {
  return [choice = choices(m, stories, book), kind](size_t b, const Story&, const Pronoun& p) {
    return choice.at({static_cast<int64_t>(b), p.query}) == static_cast<double>(kind);
  };
}

std::vector<std::string> shares(const std::string& name, const std::vector<double>& s) {
  return row("{} | {:.2f} | {:.2f} | {:.2f} | {:.2f}", name, s[0], s[1], s[2], s[3]);
}

// The table of who finds the noun. Returns the share of each head, and last that of "nearest name".
std::vector<double> who_finds(Lesson& lesson, const Array& weights, const Book& book,
                              const std::vector<Story>& stories) {
  viz::TableRows rows{{"finds the noun of", "she", "he", "it", "all"}};
  std::vector<double> all;
  const auto add = [&](const std::string& name, const Judge& judge) {
    const std::vector<double> share = mean_score(stories, judge);
    rows.push_back(shares(name, share));
    all.push_back(share[3]);
  };
  for (int64_t i = 0; i < weights.size(1); ++i) add(fmt::format("head {}", i), finds(weights, i));
  add("all words alike", all_alike());
  add("nearest noun", nearest(book.nouns));
  add("nearest name", nearest(book.names));
  lesson.table(rows);
  return all;
}

// [cut]
// The model without what head i adds: its rows of W_O are zero.
Model without_head(const Model& m, int64_t i) {
  std::vector<Tensor> rows = split(m.w.W_O, m.w.W_O.size(0) / m.h);
  rows[static_cast<size_t>(i)] = 0 * rows[static_cast<size_t>(i)];
  Model cut = m;
  cut.w.W_O = concat(rows);
  return cut;
}
// [cut]

void in_tales(Lesson& lesson) {
  lesson.section("Does a head find the noun?");
  const Book book(tales_of_known_words());
  Generator generator(lesson.seed(), 3);
  lesson.say(
      R"(In lesson 7 "sat" looked at "cat" because we asked for it. Does a model that is asked for
      the next word, and for nothing else, find such a thing by itself? `tales` are tiny stories by
      a grammar that records which noun each pronoun stands for:)");
  lesson.say("\"{}\"", book.tales.tell(generator).text);
  lesson.say(
      R"(A token is a word here. The model is one layer: a learned row for each word and for each
      position, `multi_head` with h = 4 and d_k = 16 that looks only back, and a score for every
      word that may come next. (Its `layer_norm` and the sum x + ... are the subject of lesson 12.)
      A pronoun is predicted from the word before it, so a head finds the noun if the
      largest weight in that word's row stands on it.)");
  const std::vector<Story> held_out = book.stories(100, generator);
  const int steps = lesson.quick() ? 80 : 1200;
  const Model m = train(lesson, book, steps);
  lesson.say(
      R"(After {} steps{} the loss on 100 tales that it has not seen is {:.2f} nats a word. The
      grammar that wrote them, asked for the probability of each tale, gets {:.2f}; on average over
      many tales no model does better than that.)",
      steps, lesson.quick() ? " (without --quick 1200)" : "", loss_on(m, held_out),
      grammar_loss(held_out));
  const std::vector<double> found = who_finds(lesson, weights_on(m, held_out), book, held_out);
  lesson.say(
      R"(A tale names the girl and then the boy, once each, so the nearest name is always the boy:
      right for every "he", wrong for every "she".)");
  const double best = *std::max_element(found.begin(), found.begin() + m.h);
  lesson.check(fmt::format("no head ({:.2f} at best) does as well as the rule \"the nearest name\" "
                           "({:.2f}), which needs no learning",
                           best, found.back()),
               best < found.back());
  lesson.predict("Would it help the model to know the noun?", "no",
                 "Which pronoun comes next does not depend on it, as the grammar can tell:");
  const Swaps swaps = swap_pronouns(book, 50, generator);
  const bool coin = lesson.check(
      fmt::format("{} times one \"she\" became \"he\", or one \"he\" \"she\": {} of these tales "
                  "are exactly as probable as before",
                  swaps.tried, swaps.alike),
      swaps.alike == swaps.tried);
  if (!coin) return;
  const std::vector<double> he = mean_score(held_out, says(m, held_out, book, 1));
  lesson.say(
      R"(Between "she" and "he" these tales toss a coin. Where the tale goes on with "she" the model
      says "he" for {:.2f}, where it goes on with "he" for {:.2f}: a habit, which does not ask for
      the noun. A head that finds many of the one and none of the other has a habit too: it looks at
      the same name, whichever word comes next. Prediction is the only teacher, and prediction never
      asks for the noun.)",
      he[0], he[1]);
}

// The map of one head over the start of a story, up to its first "she" or "he": 8 words.
void show_head(Lesson& lesson, const Array& weights, int64_t head,
               const std::vector<Story>& stories) {
  for (size_t b = 0; b < stories.size(); ++b) {
    if (stories[b].pronouns.empty()) continue;
    const Pronoun& pronoun = stories[b].pronouns[0];
    if (pronoun.query != 7 || pronoun_words[pronoun.kind] == "it") continue;
    const std::vector<std::string> words(stories[b].words.begin(), stories[b].words.begin() + 8);
    lesson.say(
        R"(Here is the head at the start of a tale that it has not seen. The pronoun, "{}", is
        predicted from the last row, that of "so":)",
        stories[b].words[8]);
    const Array map = weights.select(0, static_cast<int64_t>(b)).select(0, head);
    lesson.heatmap({"The head that finds the noun", map.slice(0, 0, 8).slice(1, 0, 8), "query",
                    "key", words, words, 0, 1});
    return;
  }
}

void where_it_counts(Lesson& lesson) {
  lesson.section("Where the next word needs the noun");
  const Book book(three_subjects);
  Generator generator(lesson.seed(), 3);
  lesson.say(
      R"(So take tales that ask. In each sentence a girl, a boy or an animal does something, and the
      subject decides the word after "so":)");
  const std::string grammar(three_subjects);
  lesson.text(grammar.substr(1, grammar.find("the =") - 1));
  lesson.say(
      R"(`{{event}}` stands for one of the lines under `event:`, `{{noun}}` for a word of a list;
      `{{Anna}}` and `{{she}}` are the girl. `2*` makes a line twice as likely, `/` separates
      sentences, `{{~child}}` is `{{child}}` with girl and boy exchanged, and `<...>` is what
      `{{it}}` will stand for. One tale:)");
  lesson.say("\"{}\"", book.tales.tell(generator).text);
  const Swaps swaps = swap_pronouns(book, 50, generator);
  const bool asked =
      lesson.check(fmt::format("{} of {} swaps of \"she\" and \"he\" are possible: the others are "
                               "tales that the grammar cannot write",
                               swaps.tried - swaps.impossible, swaps.tried),
                   swaps.impossible == swaps.tried);
  const std::vector<Story> held_out = book.stories(200, generator);
  const Model m = train(lesson, book, 250);
  const Array weights = weights_on(m, held_out);
  lesson.say(
      R"(After 250 steps the loss is {:.2f} (the grammar's own: {:.2f}). The same table for
      200 new tales:)",
      loss_on(m, held_out), grammar_loss(held_out));
  const std::vector<double> found = who_finds(lesson, weights, book, held_out);
  const auto best = std::max_element(found.begin(), found.begin() + m.h) - found.begin();
  const bool better = lesson.check(
      fmt::format("head {} finds the noun, better than every rule", best),
      found[static_cast<size_t>(best)] > *std::max_element(found.begin() + m.h, found.end()));
  if (asked)
    lesson.say(
        R"(The nearest noun is seldom the subject; the nearest name is always the right child, and
        never the animal. For the model two kinds of three would be enough: where there is neither a
        girl nor a boy, "it" is left.)");
  show_head(lesson, weights, best, held_out);

  lesson.section("Take a head away");
  lesson.say(
      R"(A map shows where a head looks, not that it matters. Each head adds its own message, so one
      can be taken away by zeros in its d_k rows of W_O. How often does the model then give the
      right one of "she", "he" and "it" the best score?)");
  viz::TableRows rows{{"right", "she", "he", "it", "all"}};
  const std::vector<double> whole = mean_score(held_out, chooses(m, held_out, book));
  rows.push_back(shares("all heads", whole));
  std::vector<double> without;
  for (int64_t i = 0; i < m.h; ++i) {
    const std::vector<double> share =
        mean_score(held_out, chooses(without_head(m, i), held_out, book));
    rows.push_back(shares(fmt::format("without head {}", i), share));
    without.push_back(share[3]);
  }
  lesson.table(rows);
  const auto costs = [&](int64_t i) { return whole[3] - without[static_cast<size_t>(i)]; };
  const bool needed =
      lesson.check(fmt::format("the model needs head {}: without it, right less often by {:.2f}",
                               best, costs(best)),
                   costs(best) > 0.2);
  std::vector<int64_t> others;  // that it needs too
  for (int64_t i = 0; i < m.h; ++i)
    if (i != best && costs(i) > 0.2) others.push_back(i);
  std::vector<double> said;  // how often it says each of the three without that head
  for (size_t kind = 0; kind < 3; ++kind)
    said.push_back(mean_score(held_out, says(without_head(m, best), held_out, book, kind))[3]);
  const size_t most =
      static_cast<size_t>(std::max_element(said.begin(), said.end()) - said.begin());
  lesson.say(
      R"(Without it the model says "{}" for {:.2f} of all pronouns{} and is right for {:.2f}; one
      word for all is right for about 0.33. {})",
      pronoun_words[most], said[most], said[most] > 0.99 ? ", whatever the noun," : "",
      without[static_cast<size_t>(best)],
      others.empty() ? "Any one of the other heads can go."
                     : fmt::format("Head {} cannot go either.", fmt::join(others, " or ")));
  if (asked && better && needed)
    lesson.say(
        R"(So this head does what the map shows, and the model uses it. Nobody asked for it in
        words: predicting the next word did, because here the next word cannot be known without the
        noun.)");
}

void gradients(Lesson& lesson) {
  const auto check = [&](const char* name, auto f) {
    lesson.gradcheck(name,
                     [f](const std::vector<Tensor>& x) {
                       return f(x[0], Weights{x[1], x[2], x[3], x[4]}, 3);
                     },
                     {{"X", lesson.randn({2, 5, 6})},
                      {"W_Q", lesson.randn({6, 6})},
                      {"W_K", lesson.randn({6, 6})},
                      {"W_V", lesson.randn({6, 6})},
                      {"W_O", lesson.randn({6, 6})}});
  };
  check("head_by_head", head_by_head);
  check("multi_head",
        [](const Tensor& x, const Weights& w, int64_t h) { return multi_head(x, w, h); });
  const Array words = Array::of_indices({3, 1, 4, 1, 6, 2, 6, 5, 3, 0}, {2, 5}),
              next = Array::of_indices({1, 4, 1, 5, -100, 6, 5, 3, 0, 2}, {2, 5});
  lesson.gradcheck("the model's loss",
                   [&](const std::vector<Tensor>& x) {
                     const Model m{3, x[0], x[1], {x[2], x[3], x[4], x[5]}};
                     return cross_entropy(scores(m, words), next);
                   },
                   {{"E", lesson.randn({7, 6})},
                    {"P", lesson.randn({5, 6})},
                    {"W_Q", lesson.randn({6, 6})},
                    {"W_K", lesson.randn({6, 6})},
                    {"W_V", lesson.randn({6, 6})},
                    {"W_O", lesson.randn({6, 6})}});
}

void teach(Lesson& lesson) {
  two_questions(lesson);
  split_and_merge(lesson);
  what_it_costs(lesson);
  in_tales(lesson);
  where_it_counts(lesson);
  gradients(lesson);
  lesson.change_one_line({
      {"In `split_heads` leave out the exchange: return `reshape(x, {B, h, T, d_k})`.",
       "Section 2 says that head 0 is wrong, and that the three versions no longer agree.",
       "make lesson-09 ARGS=--quick"},
      {"In `new_model` set h = 8.",
       "Section 5 then has two heads that find the noun more often than not, and section 6 fails: "
       "the model does well without either, for they stand in for each other.",
       "make lesson-09 ARGS=--quick"},
      {"In `lessons/pronouns.cpp` add the line `  {Anna} {vp}, so {he} {vp}.` below `child:`.",
       "A sentence that begins with a name now tosses a coin. Section 5 says how many swaps are "
       "possible and fails, the head finds fewer nouns, and the model is right less often. (A "
       "\"he\" "
       "before any boy was named is not scored.)",
       "make lesson-09 ARGS=--quick"},
  });
}

}  // namespace
}  // namespace gradus::lessons

int main(int argc, char** argv) {
  using namespace gradus::lessons;
  return run(argc, argv, {.number = 9, .seconds = 15, .quick_seconds = 3.5}, teach);
}
