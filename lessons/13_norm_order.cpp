/*! \page lesson_13 Lesson 13: Pre-norm, post-norm

\lessonhead
\needs lesson 9, heads, and lesson 12, residual and LayerNorm.
\verbs
- `linear(x, W)` multiplies each row by a matrix
- `cross_entropy(logits, targets)` is -log of what the model gave to the letter that came
- `nn::Module` names the parameters
- `optim::Adam` moves them

\builds a small language model twice, with the norm in the two places it can have.
\usedlater in every model from here on, as pre-norm.
\endlessonhead

The paper of the transformer put the norm after each sum, and trained with a _warm-up_: a learning
rate that starts near 0 and rises for some thousand steps. Leave the warm-up out, and the model may
not train. Three years later Xiong et al. asked why, and set beside it the other order, which GPT-2
already had:

\f[ \text{post-norm:} \quad x_{l+1} = \mathrm{norm}\big(x_l + f(x_l)\big) \f]

\f[ \text{pre-norm:} \quad x_{l+1} = x_l + f\big(\mathrm{norm}(x_l)\big), \quad
    y = \mathrm{norm}(x_L) \f]

\beside
The same two lines, the same parts; only the brackets differ. In the first no way leads past the
norms. In the second x is a sum that nothing divides, the _stream_.
\source{order}

\output{13_norm_order.1}

\beside
What f is: attention with four heads, and a feed-forward of two matrices. No biases, so that there
is less to look at.
\sourceof{norm_block.h,blocks}

\beside
The model around the blocks: embeddings of letter and position, the stream, a matrix to the logits.
Pre-norm has one norm more, at the end.
\source{model}

\section lesson_13_theory What was promised

Xiong et al. look at the model before its first step. For the last block they derive that the
gradient is bounded by

\f[ O\big(d \sqrt{\ln d}\big) \text{ in post-norm}, \qquad
    O\big(d \sqrt{\ln d / L}\big) \text{ in pre-norm:} \f]

one does not depend on the number L of layers, the other becomes small in deep models. So post-norm
meets its first steps with large gradients at the top, and the warm-up keeps these steps small.

\output{13_norm_order.2}

\picture{13_norm_order-gradient-of-each-of-12-blocks,Before training: the gradient of each of 12
blocks\, from bottom to top.}

\section lesson_13_train What happens

\beside
Four runs (three with `--quick`) from the same weights, on the same letters. Only the order of the
norm and the first steps of the learning rate differ.
\source{train}

\output{13_norm_order.3}

\picture{13_norm_order-loss-nats-per-letter,Post-norm without warm-up stops at the loss of single
letters.}

\output{13_norm_order.4}

The theory looks at the model before training. What stops this small model is seen after it: the
tokens of a window (32 letters in a row) have become one vector. Dong et al. (2021, "Attention is
not all you need") call it rank collapse and show that what skips attention is what prevents it.

\papernote The paper's models translate, are far larger and are trained for far longer. Ours says
only what holds in it: pre-norm's falling gradient does, post-norm's constancy does not. With
another initialisation the picture is another one, as the third edit below shows.

\section lesson_13_last The last norm

\output{13_norm_order.5}

\section lesson_13_edit Change one line

\output{13_norm_order.7}

\output{13_norm_order.6}

\program{13_norm_order}
*/
#include <algorithm>
#include <cmath>

#include "gradus/arithmetic.h"
#include "gradus/data/corpus.h"
#include "gradus/data/tales.h"
#include "gradus/nn/layers.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"
#include "lesson.h"
#include "norm_block.h"

namespace gradus::lessons {
namespace {

// ---- the model ----

enum class Order { pre, post };

// [order]
Tensor post_norm(const Block& b, Tensor x) {
  x = b.norm_1(x + b.attention(x));
  return b.norm_2(x + b.feed_forward(x));
}

Tensor pre_norm(const Block& b, Tensor x) {
  x = x + b.attention(b.norm_1(x));
  return x + b.feed_forward(b.norm_2(x));
}
// [order]

// [model]
constexpr int64_t width = 64, context = 32, heads = 4;

struct Model : nn::Module {
  Order order;
  bool has_final_norm;
  nn::Embedding letters, positions;
  std::vector<Block> blocks;
  nn::LayerNorm final_norm;
  nn::Linear output;

