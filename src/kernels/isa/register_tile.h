// How much of C = A B fits into the registers of an instruction set.
#pragma once

#include "kernels/isa/vec.h"

namespace gradus::kernels::GRADUS_ISA {
namespace {

// Of 32 vector registers, 6 x 4 hold C, 4 hold B and one A. Of 16: 6 x 2, 2 and one.
constexpr int tile_rows = 6;
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int tile_vectors = 4;
#else
constexpr int tile_vectors = 2;
#endif

}  // namespace
}  // namespace gradus::kernels::GRADUS_ISA
