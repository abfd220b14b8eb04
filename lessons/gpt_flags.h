/// \file
/// The flags of lesson 15: what can be chosen when a GPT is trained from the command line.
#pragma once

#include <optional>
#include <string>

#include "gradus/models/generate.h"
#include "gradus/models/trainer.h"

namespace CLI {
class App;
}

namespace gradus::lessons {

/// Everything that the command line says, besides what every lesson understands. The values that it
/// does not name keep their defaults, or, with --load, those of the checkpoint.
struct GptFlags {
  std::string data = "tales";  ///< a file, "tales" or "shakespeare"
  models::GPTConfig model;
  models::TrainingConfig training;
  std::string save;          ///< empty: `directory` and a name of its own
  std::string directory;     ///< where the program stands
  int64_t save_every = 100;  ///< steps; what a killed run loses at most
  std::string load;
  std::optional<io::State> checkpoint;  ///< what `load` holds, or the one saved before it
  std::string load_note;                ///< why it is the one before, if it is
  std::string prompt;
  int64_t tokens = 500;
  models::Sampling sampling{.temperature = 0.7, .top_k = 0};

  /// Whether text, sizes and training are those that the lesson was measured with, --quick or not.
  bool is_default = true;
};

/// Adds the flags; `flags` must outlive the app. When the command line has been read, a checkpoint
/// that it names is loaded, whose sizes are then the defaults, and a value that does not go with
/// the others is an error of the command line.
void add_gpt_flags(CLI::App& app, GptFlags& flags);

}  // namespace gradus::lessons