  Model(Order o, int depth, int64_t vocabulary, Generator& g, bool with_final_norm = true)
      : order(o),
        has_final_norm(o == Order::pre && with_final_norm),
        letters(vocabulary, width, g),
        positions(context, width, g),
        final_norm(width),
        output(matrix(width, vocabulary, 1 / std::sqrt(double{width}), g)) {
    for (int i = 0; i < depth; ++i) blocks.emplace_back(width, heads, g);
  }
  // The logits, (B, T) -> (B, T, V); `stream` gets x after the embedding and after each block.
  Tensor operator()(const Array& tokens, std::vector<Tensor>* stream = nullptr) const {
    Tensor x = letters(tokens) + positions.weight;
    if (stream) stream->push_back(x);
    for (const Block& b : blocks) {
      x = order == Order::pre ? pre_norm(b, x) : post_norm(b, x);
      if (stream) stream->push_back(x);
    }
    return output(has_final_norm ? final_norm(x) : x);
  }
  void visit(nn::Visitor& visitor) override {
    visitor("letters", letters);
    visitor("positions", positions);
    visitor("blocks", blocks);
    if (has_final_norm) visitor("final_norm", final_norm);
    visitor("output", output);
  }
};
// [model]

// ---- what is measured ----

const data::Corpus& corpus() {
  static const data::Corpus tales(data::tales_text(1, 300'000));
  return tales;
}

Tensor loss_of(const Model& model, const data::Batch& batch,
               std::vector<Tensor>* stream = nullptr) {
  return cross_entropy(model(batch.inputs, stream), batch.targets);
}

double gradient_norm(const Block& b) {  // of its four matrices together
  double total = 0;
  for (const nn::Linear* m : {&b.qkv, &b.out, &b.up, &b.down})
    total += sum_squares(m->weight.grad());
  return std::sqrt(total);
}

double mean_square(const Tensor& x) { return mean(square(x)).item(); }

// How much of x differs from token to token: 1 if the tokens have nothing in common, 0 if all are
// the same vector.
double difference_among_tokens(const Tensor& x) {
  const Tensor rows = reshape(x, {-1, width});
  return mean_square(rows - mean(rows, {0}, true)) / mean_square(rows);
}

struct Measured {
  double loss = 0;
  std::vector<double> gradient;          // of each block
  std::vector<double> size, difference;  // of x after the embedding and each block
  double added = 0,
         added_difference = 0;  // of what attention adds in block 2; its size next to x's
};
Measured measure(Model& model, const data::Batch& batch) {
  Measured m;
  std::vector<Tensor> stream;
  model.zero_grad();
  const Tensor loss = loss_of(model, batch, &stream);
  loss.backward();
  m.loss = loss.item();
  for (const Block& b : model.blocks) m.gradient.push_back(gradient_norm(b));
  for (const Tensor& x : stream) {
    m.size.push_back(mean_square(x.detach()));
    m.difference.push_back(difference_among_tokens(x.detach()));
  }
  const NoGrad no_graph;
  const Block& second = model.blocks[1];
  const Tensor& x = stream[1];
  const Tensor a = second.attention(model.order == Order::pre ? second.norm_1(x) : x);
  m.added = mean_square(a) / mean_square(x);
  m.added_difference = difference_among_tokens(a);
  return m;
}

Model make(Lesson& lesson, Order order, int depth, bool final_norm = true) {
  Generator generator(lesson.seed(), 1);
  return Model(order, depth, corpus().tokenizer().size(), generator, final_norm);
}
data::Batch batch_of(Lesson& lesson, uint64_t stream, int64_t n) {
  Generator generator(lesson.seed(), stream);
  return corpus().draw(data::Split::validation, n, context, generator);
}

// [train]
struct Training {
  viz::Series curve;  // a running mean of the loss
  double validation = 0;
};
constexpr double peak_rate = 3e-3;
// Adam at the peak rate, which rises to that in the first `warmup` steps.
Training train(Lesson& lesson, const std::string& name, Model& model, int64_t warmup) {
  const int steps = lesson.quick() ? 100 : 200;
  Training t{{.name = name, .x = {}, .y = {}}};
  Generator generator(lesson.seed(), 2);
  optim::Adam adam(model.named_parameters(), {.beta2 = 0.999});
  const optim::WarmupConstant rate{peak_rate, warmup};
  lesson.repeat(name, steps, [&](int step) {
    model.zero_grad();
    const Tensor loss = loss_of(model, corpus().draw(data::Split::train, 8, context, generator));
    loss.backward();
    adam.step(rate(step));
    const double last = t.curve.y.empty() ? loss.item() : t.curve.y.back();
    t.curve.x.push_back(step + 1);
    t.curve.y.push_back(0.9 * last + 0.1 * loss.item());
    return fmt::format("loss {:.2f}", t.curve.y.back());
  });
  const NoGrad no_graph;
  t.validation = loss_of(model, batch_of(lesson, 3, 32)).item();
  return t;
}
// [train]

// Nats per letter for who knows only how frequent each letter is.
double entropy_of_letters() {
  std::vector<double> count(static_cast<size_t>(corpus().tokenizer().size()), 0);
  const auto letters = corpus().tokens(data::Split::train);
  for (const uint16_t letter : letters) ++count[letter];
  double entropy = 0;
  for (const double n : count)
    if (n > 0) {
      const double p = n / static_cast<double>(letters.size());
      entropy -= p * std::log(p);
    }
  return entropy;
}

// ---- the sections ----

void two_places(Lesson& lesson) {
  lesson.section("Two places for the norm");
  lesson.say(
      R"(A block adds twice to the stream x: attention, then a small network for each token (two
      matrices with relu between, the feed-forward). Call either of them f. The first transformer
      normalised the sum; most models today normalise what f sees (Xiong et al. 2020, table 1):)");
  lesson.equation(R"("post-norm: " y = norm(x + f(x)),   "pre-norm: " y = x + f(norm(x)))");
  lesson.say(
      R"(Post-norm: no path goes past the norms. Two things of variance 1 that have nothing to do
      with each other add up to variance 2, so each norm divides by √2. Pre-norm: one path from top
      to bottom meets nothing at all; only at the very end stands a norm.)");
  lesson.predict(
      "Post-norm, 6 blocks: what is left of a gradient that takes only the skipping path?",
      fmt::format("1/{}", std::pow(2, 6)), "There are 12 norms, and each divides by √2.");
  viz::TableRows rows{{"norms on the path", "post: |dx| / |dy|", "1 / √2 each", "pre"}};
  double left = 0;
  for (const int norms : {1, 4, 12}) {
    const Tensor first = parameter(lesson.randn({8, 1024}));
    Tensor x = first;
    for (int i = 0; i < norms; ++i) x = layer_norm(x + Tensor(lesson.randn({8, 1024})));
    const Array dy = lesson.randn({8, 1024});
    x.backward(dy);
    left = norm(Tensor(first.grad())).item() / norm(Tensor(dy)).item();
    rows.push_back(row("{} | {:.4f} | {:.4f} | 1", norms, left, std::pow(0.5, 0.5 * norms)));
  }
  lesson.table(rows);
  lesson.say(
      R"(That is the skipping path alone, with noise in the place of f. What comes back through the
      real f as well, one has to measure.)");
}

void at_initialisation(Lesson& lesson) {
  lesson.section("At initialisation");
  lesson.trained({0.001, 0.02});
  lesson.say(
      R"(A model that reads 32 letters and predicts the next one: width 64, 4 heads, the
      matrices of the blocks by Xavier's rule (random, variance 2 / (in + out), so that what goes
      through keeps its size either way); each norm's learned factor, the gain, is still 1. Before
      any training, |dW| is the length of the gradient of a block's four matrices; x is the stream
      that leaves the last block, its mean x² that of pre-norm (post-norm's is 1). How much of x
      differs from token to token: 1, they have nothing in common; 0, all are one vector.)");
  viz::TableRows rows{{"blocks", "|dW| top: pre", "post", "bottom: pre", "post", "mean x²",
                       "differs: pre", "post"}};
  std::vector<int> depths{2, 6, 12};
  if (!lesson.quick()) depths = {2, 4, 6, 12, 24};
  std::vector<double> top[2], alike[2], bottom, size;  // of each depth; [0] pre, [1] post
  std::vector<viz::Series> curves;
  for (const int depth : depths) {
    Measured m[2];
    for (const Order order : {Order::pre, Order::post}) {
      const size_t i = order == Order::post;
      Model model = make(lesson, order, depth);
      m[i] = measure(model, batch_of(lesson, 4, 8));
      top[i].push_back(m[i].gradient.back());
      alike[i].push_back(m[i].difference.back());
      if (depth != 12) continue;
      curves.push_back({.name = i ? "post-norm" : "pre-norm", .x = {}, .y = m[i].gradient});
      for (int l = 1; l <= depth; ++l) curves.back().x.push_back(l);
    }
    bottom.push_back(m[1].gradient[0]);
    size.push_back(std::sqrt(m[0].size.back()));
    rows.push_back(row("{} | {:.2f} | {:.2f} | {:.2f} | {:.2f} | {:.1f} | {:.2f} | {:.2f}", depth,
                       m[0].gradient.back(), m[1].gradient.back(), m[0].gradient[0],
                       m[1].gradient[0], m[0].size.back(), m[0].difference.back(),
                       m[1].difference.back()));
  }
  lesson.table(rows);
  lesson.plot(curves, {.title = "Gradient of each of 12 blocks", .x_label = "block", .height = 8});
  const bool falls =
      lesson.check("pre-norm: the deepest has a smaller gradient at the top than the shallowest",
                   top[0].back() < top[0].front());
  const bool large =
      lesson.check("post-norm: it has a larger one, and more than twice pre-norm's",
                   top[1].back() > top[1].front() && top[1].back() > 2 * top[0].back());
  const bool more_alike = lesson.check(
      "post-norm: the deepest's tokens are more alike than the shallowest's, and than pre-norm's",
      alike[1].back() < alike[1].front() && alike[1].back() < alike[0].back());
  lesson.say(
      R"(Xiong et al. say: at the top, post-norm's gradient is large and does not depend on depth,
      pre-norm's falls like one over the square root of the depth, for x grows and the last norm
      divides by its size. From {} to {} blocks pre-norm's √(mean x²) becomes {:.1f} times as large,
      |dW| {:.1f} times as small.)",
      depths.front(), depths.back(), size.back() / size.front(), top[0].front() / top[0].back());
  if (falls && large)
    lesson.say(
        R"(So the second holds in direction{}. Of the first, large holds; but here it grows with
        depth, {:.1f} times. What either comes from we did not measure. At the bottom post-norm's
        gradient is {:.2f} or more in this table. With 24 blocks (the full run) it varies: 0.5, 1.4
        and 4.5 with seeds 1 to 3.)",
        size.back() / size.front() > top[0].front() / top[0].back()
            ? ", but it falls by less than x grows"
            : "",
        top[1].back() / top[1].front(), *std::min_element(bottom.begin(), bottom.end()));
  const auto six = static_cast<size_t>(std::ranges::find(depths, 6) - depths.begin());
  if (more_alike)
    lesson.say(
        R"(The last column is what section 4 goes on with: in post-norm the tokens grow alike
        already before the first step, at 6 blocks to {:.2f} (pre-norm: {:.2f}).)",
        alike[1][six], alike[0][six]);
}

