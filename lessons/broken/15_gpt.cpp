/// \file
/// Lesson 15, broken on purpose, on a shortened run: a smaller model, a short window, few steps.
#include <cmath>
#include <map>

#include "../lesson.h"
#include "gradus/data/corpus.h"
#include "gradus/data/tales.h"
#include "gradus/models/generate.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"

namespace gradus::lessons {
namespace {

struct Choice {
  bool mask = true, positions = true, residual = true;
};

// The model of the lesson; each choice is the correct line or the broken one.
Tensor logits(const models::GPT& m, const Array& tokens, const Choice& correct) {
  Tensor x = m.token_embedding(tokens);  // (B, T, C)
  if (correct.positions) x = x + slice(m.position_embedding.weight, 0, 0, tokens.size(1));
  const auto add = [&](const Tensor& y) { return correct.residual ? x + y : y; };
  for (const nn::TransformerBlock& block : m.blocks) {
    x = add(block.self_attn(block.norm1(x), {.causal = correct.mask}));
    x = add(block.feed_forward(block.norm2(x)));
  }
  return linear(m.final_norm(x), m.token_embedding.weight);
}

const data::Corpus& corpus() {
  static const data::Corpus tales(data::tales_text(1, 1'000'000));
  return tales;
}
constexpr int64_t context = 16, batch = 16;

// A model in training; the same seed gives the same first weights and the same batches.
class Run {
 public:
  Run(Lesson& lesson, const char* name, const Choice& correct, int steps)
      : correct_(correct),
        weights_(lesson.seed(), 0),
        batches_(lesson.seed(), 1),
        model_({.vocabulary = corpus().tokenizer().size(),
                .context = context,
                .layers = 2,
                .heads = 4,
                .width = 64},
               weights_) {
    const auto parameters = model_.named_parameters();
    optim::AdamW adamw(parameters);
    lesson.repeat(name, steps, [&](int step) {
      const data::Batch b = corpus().draw(data::Split::train, batch, context, batches_);
      model_.zero_grad();
      const Tensor loss = cross_entropy(logits(b.inputs), b.targets);
      loss.backward();
      optim::clip_grad_norm(parameters, 1);
      adamw.step(6e-3 * std::min(1.0, (step + 1) / 20.0));
      return fmt::format("loss {:.2f}", loss.item());
    });
    measure();
  }

  Tensor logits(const Array& tokens) const { return lessons::logits(model_, tokens, correct_); }
  double loss() const { return mean(by_position_).item(); }
  double loss_at(int64_t position) const { return by_position_.value().at({position}); }

  // How much the logits at the last position change when the letters before it are shuffled,
  // relative to their size.
  double change_when_shuffled() const {
    const NoGrad guard;
    Generator generator(99, 2);
    const Array letters = corpus().draw(data::Split::validation, 32, context, generator).inputs;
    const Tensor order(letters);
    std::vector<int64_t> shuffled{7, 2, 12, 0, 9, 14, 4, 11, 1, 6, 13, 3, 10, 5, 8, 15};
    const Tensor before = select(logits(letters), 1, -1);
    const Tensor after = select(
        logits(index_select(order, 1, Array::of_indices(shuffled, {context})).value()), 1, -1);
    return std::sqrt(sum(square(after - before)).item() / sum(square(before)).item());
  }

  std::string write(int64_t count) const {
    const NoGrad guard;
    Generator generator(3);
    const data::CharTokenizer& tokenizer = corpus().tokenizer();
    std::vector<int64_t> text = tokenizer.encode("The cat sat on the mat.");
    for (int64_t i = 0; i < count; ++i) {  // what it says at the last position of the window
      const Array window = Array::of_indices({text.end() - context, text.end()}, {1, context});
      const Array last = logits(window).value().select(0, 0).select(0, -1);
      text.push_back(models::sample(last, {.temperature = 0.7}, generator));
    }
    std::string written = tokenizer.decode(text);
    for (char& c : written)
      if (c == '\n') c = ' ';
    return written;
  }

