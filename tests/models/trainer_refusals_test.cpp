// A checkpoint that does not fit or is damaged says how, and changes nothing.
#include <gtest/gtest.h>

#include <algorithm>

#include "gradus/io/checkpoint.h"
#include "gradus/models/trainer.h"
#include "support.h"

namespace gradus::models {
namespace {

using test::error_of;

const data::Corpus& text() {
  static const data::Corpus corpus([] {
    std::string letters;
    for (int i = 0; i < 100; ++i) letters += fmt::format("The cat sat on mat {}. ", i * 7 % 31);
    return letters;
  }());
  return corpus;
}

GPTConfig small_model() {
  return {.vocabulary = text().tokenizer().size(),
          .context = 16,
          .layers = 2,
          .heads = 2,
          .width = 24,
          .dropout = 0.1};
}
TrainingConfig training() { return {.steps = 12, .batch = 5, .warmup = 3, .seed = 7}; }

// A checkpoint after a step, in memory of its own.
io::State saved(const GPTConfig& model = small_model(), const TrainingConfig& how = training()) {
  Trainer trainer(model, how, text());
  trainer.step();
  io::State state = trainer.state();
  for (NamedArray& array : state.arrays) array.value = array.value.clone();
  return state;
}

// The message; checks that the refusal left the trainer, which has made a step, as it was.
std::string refusal(const io::State& state, const GPTConfig& model = small_model(),
                    const TrainingConfig& how = training()) {
  Trainer trainer(model, how, text());
  trainer.step();
  const std::string before = io::checksum(trainer.state());
  const std::string message = error_of([&] { trainer.load_state(state); });
  EXPECT_EQ(io::checksum(trainer.state()), before) << "half of it was loaded: " << message;
  trainer.step();  // and it can go on
  return message;
}

void expect_lines(const std::string& message, const std::vector<std::string>& lines) {
  for (const std::string& line : lines)
    EXPECT_NE((message + "\n").find("\n  " + line + "\n"), std::string::npos) << line << "\nin\n"
                                                                              << message;
}

TEST(TrainerRefusals, AnotherModelIsToldFromThisOneSizeBySizeAndTensorByTensor) {
  GPTConfig other = small_model();
  other.width = 32;
  other.layers = 3;
  other.heads = 4;
  const std::string message = refusal(saved(), other);
  EXPECT_TRUE(message.starts_with("checkpoint: it is of another model than this one:\n"));
  expect_lines(message,
               {"model.layers is 2, here it is 3", "model.heads is 2, here it is 4",
                "model.width is 24, here it is 32",
                "blocks.0.self_attn.in_proj_weight is float32 [72, 24], the model's is float32 "
                "[96, 32]",
                "blocks.2.norm1.weight [32] is missing", "the optimiser's moments differ as well"});
  // Three sizes, 2 + 3 x 6 + 1 weights, and the moments in one line.
  EXPECT_EQ(std::ranges::count(message, '\n'), 3 + 21 + 1);
}

TEST(TrainerRefusals, ALongListIsCutAndCounted) {
  std::vector<NamedArray> own;
  for (int i = 0; i < 57; ++i) own.push_back({fmt::format("w{}", i), Array::zeros({2})});
  const std::string message = nn::differences({}, own);
  EXPECT_EQ(std::ranges::count(message, '\n'), 41);
  EXPECT_TRUE(message.ends_with("\n  w39 [2] is missing\n  and 17 more")) << message;
}

TEST(TrainerRefusals, ChoicesThatNoShapeShowsAreComparedToo) {
  GPTConfig other = small_model();
  other.heads = 3;
  EXPECT_EQ(refusal(saved(), other),
            "checkpoint: it is of another model than this one:\n  model.heads is 2, here it is 3");
  other = small_model();
  other.dropout = 0.2;
  other.norm = nn::NormPosition::post;
  EXPECT_EQ(refusal(saved(), other),
            "checkpoint: it is of another model than this one:\n  model.dropout is 0.1, here it is "
            "0.2\n  model.norm is 0, here it is 1");
  TrainingConfig how = training();
  how.seed = 8;
  EXPECT_EQ(refusal(saved(), small_model(), how),
            "checkpoint: it was trained with the seed 7, here it is 8");
}

TEST(TrainerRefusals, MissingUnexpectedAndMisshapenArraysAreAllListed) {
  io::State state = saved();
  std::erase_if(state.arrays,
                [](const NamedArray& array) { return array.name == "final_norm.weight"; });
  for (NamedArray& array : state.arrays) {
    if (array.name == "position_embedding.weight") array.value = Array::zeros({24, 16});
    if (array.name == "blocks.1.norm1.weight") array.value = array.value.to(DType::float64);
  }
  state.arrays.push_back({"head.weight", Array::zeros({5, 24})});
  EXPECT_EQ(refusal(state),
            "checkpoint: it is of another model than this one:"
            "\n  position_embedding.weight is float32 [24, 16], the model's is float32 [16, 24]"
            "\n  blocks.1.norm1.weight is float64 [24], the model's is float32 [24]"
            "\n  final_norm.weight [24] is missing"
            "\n  \"head.weight\" [5, 24] is not part of the model");
}

// The weights are good: they must not be loaded before the moments have been looked at.
TEST(TrainerRefusals, GoodWeightsWithBadMomentsChangeNothing) {
  const std::string own = "v.blocks.0.norm1.weight", moment = "adamw." + own;
  io::State state = saved();
  std::erase_if(state.arrays, [&](const NamedArray& array) { return array.name == moment; });
  expect_lines(refusal(state), {own + " [24] is missing"});
  state.arrays.push_back({moment, Array::zeros({23})});
  expect_lines(refusal(state), {own + " is float32 [23], the model's is float32 [24]"});
  state.arrays.back().value = Array::zeros({24}, DType::float64);
  expect_lines(refusal(state), {own + " is float64 [24], the model's is float32 [24]"});
  state.arrays.back().value = Array::zeros({24});
  state.arrays.push_back({"adamw.m.extra", Array::zeros({1})});
  expect_lines(refusal(state), {"\"m.extra\" [1] is not part of the model"});
}

TEST(TrainerRefusals, EveryTextIsNeededAndMustBeANumberInRange) {
  const io::State good = saved();
  ASSERT_EQ(good.metadata.size(), 22u);
  for (const auto& [name, value] : good.metadata) {
    io::State state = good;
    state.metadata.erase(name);
    const std::string missing = refusal(state);
    EXPECT_TRUE(missing == "checkpoint: there is no " + name ||
                missing == "checkpoint: this file holds no GPT in training")
        << missing;
    if (name == "format") continue;
    const auto expect_quoted = [&, &name = name](const std::string& damaged,
                                                 const std::string& quoted) {
      state.metadata[name] = damaged;
      EXPECT_EQ(error_of([&] { training_record(state); }), "checkpoint: " + name + " is " + quoted);
    };
    for (const std::string& damaged : {std::string(), std::string("x"), value + "x", value + " ",
                                       " " + value, "+" + value, std::string("1e999")})
      expect_quoted(damaged, '"' + damaged + '"');
    expect_quoted(std::string(100, '9') + "x", '"' + std::string(80, '9') + "\"...");
    expect_quoted(std::string("\x1b[2J\0", 5), R"("\u001b[2J\u0000")");
  }
}

TEST(TrainerRefusals, NumbersOutOfRangeAreRefused) {
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"model.vocabulary", "0"},
                                                        {"model.context", "-1"},
                                                        {"model.layers", "0"},
                                                        {"model.heads", "5"},
                                                        {"model.width", "-24"},
                                                        {"model.bias", "2"},
                                                        {"model.dropout", "1"},
                                                        {"model.dropout", "nan"},
                                                        {"model.norm", "-1"},
                                                        {"training.steps", "0"},
                                                        {"training.steps", "100000001"},
                                                        {"training.batch", "65537"},
                                                        {"training.warmup", "100000001"},
                                                        {"progress.step", "100000001"},
                                                        {"training.batch", "0"},
                                                        {"training.learning_rate", "nan"},
                                                        {"training.learning_rate", "inf"},
                                                        {"training.warmup", "-1"},
                                                        {"training.clip", "nan"},
                                                        {"training.beta1", "1"},
                                                        {"training.beta2", "nan"},
                                                        {"training.epsilon", "-1"},
                                                        {"training.weight_decay", "inf"},
                                                        {"training.steps", "99999999999999999999"},
                                                        {"training.seed", "-1"},
                                                        {"progress.step", "-1"},
                                                        {"progress.batches", "-1"}}) {
    io::State state = saved();
    state.metadata[name] = value;
    const std::string message = error_of([&] { training_record(state); });
    EXPECT_NE(message.find(value), std::string::npos) << name << ": " << message;
  }
}

