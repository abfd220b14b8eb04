#include "curriculum.h"

#include <fmt/core.h>

#include "gradus/error.h"

namespace gradus::lessons {
namespace {

constexpr Entry entries[] = {
    {1, "Tensors", "01_tensors"},
    {2, "Autograd", "02_autograd"},
    {3, "Gradient checks", "03_gradient_checks"},
    {4, "Matmul", "04_matmul"},
    {5, "Learning", nullptr},
    {6, "Before attention", nullptr},
    {7, "Q/K/V attention", "07_attention"},
    {8, "Masks", nullptr},
    {9, "Multi-head attention", "09_multi_head"},
    {10, "Positions", nullptr},
    {11, "Feed-forward", nullptr},
    {12, "Residual and LayerNorm", "12_residual_norm"},
    {13, "Pre-norm and post-norm", "13_norm_order"},
    {14, "The block and the stack", nullptr},
    {15, "Tiny GPT", "15_gpt"},
    {16, "Training craft", nullptr},
    {17, "Generation", nullptr},
    {18, "Encoder-decoder", nullptr},
    {19, "BERT", nullptr},
    {20, "T5 and BART", nullptr},
    {21, "ViT", nullptr},
    {22, "CLIP", nullptr},
    {23, "Whisper", nullptr},
    {24, "LLaMA", nullptr},
    {25, "GPT-2", nullptr},
    {26, "Efficient attention", nullptr},
    {27, "Memory and precision", nullptr},
    {28, "Parallelism", nullptr},
    {29, "Scaling laws", nullptr},
    {30, "Emergence", nullptr},
    {31, "Distillation", nullptr},
};

}  // namespace

std::span<const Entry> curriculum() { return entries; }

const Entry& entry(int number) {
  check(number >= 1 && number <= static_cast<int>(std::size(entries)),
        "curriculum: there are lessons 1 to {}, not {}", std::size(entries), number);
  return entries[number - 1];
}

const Entry* neighbour(int number, int direction) {
  for (int i = number + direction; i >= 1 && i <= static_cast<int>(std::size(entries));
       i += direction)
    if (entry(i).program != nullptr) return &entry(i);
  return nullptr;
}

std::string target(int number) { return fmt::format("lesson-{:02}", number); }

}  // namespace gradus::lessons
