// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "buffer.hpp"
#include "cublas_v2.h"
#include "cuda_bf16.h"
#include "cuda_runtime.h"
#include "emulation.hpp"

using namespace sigprop::test::emulation;

namespace {

__global__ void nothing() {}

}  // namespace

TEST_CASE("new memory is NaN") {
  const Session session;
  const Buffer<float> memory(100);
  for (const float x : memory.values()) REQUIRE(std::isnan(x));
  void* pinned = nullptr;
  REQUIRE(cudaMallocHost(&pinned, 8) == cudaSuccess);
  CHECK(std::isnan(*static_cast<double*>(pinned)));
  CHECK(pinned_bytes() == 8);
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
  CHECK(cudaFreeHost(pinned) == cudaErrorInvalidValue);
}

TEST_CASE("each device has its own account of memory") {
  const Session session;
  set_devices(2, 1000);
  void *first = nullptr, *second = nullptr, *third = nullptr;
  REQUIRE(cudaMalloc(&first, 600) == cudaSuccess);
  CHECK(cudaMalloc(&second, 401) == cudaErrorMemoryAllocation);
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  REQUIRE(cudaMallocAsync(&third, 401, nullptr) == cudaSuccess);
  CHECK(allocated_bytes(0) == 600);
  CHECK(allocated_bytes(1) == 401);
  std::size_t free = 0, total = 0;
  REQUIRE(cudaMemGetInfo(&free, &total) == cudaSuccess);
  CHECK((free == 599 && total == 1000));
  CHECK(cudaFree(first) == cudaErrorInvalidValue);
  CHECK(last_fault() == "cudaFree: the pointer belongs to another device");
  CHECK(cudaFreeAsync(third, nullptr) == cudaSuccess);
  REQUIRE(cudaSetDevice(0) == cudaSuccess);
  CHECK(cudaFreeAsync(first, nullptr) == cudaErrorInvalidValue);
  CHECK(cudaFree(first) == cudaSuccess);
  CHECK(cudaFree(first) == cudaErrorInvalidValue);
  CHECK((allocated_bytes(0) == 0 && allocated_bytes(1) == 0));
}

TEST_CASE("every host thread has its own current device") {
  const Session session;
  set_devices(2);
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  int here = -1, there = -1;
  std::thread([&] { cudaGetDevice(&there); }).join();
  REQUIRE(cudaGetDevice(&here) == cudaSuccess);
  CHECK((here == 1 && there == 0));
  CHECK(cudaSetDevice(2) == cudaErrorInvalidDevice);
}

