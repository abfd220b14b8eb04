#include "matmul_peers.h"

#include <dlfcn.h>

#include <cstdlib>
#include <initializer_list>

namespace gradus::lessons {
namespace {

// The first of these libraries that the system has, or null. It stays loaded.
void* open_any([[maybe_unused]] std::initializer_list<const char*> names) {
#ifndef GRADUS_SANITIZE  // what these libraries never free is not ours to report
  for (const char* name : names)
    if (void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
#endif
  return nullptr;
}

// A function of a library; null if it has none of that name. What the library itself has loaded,
// such as OpenMP, is searched as well.
template <class F>
F* function(void* library, const char* name) {
  return library == nullptr ? nullptr : reinterpret_cast<F*>(::dlsym(library, name));
}

// One of the libraries: `set_threads` names its function for that.
template <class Multiply>
Peer make_peer(const char* name, void* library, const char* set_threads, bool found,
               Multiply multiply) {
  const auto threads = function<void(int)>(library, set_threads);
  Peer peer{.name = name, .problem = {}, .multiply = multiply, .set_threads = threads};
  if (library == nullptr)
    peer.problem = "not installed";
  else if (!found || threads == nullptr)
    peer.problem = "another version";
  return peer;
}

Peer find_onednn() {
  // int dnnl_sgemm(transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc), row-major
  using Sgemm = int(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t,
                    const float*, int64_t, float, float*, int64_t);
  void* library = open_any({"libdnnl.so.3", "libdnnl.so.2"});
  const auto sgemm = function<Sgemm>(library, "dnnl_sgemm");
  return make_peer("oneDNN", library, "omp_set_num_threads", sgemm != nullptr,
                   [sgemm](int64_t n, const float* a, const float* b, float* c) {
                     sgemm('N', 'N', n, n, n, 1, a, n, b, n, 0, c, n);
                   });
}

Peer find_openblas() {
  // void cblas_sgemm(order, transa, transb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
  using Sgemm = void(int, int, int, int, int, int, float, const float*, int, const float*, int,
                     float, float*, int);
  constexpr int row_major = 101, no_transpose = 111;
  void* library = open_any({"libopenblas.so.0"});
  const auto sgemm = function<Sgemm>(library, "cblas_sgemm");
  return make_peer("OpenBLAS", library, "openblas_set_num_threads", sgemm != nullptr,
                   [sgemm](int64_t size, const float* a, const float* b, float* c) {
                     const int n = static_cast<int>(size);
                     sgemm(row_major, no_transpose, no_transpose, n, n, n, 1, a, n, b, n, 0, c, n);
                   });
}

}  // namespace

std::vector<Peer> find_peers() { return {find_onednn(), find_openblas()}; }

}  // namespace gradus::lessons
