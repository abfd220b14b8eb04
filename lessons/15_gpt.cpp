/*! \page lesson_15 Lesson 15: Tiny GPT

\lessonhead
\needs \ref lesson_07 "lesson 7" (attention), \ref lesson_09 "lesson 9" (several heads), \ref
lesson_12 "lesson 12" (residual and norm). Four verbs: `embedding(E, tokens)` looks up a row of E
for each token; `linear(x, W)` is x times W transposed; `masked_fill(s, mask, value)` overwrites s
where the mask is true; `cross_entropy(logits, targets)` is the mean of -log softmax(logits) at the
targets. \builds a GPT on one page, the same as gradus::models::GPT to twelve digits, and one that
has learned to write: this lesson is `make gpt`. \usedlater in lessons 16 (training), 17
(generation), 24 and 25 (LLaMA and GPT-2). \endlessonhead

A language model answers one question: after these letters, how likely is each letter to be next? To
write, it draws a letter from its answer, appends it, and is asked again. To learn, its answer is
compared with the letter \f$x_{t+1}\f$ that really came:

\f[ L = -\frac1T \sum_{t=1}^{T} \log p(x_{t+1} \mid x_1, \dots, x_t) \f]

A window of T letters holds T such questions. They are all answered at once, for the mask in
attention sees to it that answer t depends on letters 1 to t only.

\beside
What is learned. A block has two sub-layers, each with a norm in front of it; nothing has a bias.
\source{weights}

\beside
Attention with all heads at once. One product makes queries, keys and values; each head works on its
own \f$d_k = C / h\f$ columns; \f$W_O\f$ mixes what they found. A score of minus infinity becomes a
weight of exactly 0. \source{attention}

\beside
The rest. x is the stream that every sub-layer reads and adds to. The table E serves twice: as what
a letter is on the way in, and as what the result is compared with on the way out (Press and Wolf
2017). \source{model}

\output{15_gpt.1}

\papernote GPT-2 (Radford et al. 2019) has biases and a dropout of 0.1; here there are none, as in
most models since. The first weights are GPT-2's: normal with deviation 0.02, and 0.02 divided by
\f$\sqrt{2 \cdot \text{blocks}}\f$ for the two matrices of a block that add to the stream. The
learning rate warms up and falls along a cosine, and gradients are clipped to norm 1: lesson 16.

\section lesson_15_train What to expect

The text is `tales`, little stories from a grammar of our own. What a grammar draws by chance has a
known entropy, and no model's loss can stay below it. Two numbers frame a training: at first the
loss is \f$\log V\f$, at best it is the entropy.

\output{15_gpt.2}

\beside
The curve between these two hardly depends on the seed: another seed may leave the band by as much
as its width. A run that is farther off has another learning rate, another size, or an error.
\source{bands}

\output{15_gpt.3}

\picture{15_gpt-loss-nats-per-letter,The loss of a quick run. The dotted line is the entropy.}

\section lesson_15_heads What its heads look at

Letters alone carry no word. Two questions have answers that can be counted:

\beside
At each letter, how much weight does a head give to the last space? And to the first letter of the
word? \source{places}

\picture{15_gpt-a-head-that-looks-at-the-first-letter-of-its-word,A quick run: a row for each letter
that asks. After 400 steps the head shows it only faintly; the full run shows it clearly: after 2000
steps the best head for this gives 0.56 of its weight to that one letter\, and the best for spaces
gives 0.47.}

\section lesson_15_output All that it prints

With `--quick`: a smaller model and 400 steps. The run itself is `make gpt`; Ctrl-C stops it
cleanly, and `--load` continues it to the bits of a run that was never stopped. A step is a function
of the weights, the optimiser's moments and two places in random streams, and the checkpoint holds
just these. It is saved every 100 steps as well, so a run that is killed loses no more than that.

\output{15_gpt}
\program{15_gpt}
*/
#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <limits>

#include "gpt_heads.h"
#include "gpt_run.h"
#include "gradus/arithmetic.h"
#include "gradus/data/tales.h"

