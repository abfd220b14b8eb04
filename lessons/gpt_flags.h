/// \file
/// The flags of lesson 15: what can be chosen when a GPT is trained from the command line.
#pragma once

#include <optional>
#include <string>

#include "gradus/models/generate.h"
#include "gradus/models/trainer.h"

namespace gradus::lessons {

/// Everything that the command line says. The values that it does not name keep their defaults, or,
/// with --load, those of the checkpoint.
struct GptFlags {
  std::string data = "tales";  ///< a file, "tales" or "shakespeare"
  models::GPTConfig model;
  models::TrainingConfig training;
  int threads = 0;  ///< 0: as many as cores
  std::string save;
  int64_t save_every = 0;  ///< steps; 0: at the end only
  std::string load;
  std::string prompt;
  int64_t tokens = 500;
  models::Sampling sampling{.temperature = 0.7, .top_k = 0};
  bool quick = false;
};

/// Reads the command line. Prints the help and ends the program with 0 if that is what is asked
/// for; prints what is wrong and ends it with 2 if a flag is unknown or a value impossible.
///
/// With --load the checkpoint is read first: `checkpoint` receives it, and its sizes are the
/// defaults.
GptFlags parse_gpt_flags(int argc, char** argv, std::optional<io::State>& checkpoint);

}  // namespace gradus::lessons
