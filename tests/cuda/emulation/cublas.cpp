// SPDX-License-Identifier: Apache-2.0
#include "cublas_v2.h"

#include <Eigen/Core>
#include <bit>

#include "detail/state.hpp"

// cuBLAS's products through Eigen, with cuBLAS's checks. Operands and result must lie on the
// handle's device.

namespace detail = sigprop::test::emulation::detail;
using detail::state;

namespace {

using Eigen::Index;
template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic>;
template <class M>
using Strided = Eigen::Map<M, Eigen::Unaligned, Eigen::OuterStride<>>;

/// A batch of matrices as they are stored, by columns.
struct Batch {
  const void* first;
  cudaDataType type;
  Index rows, columns, leading;
  long long stride;
  bool transposed = false;
};

struct Product {
  int m, n, k;
  const void* alpha;
  Batch a, b;
  const void* beta;
  Batch c;
  void* result;
  int count;
  cublasComputeType_t compute;
};

std::size_t element_bytes(cudaDataType type) {
  return type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2;
}

std::ptrdiff_t offset(const Batch& batch, int element) {
  return static_cast<std::ptrdiff_t>(batch.stride) * element * static_cast<std::ptrdiff_t>(element_bytes(batch.type));
}

/// To the 10 explicit mantissa bits of TF32: the nearest, ties to even.
float tf32(float x) {
  constexpr std::uint32_t dropped = 13;
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7f800000u) == 0x7f800000u) return x;
  const std::uint32_t odd = bits >> dropped & 1u, half = (1u << (dropped - 1)) - 1;
  return std::bit_cast<float>((bits + half + odd) >> dropped << dropped);
}

/// One matrix as stored. Scalar is float or double, and the type fits it.
template <class Scalar>
Matrix<Scalar> stored(const Batch& batch, int element) {
  const void* const first = static_cast<const char*>(batch.first) + offset(batch, element);
  const Eigen::OuterStride<> stride(batch.leading);
  if (batch.type != CUDA_R_16BF)
    return Strided<const Matrix<Scalar>>(static_cast<const Scalar*>(first), batch.rows, batch.columns, stride);
  const Strided<const Matrix<unsigned short>> bits(static_cast<const unsigned short*>(first), batch.rows, batch.columns,
                                                   stride);
  return bits.unaryExpr([](unsigned short x) { return Scalar(__bfloat162float(__ushort_as_bfloat16(x))); });
}

template <class Scalar>
Matrix<Scalar> operand(const Batch& batch, int element, bool rounded) {
  Matrix<Scalar> matrix = stored<Scalar>(batch, element);
  if (rounded) matrix = matrix.unaryExpr([](Scalar x) { return Scalar(tf32(static_cast<float>(x))); });
  if (batch.transposed) matrix.transposeInPlace();
  return matrix;
}

template <class Scalar>
void store(const Matrix<Scalar>& value, const Product& p, int element) {
  void* const first = static_cast<char*>(p.result) + offset(p.c, element);
  const Eigen::OuterStride<> stride(p.c.leading);
  if (p.c.type != CUDA_R_16BF) {
    Strided<Matrix<Scalar>>(static_cast<Scalar*>(first), p.m, p.n, stride) = value;
    return;
  }
  const auto round = [](Scalar x) { return __bfloat16_as_ushort(__float2bfloat16_rn(static_cast<float>(x))); };
  Strided<Matrix<unsigned short>>(static_cast<unsigned short*>(first), p.m, p.n, stride) = value.unaryExpr(round);
}

/// C = alpha A B + beta C for each of the batch. C is not read at beta = 0.
template <class Scalar>
void multiply(const Product& p, bool rounded) {
  const Scalar alpha = *static_cast<const Scalar*>(p.alpha), beta = *static_cast<const Scalar*>(p.beta);
  for (int element = 0; element < p.count; ++element) {
    Matrix<Scalar> value = Matrix<Scalar>::Zero(p.m, p.n);
    if (p.k > 0 && alpha != 0)
      value.noalias() = alpha * operand<Scalar>(p.a, element, rounded) * operand<Scalar>(p.b, element, rounded);
    if (beta != 0) value += beta * stored<Scalar>(p.c, element);
    store(value, p, element);
  }
}