TEST_CASE("copies check both sides against the allocations") {
  const Session session;
  const Buffer<char> device(8);
  char host[16]{};
  CHECK(cudaMemcpy(device.data, host, 8, cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaMemcpy(device.data, host, 9, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(last_fault() == "cudaMemcpy: the destination is not 9 bytes of device memory");
  CHECK(cudaMemcpy(device.data + 4, host, 5, cudaMemcpyDefault) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host, host + 8, 8, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpyAsync(device.data, host, 8, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(last_fault() == "cudaMemcpyAsync: the destination is device memory");
  CHECK(cudaMemset(device.data, 0, 9) == cudaErrorInvalidValue);
  CHECK(cudaPeekAtLastError() == cudaErrorInvalidValue);
}

TEST_CASE("a copy of rows keeps what lies between them") {
  const Session session;
  const Buffer<char> device(std::vector<char>(10, 'x'));
  const std::string rows = "abc-def-";
  REQUIRE(cudaMemcpy2DAsync(device.data, 5, rows.data(), 4, 3, 2, cudaMemcpyHostToDevice) == cudaSuccess);
  const std::vector<char> got = device.values();
  CHECK(std::string(got.begin(), got.end()) == "abcxxdefxx");
  CHECK(cudaMemcpy2DAsync(device.data, 2, rows.data(), 4, 3, 2, cudaMemcpyHostToDevice) == cudaErrorInvalidPitchValue);
  REQUIRE(cudaMemsetAsync(device.data, 'y', 2) == cudaSuccess);
  CHECK(device.values()[1] == 'y');
}

TEST_CASE("an ordered failure comes once, after the successes") {
  const Session session;
  fail_next("cudaMemset", cudaErrorIllegalAddress, 2);
  const Buffer<char> memory(1);
  CHECK(cudaMemset(memory.data, 0, 1) == cudaSuccess);
  CHECK(cudaMemset(memory.data, 0, 1) == cudaSuccess);
  CHECK(cudaMemset(memory.data, 0, 1) == cudaErrorIllegalAddress);
  CHECK(cudaMemset(memory.data, 0, 1) == cudaSuccess);
  fail_next("cudaLaunchKernelEx", cudaErrorLaunchOutOfResources);
  cudaLaunchConfig_t config{};
  CHECK(cudaLaunchKernelEx(&config, nothing) == cudaErrorLaunchOutOfResources);
  CHECK(cudaLaunchKernelEx(&config, nothing) == cudaSuccess);
  fail_next("cublasCreate", CUBLAS_STATUS_ALLOC_FAILED);
  cublasHandle_t handle = nullptr;
  CHECK(cublasCreate(&handle) == CUBLAS_STATUS_ALLOC_FAILED);
}

TEST_CASE("without a device the calls say so") {
  const Session session;
  set_devices(0);
  int count = -1;
  CHECK(cudaGetDeviceCount(&count) == cudaErrorNoDevice);
  CHECK(count == 0);
  void* memory = nullptr;
  CHECK(cudaMalloc(&memory, 1) == cudaErrorNoDevice);
  CHECK(cudaGetErrorString(cudaGetLastError()) == std::string("no CUDA-capable device is detected"));
}

TEST_CASE("the device describes itself") {
  const Session session;
  set_devices(3, 4096);
  int count = 0, value = 0;
  REQUIRE(cudaGetDeviceCount(&count) == cudaSuccess);
  CHECK(count == 3);
  cudaDeviceProp properties;
  REQUIRE(cudaGetDeviceProperties(&properties, 2) == cudaSuccess);
  CHECK(properties.name == std::string("emulated device"));
  CHECK((properties.totalGlobalMem == 4096 && properties.major == 9 && properties.warpSize == 32));
  REQUIRE(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0) == cudaSuccess);
  CHECK(value == properties.multiProcessorCount);
  CHECK(cudaGetDeviceProperties(&properties, 3) == cudaErrorInvalidDevice);
  REQUIRE(cudaRuntimeGetVersion(&value) == cudaSuccess);
  CHECK(value == 13000);
}

TEST_CASE("streams and events live until they are destroyed") {
  const Session session;
  cudaStream_t stream = nullptr;
  cudaEvent_t start = nullptr, end = nullptr, untimed = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaEventCreateWithFlags(&start, cudaEventDefault) == cudaSuccess);
  REQUIRE(cudaEventCreateWithFlags(&end, cudaEventDefault) == cudaSuccess);
  REQUIRE(cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming) == cudaSuccess);
  CHECK(live_handles() == 4);
  float time = -1;
  REQUIRE(cudaEventRecord(start, stream) == cudaSuccess);
  CHECK(cudaEventElapsedTime(&time, start, end) == cudaErrorInvalidResourceHandle);
  REQUIRE(cudaEventRecord(end, stream) == cudaSuccess);
  REQUIRE(cudaEventElapsedTime(&time, start, end) == cudaSuccess);
  CHECK(time >= 0);
  for (const cudaEvent_t event : {start, end, untimed}) CHECK(cudaEventDestroy(event) == cudaSuccess);
  CHECK(cudaStreamDestroy(stream) == cudaSuccess);
  CHECK(cudaStreamDestroy(stream) == cudaErrorInvalidResourceHandle);
  CHECK(cudaStreamSynchronize(stream) == cudaErrorInvalidResourceHandle);
  CHECK(live_handles() == 0);
}

TEST_CASE("a memory pool takes its threshold and is trimmed") {
  const Session session;
  cudaMemPool_t pool = nullptr;
  std::uint64_t threshold = 0;
  REQUIRE(cudaDeviceGetDefaultMemPool(&pool, 0) == cudaSuccess);
  CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold) == cudaSuccess);
  CHECK(cudaMemPoolTrimTo(pool, 0) == cudaSuccess);
  CHECK(cudaDeviceGetDefaultMemPool(&pool, 1) == cudaErrorInvalidDevice);
}

