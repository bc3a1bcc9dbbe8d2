// SPDX-License-Identifier: Apache-2.0
#include "cuda/context.hpp"

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <algorithm>

#include "sigprop/simulate/simulate.hpp"

namespace sigprop::cuda {
namespace {

using simulate::MachineError;

constexpr std::size_t workspace_bytes = std::size_t{32} << 20;  // what NVIDIA advises for Hopper

std::string text_of(cudaError_t status) {
  return std::string(cudaGetErrorString(status)) + " (" + cudaGetErrorName(status) + ")";
}

[[noreturn]] void fail(const std::string& device, const char* call, const std::string& text) {
  throw MachineError("CUDA " + device + ": " + call + ": " + text);
}

void require(const std::string& device, cudaError_t status, const char* call) {
  if (status != cudaSuccess) fail(device, call, text_of(status));
}

cudaDataType_t cuda_type(Type type) {
  switch (type) {
    case Type::float32:
      return CUDA_R_32F;
    case Type::bf16:
      return CUDA_R_16BF;
    case Type::float64:
      break;
  }
  return CUDA_R_64F;
}

cublasComputeType_t compute_type(Type type, Arithmetic arithmetic) {
  if (type == Type::float64) return CUBLAS_COMPUTE_64F;
  return type == Type::float32 && arithmetic == Arithmetic::tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
}

}  // namespace

struct Context::State {
  bool dry = false;
  Arithmetic arithmetic = Arithmetic::float32;
  int device = 0;
  std::string name;
  cudaStream_t stream = nullptr;
  cublasHandle_t blas = nullptr;
  void* workspace = nullptr;
  std::size_t held = 0;
  std::size_t peak = 0;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  /// After a fault these calls fail as well: there is nothing more to tell. The thread keeps its
  /// current device.
  ~State() {
    if (stream == nullptr) return;
    int current = 0;
    cudaGetDevice(&current);
    cudaSetDevice(device);
    if (blas != nullptr) cublasDestroy(blas);
    if (workspace != nullptr) cudaFreeAsync(workspace, stream);
    cudaStreamSynchronize(stream);
    cudaStreamDestroy(stream);
    cudaMemPool_t pool = nullptr;  // what it keeps would count as taken by others
    if (cudaDeviceGetDefaultMemPool(&pool, device) == cudaSuccess) cudaMemPoolTrimTo(pool, 0);
    cudaSetDevice(current);
  }

  void require(cudaError_t status, const char* call) const { cuda::require(name, status, call); }

  void require(cublasStatus_t status, const char* call) const {
    if (status != CUBLAS_STATUS_SUCCESS)
      fail(name, call, std::string(cublasGetStatusString(status)) + " (" + cublasGetStatusName(status) + ")");
  }

  void count(std::size_t bytes) {
    held += bytes;
    peak = std::max(peak, held);
  }
};

Context::Context(std::unique_ptr<State> state) : state_(std::move(state)) {}
Context::Context(Context&&) noexcept = default;
Context::~Context() = default;

Context Context::dry(Arithmetic arithmetic) {
  auto state = std::make_unique<State>();
  state->dry = true;
  state->arithmetic = arithmetic;
  state->count(workspace_bytes);
  return Context(std::move(state));
}

Context::Context(int device, Arithmetic arithmetic) : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.arithmetic = arithmetic;
  state.device = device;
  state.name = "device " + std::to_string(device);
  state.require(cudaSetDevice(device), "cudaSetDevice");
  cudaDeviceProp properties{};
  state.require(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  state.name += std::string(" (") + properties.name + ")";
  state.require(cudaStreamCreateWithFlags(&state.stream, cudaStreamNonBlocking), "cudaStreamCreateWithFlags");
  cudaMemPool_t pool = nullptr;
  state.require(cudaDeviceGetDefaultMemPool(&pool, device), "cudaDeviceGetDefaultMemPool");
  std::uint64_t keep_all = ~std::uint64_t{0};  // freed memory is used again, not given back at every wait
  state.require(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep_all), "cudaMemPoolSetAttribute");
  state.require(cublasCreate(&state.blas), "cublasCreate");
  state.require(cublasSetStream(state.blas, state.stream), "cublasSetStream");
  state.workspace = allocate(workspace_bytes);
  state.require(cublasSetWorkspace(state.blas, state.workspace, workspace_bytes), "cublasSetWorkspace");
}

void Context::use() const {
  if (!is_dry()) state_->require(cudaSetDevice(state_->device), "cudaSetDevice");
}

bool Context::is_dry() const {
  return state_->dry;
}

Arithmetic Context::arithmetic() const {
  return state_->arithmetic;
}

void* Context::stream() const {
  return state_->stream;
}