namespace gradus::lessons {
namespace {

// ---- the model on one page ----

// [weights]
struct Layer {
  Tensor g_1, W_QKV, W_O;  // (C), (3 C, C), (C, C): the gain of the norm, then attention
  Tensor g_2, W_1, W_2;    // (C), (4 C, C), (C, 4 C): the gain of the norm, then feed-forward
};
struct TinyGPT {
  int64_t heads;
  Tensor E, E_pos;  // (V, C), (context, C): a row for each letter, a row for each position
  std::vector<Layer> layers;
  Tensor g;  // (C): the gain of the last norm
};
// [weights]

// [attention]
// Where key j stands after query i, (T, T).
Array future(int64_t T) {
  std::vector<bool> after;
  for (int64_t i = 0; i < T; ++i)
    for (int64_t j = 0; j < T; ++j) after.push_back(j > i);
  return Array::of_bools(after, {T, T});
}

// x: (B, T, C) -> (B, T, C). `maps` gets the weights P, (B, heads, T, T).
Tensor attention(const Layer& l, int64_t heads, const Tensor& x, std::vector<Tensor>* maps) {
  const int64_t B = x.size(0), T = x.size(1), C = x.size(2), d_k = C / heads;
  const auto split = [&](const Tensor& y) {
    return transpose(reshape(y, {B, T, heads, d_k}), 1, 2);  // (B, heads, T, d_k)
  };
  const std::vector<Tensor> qkv = chunk(linear(x, l.W_QKV), 3, -1);
  const Tensor Q = split(qkv[0]), K = split(qkv[1]), V = split(qkv[2]);
  const Tensor S = matmul(Q, transpose(K)) / std::sqrt(static_cast<double>(d_k));
  const Tensor P = softmax(masked_fill(S, future(T), -std::numeric_limits<double>::infinity()));
  if (maps != nullptr) maps->push_back(P);
  const Tensor O = transpose(matmul(P, V), 1, 2);  // (B, T, heads, d_k)
  return linear(reshape(O, {B, T, C}), l.W_O);
}
// [attention]

// [model]
Tensor feed_forward(const Layer& l, const Tensor& x) {
  return linear(gelu_tanh(linear(x, l.W_1)), l.W_2);  // C -> 4 C -> C, each token by itself
}

// tokens: (B, T) -> logits for the letter that follows each, (B, T, V)
Tensor logits(const TinyGPT& m, const Array& tokens, std::vector<Tensor>* maps = nullptr) {
  Tensor x = embedding(m.E, tokens) + slice(m.E_pos, 0, 0, tokens.size(1));
  for (const Layer& l : m.layers) {
    x = x + attention(l, m.heads, layer_norm(x, l.g_1), maps);
    x = x + feed_forward(l, layer_norm(x, l.g_2));
  }
  return linear(layer_norm(x, m.g), m.E);
}
// [model]

// The weights in the order of models::GPT::named_parameters.
TinyGPT tiny_gpt(const std::vector<Tensor>& w, int64_t heads) {
  TinyGPT m{heads, w[0], w[1], {}, w.back()};
  for (size_t i = 2; i + 6 < w.size(); i += 6)
    m.layers.push_back({w[i], w[i + 1], w[i + 2], w[i + 3], w[i + 4], w[i + 5]});
  return m;
}
TinyGPT tiny_gpt(models::GPT& model) {
  std::vector<Tensor> weights;
  for (const auto& [name, weight] : model.named_parameters()) weights.push_back(weight);
  return tiny_gpt(weights, model.config().heads);
}

// ---- the sections ----

std::string grouped(int64_t n) {  // 12345 -> "12,345"
  std::string digits = std::to_string(n);
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > 0; i -= 3)
    digits.insert(static_cast<size_t>(i), ",");
  return digits;
}

// The page and the library with the same random weights: the loss and all gradients, in float64.
void prove_equal(Lesson& lesson) {
  const std::string text = "The cat sat on the mat.";
  const data::CharTokenizer tokenizer(text);
  const std::vector<int64_t> ids = tokenizer.encode(text);
  const auto T = static_cast<int64_t>(ids.size()) - 1;
  const Array inputs = Array::of_indices({ids.begin(), ids.end() - 1}, {1, T}),
              targets = Array::of_indices({ids.begin() + 1, ids.end()}, {1, T});
  models::GPT library(
      {.vocabulary = tokenizer.size(), .context = T + 2, .layers = 2, .heads = 3, .width = 12},
      lesson.generator());
  library.to(DType::float64);
  auto parameters = library.named_parameters();
  for (auto& [name, weight] : parameters) nn::init_normal(weight, 0.5, lesson.generator());

  const Tensor expected = library.loss(inputs, targets);
  expected.backward();
  std::vector<Tensor> gradients;
  for (const auto& [name, weight] : parameters) gradients.emplace_back(weight.grad().clone());
  library.zero_grad();
  const Tensor loss = cross_entropy(logits(tiny_gpt(library), inputs), targets);
  loss.backward();
  lesson.check("the one-page model and `models::GPT`, same weights: the same loss", loss, expected);
  double worst = 0;
  for (size_t i = 0; i < parameters.size(); ++i)
    worst = std::max(worst, largest_difference(Tensor(parameters[i].second.grad()), gradients[i]));
  lesson.check(
      fmt::format(
          "in a model of two blocks: the same gradients of all {} weight tensors (to 1e-12)",
          parameters.size()),
      worst <= 1e-12);
}

void the_model(Lesson& lesson, const models::GPTConfig& c) {
  lesson.section("The model on one page");
  lesson.say(
      R"(A language model reads some letters, its tokens, and says how likely each letter is to come
      next. A GPT does so with parts that you know: attention (lesson 7) in several heads (9), the
      residual stream and its norms (12, 13). A letter starts as a row x of C numbers (C is the
      d_model of lesson 9), its own row of the table E plus the row of its position, and each block
      adds to it twice:)");
  lesson.equation("x = E[letter] + E_pos[position]");
  lesson.equation("x = x + attention(LN(x)),   x = x + W_2 gelu(W_1 LN(x))");
  lesson.equation("logits = LN(x) E^T");
  lesson.say(
      R"(Attention is causal: a letter sees itself and those before it; the scores of later ones are
      set to -∞, which softmax turns into weight 0. The feed-forward network $W_2 gelu(W_1 x)$ works
      on each letter by itself; gelu is a relu with a rounded corner. At the end each row is compared
      with those of E again: the larger a dot product, the likelier that letter. LN is a layer norm
      that learns a gain for each of the C numbers.)");
  const int64_t C = c.width, block = 12 * C * C + 2 * C;
  lesson.predict(
      fmt::format("How many numbers does one block learn, at C = {}?", C), grouped(block),
      "12 C² + 2 C: W_QKV has 3 C², W_O C², W_1 and W_2 4 C² each, the two norms C each. "
      "The number of heads does not matter.");
  lesson.table(
      {{"learned", "shape", "numbers"},
       row("E, a row for each letter | {} | {}", Shape{c.vocabulary, C}, grouped(c.vocabulary * C)),
       row("E_pos, a row for each position | {} | {}", Shape{c.context, C}, grouped(c.context * C)),
       row("{} blocks |  | {}", c.layers, grouped(c.layers * block)),
       row("the last norm | {} | {}", Shape{C}, grouped(C)),
       row("all |  | {}", grouped((c.vocabulary + c.context + 1) * C + c.layers * block))});
  prove_equal(lesson);
}

// ---- training ----

// [bands]
// The mean loss of the ten batches up to a step: the lowest and the highest of several seeds.
struct Band {
  int64_t step;
  double low, high;
};
// make gpt, with seeds 1, 2, 3 and 1337
const std::vector<Band> normal{{1, 3.87, 3.93},   {100, 2.19, 2.22},  {250, 1.75, 1.77},
                               {500, 1.26, 1.29}, {1000, 0.90, 0.94}, {1500, 0.83, 0.85},
                               {2000, 0.80, 0.83}};
// make gpt ARGS=--quick, with seeds 1 to 5 and 1337
const std::vector<Band> normal_quick{{1, 3.88, 3.91},   {25, 2.88, 2.96},  {50, 2.35, 2.40},
                                     {100, 2.11, 2.15}, {200, 1.68, 1.74}, {400, 1.30, 1.42}};
// [bands]

History learn(Lesson& lesson, models::Trainer& trainer, const data::Corpus& corpus,
              const GptFlags& flags) {
  const models::GPTConfig& c = trainer.model().config();
  const models::TrainingConfig& t = trainer.config();
  const auto short_form = [](auto n) { return viz::format_count(static_cast<double>(n)); };
  lesson.section("It learns to write");
  lesson.say(
      R"(The loss is the mean of -log p over the letters that really came, in nats (log is the
      natural logarithm). It is the only teacher: spelling, words and sentences are learned because
      they make the next letter less of a surprise.)");
  lesson.text(
      fmt::format("text   {}: {} letters, {} different; a tenth is kept for validation\n"
                  "model  {} blocks of {} heads, width {}, context {}: {} numbers to learn\n"
                  "steps  {}, each {} windows of {} letters",
                  flags.data,
                  short_form(corpus.tokens(data::Split::train).size() +
                             corpus.tokens(data::Split::validation).size()),
                  c.vocabulary, c.layers, c.heads, c.width, c.context,
                  short_form(trainer.model().parameter_count()), t.steps, t.batch, c.context));
  lesson.predict("What is the loss before anything is learned?",
                 fmt::format("{:.2f}", std::log(static_cast<double>(c.vocabulary))),
                 fmt::format("Each of the {0} letters gets about 1/{0}, and -log(1/{0}) = log {0}.",
                             c.vocabulary));
  if (!lesson.contract())
    lesson.say("It is saved every {} steps as {}. Whatever ends it, --load goes on from there.",
               flags.save_every, flags.save);
  lesson.say("After some steps it is asked to write:");
  lesson.unchecked();
  History history = train(lesson, trainer, corpus, flags);
  lesson.printed(history.samples);
  if (history.interrupted)
    lesson.say("Stopped after {} of {} steps.", trainer.steps_done(), t.steps);
  return history;
}