// A larger number would overflow where a step is added to it, or where windows become tokens.
TEST(TrainerRefusals, CountsHaveBounds) {
  constexpr int64_t most_steps = 100'000'000, most_batch = 65536, largest = INT64_MAX;
  const auto error = [](const auto& change) {
    TrainingConfig how = training();
    change(how);
    return error_of([&] { how.validate(); });
  };
  for (const int64_t wrong : {INT64_MIN, int64_t{-1}, int64_t{0}, most_steps + 1, largest})
    EXPECT_EQ(
        error([&](TrainingConfig& how) { how.steps = wrong; }),
        fmt::format("training: the number of steps must lie in [1, 100000000], got {}", wrong));
  for (const int64_t wrong : {INT64_MIN, int64_t{-1}, int64_t{0}, most_batch + 1, largest})
    EXPECT_EQ(error([&](TrainingConfig& how) { how.batch = wrong; }),
              fmt::format("training: the batch must lie in [1, 65536], got {}", wrong));
  for (const int64_t wrong : {INT64_MIN, int64_t{-1}, most_steps + 1, largest})
    EXPECT_EQ(error([&](TrainingConfig& how) { how.warmup = wrong; }),
              fmt::format("training: the warm-up must lie in [0, 100000000], got {}", wrong));
  TrainingConfig({.steps = 1, .batch = 1, .warmup = 0}).validate();
  TrainingConfig({.steps = most_steps, .batch = most_batch, .warmup = most_steps}).validate();
}

