// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "buffer.hpp"
#include "cublas_v2.h"
#include "cuda_bf16.h"
#include "cuda_runtime.h"
#include "emulation.hpp"

using namespace sigprop::test::emulation;

namespace {

struct Kind {
  cudaDataType in, out;
  cublasComputeType_t compute;
  cublasMath_t math;
};

/// Pseudo-random numbers with more digits than TF32 keeps.
std::vector<double> numbers(std::size_t count, unsigned seed) {
  std::vector<double> made(count);
  for (double& x : made) {
    seed = seed * 1664525u + 1013904223u;
    x = static_cast<float>(static_cast<double>(seed) / 4294967296.0 - 0.4);
  }
  return made;
}

double as_stored(double x, cudaDataType type) {
  if (type == CUDA_R_64F) return x;
  const float single = static_cast<float>(x);
  return type == CUDA_R_32F ? single : __bfloat162float(__float2bfloat16(single));
}

std::vector<char> bytes_of(const std::vector<double>& values, cudaDataType type) {
  std::vector<char> bytes;
  const auto add = [&](const auto& value) {
    bytes.insert(bytes.end(), reinterpret_cast<const char*>(&value), reinterpret_cast<const char*>(&value + 1));
  };
  for (const double x : values) {
    if (type == CUDA_R_64F) add(x);
    if (type == CUDA_R_32F) add(static_cast<float>(x));
    if (type == CUDA_R_16BF) add(__float2bfloat16(static_cast<float>(x)));
  }
  return bytes;
}

template <class T>
T read(const std::vector<char>& bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
  return value;
}

double value_of(const std::vector<char>& bytes, cudaDataType type, std::size_t i) {
  if (type == CUDA_R_64F) return read<double>(bytes, i);
  if (type == CUDA_R_32F) return read<float>(bytes, i);
  return __bfloat162float(read<__nv_bfloat16>(bytes, i));
}

/// A batch of 3 products of 5 x 6 from 5 x 7 and 7 x 6, with room between the columns and between
/// the matrices.
struct Gemm {
  static constexpr int m = 5, n = 6, k = 7, count = 3, lda = 9, ldb = 10, ldc = 8;
  static constexpr int stride_a = 70, stride_b = 80, stride_c = 50;
  std::vector<double> a = numbers(stride_a * count, 1), b = numbers(stride_b * count, 2),
                      c = numbers(stride_c * count, 3);

  /// The naive sum for element (i, j) of one product, over operands as they are stored.
  [[nodiscard]] double sum(const Kind& kind, cublasOperation_t ta, cublasOperation_t tb, int batch, int i,
                           int j) const {
    double total = 0;
    for (int l = 0; l < k; ++l) {
      const auto at_a = static_cast<std::size_t>(batch * stride_a + (ta == CUBLAS_OP_N ? i + l * lda : l + i * lda));
      const auto at_b = static_cast<std::size_t>(batch * stride_b + (tb == CUBLAS_OP_N ? l + j * ldb : j + l * ldb));
      total += as_stored(a[at_a], kind.in) * as_stored(b[at_b], kind.in);
    }
    return total;
  }

  [[nodiscard]] std::vector<char> run(const Kind& kind, cublasOperation_t ta, cublasOperation_t tb, double alpha,
                                      double beta) const {
    const Buffer<char> device_a(bytes_of(a, kind.in)), device_b(bytes_of(b, kind.in)), device_c(bytes_of(c, kind.out));
    const std::vector<char> alphas = bytes_of({alpha}, scale(kind)), betas = bytes_of({beta}, scale(kind));
    cublasHandle_t handle = nullptr;
    REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasSetMathMode(handle, kind.math) == CUBLAS_STATUS_SUCCESS);
    CHECK(cublasGemmStridedBatchedEx(handle, ta, tb, m, n, k, alphas.data(), device_a.data, kind.in, lda, stride_a,
                                     device_b.data, kind.in, ldb, stride_b, betas.data(), device_c.data, kind.out, ldc,
                                     stride_c, count, kind.compute, CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasDestroy(handle) == CUBLAS_STATUS_SUCCESS);
    return device_c.values();
  }