void report(Lesson& lesson, models::Trainer& trainer, const GptFlags& flags,
            const History& history) {
  lesson.section("Is this normal?");
  const bool is_tales = flags.data == "tales";
  const double entropy = data::Tales().entropy_per_character();
  if (is_tales)
    lesson.predict(
        "What would be the loss of a model that knows all there is to know?",
        fmt::format("{:.3f}", entropy),
        "The tales come from a grammar that chooses at random, so their entropy is known "
        "exactly: so much of each letter nobody can predict.");
  lesson.trained({.absolute = 0.02});
  std::vector<viz::Series> curves{history.training, history.validation};
  if (is_tales)
    curves.push_back({.name = "entropy of the tales",
                      .x = {},
                      .y = {entropy},
                      .style = viz::Series::Style::level});
  lesson.plot(curves, {.title = "Loss, nats per letter", .x_label = "step"});
  if (flags.is_default) {
    viz::TableRows rows{{"step", "your loss", "normal"}};
    for (const Band& band : lesson.quick() ? normal_quick : normal)
      rows.push_back(row("{} | {:.2f} | {:.2f} to {:.2f}", band.step, history.mean_loss(band.step),
                         band.low, band.high));
    lesson.table(rows);
    lesson.say(
        R"(Your loss is the mean of the ten batches up to that step. Normal is where it lay with
        seeds {}; another seed may leave the band by as much as its width.)",
        lesson.quick() ? "1 to 5 and 1337" : "1 to 3 and 1337");
  }
  const double loss = trainer.validation_loss(lesson.quick() ? 40 : SIZE_MAX);
  lesson.say("On text that it never saw, the validation loss is {:.3f} nats per letter{}.", loss,
             is_tales ? fmt::format(", {:.3f} {} the entropy", std::abs(loss - entropy),
                                    loss < entropy ? "below" : "above")
                      : "");
}

