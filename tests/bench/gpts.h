// The two GPTs whose training steps and generation are measured.
#pragma once

#include <cstdint>
#include <vector>

#include "gradus/models/gpt.h"

namespace gradus::bench {

struct Workload {
  const char* name;
  const char* job;  // what tests/bench/peers.py calls it
  models::GPTConfig config;
  int64_t batch, time;  // a step reads batch x time tokens
  int steps;            // to measure, in each turn
};

inline const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = {
      {"nanoGPT on a CPU",
       "nanogpt",
       {.vocabulary = 65, .context = 64, .layers = 4, .heads = 4, .width = 128},
       12,
       64,
       200},
      {"GPT-2 124M",
       "gpt2",
       {.vocabulary = 50257,
        .context = 1024,
        .layers = 12,
        .heads = 12,
        .width = 768,
        .bias = nn::Bias::learned},
       4,
       64,
       6},
  };
  return all;
}

}  // namespace gradus::bench