bool valid(const Batch& batch) {
  return batch.leading >= std::max<Index>(1, batch.rows);
}

bool known(cublasOperation_t op) {
  return op == CUBLAS_OP_N || op == CUBLAS_OP_T || op == CUBLAS_OP_C;
}

bool valid(const Product& p) {
  if (p.m < 0 || p.n < 0 || p.k < 0 || p.count < 0 || p.alpha == nullptr || p.beta == nullptr) return false;
  return valid(p.a) && valid(p.b) && valid(p.c);
}

/// The combinations of cuBLAS's table that the emulation has.
bool supported(const Product& p) {
  if (p.a.type != p.b.type) return false;
  switch (p.compute) {
    case CUBLAS_COMPUTE_32F:
    case CUBLAS_COMPUTE_32F_PEDANTIC:
      if (p.a.type == CUDA_R_16BF) return p.c.type == CUDA_R_16BF || p.c.type == CUDA_R_32F;
      return p.a.type == CUDA_R_32F && p.c.type == CUDA_R_32F;
    case CUBLAS_COMPUTE_32F_FAST_TF32:
      return p.a.type == CUDA_R_32F && p.c.type == CUDA_R_32F;
    case CUBLAS_COMPUTE_64F:
    case CUBLAS_COMPUTE_64F_PEDANTIC:
      return p.a.type == CUDA_R_64F && p.c.type == CUDA_R_64F;
    default:
      return false;
  }
}

bool on_device(const Batch& batch, int count, int device) {
  const Index elements = (batch.columns - 1) * batch.leading + batch.rows;
  const std::size_t bytes = static_cast<std::size_t>(elements) * element_bytes(batch.type);
  for (const int element : {0, count - 1})
    if (!detail::on_device(static_cast<const char*>(batch.first) + offset(batch, element), bytes, device)) return false;
  return true;
}

cublasStatus_t fault(const std::string& text) {
  state().fault = text;
  return CUBLAS_STATUS_EXECUTION_FAILED;
}

cublasStatus_t check_memory(const char* name, const Product& p, int device) {
  const std::string call(name);
  if (detail::current_device != device) return fault(call + ": the handle belongs to another device");
  if (p.k > 0 && !on_device(p.a, p.count, device)) return fault(call + ": A is not wholly in the device's memory");
  if (p.k > 0 && !on_device(p.b, p.count, device)) return fault(call + ": B is not wholly in the device's memory");
  if (!on_device(p.c, p.count, device)) return fault(call + ": C is not wholly in the device's memory");
  return CUBLAS_STATUS_SUCCESS;
}

bool rounds_to_tf32(const Product& p, cublasMath_t math) {
  const int mode = math & ~CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
  if (p.a.type != CUDA_R_32F || mode == CUBLAS_PEDANTIC_MATH) return false;
  return p.compute == CUBLAS_COMPUTE_32F_FAST_TF32 ||
         (p.compute == CUBLAS_COMPUTE_32F && mode == CUBLAS_TF32_TENSOR_OP_MATH);
}