void* Context::allocate(std::size_t bytes) {
  State& state = *state_;
  void* memory = state.dry ? &state : nullptr;  // a place that is never read, in which offsets may be counted
  if (!state.dry && bytes > 0) {
    const cudaError_t status = cudaMallocAsync(&memory, bytes, state.stream);
    if (status == cudaErrorMemoryAllocation) {
      static_cast<void>(cudaGetLastError());
      std::size_t free = 0, total = 0;
      state.require(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
      fail(state.name, "cudaMallocAsync",
           "out of memory: " + std::to_string(bytes) + " bytes asked, " + std::to_string(free) + " free of " +
               std::to_string(total) + ", " + std::to_string(state.held) +
               " held by this run: free the device, or make --memory, the batch or the sequence length smaller");
    }
    state.require(status, "cudaMallocAsync");
  }
  state.count(bytes);
  return memory;
}

void Context::release(void* memory, std::size_t bytes) noexcept {
  if (memory != nullptr && !state_->dry)
    static_cast<void>(cudaFreeAsync(memory, state_->stream));  // after a fault, the next call tells
  state_->held -= bytes;
}

std::size_t Context::held() const {
  return state_->held;
}

std::size_t Context::peak() const {
  return state_->peak;
}

void Context::clear(void* memory, std::size_t bytes) {
  if (!is_dry()) state_->require(cudaMemsetAsync(memory, 0, bytes, state_->stream), "cudaMemsetAsync");
}

void Context::download(void* to, const void* from, std::size_t bytes) {
  if (is_dry()) return;
  state_->require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, state_->stream), "cudaMemcpyAsync");
  wait();
}

void Context::upload(void* to, const void* from, std::size_t bytes) {
  if (is_dry()) return;
  state_->require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, state_->stream), "cudaMemcpyAsync");
  wait();
}

void Context::wait() {
  if (!is_dry()) state_->require(cudaStreamSynchronize(state_->stream), "cudaStreamSynchronize");
}

void Context::require(int status, const char* call) const {
  state_->require(static_cast<cudaError_t>(status), call);
}

/// cuBLAS stores matrices by columns: to it, ours are transposed. c' = op(b)' op(a)'.
void Context::multiply(const Product& product) {
  if (is_dry()) return;
  const Operand &a = product.a, &b = product.b;
  const std::ptrdiff_t rows = product.transpose_a ? a.columns : a.rows;
  const std::ptrdiff_t inner = product.transpose_a ? a.rows : a.columns;
  const std::ptrdiff_t columns = product.transpose_b ? b.rows : b.columns;
  if (rows == 0 || columns == 0 || product.batch == 0) return;
  const bool wide = a.type == Type::float64;
  const float alpha = static_cast<float>(product.alpha), beta = static_cast<float>(product.beta);
  const void* alpha_at = wide ? static_cast<const void*>(&product.alpha) : &alpha;
  const void* beta_at = wide ? static_cast<const void*>(&product.beta) : &beta;
  const auto size = [](std::ptrdiff_t n) { return static_cast<int>(n); };
  state_->require(cublasGemmStridedBatchedEx(
                      state_->blas, product.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
                      product.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, size(columns), size(rows), size(inner), alpha_at,
                      b.data, cuda_type(b.type), size(b.columns), b.stride, a.data, cuda_type(a.type), size(a.columns),
                      a.stride, beta_at, product.c, wide ? CUDA_R_64F : CUDA_R_32F, size(columns), rows * columns,
                      size(product.batch), compute_type(a.type, state_->arithmetic), CUBLAS_GEMM_DEFAULT),
                  "cublasGemmStridedBatchedEx");
}

std::vector<DeviceInfo> list_devices(std::optional<int> wanted) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess || count == 0) {
    throw MachineError(
        "no CUDA device can be used: " +
        (status == cudaSuccess ? std::string("there is none") : "cudaGetDeviceCount: " + text_of(status)) +
        "; --engine cpu needs none");
  }
  if (wanted && *wanted >= count)
    throw MachineError("--device " + std::to_string(*wanted) + ": this machine has CUDA devices 0 to " +
                       std::to_string(count - 1));
  int current = 0;
  cudaGetDevice(&current);
  std::vector<DeviceInfo> devices;
  for (int device = wanted.value_or(0); device < (wanted ? *wanted + 1 : count); ++device) {
    const std::string name = "device " + std::to_string(device);
    cudaDeviceProp properties{};
    require(name, cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
    require(name, cudaSetDevice(device), "cudaSetDevice");
    std::size_t free = 0, total = 0;
    require(name, cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    devices.push_back({device, properties.name, static_cast<double>(total), static_cast<double>(free)});
  }
  cudaSetDevice(current);  // which a context of this thread may be using
  return devices;
}

}  // namespace sigprop::cuda
