#include "gpt_flags.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "gradus/io/checkpoint.h"

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

// What shapes the training is part of the checkpoint; another value would not continue it.
template <class T>
void check_unchanged(const CLI::App& app, const GptFlags& flags, const char* name, T now,
                     T before) {
  if (app.count(name) > 0 && now != before)
    throw CLI::ValidationError(
        fmt::format("{}: the checkpoint {} was trained with {}, which cannot change to {}", name,
                    flags.load, before, now));
}

void continue_from_checkpoint(const CLI::App& app, GptFlags& flags) {
  const GptFlags given = flags;
  io::Checkpoint found = io::load_checkpoint(flags.load);
  flags.checkpoint = std::move(found.state);
  flags.load_note = std::move(found.note);
  const models::TrainingRecord record = models::training_record(*flags.checkpoint);
  flags.model = record.model;
  flags.training = record.training;
  if (app.count("--data") == 0) {
    const auto name = flags.checkpoint->metadata.find("data.name");
    check(name != flags.checkpoint->metadata.end(),
          "{} does not say which text it was trained on: continue it with --data", flags.load);
    flags.data = name->second;
  }
  const auto& training = flags.training;
  check_unchanged(app, flags, "--batch", given.training.batch, training.batch);
  check_unchanged(app, flags, "--lr", given.training.learning_rate, training.learning_rate);
  check_unchanged(app, flags, "--seed", given.training.seed, training.seed);
  check_unchanged(app, flags, "--dropout", given.model.dropout, flags.model.dropout);
  check_unchanged(app, flags, "--heads", given.model.heads, flags.model.heads);
  // A model of another shape is built as asked; loading then lists the tensors that differ.
  if (app.count("--layers") > 0) flags.model.layers = given.model.layers;
  if (app.count("--width") > 0) flags.model.width = given.model.width;
  if (app.count("--context") > 0) flags.model.context = given.model.context;
  if (app.count("--steps") > 0) flags.training.steps = given.training.steps;
}

// After the command line has been read.
void complete(const CLI::App& app, GptFlags& flags) {
  const bool quick = app.count("--quick") > 0;
  flags.training.seed = app.get_option("--seed")->as<uint64_t>();
  if (!flags.load.empty()) {
    continue_from_checkpoint(app, flags);
  } else {
    // Small, and at a high rate: what a few seconds can teach.
    const auto if_quick = [&](const char* name, auto& value, auto quick_value) {
      if (quick && app.count(name) == 0) value = quick_value;
    };
    if_quick("--layers", flags.model.layers, 3);
    if_quick("--width", flags.model.width, 64);
    if_quick("--context", flags.model.context, 32);
    if_quick("--batch", flags.training.batch, 16);
    if_quick("--steps", flags.training.steps, 400);
    if_quick("--lr", flags.training.learning_rate, 6e-3);
    if_quick("--tokens", flags.tokens, 190);
    flags.training.warmup = std::min(flags.training.warmup, flags.training.steps / 10);
  }
  for (const char* name : {"--data", "--layers", "--heads", "--width", "--context", "--dropout",
                           "--steps", "--batch", "--lr", "--load"})
    if (app.count(name) > 0) flags.is_default = false;
  if (flags.model.width % flags.model.heads != 0)
    throw CLI::ValidationError(
        fmt::format("--heads {} does not divide --width {}", flags.model.heads, flags.model.width));
  if (flags.save.empty()) {  // a quick trial must not overwrite what was trained at length
    const char* name = quick ? "gpt_quick.safetensors" : "gpt.safetensors";
    flags.save = (std::filesystem::path(flags.directory) / name).string();
  }
}

}  // namespace

void add_gpt_flags(CLI::App& app, GptFlags& flags) {
  models::GPTConfig& model = flags.model;
  models::TrainingConfig& training = flags.training;
  app.description(
      app.get_description() +
      "\nCtrl-C stops the training cleanly, saves what it has learned, and lets it write.");
  app.get_formatter()->column_width(26);
  app.option_defaults()->always_capture_default();

  app.add_option("--data", flags.data, "tales, shakespeare or a text file")
      ->type_name("TEXT")
      ->group("Data");
  const auto size = [&](const char* name, int64_t& value, int64_t high, const char* help) {
    return app.add_option(name, value, help)->check(in_range<int64_t>(1, high))->type_name("N");
  };
  size("--layers", model.layers, 256, "Transformer blocks")->group("Model");
  size("--heads", model.heads, 1024, "Attention heads in each block")->group("Model");
  size("--width", model.width, 65536, "Numbers for each letter")->group("Model");
  size("--context", model.context, 65536, "Letters it can look back on")->group("Model");
  app.add_option("--dropout", model.dropout, "Share of activations zeroed")
      ->check(in_range(0.0, 0.99))
      ->type_name("P")
      ->group("Model");

  size("--steps", training.steps, training.max_steps, "Training steps, in all")->group("Training");
  size("--batch", training.batch, training.max_batch, "Windows of text in a step")
      ->group("Training");
  app.add_option("--lr", training.learning_rate, "Highest learning rate")
      ->check(in_range(1e-9, 1e6))
      ->type_name("RATE")
      ->group("Training");
  app.add_option("--save", flags.save, "Checkpoint; default: beside program")
      ->default_str("")
      ->type_name("FILE")
      ->group("Checkpoints");
  size("--save-every", flags.save_every, training.max_steps, "Save every N steps as well")
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

  app.callback([&app, &flags] { complete(app, flags); });
}

}  // namespace gradus::lessons
