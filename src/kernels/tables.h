// What the instruction-set-specific objects export: one table per family and ISA, and nothing else.
//
// A source in kernels/isa/ includes this header and defines its table, say
//   namespace gradus::kernels::GRADUS_ISA {
//   constinit const Family<Rows> rows_table = {make_rows<float>(), make_rows<double>()};
//   }
// Only dispatch.cpp reads the tables.
#pragma once

#include "kernels/attention.h"
#include "kernels/gemm_kernel.h"
#include "kernels/kernels.h"
#include "kernels/machine.h"

namespace gradus::kernels {

// The same kernels for both floating-point types.
template <template <class> class Kernels>
struct Family {
  Kernels<float> f32;
  Kernels<double> f64;
};

#define GRADUS_DECLARE_TABLES(isa)                      \
  namespace isa {                                       \
  extern const Family<Elementwise> elementwise_table;   \
  extern const Family<Rows> rows_table;                 \
  extern const Family<Optim> optim_table;               \
  extern const Family<GemmKernel> gemm_table;           \
  extern const Family<AttentionKernel> attention_table; \
  extern const Family<Peak> peak_table;                 \
  }
GRADUS_DECLARE_TABLES(portable)
GRADUS_DECLARE_TABLES(avx2)  // declared everywhere, defined and used on x86-64 only
GRADUS_DECLARE_TABLES(avx512)
#undef GRADUS_DECLARE_TABLES

}  // namespace gradus::kernels
