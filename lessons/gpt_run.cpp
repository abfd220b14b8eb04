#include "gpt_run.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <numeric>

#include "gradus/data/tales.h"
#include "gradus/io/checkpoint.h"
#include "gradus/io/file.h"
#include "gradus/viz/progress.h"

namespace gradus::lessons {
namespace {

// ---- Ctrl-C -------------------------------------------------------------------------------------

volatile std::sig_atomic_t interrupted = 0;
void on_interrupt(int) {
  interrupted = 1;
  std::signal(SIGINT, SIG_DFL);  // a second one ends the program at once
}

// ---- files and memory ---------------------------------------------------------------------------

constexpr size_t tales_bytes = 1'000'000;
constexpr uint64_t tales_seed = 1;

void save(models::Trainer& trainer, const data::Corpus& corpus, const GptFlags& flags) {
  io::State state = trainer.state();
  state.metadata["data.name"] = flags.data;
  state.metadata["data.fingerprint"] = fmt::format("{:016x}", corpus.fingerprint());
  state.metadata["data.vocabulary"] = corpus.tokenizer().vocabulary();
  io::save_checkpoint(flags.save, state);
}

// What went wrong, or nothing.
std::string try_to_save(models::Trainer& trainer, const data::Corpus& corpus,
                        const GptFlags& flags) {
  try {
    save(trainer, corpus, flags);
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

void check_same_text(const io::State& checkpoint, const data::Corpus& corpus,
                     const GptFlags& flags) {
  const auto text = [&](const char* name) {
    const auto found = checkpoint.metadata.find(name);
    check(found != checkpoint.metadata.end(), "{}: there is no {}", flags.load, name);
    return found->second;
  };
  if (text("data.fingerprint") == fmt::format("{:016x}", corpus.fingerprint())) return;
  const std::string before = text("data.vocabulary"), now = corpus.tokenizer().vocabulary();
  fail("{} was trained on another text than {} ({}): continue it with the same --data", flags.load,
       flags.data,
       before == now ? "of the same letters"
                     : fmt::format("its letters are {:?}, here they are {:?}", before, now));
}

// An impossible size is an error now, not a machine that swaps. Parameters: the weight, its
// gradient and two moments; activations: what the graph keeps of each layer (about 18 arrays of the
// width, and the attention weights).
void check_memory(const models::GPTConfig& model, const models::TrainingConfig& training) {
  const auto width = static_cast<double>(model.width), context = static_cast<double>(model.context);
  const auto layers = static_cast<double>(model.layers),
             vocabulary = static_cast<double>(model.vocabulary);
  const double letters = static_cast<double>(training.batch) * context;
  const double activations =
      letters *
      (layers * (18 * width + static_cast<double>(model.heads) * context) + 2 * vocabulary);
  const double needed = 4 * (4 * model.approximate_parameters() + activations);
  const double present =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  check(needed < present, "this model needs about {} bytes of memory, the machine has {}",
        viz::format_count(needed), viz::format_count(present));
}

// ---- watching -----------------------------------------------------------------------------------

// Steps after which the model is asked to write: often at first, when most happens, then at each
// eighth.
bool is_showtime(int64_t step, int64_t total) {
  return step == total / 40 || step == total / 20 ||
         (step < total && step % std::max<int64_t>(1, total / 8) == 0);
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

void add(viz::Series& series, int64_t step, double loss) {
  series.x.push_back(static_cast<double>(step));
  series.y.push_back(loss);
}

}  // namespace

data::Corpus open_corpus(const std::string& name) {
  if (name == "tales") return data::Corpus(data::tales_text(tales_seed, tales_bytes));
  if (name != "shakespeare") return data::Corpus::load(name);
  const std::filesystem::path file = "data/tinyshakespeare.txt";
  check(std::filesystem::exists(file), "{} is not there yet: `make data` fetches it",
        file.string());
  return data::Corpus::load(file);
}

void check_before_training(const GptFlags& flags, const data::Corpus& corpus) {
  corpus.tokenizer().encode(flags.prompt);
  if (flags.checkpoint) check_same_text(*flags.checkpoint, corpus, flags);
  check_memory(flags.model, flags.training);
  // Can it be written there? The file itself appears when there is something to keep.
  io::OutputFile(flags.save);
}

std::string write(const models::GPT& model, const data::CharTokenizer& tokenizer,
                  const GptFlags& flags, int64_t count) {
  const std::string start =
      !flags.prompt.empty() ? flags.prompt : tokenizer.vocabulary().substr(0, 1);
  constexpr uint64_t stream = 2;
  Generator generator(flags.training.seed, stream);
  return flags.prompt + tokenizer.decode(generate(model, tokenizer.encode(start), count,
                                                  flags.sampling, generator));
}

double History::mean_loss(int64_t step) const {
  const int64_t end = step - first, begin = std::max<int64_t>(0, end - 10);
  check(end >= 1 && end <= static_cast<int64_t>(losses.size()), "history: there is no step {}",
        step);
  return std::accumulate(losses.begin() + begin, losses.begin() + end, 0.0) /
         static_cast<double>(end - begin);
}

History train(const Lesson& lesson, models::Trainer& trainer, const data::Corpus& corpus,
              const GptFlags& flags) {
  const int64_t total = trainer.config().steps, first = trainer.steps_done();
  const auto letters_per_step =
      static_cast<double>(trainer.config().batch * trainer.model().config().context);
  constexpr size_t quick_batches = 10;  // for an estimate of the validation loss
  const bool watched = !lesson.contract();
  const auto share_done = [&] {
    return static_cast<double>(trainer.steps_done()) / static_cast<double>(total);
  };
  if (watched) fmt::print("\n");
  viz::Progress progress(share_done());
  using Clock = std::chrono::steady_clock;
  Clock::duration training_time{};  // without the time spent looking on

  History history;
  history.first = first;
  std::signal(SIGINT, on_interrupt);
  while (!trainer.is_finished() && !interrupted) {
    const Clock::time_point start = Clock::now();
    const double loss = trainer.step();
    training_time += Clock::now() - start;
    const int64_t step = trainer.steps_done();
    history.losses.push_back(loss);
    const double recent = history.mean_loss(step);  // single batches are noisy
    add(history.training, step, recent);
    if (is_showtime(step, total)) {
      add(history.validation, step, trainer.validation_loss(quick_batches));
      const std::string text = write(trainer.model(), corpus.tokenizer(), flags, 68);
      const std::string line = fmt::format("{:>6}  {}\n", step, one_line(text));
      if (watched) progress.print(line);
      history.samples += line;
    }
    const double speed = static_cast<double>(step - first) * letters_per_step /
                         std::chrono::duration<double>(training_time).count();
    const std::string validation = history.validation.y.empty()
                                       ? ""
                                       : fmt::format("  val {:.3f}", history.validation.y.back());
    if (watched)
      progress.update(share_done(),
                      fmt::format("step {}/{}  loss {:.3f}{}  {} letters/s", step, total, recent,
                                  validation, viz::format_count(speed)));
    // The last one is saved below, once: twice would put it in the place of the one before it.
    if (watched && step % flags.save_every == 0 && !trainer.is_finished())
      if (const std::string error = try_to_save(trainer, corpus, flags); !error.empty())
        progress.print(fmt::format("Step {} is not saved: {}\n", step, error));
  }
  std::signal(SIGINT, SIG_DFL);
  history.interrupted = interrupted != 0;
  if (!watched) return history;
  progress.finish();
  history.save_error = try_to_save(trainer, corpus, flags);
  return history;
}

}  // namespace gradus::lessons
