/// \file
/// Training a GPT: everything that changes from step to step, and how it is saved.
#pragma once

#include <cstdint>
#include <memory>

#include "gradus/data/corpus.h"
#include "gradus/io/safetensors.h"
#include "gradus/models/gpt.h"
#include "gradus/optim/optimizer.h"
#include "gradus/optim/schedule.h"

namespace gradus::models {

/// How to train; the defaults are nanoGPT's for a CPU.
struct TrainingConfig {
  /// The largest number of steps, far from where one more would leave 64 bits.
  static constexpr int64_t max_steps = 100'000'000;
  /// The largest number of windows, far from where the tokens of a batch would.
  static constexpr int64_t max_batch = 65536;

  int64_t steps = 2000;         ///< in all, however often the training is interrupted
  int64_t batch = 12;           ///< windows per step
  double learning_rate = 1e-3;  ///< after the warm-up; the cosine ends at a tenth of it
  int64_t warmup = 100;         ///< steps
  double clip = 1;              ///< the largest norm of all gradients together
  uint64_t seed = 1337;         ///< of weights, batches and dropout
  optim::AdamWOptions adamw{};  ///< of the optimiser

  /// \throws Error that names the first value out of range.
  void validate() const;
};

/// A model in training: the weights, the optimiser and two positions in random streams. A step is a
/// function of these and of the corpus, so a training that is saved and continued gives the same
/// bits as one that never stopped.
class Trainer {
 public:
  /// A new model. The corpus must outlive the trainer.
  /// \throws Error if a size is out of range or the corpus too short for the context.
  Trainer(const GPTConfig& model, const TrainingConfig& training, const data::Corpus& corpus);

  /// One step: draw a batch, forward, backward, clip, AdamW. Returns the loss of the batch, in nats
  /// per token. \throws Error if the loss is not finite, or after TrainingConfig::max_steps.
  double step();
  /// Steps made, those of an earlier run included.
  int64_t steps_done() const { return steps_done_; }
  /// True after the last step of TrainingConfig::steps.
  bool is_finished() const { return steps_done_ >= training_.steps; }
  /// The learning rate of the next step.
  double learning_rate() const;

  /// Mean loss over the validation split, in nats per token, in consecutive windows as long as the
  /// context: over all of it, or over its first few batches as a quick estimate. Changes nothing.
  double validation_loss(size_t most_batches = SIZE_MAX);

  /// Everything that the next step depends on, for io::save_checkpoint: parameters under their own
  /// names, moments under adamw.m. and adamw.v., and as texts the sizes, how it is trained, and a
  /// TrainingRecord's step and positions. No clock, no thread count: the same training gives the
  /// same bytes.
  io::State state();
  /// Continues from a saved state: with this trainer's TrainingConfig, which may ask for more steps
  /// or another learning rate. \throws Error if a text is damaged (see training_record), if the
  /// seed is another one, or if the state is of another model; then it lists what differs: sizes,
  /// tensors and moments that are missing, not expected, or of another shape or dtype. After an
  /// error nothing has been changed.
  void load_state(const io::State& state);

  /// The model as it is now.
  GPT& model() { return model_; }
  /// How it is trained.
  const TrainingConfig& config() const { return training_; }

 private:
  TrainingConfig training_;
  const data::Corpus& corpus_;
  Generator weights_and_dropout_, batches_;
  GPT model_;
  optim::AdamW optimizer_;
  int64_t steps_done_ = 0;
};

/// What the texts of a checkpoint say: which model, how it is trained, and how far it has come. The
/// state of a random generator is its seed, its stream and a position in it; the windows of text
/// are drawn from a stream of their own, so the place in the data is a position as well.
struct TrainingRecord {
  GPTConfig model;                ///< its sizes
  TrainingConfig training;        ///< how it is trained
  int64_t step = 0;               ///< steps made
  uint64_t dropout_position = 0;  ///< in the stream of weights and dropout
  uint64_t batch_position = 0;    ///< in the stream that chooses windows of text
};

/// Reads the texts of a checkpoint and believes none of them: afterwards both configurations are
/// valid, and a model of these sizes has no more parameters than the file holds numbers, so making
/// it takes no more memory than the file's size suggests. It does not say that the arrays are those
/// of the model; load_state and load_model do. Takes as long as reading the texts. \throws Error if
/// it is no checkpoint of a GPT, or one of another format, or if a text is missing, no number, or
/// out of range: "checkpoint: model.layers is "four"".
TrainingRecord training_record(const io::State& checkpoint);

/// The model of a checkpoint, for writing: no optimiser, no corpus. The generator must outlive it.
/// \throws Error as training_record, and as Module::load_state.
GPT load_model(const io::State& checkpoint, Generator& generator);

}  // namespace gradus::models
