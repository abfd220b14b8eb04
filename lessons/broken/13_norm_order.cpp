/// \file
/// Lesson 13, broken on purpose: the lesson's small language model, 6 blocks, and what is changed
/// in it.
#include <algorithm>
#include <cmath>

#include "../lesson.h"
#include "../norm_block.h"
#include "gradus/data/corpus.h"
#include "gradus/data/tales.h"
#include "gradus/nn/layers.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"

namespace gradus::lessons {
namespace {

// correct, and what the first transformer did
Tensor pre_norm(const Block& b, Tensor x) {
  x = x + b.attention(b.norm_1(x));
  return x + b.feed_forward(b.norm_2(x));
}
Tensor post_norm(const Block& b, Tensor x) {
  x = b.norm_1(x + b.attention(x));
  return b.norm_2(x + b.feed_forward(x));
}

constexpr int64_t width = 64, context = 32, heads = 4;

struct Model : nn::Module {
  bool post, last_norm;
  nn::Embedding letters, positions;
  std::vector<Block> blocks;
  nn::LayerNorm final_norm;
  nn::Linear output;

  Model(bool is_post, bool has_last_norm, int64_t vocabulary, Generator& g)
      : post(is_post),
        last_norm(has_last_norm),
        letters(vocabulary, width, g),
        positions(context, width, g),
        final_norm(width),
        output(matrix(width, vocabulary, 1 / std::sqrt(double{width}), g)) {
    for (int i = 0; i < 6; ++i) blocks.emplace_back(width, heads, g);
  }
  Tensor operator()(const Array& tokens) const {
    Tensor x = letters(tokens) + positions.weight;
    for (const Block& b : blocks) x = post ? post_norm(b, x) : pre_norm(b, x);
    return output(last_norm ? final_norm(x) : x);  // post-norm has normalised already
  }
  void visit(nn::Visitor& visitor) override {
    visitor("letters", letters);
    visitor("positions", positions);
    visitor("blocks", blocks);
    if (last_norm) visitor("final_norm", final_norm);
    visitor("output", output);
  }
};

const data::Corpus& corpus() {
  static const data::Corpus tales(data::tales_text(1, 300'000));
  return tales;
}
data::Batch held_out(Lesson& lesson) {
  Generator generator(lesson.seed(), 3);
  return corpus().draw(data::Split::validation, 32, context, generator);
}
Model make(Lesson& lesson, bool post, bool last_norm) {
  Generator generator(lesson.seed(), 1);
  return Model(post, last_norm, corpus().tokenizer().size(), generator);
}

struct Training {
  std::vector<double> loss;  // a running mean
  double validation;
};
Training train(Lesson& lesson, const char* name, Model& model, int64_t warmup) {
  Training t{};
  Generator generator(lesson.seed(), 2);
  optim::Adam adam(model.named_parameters(), {.beta2 = 0.999});
  const optim::WarmupConstant rate{3e-3, warmup};
  lesson.repeat(name, 100, [&](int step) {
    model.zero_grad();
    const data::Batch batch = corpus().draw(data::Split::train, 8, context, generator);
    const Tensor loss = cross_entropy(model(batch.inputs), batch.targets);
    loss.backward();
    adam.step(rate(step));
    t.loss.push_back(step == 0 ? loss.item() : 0.9 * t.loss.back() + 0.1 * loss.item());
    return fmt::format("loss {:.2f}", t.loss.back());
  });
  const NoGrad no_graph;
  const data::Batch batch = held_out(lesson);
  t.validation = cross_entropy(model(batch.inputs), batch.targets).item();
  return t;
}

void show_losses(Lesson& lesson, const Training& correct, const Training& broken) {
  viz::TableRows rows{{"loss after step", "correct", "broken"}};
  for (const size_t step : std::vector<size_t>{1, 10, 20, 40, 60, 80, 100})
    rows.push_back(
        row("{} | {:.2f} | {:.2f}", step, correct.loss[step - 1], broken.loss[step - 1]));
  rows.push_back(row("new text | {:.2f} | {:.2f}", correct.validation, broken.validation));
  lesson.table(rows);
}

void no_final_norm(Lesson& lesson) {
  Model with = make(lesson, false, true), without = make(lesson, false, false);
  const Training correct = train(lesson, "with the last norm", with, 0),
                 broken = train(lesson, "without", without, 0);
  lesson.trained({0.04, 0.02});
  show_losses(lesson, correct, broken);
  lesson.symptom("the first losses are wild", broken.loss[0] > correct.loss[0] + 1);
  lesson.symptom("after 20 steps it is still behind", broken.loss[19] > correct.loss[19] + 0.3);
  lesson.symptom("after 100 it has almost caught up: it merely lags",
                 std::abs(broken.validation - correct.validation) < 0.15);
  lesson.say(
      R"(At 6 blocks this bug hides well. The first loss gives it away: it should be near log V =
      {:.2f}, and the deeper the model, the farther it is (section 5 of the lesson).)",
      std::log(static_cast<double>(corpus().tokenizer().size())));
}

// The largest difference between what is predicted at two places of new text.
double spread_of_predictions(Lesson& lesson, const Model& model) {
  const NoGrad no_graph;
  const Tensor p = softmax(model(held_out(lesson).inputs));
  const Tensor rows = reshape(p, {-1, p.size(-1)});
  return max(amax(rows, {0}) - amin(rows, {0})).item();
}

void post_norm_no_warmup(Lesson& lesson) {
  Model with = make(lesson, true, false), without = make(lesson, true, false);
  const Training correct = train(lesson, "with warm-up", with, 80),
                 broken = train(lesson, "without", without, 0);  // correct: 80
  lesson.say("Both are post-norm; correct means 80 steps of warm-up.");
  lesson.trained({0.04, 0.02});
  show_losses(lesson, correct, broken);
  lesson.symptom("it is ahead at first", broken.loss[19] < correct.loss[19] - 0.1);
  lesson.symptom("and then it stalls", std::abs(broken.loss[99] - broken.loss[59]) < 0.1 &&
                                           correct.validation < broken.validation - 0.2);
  const double correct_spread = spread_of_predictions(lesson, with),
               broken_spread = spread_of_predictions(lesson, without);
  lesson.trained({0.03, 0.2});
  lesson.say(
      "Between two places of a text the probability of a letter differs by up to {:.2f}, and "
      "{:.2f}.",
      correct_spread, broken_spread);
  lesson.symptom("the stalled model says the same whatever it has read",
                 broken_spread < 0.02 && correct_spread > 0.3);
  lesson.say(
      R"(A loss that stops at that of the letters' frequencies is the sign: all tokens have become one
      vector (section 4 of the lesson). More steps do not help. A smaller rate or a warm-up does, or
      pre-norm.)");
}

}  // namespace

std::vector<Break> breaks() {
  return {{"no-final-norm", "Pre-norm without the norm at its end.", no_final_norm},
          {"post-norm-no-warmup", "Post-norm, at the full rate from the first step.",
           post_norm_no_warmup}};
}

}  // namespace gradus::lessons