// ---- looking inside ----

// [places]
// Where the letter's word began: the last space (a space finds itself), and the first letter of its
// word. -1 where there is none, or the letter is the first itself.
int64_t last_space(const Letters& text, int64_t i) {
  while (i >= 0 && text[static_cast<size_t>(i)] != " ") --i;
  return i;
}
int64_t first_of_word(const Letters& text, int64_t i) {
  const auto in_word = [&](int64_t k) {
    return std::isalpha(static_cast<unsigned char>(text[static_cast<size_t>(k)][0])) != 0;
  };
  int64_t first = i;
  while (first > 0 && in_word(first) && in_word(first - 1)) --first;
  return first == i ? -1 : first;
}
// [places]

void show_heads(Lesson& lesson, models::GPT& model, const data::Corpus& corpus) {
  lesson.section("What its heads look at");
  const NoGrad guard;
  const TinyGPT page = tiny_gpt(model);
  const data::Batch batch = corpus.validation_blocks(model.config().context, 12).front();
  const int64_t T = std::min<int64_t>(64, batch.inputs.size(1));
  const Array tokens = batch.inputs.slice(1, 0, T), targets = batch.targets.slice(1, 0, T);
  std::vector<Tensor> maps;
  lesson.check("the one-page model, with the weights just learned, has the same loss",
               cross_entropy(logits(page, tokens, &maps), targets), model.loss(tokens, targets),
               1e-5);
  lesson.trained({.absolute = 0.02});
  lesson.say(
      R"(So the one page can show what the trained model does. Nobody told it what a word is. Is there a
      head that looks back to where the word began? Of all heads, the one with the most weight there,
      over {} letters of the validation text, beside what a head would give that looked at all
      letters alike:)",
      tokens.numel());
  viz::TableRows rows{{"looks at", "block", "head", "mean weight", "uniform"}};
  std::vector<std::pair<std::string, Head>> found;
  for (const auto& [name, place] : std::vector<std::pair<std::string, Place>>{
           {"the last space", last_space}, {"the first letter of its word", first_of_word}}) {
    const Head head = best_head(place, corpus.tokenizer(), tokens, maps);
    rows.push_back(row("{} | {} of {} | {} of {} | {:.2f} | {:.2f}", name, head.layer + 1,
                       model.config().layers, head.index + 1, model.config().heads, head.weight,
                       head.uniform));
    found.emplace_back(name, head);
  }
  lesson.table(rows);
  lesson.say(
      R"(Each row below is a letter that asks, and its weights sum to 1; a space is written _.{})",
      lesson.quick()
          ? " A quick run shows these habits only faintly; the full run shows them clearly."
          : "");
  const Array line = some_letters(corpus, model.config().context);
  Letters names = letters_of(corpus.tokenizer(), line);
  for (std::string& letter : names)
    if (letter == " " || letter == "\n") letter = "_";
  maps.clear();
  logits(page, line, &maps);
  for (const auto& [name, head] : found)
    lesson.heatmap({fmt::format("A head that looks at {}", name),
                    maps[head.layer].value().select(0, 0).select(0, head.index), "letter",
                    "looks at", names, names, 0, 1});
}

