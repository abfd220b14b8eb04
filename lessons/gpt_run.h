/// \file
/// What stands around the training of lesson 15 and teaches nothing: files, memory, Ctrl-C, and the
/// line that says how far it has come.
#pragma once

#include <string>
#include <vector>

#include "gpt_flags.h"
#include "gradus/data/corpus.h"
#include "gradus/viz/plot.h"
#include "lesson.h"

namespace gradus::lessons {

/// The text that --data names. \throws Error if there is none, or it is no text.
data::Corpus open_corpus(const std::string& name);

/// What would fail after the training fails here: a prompt with unknown letters, a checkpoint of
/// another text, a model that no memory holds, a place where nothing can be saved.
/// \throws Error that says which.
void check_before_training(const GptFlags& flags, const data::Corpus& corpus);

/// Continues the prompt by `count` letters. It draws from a random stream of its own, so that
/// looking on does not change the training.
std::string write(const models::GPT& model, const data::CharTokenizer& tokenizer,
                  const GptFlags& flags, int64_t count);

/// What a training has shown.
struct History {
  std::vector<double> losses;  ///< of the batches, one for each step of this run
  int64_t first = 0;           ///< steps that an earlier run had made
  viz::Series training{.name = "training", .x = {}, .y = {}};  ///< mean_loss at each step
  viz::Series validation{
      .name = "validation", .x = {}, .y = {}, .style = viz::Series::Style::points};
  std::string samples;  ///< what it wrote on the way, a line each
  bool interrupted = false;
  std::string save_error;  ///< why the end of it could not be saved

  /// The mean of the ten losses up to this step; of fewer at the beginning. \throws Error if this
  /// run did not make that step.
  double mean_loss(int64_t step) const;
};

/// Trains to the last step or until Ctrl-C, and saves on the way and at the end. A save that fails
/// (a full disk) is reported and does not end the training: the next one may succeed. While it
/// works it shows what the model writes, and how long it will take.
History train(const Lesson& lesson, models::Trainer& trainer, const data::Corpus& corpus,
              const GptFlags& flags);

}  // namespace gradus::lessons