cublasStatus_t gemm(const char* name, cublasContext* handle, const Product& p) {
  if (!valid(p)) return CUBLAS_STATUS_INVALID_VALUE;
  if (!supported(p)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (p.m == 0 || p.n == 0 || p.count == 0) return CUBLAS_STATUS_SUCCESS;
  const bool null_operand = p.k > 0 && (p.a.first == nullptr || p.b.first == nullptr);
  if (null_operand || p.result == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const cublasStatus_t status = check_memory(name, p, handle->device);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  const bool rounded = rounds_to_tf32(p, handle->math);
  p.a.type == CUDA_R_64F ? multiply<double>(p, false) : multiply<float>(p, rounded);
  return CUBLAS_STATUS_SUCCESS;
}

/// Runs the body of the cuBLAS function `name`, unless a failure is ordered.
template <class Body>
cublasStatus_t blas(const char* name, Body body) {
  const std::lock_guard lock(state().mutex);
  if (const int ordered = detail::ordered_failure(name)) return static_cast<cublasStatus_t>(ordered);
  return body();
}

/// The same for a function of a handle, which must be alive.
template <class Body>
cublasStatus_t blas(const char* name, cublasHandle_t handle, Body body) {
  return blas(name, [&] { return state().blas.contains(handle) ? body() : CUBLAS_STATUS_NOT_INITIALIZED; });
}

}  // namespace

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  return blas("cublasCreate", [&] {
    if (handle == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    if (state().devices.empty()) return CUBLAS_STATUS_NOT_INITIALIZED;
    *handle = *state().blas.insert(new cublasContext{detail::current_device}).first;
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  return blas("cublasDestroy", handle, [&] {
    state().blas.erase(handle);
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t, int* version) {
  return blas("cublasGetVersion", [&] {
    if (version == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
    *version = CUBLAS_VERSION;
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, std::size_t workspaceSizeInBytes) {
  return blas("cublasSetWorkspace", handle, [&] {
    constexpr std::uintptr_t alignment = 256;
    const bool aligned = reinterpret_cast<std::uintptr_t>(workspace) % alignment == 0;
    if (!aligned || (workspace == nullptr && workspaceSizeInBytes > 0)) return CUBLAS_STATUS_INVALID_VALUE;
    if (workspace != nullptr && !detail::on_device(workspace, workspaceSizeInBytes, handle->device))
      return fault("cublasSetWorkspace: the workspace is not wholly in the device's memory");
    return CUBLAS_STATUS_SUCCESS;
  });
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t streamId) {
  return blas("cublasSetStream", handle, [&] {
    const bool fits = streamId == nullptr || detail::device_of(streamId) == handle->device;
    return fits ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
  });
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  return blas("cublasSetMathMode", handle, [&] {
    const int base = mode & ~CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
    if (base != CUBLAS_DEFAULT_MATH && base != CUBLAS_PEDANTIC_MATH && base != CUBLAS_TF32_TENSOR_OP_MATH)
      return CUBLAS_STATUS_INVALID_VALUE;
    handle->math = mode;
    return CUBLAS_STATUS_SUCCESS;
  });
}

namespace {

/// An operand whose op makes `rows` x `columns` of it.
Batch operand_of(cublasOperation_t op, int rows, int columns, const void* first, cudaDataType type, int leading,
                 long long stride) {
  const bool transposed = op != CUBLAS_OP_N;
  return {first, type, transposed ? columns : rows, transposed ? rows : columns, leading, stride, transposed};
}

}  // namespace

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                            int k, const void* alpha, const void* A, cudaDataType Atype, int lda, const void* B,
                            cudaDataType Btype, int ldb, const void* beta, void* C, cudaDataType Ctype, int ldc,
                            cublasComputeType_t computeType, cublasGemmAlgo_t) {
  return blas("cublasGemmEx", handle, [&] {
    if (!known(transa) || !known(transb)) return CUBLAS_STATUS_INVALID_VALUE;
    const Batch a = operand_of(transa, m, k, A, Atype, lda, 0), b = operand_of(transb, k, n, B, Btype, ldb, 0);
    const Product p{m, n, k, alpha, a, b, beta, {C, Ctype, m, n, ldc, 0}, C, 1, computeType};
    return gemm("cublasGemmEx", handle, p);
  });
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                                          int m, int n, int k, const void* alpha, const void* A, cudaDataType Atype,
                                          int lda, long long int strideA, const void* B, cudaDataType Btype, int ldb,
                                          long long int strideB, const void* beta, void* C, cudaDataType Ctype, int ldc,
                                          long long int strideC, int batchCount, cublasComputeType_t computeType,
                                          cublasGemmAlgo_t) {
  return blas("cublasGemmStridedBatchedEx", handle, [&] {
    if (!known(transa) || !known(transb)) return CUBLAS_STATUS_INVALID_VALUE;
    const Batch a = operand_of(transa, m, k, A, Atype, lda, strideA);
    const Batch b = operand_of(transb, k, n, B, Btype, ldb, strideB);
    const Product p{m, n, k, alpha, a, b, beta, {C, Ctype, m, n, ldc, strideC}, C, batchCount, computeType};
    return gemm("cublasGemmStridedBatchedEx", handle, p);
  });
}