// Continues the prompt. Text has paragraphs; a quick run shows a few lines of it.
void let_it_write(Lesson& lesson, const models::GPT& model, const data::Corpus& corpus,
                  const GptFlags& flags) {
  lesson.section("It writes");
  lesson.unchecked();
  std::string text = write(model, corpus.tokenizer(), flags, flags.tokens);
  if (lesson.quick()) std::replace(text.begin(), text.end(), '\n', ' ');
  if (flags.prompt.empty()) text.erase(0, text.find_first_not_of('\n'));
  lesson.text(viz::wrapped(text, 78));
}

void count_sentences(Lesson& lesson, const models::GPT& model, const data::Corpus& corpus,
                     const GptFlags& flags) {
  const int64_t letters = lesson.quick() ? 1000 : 8000;
  const data::Acceptance acceptance =
      data::Tales().acceptance(write(model, corpus.tokenizer(), flags, letters));
  lesson.say("Of {} sentences that it wrote, {} are sentences of the grammar: {:.0f} %.",
             acceptance.sentences, acceptance.accepted, 100 * acceptance.share());
}

// ---- the end ----

void check_gradients(Lesson& lesson) {
  const int64_t V = 11, C = 6, T = 5, heads = 3;
  const auto block = [&](const std::string& n) {
    return std::vector<NamedArray>{{"g_1" + n, lesson.randn({C})},
                                   {"W_QKV" + n, 0.5 * lesson.randn({3 * C, C})},
                                   {"W_O" + n, 0.5 * lesson.randn({C, C})},
                                   {"g_2" + n, lesson.randn({C})},
                                   {"W_1" + n, 0.5 * lesson.randn({4 * C, C})},
                                   {"W_2" + n, 0.5 * lesson.randn({C, 4 * C})}};
  };
  const auto sub_layer = [&](const char* name, auto f) {
    std::vector<NamedArray> inputs = block("");
    inputs.push_back({"x", lesson.randn({2, T, C})});
    lesson.gradcheck(
        name,
        [f](const std::vector<Tensor>& w) {
          return f(Layer{w[0], w[1], w[2], w[3], w[4], w[5]}, w[6]);
        },
        inputs);
  };
  sub_layer("attention", [&](const Layer& l, const Tensor& x) {
    return attention(l, heads, layer_norm(x, l.g_1), nullptr);
  });
  sub_layer("feed_forward",
            [](const Layer& l, const Tensor& x) { return feed_forward(l, layer_norm(x, l.g_2)); });
  std::vector<NamedArray> weights{{"E", lesson.randn({V, C})}, {"E_pos", lesson.randn({T + 2, C})}};
  for (const char* n : {" of block 1", " of block 2"})
    for (NamedArray& weight : block(n)) weights.push_back(std::move(weight));
  weights.push_back({"g", lesson.randn({C})});
  const Array tokens = Array::of_indices({3, 1, 4, 1, 5, 9, 2, 6, 5, 10}, {2, T});
  lesson.gradcheck(
      "the whole model",
      [&](const std::vector<Tensor>& w) { return logits(tiny_gpt(w, heads), tokens); }, weights);
}

