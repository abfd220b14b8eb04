#include "bench/peers.h"

#include <omp.h>

#include <stdexcept>

#ifdef GRADUS_PEER_ONEDNN
#include <dnnl.h>
#endif
#ifdef GRADUS_PEER_OPENBLAS
#include <cblas.h>
#endif

namespace gradus::bench {
namespace {

#ifdef GRADUS_PEER_ONEDNN
void onednn_multiply(const Product& p, const float* a, const float* b, float* c) {
  const dnnl_status_t status =
      dnnl_sgemm(p.a_transposed ? 'T' : 'N', p.b_transposed ? 'T' : 'N', p.m, p.n, p.k, 1.0f, a,
                 p.a_transposed ? p.m : p.k, b, p.b_transposed ? p.k : p.n, 0.0f, c, p.n);
  if (status != dnnl_success) throw std::runtime_error("dnnl_sgemm failed");
}
#endif

#ifdef GRADUS_PEER_OPENBLAS
void openblas_multiply(const Product& p, const float* a, const float* b, float* c) {
  const auto order = [](bool transposed) { return transposed ? CblasTrans : CblasNoTrans; };
  const auto size = [](int64_t n) { return static_cast<blasint>(n); };
  cblas_sgemm(CblasRowMajor, order(p.a_transposed), order(p.b_transposed), size(p.m), size(p.n),
              size(p.k), 1.0f, a, size(p.a_transposed ? p.m : p.k), b,
              size(p.b_transposed ? p.k : p.n), 0.0f, c, size(p.n));
}
#endif

}  // namespace

const std::vector<GemmPeer>& gemm_peers() {
  static const std::vector<GemmPeer> peers = {
#ifdef GRADUS_PEER_ONEDNN
      {"oneDNN", onednn_multiply, omp_set_num_threads},
#endif
#ifdef GRADUS_PEER_OPENBLAS
      {"OpenBLAS", openblas_multiply, openblas_set_num_threads},
#endif
  };
  return peers;
}

const std::vector<std::string>& missing_gemm_peers() {
  static const std::vector<std::string> missing = {
#ifndef GRADUS_PEER_ONEDNN
      "oneDNN",
#endif
#ifndef GRADUS_PEER_OPENBLAS
      "OpenBLAS",
#endif
  };
  return missing;
}

}  // namespace gradus::bench
