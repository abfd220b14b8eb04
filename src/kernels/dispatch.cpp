// Which instruction set runs: asked of the CPU once, overridden by GRADUS_ISA or, in tests, by
// ScopedIsa.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "gradus/error.h"
#include "kernels/tables.h"

namespace gradus::kernels {
namespace {

struct Tables {
  const Family<Elementwise>& elementwise;
  const Family<Rows>& rows;
  const Family<Optim>& optim;
  const Family<GemmKernel>& gemm;
  const Family<AttentionKernel>& attention;
  const Family<Peak>& peak;
};

#define GRADUS_TABLES(isa)                                                      \
  {                                                                             \
    isa::elementwise_table, isa::rows_table, isa::optim_table, isa::gemm_table, \
        isa::attention_table, isa::peak_table                                   \
  }
// In the order of enum Isa.
constexpr Tables all_tables[] = {
    GRADUS_TABLES(portable),
#ifdef GRADUS_X86
    GRADUS_TABLES(avx2),
    GRADUS_TABLES(avx512),
#endif
};
#undef GRADUS_TABLES

std::vector<Isa> isas_of_this_cpu() {
  std::vector<Isa> isas = {Isa::portable};
#ifdef GRADUS_X86
  // These ask the operating system too, which has to save the wider registers.
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx2) isas.push_back(Isa::avx2);
  if (avx2 && avx512) isas.push_back(Isa::avx512);
#endif
  return isas;
}

Isa& current_isa() {
  static Isa isa = [] {
    const char* name = std::getenv("GRADUS_ISA");
    return choose_isa(name ? name : "", available_isas());
  }();
  return isa;
}

const Tables& current_tables() { return all_tables[static_cast<int>(current_isa())]; }

// The member of a family that is made for T.
template <class T, template <class> class Kernels>
const Kernels<T>& member(const Family<Kernels>& family) {
  if constexpr (std::is_same_v<T, float>)
    return family.f32;
  else
    return family.f64;
}

}  // namespace

std::string_view isa_name(Isa isa) {
  switch (isa) {
    case Isa::portable: return "portable";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  fail("isa_name: {} is not an instruction set", static_cast<int>(isa));
}

const std::vector<Isa>& available_isas() {
  static const std::vector<Isa> isas = isas_of_this_cpu();
  return isas;
}

Isa choose_isa(std::string_view name, const std::vector<Isa>& available) {
  if (name.empty()) return available.back();
  for (Isa isa : {Isa::portable, Isa::avx2, Isa::avx512}) {
    if (name != isa_name(isa)) continue;
    check(std::ranges::find(available, isa) != available.end(),
          "GRADUS_ISA: this CPU or this build has no {}: the best it has is {}", name,
          isa_name(available.back()));
    return isa;
  }
  fail("GRADUS_ISA: unknown instruction set '{}': use portable, avx2 or avx512", name);
}

Isa active_isa() { return current_isa(); }

ScopedIsa::ScopedIsa(Isa isa) : previous_(active_isa()) {
  current_isa() = choose_isa(isa_name(isa), available_isas());
}
ScopedIsa::~ScopedIsa() { current_isa() = previous_; }

template <class T>
const Elementwise<T>& elementwise() {
  return member<T>(current_tables().elementwise);
}

namespace {
template <class Entry>
const Entry& named(const Entries<Entry>& entries, const char* name) {
  for (const Entry& entry : entries)
    if (*entry.name == *name && std::strcmp(entry.name, name) == 0) return entry;
  fail(
      "{}: there is no elementwise kernel of that name; src/kernels/isa/elementwise.cpp lists them",
      name);
}
}  // namespace

template <class T>
const Unary<T>& unary(const char* name) {
  return named(elementwise<T>().unary, name);
}
template <class T>
const Binary<T>& binary(const char* name) {
  return named(elementwise<T>().binary, name);
}

template <class T>
const Rows<T>& rows() {
  return member<T>(current_tables().rows);
}
template <class T>
const Optim<T>& optim() {
  return member<T>(current_tables().optim);
}
template <class T>
const GemmKernel<T>& gemm_kernel() {
  return member<T>(current_tables().gemm);
}
template <class T>
const AttentionKernel<T>& attention_kernel() {
  return member<T>(current_tables().attention);
}
template <class T>
const Peak<T>& peak() {
  return member<T>(current_tables().peak);
}

template const Elementwise<float>& elementwise();
template const Elementwise<double>& elementwise();
template const Unary<float>& unary(const char* name);
template const Unary<double>& unary(const char* name);
template const Binary<float>& binary(const char* name);
template const Binary<double>& binary(const char* name);
template const Rows<float>& rows();
template const Rows<double>& rows();
template const Optim<float>& optim();
template const Optim<double>& optim();
template const GemmKernel<float>& gemm_kernel();
template const GemmKernel<double>& gemm_kernel();
template const AttentionKernel<float>& attention_kernel();
template const AttentionKernel<double>& attention_kernel();
template const Peak<float>& peak();
template const Peak<double>& peak();

}  // namespace gradus::kernels