// False if Ctrl-C ended it.
bool teach(Lesson& lesson, GptFlags& flags) {
  const data::Corpus corpus = open_corpus(flags.data);
  flags.model.vocabulary = corpus.tokenizer().size();
  check_before_training(flags, corpus);
  models::Trainer trainer(flags.model, flags.training, corpus);
  const bool is_new = !flags.checkpoint;
  if (!is_new) trainer.load_state(*flags.checkpoint);
  flags.checkpoint.reset();
  if (!flags.load_note.empty())
    lesson.say("{}. It goes on from step {}.", flags.load_note, trainer.steps_done());

  if (is_new) the_model(lesson, flags.model);
  History history;
  if (!trainer.is_finished()) {
    history = learn(lesson, trainer, corpus, flags);
    if (!history.interrupted) report(lesson, trainer, flags, history);
  }
  const bool to_the_end = is_new && !history.interrupted;
  models::GPT& model = trainer.model();
  model.train(false);
  if (to_the_end || lesson.verbose()) show_heads(lesson, model, corpus);
  let_it_write(lesson, model, corpus, flags);
  if (to_the_end && flags.data == "tales") count_sentences(lesson, model, corpus, flags);
  check(history.save_error.empty(), "step {} is not saved: {}", trainer.steps_done(),
        history.save_error);
  if (!lesson.contract() && std::filesystem::exists(flags.save))
    lesson.say("The checkpoint is {}; --load continues it.", flags.save);
  if (!to_the_end) return !history.interrupted;

  check_gradients(lesson);
  lesson.change_one_line({
      {"In `attention` leave out `/ std::sqrt(static_cast<double>(d_k))`.",
       "The page is no longer `models::GPT`, as three checks say. The gradient check passes: it is "
       "the right gradient, of another model.",
       R"(make lesson-15 ARGS="--quick --steps 20")"},
      {"In `src/models/gpt.cpp`, in the first `operator()`, write `x = block(x);` without the "
       "mask.",
       "The page disagrees. The loss falls to 0.1, far below the entropy, and the model writes "
       "blanks: it has learned to copy what it now cannot see.",
       "make lesson-15 ARGS=--quick"},
      {"In `src/models/gpt.cpp`, in `embed`, write `+ 0 * positions`.",
       "The page disagrees. For 100 steps the loss falls as ever, since the mask tells each letter "
       "how many stand before it; at the end it lags by a quarter of a nat.",
       "make lesson-15 ARGS=--quick"},
  });
  return true;
}

}  // namespace
}  // namespace gradus::lessons

int main(int argc, char** argv) {
  using namespace gradus::lessons;
  GptFlags flags;
  flags.directory = std::filesystem::path(argv[0]).parent_path().string();
  bool finished = true;
  const int code = run(argc, argv,
                       {.number = 15,
                        .seconds = 55,
                        .quick_seconds = 4,
                        .seed = 1337,
                        .more_flags = [&](CLI::App& app) { add_gpt_flags(app, flags); }},
                       [&](Lesson& lesson) { finished = teach(lesson, flags); });
  return finished ? code : 130;  // what shells report after Ctrl-C
}