void both_trained(Lesson& lesson) {
  lesson.section("Both trained");
  const int64_t warmup = 80;
  const double letters = entropy_of_letters();
  lesson.say(
      R"(Six blocks, Adam at rate {}, batches of 8 windows (32 letters in a row), the same first
      weights and the same letters for all. Warm-up: the rate rises to its value in the first {}
      steps instead of starting there. A model that knows only how frequent each letter is has a
      loss of {:.2f} nats.)",
      peak_rate, warmup, letters);
  struct Run {
    const char* name;
    Order order;
    int64_t warmup;
  };
  std::vector<Run> runs{
      {"post", Order::post, 0}, {"post, warm-up", Order::post, warmup}, {"pre", Order::pre, 0}};
  if (!lesson.quick()) runs.push_back({"pre, warm-up", Order::pre, warmup});
  std::vector<Training> trained;
  std::vector<Measured> after;
  for (const Run& run : runs) {
    Model model = make(lesson, run.order, 6);
    trained.push_back(train(lesson, run.name, model, run.warmup));
    after.push_back(measure(model, batch_of(lesson, 4, 8)));
  }
  const bool stalls = std::abs(trained[0].validation - letters) < 0.1;
  lesson.predict("Post-norm without warm-up: does it diverge, stall, or merely lag?",
                 stalls                            ? "stall"
                 : trained[0].validation > letters ? "diverge"
                                                   : "lag",
                 "See where the curve stops, and whether it stays there.");
  lesson.trained({0.04, 0.02});
  viz::TableRows rows{{"loss after step"}};
  for (const Run& run : runs) rows[0].push_back(run.name);
  const size_t steps = trained[0].curve.y.size();
  for (const size_t step : {size_t{1}, size_t{20}, size_t{40}, size_t{60}, size_t{80}, steps}) {
    rows.push_back({fmt::format("{}", step)});
    for (const Training& t : trained)
      rows.back().push_back(fmt::format("{:.2f}", t.curve.y[step - 1]));
  }
  rows.push_back({"new text"});
  for (const Training& t : trained) rows.back().push_back(fmt::format("{:.2f}", t.validation));
  lesson.table(rows);
  std::vector<viz::Series> curves;
  for (const Training& t : trained) curves.push_back(t.curve);
  curves.push_back(
      {.name = "single letters", .x = {}, .y = {letters}, .style = viz::Series::Style::level});
  lesson.plot(curves, {.title = "Loss, nats per letter", .x_label = "step", .height = 10});
  const auto after_40 = [&](size_t run) { return trained[run].curve.y[39]; };
  if (stalls && after_40(0) < after_40(1))
    lesson.say(
        R"(For 40 steps post-norm without warm-up is ahead of post-norm with it. Then it comes to the
        loss of single letters and stays there.)");
  lesson.check("post-norm without warm-up stalls at the frequencies of letters", stalls);
  lesson.check(
      "with warm-up it trains, and lags behind pre-norm",
      trained[1].validation < letters - 0.2 && trained[1].validation > trained[2].validation + 0.1);
  if (!lesson.quick())
    lesson.check("pre-norm does not need the warm-up",
                 std::abs(trained[2].validation - trained[3].validation) < 0.2);

  lesson.section("Where it got stuck");
  lesson.say(
      R"(After these steps: the length of each block's gradient, and how much of x differs from token
      to token (1: tokens have nothing in common, 0: all are one vector).)");
  lesson.trained({0.03, 0.1});
  viz::TableRows where{
      {"x after", "differs: post", "warm-up", "pre", "|dW|: post", "warm-up", "pre"}};
  for (size_t l = 0; l <= 6; ++l) {
    where.push_back(row("{} | {:.2f} | {:.2f} | {:.2f}",
                        l == 0 ? "letters" : fmt::format("block {}", l), after[0].difference[l],
                        after[1].difference[l], after[2].difference[l]));
    for (size_t i = 0; i < 3; ++i)
      where.back().push_back(l == 0 ? "" : fmt::format("{:.2f}", after[i].gradient[l - 1]));
  }
  lesson.table(where);
  const bool one_vector = lesson.check("stalled: after three blocks all tokens are one vector",
                                       after[0].difference[3] < 0.02);
  const bool vanished = lesson.check("and almost no gradient reaches the first block",
                                     after[0].gradient.front() < 0.01 * after[0].gradient.back());
  lesson.say(
      R"(In block 2 of the first model attention adds {:.1f} times the mean square of x, and of
      that only a share of {:.2f} differs from token to token; with warm-up it is {:.1f} times, and
      {:.2f}.)",
      after[0].added, after[0].added_difference, after[1].added, after[1].added_difference);
  if (stalls && one_vector && vanished)
    lesson.say(
        R"(The large first steps made f large and alike for all tokens, and a norm after the sum
      shrinks what tells them apart, block after block. All tokens being equal, the frequencies of
      letters are the best answer left. So the gradient vanishes because the model has collapsed; at
      initialisation it was there. In pre-norm nothing divides x, and each keeps its letter.)");
}

