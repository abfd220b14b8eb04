#include "gradus/models/trainer.h"

#include <charconv>
#include <cmath>

namespace gradus::models {

void TrainingConfig::validate() const {
  const auto require = [](bool holds, const char* what, const char* rule, auto value) {
    check(holds, "training: {} must {}, got {}", what, rule, value);
  };
  require(steps >= 1, "the number of steps", "be at least 1", steps);
  require(batch >= 1, "the batch", "be at least 1", batch);
  require(warmup >= 0, "the warm-up", "not be negative", warmup);
  require(learning_rate > 0 && learning_rate <= 1e6, "the learning rate", "lie in (0, 1e6]",
          learning_rate);
  require(clip > 0, "the clipping norm", "be positive", clip);
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

constexpr const char* format = "gradus.gpt.1";

// Every value of a configuration that is a text in a checkpoint, under its name.
template <class Config, class F>
void each_model_value(Config& c, F f) {
  f("model.vocabulary", c.vocabulary);
  f("model.context", c.context);
  f("model.layers", c.layers);
  f("model.heads", c.heads);
  f("model.width", c.width);
  f("model.bias", c.bias);
  f("model.dropout", c.dropout);
  f("model.norm", c.norm);
}
template <class Config, class F>
void each_training_value(Config& c, F f) {
  f("training.steps", c.steps);
  f("training.batch", c.batch);
  f("training.learning_rate", c.learning_rate);
  f("training.warmup", c.warmup);
  f("training.clip", c.clip);
  f("training.seed", c.seed);
  f("training.beta1", c.adamw.beta1);
  f("training.beta2", c.adamw.beta2);
  f("training.epsilon", c.adamw.epsilon);
  f("training.weight_decay", c.adamw.weight_decay);
}

// Numbers as the shortest text that reads back as the same number; choices as their place in the
// enum.
template <class T>
auto as_number(const T& value) {
  if constexpr (std::is_enum_v<T>)
    return static_cast<int>(value);
  else
    return value;
}

template <class T>
void read(const io::State& state, const std::string& name, T& value) {
  const auto text = state.metadata.find(name);
  check(text != state.metadata.end(), "checkpoint: there is no {}", name);
  auto number = as_number(value);
  const char *begin = text->second.data(), *end = begin + text->second.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  check(error == std::errc() && stop == end, "checkpoint: {} is '{}'", name, text->second);
  if constexpr (std::is_enum_v<T>)
    check(number == 0 || number == 1, "checkpoint: {} is {}", name, number);
  value = static_cast<T>(number);
}

template <class Config, class Each>
Config read_config(const io::State& state, Each each) {
  const auto found = state.metadata.find("format");
  check(found != state.metadata.end() && found->second == format,
        "checkpoint: this file holds no GPT in training");
  Config config;
  each(config, [&](const char* name, auto& value) { read(state, name, value); });
  config.validate();
  return config;
}

// A checkpoint's arrays: the moments of the optimiser under this prefix, all others are weights.
constexpr std::string_view moment_prefix = "adamw.";

std::vector<NamedArray> weights_of(const io::State& state) {
  std::vector<NamedArray> weights;
  for (const auto& [name, value] : state.arrays)
    if (!name.starts_with(moment_prefix)) weights.push_back({name, value});
  return weights;
}

std::vector<NamedArray> moments_of(const io::State& state) {
  std::vector<NamedArray> moments;
  for (const auto& [name, value] : state.arrays)
    if (name.starts_with(moment_prefix))
      moments.push_back({name.substr(moment_prefix.size()), value});
  return moments;
}

}  // namespace

GPTConfig model_config(const io::State& checkpoint) {
  return read_config<GPTConfig>(checkpoint, [](auto& c, auto f) { each_model_value(c, f); });
}
TrainingConfig training_config(const io::State& checkpoint) {
  return read_config<TrainingConfig>(checkpoint,
                                     [](auto& c, auto f) { each_training_value(c, f); });
}

GPT load_model(const io::State& checkpoint, Generator& generator) {
  GPT model(model_config(checkpoint), generator);
  model.load_state(weights_of(checkpoint));
  model.train(false);
  return model;
}

io::State Trainer::state() {
  io::State state{.arrays = model_.state(), .metadata = {}};
  for (const auto& [name, moment] : optimizer_.state())
    state.arrays.push_back({std::string(moment_prefix) + name, moment});
  const auto write = [&](const char* name, const auto& value) {
    state.metadata[name] = fmt::format("{}", as_number(value));
  };
  state.metadata["format"] = format;
  each_model_value(model_.config(), write);
  each_training_value(training_, write);
  write("progress.step", steps_done_);
  write("progress.weights_and_dropout", weights_and_dropout_.position());
  write("progress.batches", batches_.position());
  return state;
}

void Trainer::load_state(const io::State& state) {
  int64_t step = 0;
  uint64_t dropout_position = 0, batch_position = 0;
  read(state, "progress.step", step);
  read(state, "progress.weights_and_dropout", dropout_position);
  read(state, "progress.batches", batch_position);
  model_.load_state(weights_of(state));
  optimizer_.load_state(moments_of(state), step);
  steps_done_ = step;
  weights_and_dropout_.set_position(dropout_position);
  batches_.set_position(batch_position);
}

}  // namespace gradus::models
