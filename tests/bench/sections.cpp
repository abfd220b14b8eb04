// What the report consists of.
#include "bench/bench.h"

namespace gradus::bench {

const std::vector<Section>& sections() {
  static const std::vector<Section> all = {
      {"gemm", "matrix products, beside oneDNN and OpenBLAS", 330, gemm_section, gemm_contests},
      {"attention", "attention: materialised, tiled, PyTorch's", 230, attention_section,
       attention_contests},
      {"elements", "element and row kernels, beside std:: and the memory", 80, elements_section,
       elements_contests},
      {"step", "training steps of two GPTs, beside PyTorch", 500, step_section, nullptr},
      {"generation", "tokens per second, beside the memory", 60, generation_section, nullptr},
  };
  return all;
}

}  // namespace gradus::bench