void final_norm(Lesson& lesson) {
  lesson.section("Why pre-norm needs a last norm");
  lesson.trained({0.001, 0.02});
  lesson.say(
      R"(Each block adds to x and nothing divides, so x is larger the deeper the model, and without a
      norm at the end so are the logits: a model that knows nothing is sure of it. log V is the loss
      of equal chances for all {} letters. Before training:)",
      corpus().tokenizer().size());
  viz::TableRows rows{{"blocks", "mean x²", "loss", "without last norm", "log V"}};
  double with = 0, without = 0;
  for (const int depth : {2, 6, 12}) {
    const NoGrad no_graph;
    const data::Batch batch = batch_of(lesson, 4, 8);
    std::vector<Tensor> stream;
    with = loss_of(make(lesson, Order::pre, depth), batch, &stream).item();
    without = loss_of(make(lesson, Order::pre, depth, false), batch).item();
    rows.push_back(row("{} | {:.1f} | {:.2f} | {:.2f} | {:.2f}", depth, mean_square(stream.back()),
                       with, without, std::log(static_cast<double>(corpus().tokenizer().size()))));
  }
  lesson.table(rows);
  if (lesson.check("12 blocks: without the last norm the first loss is more than 2 nats higher",
                   without > with + 2))
    lesson.say(
        R"(Training recovers from that: `--break=no-final-norm` shows what it costs. Post-norm ends with a
      norm anyhow.)");
}

