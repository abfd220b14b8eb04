// The seam between the two halves of matrix multiplication: gemm.cpp makes plans and divides the
// work among threads, isa/gemm.cpp does the arithmetic.
#pragma once

#include "kernels/kernels.h"

namespace gradus::kernels {

// A single row of C, where the columns of B are adjacent numbers, is a product of its own kind:
// nothing is packed (isa/gemm_row.h). B is taken to come from memory if it is large.
enum class RowPlan { none, from_memory, from_cache };

// How a product is walked through; chosen from its whole shape, before it is divided among threads.
struct GemmPlan {
  int64_t k_block;  // the sum over k is made in ceil(k / k_block) parts of nearly equal length
  int64_t m_block;  // rows of A that are packed at a time, where their elements are not adjacent
  int64_t n_block;  // columns of B that are packed at a time: a multiple of tile_columns
  bool keep_b;      // all blocks of B are packed once, and kept for the rows of A to come
  RowPlan row;
  bool pack_b;  // false: B, whose rows are adjacent numbers, is read where it lies, except
                // a last panel that ends within a vector
};

template <class T>
struct GemmKernel {
  int64_t lanes;         // of a vector
  int64_t tile_rows;     // the part of C that fits into the registers,
  int64_t tile_columns;  // a multiple of lanes
  // A whole product, or one thread's rows or columns of it. `packed_b` has room for n columns
  // rounded up to whole vectors, or for n_block if that is less and keep_b false, each of
  // min(k, k_block) elements;
  // `packed_a`, where a_col is not 1, for min(m, m_block) rows of as many.
  void (*multiply)(const GemmArgs<T>& args, const GemmPlan& plan, T* packed_b, T* packed_a);
};

// The kernel of the active ISA.
template <class T>
const GemmKernel<T>& gemm_kernel();

}  // namespace gradus::kernels
