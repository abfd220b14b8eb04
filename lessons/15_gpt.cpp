/// \file
/// Lesson 15: a tiny GPT learns to write.
///
/// A language model predicts the next letter of a text. Everything it learns, spelling, words, who
/// "she" is, it learns because that makes the prediction better. The loss is the mean of -log
/// p(next letter), in nats: log(V) for a model that knows nothing about V letters, and never below
/// the entropy of the text itself. The default text, `tales`, comes from a small grammar whose
/// entropy is known exactly, so here one can say how much is left to learn.
///
/// The model is gradus::models::GPT: an embedding of letters and positions, a stack of causal
/// transformer blocks, and the embedding again as the output layer. This file is the training from
/// the outside: read, train, watch, write.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "gpt_flags.h"
#include "gradus/data/tales.h"
#include "gradus/io/file.h"
#include "gradus/threads.h"
#include "gradus/viz/plot.h"
#include "gradus/viz/progress.h"

namespace gradus::lessons {
namespace {

// ---- Ctrl-C -------------------------------------------------------------------------------------

volatile std::sig_atomic_t interrupted = 0;
void on_interrupt(int) {
  interrupted = 1;
  std::signal(SIGINT, SIG_DFL);  // a second one ends the program at once
}

// ---- the text -----------------------------------------------------------------------------------

constexpr size_t tales_bytes = 1'000'000;
constexpr uint64_t tales_seed = 1;

data::Corpus open_corpus(const std::string& name) {
  if (name == "tales") return data::Corpus(data::tales_text(tales_seed, tales_bytes));
  if (name != "shakespeare") return data::Corpus::load(name);
  const std::filesystem::path file = "data/tinyshakespeare.txt";
  check(std::filesystem::exists(file), "{} is not there yet: `make data` fetches it",
        file.string());
  return data::Corpus::load(file);
}

// ---- writing ------------------------------------------------------------------------------------

// Continues the prompt by `count` letters. Draws from a random stream of its own, so that looking
// on does not change the training.
std::string write(const models::GPT& model, const data::CharTokenizer& tokenizer,
                  const GptFlags& flags, int64_t count) {
  const std::string start =
      !flags.prompt.empty() ? flags.prompt : tokenizer.vocabulary().substr(0, 1);
  constexpr uint64_t stream = 2;
  Generator generator(flags.training.seed, stream);
  return flags.prompt + tokenizer.decode(generate(model, tokenizer.encode(start), count,
                                                  flags.sampling, generator));
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

// ---- checkpoints --------------------------------------------------------------------------------

void save(models::Trainer& trainer, const data::Corpus& corpus, const GptFlags& flags) {
  io::State state = trainer.state();
  state.metadata["data.name"] = flags.data;
  state.metadata["data.fingerprint"] = fmt::format("{:016x}", corpus.fingerprint());
  state.metadata["data.vocabulary"] = corpus.tokenizer().vocabulary();
  io::save_safetensors(flags.save, state);
}

void check_same_text(const io::State& checkpoint, const data::Corpus& corpus,
                     const GptFlags& flags) {
  const auto before = checkpoint.metadata.find("data.fingerprint");
  check(before != checkpoint.metadata.end() &&
            before->second == fmt::format("{:016x}", corpus.fingerprint()),
        "{} was trained on another text than {}: continue it with the same --data", flags.load,
        flags.data);
}

// ---- training -----------------------------------------------------------------------------------

// What the run has shown so far, for the live line and the plot at the end.
struct History {
  viz::Series training{.name = "training", .x = {}, .y = {}};
  viz::Series validation{
      .name = "validation", .x = {}, .y = {}, .style = viz::Series::Style::points};
  double recent = 0;  // a running mean of the training loss: single batches are noisy

  void add(int64_t step, double loss) {
    recent = training.x.empty() ? loss : 0.95 * recent + 0.05 * loss;
    training.x.push_back(static_cast<double>(step));
    training.y.push_back(recent);
  }
  void add_validation(int64_t step, double loss) {
    validation.x.push_back(static_cast<double>(step));
    validation.y.push_back(loss);
  }
  std::string validation_text() const {
    return validation.y.empty() ? "" : fmt::format("  val {:.3f}", validation.y.back());
  }
};

// Steps after which the model is asked to write: often at first, when most happens, then at each
// eighth.
bool is_showtime(int64_t step, int64_t total) {
  return step == total / 40 || step == total / 20 ||
         (step < total && step % std::max<int64_t>(1, total / 8) == 0);
}

void train(models::Trainer& trainer, const data::Corpus& corpus, const GptFlags& flags,
           History& history) {
  const int64_t total = trainer.config().steps, first = trainer.steps_done();
  const auto letters_per_step =
      static_cast<double>(trainer.config().batch * trainer.model().config().context);
  constexpr size_t quick_batches = 10;  // for an estimate of the validation loss
  const auto share_done = [&] {
    return static_cast<double>(trainer.steps_done()) / static_cast<double>(total);
  };
  viz::Progress progress(share_done());
  using Clock = std::chrono::steady_clock;
  Clock::duration training_time{};  // without the time spent looking on

  while (!trainer.is_finished() && !interrupted) {
    const Clock::time_point start = Clock::now();
    history.add(trainer.steps_done() + 1, trainer.step());
    training_time += Clock::now() - start;
    const int64_t step = trainer.steps_done();
    if (is_showtime(step, total)) {
      history.add_validation(step, trainer.validation_loss(quick_batches));
      progress.print(fmt::format("{:>6}  {}\n", step,
                                 one_line(write(trainer.model(), corpus.tokenizer(), flags, 68))));
    }
    const double speed = static_cast<double>(step - first) * letters_per_step /
                         std::chrono::duration<double>(training_time).count();
    progress.update(share_done(), fmt::format("step {}/{}  loss {:.3f}{}  {} letters/s", step,
                                              total, history.recent, history.validation_text(),
                                              viz::format_count(speed)));
    if (flags.save_every > 0 && step % flags.save_every == 0) save(trainer, corpus, flags);
  }
  progress.finish();
  save(trainer, corpus, flags);
}

// ---- the report ---------------------------------------------------------------------------------

void describe(models::Trainer& trainer, const data::Corpus& corpus, const GptFlags& flags) {
  const models::GPTConfig& c = trainer.model().config();
  fmt::print("\nA tiny GPT learns to write\n\n");
  fmt::print("  text    {}, {} letters, {} different; a tenth is kept for validation\n", flags.data,
             viz::format_count(static_cast<double>(corpus.tokens(data::Split::train).size() +
                                                   corpus.tokens(data::Split::validation).size())),
             corpus.tokenizer().size());
  fmt::print("  model   {} layers, {} heads, width {}, context {}: {} parameters\n", c.layers,
             c.heads, c.width, c.context,
             viz::format_count(static_cast<double>(trainer.model().parameter_count())));
  fmt::print("  steps   {}, each {} windows of {} letters; {} thread{}\n\n", trainer.config().steps,
             trainer.config().batch, c.context, num_threads(), num_threads() == 1 ? "" : "s");
}

void report_training(models::Trainer& trainer, const data::Corpus& corpus, const GptFlags& flags,
                     const History& history) {
  const bool is_tales = flags.data == "tales";
  std::vector<viz::Series> series{history.training, history.validation};
  if (is_tales)
    series.push_back({.name = "entropy of the tales",
                      .x = {},
                      .y = {data::Tales().entropy_per_character()},
                      .style = viz::Series::Style::level});
  fmt::print("\n{}\n", viz::plot(series, {.title = "loss, nats per letter", .x_label = "step"}));

  const double loss = trainer.validation_loss();
  fmt::print("validation loss   {:.3f} nats per letter, over all {} letters of the split\n", loss,
             viz::format_count(static_cast<double>(corpus.tokens(data::Split::validation).size())));
  if (!is_tales) return;
  const double entropy = data::Tales().entropy_per_character();
  fmt::print("entropy of tales  {:.3f}: what nobody can predict; the loss is {:.1f} % above it\n",
             entropy, 100 * (loss / entropy - 1));
  const std::string sample = write(trainer.model(), corpus.tokenizer(), flags, 8000);
  const data::Acceptance acceptance = data::Tales().acceptance(sample);
  fmt::print(
      "grammar           {} of {} sentences it wrote are sentences of the grammar: {:.0f} %\n",
      acceptance.accepted, acceptance.sentences, 100 * acceptance.share());
}

// An impossible size is an error now, not a machine that swaps. Parameters: the weight, its
// gradient and two moments; activations: what the graph keeps of each layer (about 18 arrays of the
// width, and the attention weights).
void check_memory(const models::GPTConfig& model, const models::TrainingConfig& training) {
  const auto width = static_cast<double>(model.width), context = static_cast<double>(model.context);
  const auto layers = static_cast<double>(model.layers),
             vocabulary = static_cast<double>(model.vocabulary);
  const double letters = static_cast<double>(training.batch) * context;
  const double parameters = 12 * layers * width * width + (vocabulary + context) * width;
  const double activations =
      letters *
      (layers * (18 * width + static_cast<double>(model.heads) * context) + 2 * vocabulary);
  const double needed = 4 * (4 * parameters + activations);
  const double present =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  check(needed < present, "this model needs about {} bytes of memory, the machine has {}",
        viz::format_count(needed), viz::format_count(present));
}

int run(int argc, char** argv) {
  std::optional<io::State> checkpoint;
  GptFlags flags = parse_gpt_flags(argc, argv, checkpoint);
  if (flags.threads > 0) set_num_threads(flags.threads);
  if (flags.save.empty()) {  // a quick trial must not overwrite what was trained at length
    const char* name = flags.quick ? "gpt_quick.safetensors" : "gpt.safetensors";
    flags.save = (std::filesystem::path(argv[0]).parent_path() / name).string();
  }

  const data::Corpus corpus = open_corpus(flags.data);
  flags.model.vocabulary = corpus.tokenizer().size();
  corpus.tokenizer().encode(
      flags.prompt);  // an unknown letter is an error now, not after the training
  if (checkpoint) check_same_text(*checkpoint, corpus, flags);
  check_memory(flags.model, flags.training);
  io::OutputFile(flags.save);  // can it be written there? The file itself appears when there is
                               // something to keep
  models::Trainer trainer(flags.model, flags.training, corpus);
  if (checkpoint) trainer.load_state(*checkpoint);
  checkpoint.reset();
  describe(trainer, corpus, flags);

  if (!trainer.is_finished()) {
    std::signal(SIGINT, on_interrupt);
    History history;
    train(trainer, corpus, flags, history);
    if (interrupted)
      fmt::print("\nStopped after {} of {} steps.\n", trainer.steps_done(), trainer.config().steps);
    else
      report_training(trainer, corpus, flags, history);
  }
  trainer.model().train(false);
  const std::string text = write(trainer.model(), corpus.tokenizer(), flags, flags.tokens);
  const viz::Terminal terminal = viz::Terminal::standard_output();
  fmt::print("\n{}\n\n", terminal.live ? viz::wrapped(text, terminal.width) : text);
  if (std::filesystem::exists(flags.save))
    fmt::print("The checkpoint is {}; --load continues it.\n", flags.save);
  return interrupted ? 130 : 0;
}

}  // namespace
}  // namespace gradus::lessons

int main(int argc, char** argv) {
  try {
    return gradus::lessons::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "15_gpt: {}\n", error.what());
    return 1;
  }
}