// A block as a function of x and its four matrices, for the gradient check.
template <class Function>
void check_block(Lesson& lesson, const char* name, Function block) {
  constexpr int64_t C = 6, T = 5;
  const auto small = [&](const Shape& shape) {
    return (Tensor(lesson.randn(shape)) * 0.5).value();
  };
  lesson.gradcheck(name,
                   [block](const std::vector<Tensor>& in) {
                     Generator unused(1);
                     Block b(C, 2, unused);
                     b.to(DType::float64);
                     b.qkv.weight = in[1];
                     b.out.weight = in[2];
                     b.up.weight = in[3];
                     b.down.weight = in[4];
                     return block(b, in[0]);
                   },
                   {{"x", lesson.randn({1, T, C})},
                    {"qkv", small({3 * C, C})},
                    {"out", small({C, C})},
                    {"up", small({4 * C, C})},
                    {"down", small({C, 4 * C})}});
}

void teach(Lesson& lesson) {
  two_places(lesson);
  at_initialisation(lesson);
  both_trained(lesson);
  final_norm(lesson);
  check_block(lesson, "pre_norm", pre_norm);
  check_block(lesson, "post_norm", post_norm);
  lesson.change_one_line({
      {"Let `peak_rate` be 1e-3.",
       "Post-norm trains without warm-up as well: the stall needs the large rate. The three checks "
       "that expect it fail.",
       "make lesson-13 ARGS=--quick"},
      {"In `pre_norm` leave out one norm: `x = x + b.attention(x);`.",
       "Twelve blocks then make x 30 times as large (mean x² 900 times), the gradient explodes at "
       "the bottom, and pre-norm stalls as well. Three checks fail.",
       "make lesson-13 ARGS=--quick"},
      {"In `xavier` (norm_block.h) return 0.02 as GPT-2 does, whatever the sizes.",
       "Post-norm has the same gradient at every depth, as promised, and trains without warm-up: "
       "the stall belongs to this initialisation. Seven checks fail, those of what is gone now.",
       "make lesson-13 ARGS=--quick"},
  });
}

}  // namespace
}  // namespace gradus::lessons

int main(int argc, char** argv) {
  using namespace gradus::lessons;
  return run(argc, argv, {.number = 13, .seconds = 12, .quick_seconds = 4}, teach);
}