  static cudaDataType scale(const Kind& kind) { return kind.in == CUDA_R_64F ? CUDA_R_64F : CUDA_R_32F; }

  /// The largest error relative to the format of the result; columns' gaps must be untouched.
  [[nodiscard]] double error(const Kind& kind, cublasOperation_t ta, cublasOperation_t tb) const {
    const double alpha = 1.5, beta = -0.5;
    const std::vector<char> got = run(kind, ta, tb, alpha, beta);
    double largest = 0;
    for (int at = 0; at < stride_c * count; ++at) {
      const int batch = at / stride_c, i = at % stride_c % ldc, j = at % stride_c / ldc;
      const auto index = static_cast<std::size_t>(at);
      const double before = as_stored(c[index], kind.out), value = value_of(got, kind.out, index);
      const bool inside = i < m && j < n;
      const double expected = inside ? alpha * sum(kind, ta, tb, batch, i, j) + beta * before : before;
      if (!inside) REQUIRE(value == before);
      largest = std::max(largest, std::abs(value - expected));
    }
    return largest;
  }
};

}  // namespace

TEST_CASE("products agree with a naive sum for every op and type") {
  const Session session;
  const std::pair<Kind, double> kinds[] = {
      {{CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, CUBLAS_DEFAULT_MATH}, 1e-6},
      {{CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_PEDANTIC, CUBLAS_TF32_TENSOR_OP_MATH}, 1e-6},
      {{CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F, CUBLAS_TF32_TENSOR_OP_MATH}, 1e-6},
      {{CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F, CUBLAS_DEFAULT_MATH}, 1e-2},
      {{CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F, CUBLAS_DEFAULT_MATH}, 1e-14}};
  for (const auto& [kind, limit] : kinds)
    for (const cublasOperation_t ta : {CUBLAS_OP_N, CUBLAS_OP_T})
      for (const cublasOperation_t tb : {CUBLAS_OP_N, CUBLAS_OP_T}) CHECK(Gemm().error(kind, ta, tb) < limit);
}

TEST_CASE("a product into bfloat16 is rounded once, to the nearest") {
  const Session session;
  const Kind wide{CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F, CUBLAS_DEFAULT_MATH};
  const Kind narrow{CUDA_R_16BF, CUDA_R_16BF, CUBLAS_COMPUTE_32F, CUBLAS_DEFAULT_MATH};
  const std::vector<char> exact = Gemm().run(wide, CUBLAS_OP_N, CUBLAS_OP_N, 1, 0);
  const std::vector<char> rounded = Gemm().run(narrow, CUBLAS_OP_N, CUBLAS_OP_N, 1, 0);
  for (std::size_t at = 0; at < Gemm::m; ++at)
    CHECK(value_of(rounded, CUDA_R_16BF, at) == as_stored(value_of(exact, CUDA_R_32F, at), CUDA_R_16BF));
}

TEST_CASE("TF32 rounds the operands to ten bits, by type or by mode") {
  const Session session;
  const Kind by_type{CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_DEFAULT_MATH};
  const Kind by_mode{CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F, CUBLAS_TF32_TENSOR_OP_MATH};
  const double error = Gemm().error(by_type, CUBLAS_OP_N, CUBLAS_OP_T);
  CHECK((error > 1e-5 && error < 4e-3));
  CHECK(Gemm().error(by_mode, CUBLAS_OP_N, CUBLAS_OP_T) == error);
  Gemm ties;
  for (double& x : ties.a) x = 1 + 1.0 / 2048;
  for (double& x : ties.b) x = 1 + 3.0 / 2048;
  const std::vector<char> got = ties.run(by_type, CUBLAS_OP_N, CUBLAS_OP_N, 1, 0);
  CHECK(value_of(got, CUDA_R_32F, 0) == 7 * (1 + 2.0 / 1024));
}

