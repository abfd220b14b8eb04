#include "gpt_flags.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>

namespace gradus::lessons {
namespace {

// A number in [low, high]; NaN is in no range.
template <class T>
CLI::Validator in_range(T low, T high) {
  return {[low, high](std::string& text) -> std::string {
            T value{};
            const bool wraps =
                std::is_unsigned_v<T> && text.starts_with('-');  // -1 would be read as 2^64 - 1
            const bool is_number = !wraps && CLI::detail::lexical_cast(text, value);
            if (is_number && value >= low && value <= high) return {};
            return fmt::format("must be a number from {} to {}, got '{}'", low, high, text);
          },
          ""};  // its range is not part of the help
}

}  // namespace

GptFlags parse_gpt_flags(int argc, char** argv, std::optional<io::State>& checkpoint) {
  GptFlags flags;
  models::GPTConfig& model = flags.model;
  models::TrainingConfig& training = flags.training;

  CLI::App app(
      "A tiny GPT learns to write, letter by letter. Ctrl-C stops it cleanly, saves\n"
      "what it has learned, and lets it write.",
      "15_gpt");
  app.get_formatter()->column_width(26);
  app.option_defaults()->always_capture_default();

  app.add_option("--data", flags.data, "tales, shakespeare or a text file")
      ->type_name("TEXT")
      ->group("Data");
  const auto size = [&](const char* name, int64_t& value, int64_t high, const char* help) {
    return app.add_option(name, value, help)->check(in_range<int64_t>(1, high))->type_name("N");
  };
  const auto* layers = size("--layers", model.layers, 256, "Transformer blocks")->group("Model");
  const auto* heads =
      size("--heads", model.heads, 1024, "Attention heads in each block")->group("Model");
  const auto* width =
      size("--width", model.width, 65536, "Numbers for each letter")->group("Model");
  const auto* context =
      size("--context", model.context, 65536, "Letters it can look back on")->group("Model");
  const auto* dropout = app.add_option("--dropout", model.dropout, "Share of activations zeroed")
                            ->check(in_range(0.0, 0.99))
                            ->type_name("P")
                            ->group("Model");

  const auto* steps =
      size("--steps", training.steps, 100'000'000, "Training steps, in all")->group("Training");
  const auto* batch =
      size("--batch", training.batch, 65536, "Windows of text in a step")->group("Training");
  const auto* rate = app.add_option("--lr", training.learning_rate, "Highest learning rate")
                         ->check(in_range(1e-9, 10.0))
                         ->type_name("RATE")
                         ->group("Training");
  const auto* seed = app.add_option("--seed", training.seed, "Same seed, same bits")
                         ->check(in_range<uint64_t>(0, UINT64_MAX))
                         ->type_name("N")
                         ->group("Training");
  app.add_option("--threads", flags.threads, "Default: one for each core")
      ->check(in_range(1, 1024))
      ->default_str("")
      ->type_name("N")
      ->group("Training");
  app.add_flag("--quick", flags.quick, "Only a few seconds of training")->group("Training");

  app.add_option("--save", flags.save, "Checkpoint; default: beside program")
      ->default_str("")
      ->type_name("FILE")
      ->group("Checkpoints");
  size("--save-every", flags.save_every, 100'000'000, "Save every N steps as well")
      ->default_str("")
      ->group("Checkpoints");
  app.add_option("--load", flags.load, "Continue, or write if it is done")
      ->default_str("")
      ->type_name("FILE")
      ->group("Checkpoints");

  app.add_option("--prompt", flags.prompt, "What the text begins with")
      ->type_name("TEXT")
      ->group("Writing");
  size("--tokens", flags.tokens, 10'000'000, "Letters to write")->group("Writing");
  app.add_option("--temperature", flags.sampling.temperature, "Lower is safer, 0: the likeliest")
      ->check(in_range(0.0, 100.0))
      ->type_name("T")
      ->group("Writing");
  size("--top-k", flags.sampling.top_k, 1'000'000, "Choose among K letters only")
      ->default_str("")
      ->type_name("K")
      ->group("Writing");

  const auto stop = [&](const std::string& problem) {
    fmt::print(stderr, "15_gpt: {}\nTry 15_gpt --help.\n", problem);
    std::exit(2);
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    std::exit(0);
  } catch (const CLI::ParseError& error) {
    stop(error.what());
  }

  const GptFlags given = flags;
  if (!flags.load.empty()) {
    checkpoint = io::load_safetensors(flags.load);
    flags.model = models::model_config(*checkpoint);
    flags.training = models::training_config(*checkpoint);
    const auto data_option = app.get_option("--data");
    if (data_option->count() == 0) flags.data = checkpoint->metadata["data.name"];
    // What shapes the training is part of the checkpoint; another value would not continue it.
    const auto fixed = [&](const CLI::Option* option, auto now, auto before) {
      if (option->count() > 0 && now != before)
        stop(fmt::format("{}: the checkpoint {} was trained with {}, which cannot change to {}",
                         option->get_name(), flags.load, before, now));
    };
    fixed(batch, given.training.batch, training.batch);
    fixed(rate, given.training.learning_rate, training.learning_rate);
    fixed(seed, given.training.seed, training.seed);
    fixed(dropout, given.model.dropout, model.dropout);
    fixed(heads, given.model.heads, model.heads);
    // A model of another shape is built as asked; loading then lists the tensors that differ.
    if (layers->count() > 0) model.layers = given.model.layers;
    if (width->count() > 0) model.width = given.model.width;
    if (context->count() > 0) model.context = given.model.context;
    if (steps->count() > 0) training.steps = given.training.steps;
  }
  if (flags.quick && steps->count() == 0 && flags.load.empty()) training.steps = 120;
  if (checkpoint == std::nullopt) training.warmup = std::min(training.warmup, training.steps / 10);
  if (model.width % model.heads != 0)
    stop(fmt::format("--heads {} does not divide --width {}", model.heads, model.width));
  return flags;
}

}  // namespace gradus::lessons