 private:
  void measure() {
    const NoGrad guard;
    Generator generator(99, 1);
    const data::Batch b = corpus().draw(data::Split::validation, 128, context, generator);
    by_position_ = mean(cross_entropy(logits(b.inputs), b.targets, {.reduction = Reduction::none}),
                        {0});  // (T)
  }
  Choice correct_;
  Generator weights_, batches_;
  models::GPT model_;
  Tensor by_position_;
};

std::string two(double x) { return fmt::format("{:.2f}", x); }

void no_mask(Lesson& lesson) {
  const double entropy = data::Tales().entropy_per_character();
  lesson.say(
      R"(The shortened run: 2 blocks of width 64, windows of {} letters, 150 steps, and the same
      first weights and batches for both models. Losses are measured on new text.)",
      context);
  lesson.trained({.absolute = 0.02});
  const Run correct(lesson, "correct", {}, 150), broken(lesson, "no mask", {.mask = false}, 150);
  const auto at = [&](const char* where, int64_t position) {
    return row("{} | {:.2f} | {:.2f}", where, correct.loss_at(position), broken.loss_at(position));
  };
  lesson.table({{"loss, nats", "correct", "no mask"},
                row("all positions | {:.2f} | {:.2f}", correct.loss(), broken.loss()),
                at("the first", 0),
                at("the last but one", context - 2),
                at("the last", context - 1)});
  lesson.symptom(
      fmt::format("too good to be true: less than the entropy of the tales, {:.3f}", entropy),
      broken.loss() < entropy && correct.loss() > entropy);
  lesson.predict("Will the model with the smaller loss write the better text?", "no",
                 "It copies: its next letter stands in the window. When it writes, that letter is "
                 "not there yet. It is always at the last position, and there it has learned "
                 "nothing.");
  lesson.symptom("at the last position it is more than half a nat worse",
                 broken.loss_at(context - 1) > correct.loss_at(context - 1) + 0.5);
  lesson.unchecked();
  lesson.text(fmt::format("correct  {}\nno mask  {}", correct.write(46), broken.write(46)));
}

// A line for each model: its loss, and whether it knows the order of the letters.
std::vector<std::string> line(const char* name, const Run& run) {
  const double change = run.change_when_shuffled();
  return row("{} | {:.2f} | {}", name, run.loss(), change < 1e-5 ? "none" : two(change));
}
const std::vector<std::string> head{"after 100 steps", "loss", "change of the last logits"};

void no_positions(Lesson& lesson) {
  lesson.say(
      R"(Beside it a third model, which has no mask either. Besides the loss we measure how much the
      logits at the last position change, relative to their size, when the letters before it are
      shuffled.)");
  lesson.predict("A model that is not told positions: how much does its loss suffer?", "hardly",
                 "The mask tells them: the first letter sees one letter, the second two.");
  lesson.trained({.absolute = 0.02});
  const Run correct(lesson, "correct", {}, 100),
      broken(lesson, "no positions", {.positions = false}, 100),
      bag(lesson, "no mask either", {.mask = false, .positions = false}, 100);
  lesson.table(
      {head, line("correct", correct), line("no positions", broken), line("no mask either", bag)});
  lesson.symptom("without positions it hardly suffers: less than 0.2 nats",
                 broken.loss() < correct.loss() + 0.2);
  lesson.symptom("and the order of the letters still counts", broken.change_when_shuffled() > 0.03);
  lesson.symptom("without the mask too, order is gone", bag.change_when_shuffled() < 1e-5);
  lesson.say(
      R"(What is left is a bag of letters. That its loss is no larger proves nothing: the bag holds
      the letter that is to be guessed. Trained three times as long, the model without positions lags
      by 0.1 to 0.2 nats.)");
}

void no_residual(Lesson& lesson) {
  std::map<uint16_t, double> share;
  const auto tokens = corpus().tokens(data::Split::train);
  for (const uint16_t token : tokens) share[token] += 1 / static_cast<double>(tokens.size());
  double entropy = 0;
  for (const auto& [token, p] : share) entropy -= p * std::log(p);
  lesson.say(
      R"(Who knows only how frequent each letter is, and nothing of its neighbours, has the loss
      {:.2f}: the entropy of single letters.)",
      entropy);
  lesson.trained({.absolute = 0.02});
  const Run correct(lesson, "correct", {}, 100),
      broken(lesson, "no residual", {.residual = false}, 100);
  lesson.table({{"after 100 steps", "loss"},
                row("correct | {:.2f}", correct.loss()),
                row("no residual | {:.2f}", broken.loss())});
  lesson.symptom("it stalls there: 100 steps, and it is no better than that",
                 broken.loss() > entropy - 0.05 && correct.loss() < entropy - 0.5);
  lesson.say(
      R"(GPT-2's first weights are small, of deviation 0.02: a sub-layer passes on a small part of
      what it gets, and without "x +" nothing else comes through. With larger first weights (Xavier's)
      two such blocks do learn; they merely lag.)");
}

}  // namespace

std::vector<Break> breaks() {
  return {{"no-mask", "A letter may look at those after it.", no_mask},
          {"no-positions", "The rows of E_pos are not added.", no_positions},
          {"no-residual", "A block replaces x, it does not add to it.", no_residual}};
}

}  // namespace gradus::lessons
