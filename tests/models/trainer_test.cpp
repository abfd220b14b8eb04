// Checkpoints that do not fit are in trainer_refusals_test.cpp. Here: a training that is saved and
// continued, on any number of threads, gives the bits of one that never stopped.
#include "gradus/models/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "gradus/threads.h"

namespace gradus::models {
namespace {

data::Corpus corpus() {
  std::string text;
  for (int i = 0; i < 200; ++i) text += fmt::format("The cat sat on mat {}. ", i * 7 % 31);
  return data::Corpus(text);
}

// Small, but with everything that has a state: dropout, warm-up, decay, clipping.
GPTConfig small_model(const data::Corpus& text) {
  return {.vocabulary = text.tokenizer().size(),
          .context = 16,
          .layers = 2,
          .heads = 2,
          .width = 24,
          .dropout = 0.1};
}
TrainingConfig short_training() { return {.steps = 12, .batch = 5, .warmup = 3, .seed = 7}; }

void expect_same_bits(const io::State& a, const io::State& b) {
  EXPECT_EQ(a.metadata, b.metadata);
  ASSERT_EQ(a.arrays.size(), b.arrays.size());
  for (size_t i = 0; i < a.arrays.size(); ++i) {
    EXPECT_EQ(a.arrays[i].name, b.arrays[i].name);
    const Array x = a.arrays[i].value.contiguous(), y = b.arrays[i].value.contiguous();
    ASSERT_EQ(x.shape(), y.shape());
    EXPECT_EQ(std::memcmp(x.data<float>(), y.data<float>(),
                          static_cast<size_t>(x.numel()) * sizeof(float)),
              0)
        << a.arrays[i].name;
  }
}

// A copy whose arrays share no memory with the trainer's.
io::State snapshot(Trainer& trainer) {
  io::State state = trainer.state();
  for (NamedArray& array : state.arrays) array.value = array.value.clone();
  return state;
}

io::State after(int64_t steps, Trainer& trainer) {
  while (trainer.steps_done() < steps) trainer.step();
  return snapshot(trainer);
}

TEST(Trainer, ContinuesBitIdenticallyFromEveryStep) {
  const data::Corpus text = corpus();
  Trainer whole(small_model(text), short_training(), text);
  const io::State expected = after(12, whole);
  Trainer first(small_model(text), short_training(), text);
  for (int64_t stop = 0; stop < 12; ++stop) {
    const io::State middle = after(stop, first);
    Trainer second(small_model(text), short_training(), text);
    second.load_state(middle);
    EXPECT_EQ(second.steps_done(), stop);
    expect_same_bits(after(12, second), expected);
  }
}

TEST(Trainer, GivesTheSameBitsOnAnyNumberOfThreads) {
  const data::Corpus text = corpus();
  const int before = num_threads();
  std::vector<io::State> states;
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    GPTConfig model = small_model(text);
    model.width = 64;  // large enough for parallel products
    model.context = 32;
    TrainingConfig training = short_training();
    training.batch = 12;
    Trainer trainer(model, training, text);
    states.push_back(after(6, trainer));
  }
  set_num_threads(before);
  expect_same_bits(states[0], states[1]);
  expect_same_bits(states[0], states[2]);
}

TEST(Trainer, ValidatingChangesNothing) {
  const data::Corpus text = corpus();
  Trainer quiet(small_model(text), short_training(), text),
      curious(small_model(text), short_training(), text);
  for (int i = 0; i < 6; ++i) {
    quiet.step();
    curious.step();
    EXPECT_TRUE(std::isfinite(curious.validation_loss()));
  }
  expect_same_bits(snapshot(quiet), snapshot(curious));
}

TEST(Trainer, LearnsATextByHeart) {
  const data::Corpus text = corpus();
  TrainingConfig training = short_training();
  training.steps = 150;
  training.warmup = 10;
  training.learning_rate = 3e-3;
  GPTConfig model = small_model(text);
  model.dropout = 0;
  Trainer trainer(model, training, text);
  const double untrained = trainer.validation_loss();
  EXPECT_NEAR(untrained, std::log(static_cast<double>(model.vocabulary)), 0.1);
  while (!trainer.is_finished()) trainer.step();
  EXPECT_LT(trainer.validation_loss(), untrained / 3);
}

TEST(Trainer, AnotherSeedIsAnotherTraining) {
  const data::Corpus text = corpus();
  TrainingConfig other = short_training();
  other.seed = 8;
  Trainer a(small_model(text), short_training(), text), b(small_model(text), other, text);
  EXPECT_NE(a.step(), b.step());
}

TEST(Trainer, ReadsItsConfigurationsBack) {
  const data::Corpus text = corpus();
  TrainingConfig training = short_training();
  training.learning_rate = 0.1 + 0.2;  // a number with no short decimal
  Trainer trainer(small_model(text), training, text);
  const io::State state = trainer.state();
  EXPECT_EQ(training_record(state).model.dropout, 0.1);
  EXPECT_EQ(training_record(state).model.width, 24);
  EXPECT_EQ(training_record(state).training.learning_rate, 0.1 + 0.2);
  EXPECT_EQ(training_record(state).training.seed, 7u);
}

TEST(Trainer, ALoadedModelPredictsAsTheTrainedOne) {
  const data::Corpus text = corpus();
  Trainer trainer(small_model(text), short_training(), text);
  const io::State state = after(5, trainer);
  Generator generator(99);
  const GPT loaded = load_model(state, generator);
  trainer.model().train(false);
  const data::Batch batch = text.validation_blocks(16).front();
  EXPECT_EQ(loaded.loss(batch.inputs, batch.targets).item(),
            trainer.model().loss(batch.inputs, batch.targets).item());
}

}  // namespace
}  // namespace gradus::models