TEST_CASE("errors have NVIDIA's names and texts") {
  CHECK(cudaGetErrorName(cudaErrorMemoryAllocation) == std::string("cudaErrorMemoryAllocation"));
  CHECK(cudaGetErrorString(cudaErrorMemoryAllocation) == std::string("out of memory"));
  CHECK(cudaGetErrorString(cudaSuccess) == std::string("no error"));
  CHECK(cublasGetStatusName(CUBLAS_STATUS_NOT_SUPPORTED) == std::string("CUBLAS_STATUS_NOT_SUPPORTED"));
  CHECK(cublasGetStatusString(CUBLAS_STATUS_SUCCESS) == std::string("success"));
}

TEST_CASE("a reset frees what is left") {
  const Session session;
  void* memory = nullptr;
  cudaStream_t stream = nullptr;
  REQUIRE(cudaMalloc(&memory, 10) == cudaSuccess);
  REQUIRE(cudaStreamCreateWithFlags(&stream, 0) == cudaSuccess);
  CHECK((allocated_bytes() == 10 && live_handles() == 1));
  reset();
  CHECK((allocated_bytes() == 0 && live_handles() == 0));
  CHECK(cudaFree(memory) == cudaErrorInvalidValue);
}

TEST_CASE("bfloat16 rounds to the nearest, ties to even") {
  const auto rounded = [](std::uint32_t bits) { return __bfloat16_as_ushort(__float2bfloat16(__uint_as_float(bits))); };
  CHECK(rounded(0x3f800000) == 0x3f80);
  CHECK(rounded(0x3f807fff) == 0x3f80);
  CHECK(rounded(0x3f808000) == 0x3f80);
  CHECK(rounded(0x3f808001) == 0x3f81);
  CHECK(rounded(0x3f818000) == 0x3f82);
  CHECK(rounded(0xbf818000) == 0xbf82);
  CHECK(rounded(0x7f7fffff) == 0x7f80);
  CHECK(rounded(0xff800000) == 0xff80);
  CHECK(rounded(0x7f800001) == 0x7fff);
  CHECK(rounded(0x00008001) == 0x0001);
  CHECK(rounded(0x80000000) == 0x8000);
  CHECK(__bfloat162float(__float2bfloat16_rn(-1.5f)) == -1.5f);
  CHECK(__high2float(__floats2bfloat162_rn(1.0f, 2.0f)) == 2.0f);
}

TEST_CASE("vector types have NVIDIA's layout and device functions their values") {
  CHECK((alignof(float2) == 8 && alignof(uint4) == 16 && alignof(double2) == 16 && alignof(uint3) == 4));
  CHECK((sizeof(__nv_bfloat16) == 2 && alignof(__nv_bfloat162) == 4 && std::is_trivially_copyable_v<__nv_bfloat16>));
  CHECK(__umulhi(0xffffffffu, 0xffffffffu) == 0xfffffffeu);
  CHECK(rsqrtf(4.0f) == 0.5f);
  CHECK((sinpif(1.0f) == 0.0f && sinpif(0.5f) == 1.0f && sinpif(-1.5f) == 1.0f && sinpif(1e20f) == 0.0f));
  float sine = 0, cosine = 0;
  sincospif(2.25f, &sine, &cosine);
  CHECK((sine == std::sqrt(0.5f) && cosine == std::sqrt(0.5f)));
  CHECK((cospif(1.0f) == -1.0f && cospif(0.5f) == 0.0f && std::isnan(cospif(INFINITY))));
}