TEST(TrainerRefusals, AfterTheLargestNumberOfStepsNoneIsMade) {
  io::State state = saved();
  state.metadata["progress.step"] = "99999999";
  Trainer trainer(small_model(), training(), text());
  trainer.load_state(state);
  trainer.step();
  EXPECT_EQ(trainer.steps_done(), 100'000'000);
  EXPECT_EQ(training_record(trainer.state()).step, 100'000'000);
  EXPECT_EQ(error_of([&] { trainer.step(); }),
            "training: 100000000 steps are made, no more are possible");
}

TEST(TrainerRefusals, AnotherVersionOfTheFormatIsNamed) {
  io::State state = saved();
  state.metadata["format"] = "gradus.gpt.3";
  EXPECT_EQ(refusal(state),
            "checkpoint: its format is \"gradus.gpt.3\", this program reads gradus.gpt.2");
  state.metadata["format"] = "pt";
  EXPECT_EQ(refusal(state), "checkpoint: this file holds no GPT in training");
}

// A few bytes of text must not make anyone allocate a model of 2^50 numbers, or loop 10^9 times.
TEST(TrainerRefusals, SizesThatTheFileDoesNotHoldAreRefusedAtOnce) {
  const io::State good = saved();
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"model.vocabulary", "1099511627776"},
                                                        {"model.vocabulary", "9223372036854775807"},
                                                        {"model.context", "9223372036854775807"},
                                                        {"model.layers", "1000000000"},
                                                        {"model.layers", "9223372036854775807"},
                                                        {"model.width", "1099511627776"},
                                                        {"model.width", "9223372036854775806"}}) {
    io::State state = good;
    state.metadata[name] = value;
    Generator generator(1);
    for (const std::string& message :
         {error_of([&] { training_record(state); }),
          error_of([&] { load_model(state, generator); }), refusal(state)})
      EXPECT_NE(message.find("but the file holds"), std::string::npos) << message;
  }
}

// Layers of width 1 have few numbers and still take memory.
TEST(TrainerRefusals, MoreLayersThanTheFileHasArraysAreRefused) {
  io::State state = saved();
  state.arrays.push_back({"large", Array::zeros({1'300'000}, DType::boolean)});
  state.metadata["model.layers"] = "100000";
  state.metadata["model.width"] = state.metadata["model.heads"] = "1";
  EXPECT_EQ(error_of([&] { training_record(state); }),
            fmt::format("checkpoint: a model of 100000 layers, but the file holds {} arrays",
                        state.arrays.size()));
}

TEST(TrainerRefusals, AModelForWritingListsItsDifferencesToo) {
  io::State state = saved();
  state.arrays.front().value = Array::zeros({3, 3});
  Generator generator(1);
  expect_lines(error_of([&] { load_model(state, generator); }),
               {fmt::format("token_embedding.weight is float32 [3, 3], the model's is float32 {}",
                            Shape{text().tokenizer().size(), 24})});
}

}  // namespace
}  // namespace gradus::models
