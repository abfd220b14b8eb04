#include "gradus/models/trainer.h"

#include <cmath>

#include "models/record.h"

namespace gradus::models {

void TrainingConfig::validate() const {
  const auto require = [](bool holds, const char* what, const char* rule, auto value) {
    check(holds, "training: {} must {}, got {}", what, rule, value);
  };
  const auto count = [](const char* what, int64_t low, int64_t value, int64_t high) {
    check(value >= low && value <= high, "training: {} must lie in [{}, {}], got {}", what, low,
          high, value);
  };
  count("the number of steps", 1, steps, max_steps);
  count("the batch", 1, batch, max_batch);
  count("the warm-up", 0, warmup, max_steps);
  require(learning_rate > 0 && learning_rate <= 1e6, "the learning rate", "lie in (0, 1e6]",
          learning_rate);
  require(clip > 0, "the clipping norm", "be positive", clip);
  const auto decay = [&](const char* what, double value) {
    require(value >= 0 && value < 1, what, "lie in [0, 1)", value);
  };
  decay("adamw's beta1", adamw.beta1);
  decay("adamw's beta2", adamw.beta2);
  const auto not_negative = [&](const char* what, double value) {
    require(value >= 0 && std::isfinite(value), what, "be a number from 0 up", value);
  };
  not_negative("adamw's epsilon", adamw.epsilon);
  not_negative("adamw's weight decay", adamw.weight_decay);
}

// ---- the training itself ------------------------------------------------------------------------

namespace {
enum Stream : uint64_t { weights_and_dropout = 0, batches = 1 };

const TrainingConfig& validated(const TrainingConfig& config) {
  config.validate();
  return config;
}
}  // namespace

Trainer::Trainer(const GPTConfig& model, const TrainingConfig& training, const data::Corpus& corpus)
    : training_(validated(training)),
      corpus_(corpus),
      weights_and_dropout_(training.seed, Stream::weights_and_dropout),
      batches_(training.seed, Stream::batches),
      model_(model, weights_and_dropout_),
      optimizer_(model_.named_parameters(), training.adamw) {}

double Trainer::learning_rate() const {
  const optim::WarmupCosine schedule{.peak = training_.learning_rate,
                                     .floor = training_.learning_rate / 10,
                                     .warmup = training_.warmup,
                                     .total = training_.steps};
  return schedule(steps_done_);
}

double Trainer::step() {
  check(steps_done_ < TrainingConfig::max_steps,
        "training: {} steps are made, no more are possible", steps_done_);
  const data::Batch batch =
      corpus_.draw(data::Split::train, training_.batch, model_.config().context, batches_);
  model_.zero_grad();
  const Tensor loss = model_.loss(batch.inputs, batch.targets);
  check(std::isfinite(loss.item()), "training: the loss of step {} is {}", steps_done_ + 1,
        loss.item());
  loss.backward();
  optimizer_.clipped_step(learning_rate(), training_.clip);
  ++steps_done_;
  return loss.item();
}

double Trainer::validation_loss(size_t most_batches) {
  const NoGrad guard;
  model_.train(false);
  // Batches of the training size need no other memory than training has.
  std::vector<data::Batch> batches =
      corpus_.validation_blocks(model_.config().context, training_.batch);
  if (batches.size() > most_batches) batches.resize(most_batches);
  double total = 0, tokens = 0;
  for (const data::Batch& batch : batches) {
    const auto count = static_cast<double>(batch.targets.numel());
    total += model_.loss(batch.inputs, batch.targets).item() * count;
    tokens += count;
  }
  model_.train(true);
  return total / tokens;
}

// ---- checkpoints --------------------------------------------------------------------------------

namespace {

// Arrays of a checkpoint whose name begins so are moments of the optimiser; all others are weights.
constexpr std::string_view moment_prefix = "adamw.";

// Those of one kind, under the names that the model or the optimiser knows them by.
std::vector<NamedArray> arrays_of(const io::State& state, bool moments) {
  std::vector<NamedArray> result;
  for (const auto& [name, value] : state.arrays)
    if (name.starts_with(moment_prefix) == moments)
      result.push_back({moments ? name.substr(moment_prefix.size()) : name, value});
  return result;
}

}  // namespace

GPT load_model(const io::State& checkpoint, Generator& generator) {
  GPT model(training_record(checkpoint).model, generator);
  model.load_state(arrays_of(checkpoint, false));
  model.train(false);
  return model;
}

io::State Trainer::state() {
  io::State state{.arrays = model_.state(), .metadata = {}};
  for (const auto& [name, moment] : optimizer_.state())
    state.arrays.push_back({std::string(moment_prefix) + name, moment});
  write_record({.model = model_.config(),
                .training = training_,
                .step = steps_done_,
                .dropout_position = weights_and_dropout_.position(),
                .batch_position = batches_.position()},
               state);
  return state;
}

void Trainer::load_state(const io::State& state) {
  const TrainingRecord record = training_record(state);
  const std::string sizes = config_differences(record.model, model_.config()),
                    weights = nn::differences(arrays_of(state, false), model_.state()),
                    moments = nn::differences(arrays_of(state, true), optimizer_.state());
  check(
      (sizes + weights + moments).empty(),
      "checkpoint: it is of another model than this one:{}{}{}", sizes, weights,
      weights.empty() || moments.empty() ? moments : "\n  the optimiser's moments differ as well");
  check(record.training.seed == training_.seed,
        "checkpoint: it was trained with the seed {}, here it is {}", record.training.seed,
        training_.seed);
  // Nothing below this line fails.
  model_.load_state(arrays_of(state, false));
  optimizer_.load_state(arrays_of(state, true), record.step);
  steps_done_ = record.step;
  weights_and_dropout_.set_position(record.dropout_position);
  batches_.set_position(record.batch_position);
}

}  // namespace gradus::models