TEST_CASE("a product with beta = 0 does not read the result") {
  const Session session;
  Gemm gemm;
  for (double& x : gemm.c) x = std::numeric_limits<double>::quiet_NaN();
  const Kind kind{CUDA_R_64F, CUDA_R_64F, CUBLAS_COMPUTE_64F, CUBLAS_DEFAULT_MATH};
  const std::vector<char> got = gemm.run(kind, CUBLAS_OP_N, CUBLAS_OP_N, 1, 0);
  CHECK(value_of(got, CUDA_R_64F, 0) == Approx(gemm.sum(kind, CUBLAS_OP_N, CUBLAS_OP_N, 0, 0, 0)));
  CHECK(std::isnan(value_of(gemm.run(kind, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1), CUDA_R_64F, 0)));
}

TEST_CASE("products that cuBLAS refuses are refused") {
  const Session session;
  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  const Buffer<float> memory(std::vector<float>(64));
  const float one = 1;
  const auto multiply = [&](cublasOperation_t ta, int m, int k, int lda, int ldb, int ldc, const float* a,
                            cublasComputeType_t compute = CUBLAS_COMPUTE_32F, cudaDataType out = CUDA_R_32F) {
    return cublasGemmEx(handle, ta, CUBLAS_OP_N, m, 4, k, &one, a, CUDA_R_32F, lda, memory.data, CUDA_R_32F, ldb, &one,
                        memory.data, out, ldc, compute, CUBLAS_GEMM_DEFAULT);
  };
  const float* const a = memory.data;
  CHECK(multiply(CUBLAS_OP_N, 4, 3, 4, 3, 4, a) == CUBLAS_STATUS_SUCCESS);
  CHECK(multiply(CUBLAS_OP_N, 4, 3, 3, 3, 4, a) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(multiply(CUBLAS_OP_T, 4, 3, 3, 3, 4, a) == CUBLAS_STATUS_SUCCESS);
  CHECK(multiply(CUBLAS_OP_N, 4, 3, 4, 2, 4, a) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(multiply(CUBLAS_OP_N, 4, 3, 4, 3, 3, a) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(multiply(CUBLAS_OP_N, -1, 3, 4, 3, 4, a) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(multiply(CUBLAS_OP_N, 0, 3, 4, 3, 4, nullptr) == CUBLAS_STATUS_SUCCESS);
  CHECK(multiply(CUBLAS_OP_N, 4, 3, 4, 3, 4, nullptr) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(multiply(CUBLAS_OP_N, 4, 3, 4, 3, 4, a, CUBLAS_COMPUTE_64F) == CUBLAS_STATUS_NOT_SUPPORTED);
  CHECK(multiply(CUBLAS_OP_N, 4, 3, 4, 3, 4, a, CUBLAS_COMPUTE_32F, CUDA_R_16BF) == CUBLAS_STATUS_NOT_SUPPORTED);
  CHECK(multiply(CUBLAS_OP_N, 4, 3, 40, 3, 4, a) == CUBLAS_STATUS_EXECUTION_FAILED);
  CHECK(last_fault() == "cublasGemmEx: A is not wholly in the device's memory");
  CHECK(multiply(CUBLAS_OP_N, 4, 3, 4, 3, 4, &one) == CUBLAS_STATUS_EXECUTION_FAILED);
  CHECK(cublasDestroy(handle) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasDestroy(handle) == CUBLAS_STATUS_NOT_INITIALIZED);
}

TEST_CASE("a cuBLAS handle takes its stream, mode and workspace") {
  const Session session;
  cublasHandle_t handle = nullptr;
  REQUIRE(cublasCreate(&handle) == CUBLAS_STATUS_SUCCESS);
  CHECK(live_handles() == 1);
  int version = 0;
  CHECK(cublasGetVersion(handle, &version) == CUBLAS_STATUS_SUCCESS);
  CHECK(version == CUBLAS_VERSION);
  const Buffer<char> workspace(1024);
  CHECK(cublasSetWorkspace(handle, workspace.data, 1024) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasSetWorkspace(handle, workspace.data + 8, 512) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(cublasSetWorkspace(handle, workspace.data, 1025) == CUBLAS_STATUS_EXECUTION_FAILED);
  CHECK(cublasSetStream(handle, nullptr) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasSetMathMode(handle, static_cast<cublasMath_t>(5)) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(cublasDestroy(handle) == CUBLAS_STATUS_SUCCESS);
}
