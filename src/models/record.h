/// \file
/// The texts of a checkpoint.
#pragma once

#include <string>

#include "gradus/models/trainer.h"

namespace gradus::models {

/// Adds the texts that training_record reads.
void write_record(const TrainingRecord& record, io::State& state);

/// A line for each size or choice of two models that differs, "\n  model.width is 24, here it is
/// 32"; empty if none does.
std::string config_differences(const GPTConfig& there, const GPTConfig& here);

}  // namespace gradus::models
