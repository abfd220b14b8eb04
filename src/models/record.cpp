#include "models/record.h"

#include <charconv>
#include <type_traits>

#include "io/shown.h"

namespace gradus::models {
namespace {

// Version 2 has a checksum.
constexpr std::string_view format_family = "gradus.gpt.", format = "gradus.gpt.2";

// Calls f(name, value) for everything that a record holds.
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
template <class Record, class F>
void each_value(Record& r, F f) {
  each_model_value(r.model, f);
  f("training.steps", r.training.steps);
  f("training.batch", r.training.batch);
  f("training.learning_rate", r.training.learning_rate);
  f("training.warmup", r.training.warmup);
  f("training.clip", r.training.clip);
  f("training.seed", r.training.seed);
  f("training.beta1", r.training.adamw.beta1);
  f("training.beta2", r.training.adamw.beta2);
  f("training.epsilon", r.training.adamw.epsilon);
  f("training.weight_decay", r.training.adamw.weight_decay);
  f("progress.step", r.step);
  f("progress.weights_and_dropout", r.dropout_position);
  f("progress.batches", r.batch_position);
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
  if (error != std::errc() || stop != end)
    fail("checkpoint: {} is {}", name, io::shown(text->second));
  if constexpr (std::is_enum_v<T>)
    check(number == 0 || number == 1, "checkpoint: {} is {}", name, number);
  value = static_cast<T>(number);
}

void check_format(const io::State& state) {
  const auto found = state.metadata.find("format");
  check(found != state.metadata.end() && found->second.starts_with(format_family),
        "checkpoint: this file holds no GPT in training");
  if (found->second != format)
    fail("checkpoint: its format is {}, this program reads {}", io::shown(found->second), format);
}

// Sizes that a text made up would ask for memory that no file of this length speaks for.
void check_size(const GPTConfig& c, const io::State& state) {
  const double parameters = c.approximate_parameters();
  double held = 0;
  for (const auto& [name, value] : state.arrays) held += static_cast<double>(value.numel());
  check(parameters <= held,
        "checkpoint: a model of {} layers of width {}, vocabulary {} and context {} has {:.3g} "
        "parameters, but the file holds {:.3g} numbers",
        c.layers, c.width, c.vocabulary, c.context, parameters, held);
  // A layer of width 1 has twelve numbers and takes kilobytes; each has arrays of its own.
  check(c.layers <= std::ssize(state.arrays),
        "checkpoint: a model of {} layers, but the file holds {} arrays", c.layers,
        state.arrays.size());
}

}  // namespace

void write_record(const TrainingRecord& record, io::State& state) {
  state.metadata["format"] = format;
  each_value(record, [&](const char* name, const auto& value) {
    state.metadata[name] = fmt::format("{}", as_number(value));
  });
}

TrainingRecord training_record(const io::State& checkpoint) {
  check_format(checkpoint);
  TrainingRecord record;
  each_value(record, [&](const char* name, auto& value) { read(checkpoint, name, value); });
  record.model.validate();
  record.training.validate();
  check(record.step >= 0 && record.step <= TrainingConfig::max_steps,
        "checkpoint: progress.step is {}", record.step);
  check_size(record.model, checkpoint);
  return record;
}

std::string config_differences(const GPTConfig& there, const GPTConfig& here) {
  std::vector<std::string> values;
  each_model_value(there, [&](const char*, const auto& value) {
    values.push_back(fmt::format("{}", as_number(value)));
  });
  std::string differences;
  size_t next = 0;
  each_model_value(here, [&](const char* name, const auto& value) {
    const std::string& other = values[next++];
    if (const std::string own = fmt::format("{}", as_number(value)); own != other)
      differences += fmt::format("\n  {} is {}, here it is {}", name, other, own);
  });
  return differences;
}

}  // namespace gradus::models
