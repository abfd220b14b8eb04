// Any bytes as a checkpoint: what its texts say is believed by nobody, and a training that it does
// not fit stays what it was.
#include "gradus/io/checkpoint.h"

#include "fuzz/files.h"
#include "gradus/models/trainer.h"

namespace gradus::test::fuzz {
namespace {

constexpr const char* checksum_text = "checksum";

// A training that could have saved the seeds in the corpus.
class Training {
  data::Corpus corpus_{"abcabcacbabcabcabcabcacbacbacbacbabcabcabcabc"};

 public:
  models::Trainer trainer{{.vocabulary = 3, .context = 2, .layers = 1, .heads = 1, .width = 2},
                          {.steps = 4, .batch = 1, .warmup = 1},
                          corpus_};
  const std::string untouched = io::checksum(trainer.state());
  const io::State state = copy_of(trainer.state());

  static io::State copy_of(const io::State& state) {
    io::State copy = state;
    for (auto& [name, value] : copy.arrays) value = value.clone();
    return copy;
  }
};

void require_weights(const io::State& loaded, const io::State& state) {
  for (const auto& [name, value] : loaded.arrays) {
    const Array* given = state.find(name);
    require(given != nullptr, "{} came from nowhere", name);
    require_same(name, *given, value);
  }
}

void load_into_a_training(const io::State& state) {
  static Training training;
  const bool taken = unless_refused([&] {
                       training.trainer.load_state(state);
                       return true;
                     }).has_value();
  if (!taken) {
    require(io::checksum(training.trainer.state()) == training.untouched,
            "it was refused, and yet changed the training");
    return;
  }
  require_weights(training.trainer.state(), state);
  training.trainer.load_state(training.state);
  require(io::checksum(training.trainer.state()) == training.untouched,
          "going back to the first state gives another one");
}

bool run(Bytes input) {
  auto state = unless_refused([&] { return io::parse_safetensors(text_of(input)); });
  if (!state) return false;
  // The sum is found wrong, or right; what follows does not ask for it.
  const auto whole = unless_refused([&] { return io::parse_checkpoint(text_of(input)); });
  if (whole)
    require(state->metadata.at(checksum_text) == io::checksum(*whole), "a wrong sum was taken");
  state->metadata.erase(checksum_text);

  const auto record = unless_refused([&] { return models::training_record(*state); });
  if (record) {
    record->model.validate();
    record->training.validate();
    Generator generator(1);
    auto model = unless_refused([&] { return models::load_model(*state, generator); });
    if (model) require_weights({model->state(), {}}, *state);
  }
  load_into_a_training(*state);
  return whole.has_value();
}

}  // namespace

const Target checkpoint{"checkpoint", run, repair_header_length};

}  // namespace gradus::test::fuzz
