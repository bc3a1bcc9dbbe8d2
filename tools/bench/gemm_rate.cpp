// SPDX-License-Identifier: Apache-2.0 The rate that OpenBLAS itself reaches on 2048³ in float32:
// gemm_rate THREADS prints GFLOP/s, the best of ten.
#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  constexpr int n = 2048;
  openblas_set_num_threads(argc > 1 ? std::atoi(argv[1]) : 1);
  const std::vector<float> a(n * n, 0.5F), b(n * n, 0.25F);
  std::vector<float> c(n * n);
  double best = 1e30;
  for (int i = 0; i < 10; ++i) {
    const auto start = std::chrono::steady_clock::now();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, n, n, n, 1, a.data(), n, b.data(), n, 0, c.data(), n);
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::printf("%.1f\n", 2e-9 * n * n * n / best);
}
