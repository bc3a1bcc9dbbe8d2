// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "buffer.hpp"
#include "cuda_runtime.h"
#include "emulation.hpp"

using namespace sigprop::test::emulation;

namespace {

constexpr unsigned all_lanes = 0xffffffffu;
const std::vector<Order> orders{Order::ascending, Order::descending, Order::shuffled, Order::one_warp_ahead};

template <class... Expected, class... Actual>
cudaError_t run(dim3 grid, dim3 block, void (*kernel)(Expected...), Actual... args) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  return cudaLaunchKernelEx(&config, kernel, args...);
}

__global__ void write_index(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned i = block * blockDim.x * blockDim.y * blockDim.z + thread;
  out[i] += static_cast<int>(i);
}

/// Reverses each block through shared memory, with the barrier that this needs or without it.
template <bool barrier>
__global__ void __launch_bounds__(64) reverse(const float* in, float* out) {
  __shared__ float tile[64];
  const unsigned base = blockIdx.x * blockDim.x;
  tile[threadIdx.x] = in[base + threadIdx.x];
  if (barrier) __syncthreads();
  out[base + threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

__global__ void sum_in_tree(const float* in, float* out) {
  __shared__ float tile[256];
  tile[threadIdx.x] = in[blockIdx.x * 256 + threadIdx.x];
  for (unsigned half = 128; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) tile[threadIdx.x] += tile[threadIdx.x + half];
  }
  if (threadIdx.x == 0) out[blockIdx.x] = tile[0];
}

/// Two rounds of sums over the block, with the barrier between a round's reads and the next one's
/// writes or without it.
template <bool barrier>
__global__ void sum_twice(float* out) {
  __shared__ float parts[4];
  for (unsigned round = 0; round < 2; ++round) {
    float sum = static_cast<float>(threadIdx.x * (round + 1));
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(all_lanes, sum, offset);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = sum;
    __syncthreads();
    out[threadIdx.x + 128 * round] = parts[0] + parts[1] + parts[2] + parts[3];
    if (barrier) __syncthreads();
  }
}

__global__ void sync_half_of_the_block() {
  if (threadIdx.x < 16) __syncthreads();
}

__global__ void sync_in_two_places() {
  if (threadIdx.x < 16) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void sync_at_different_barriers() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncwarp();
    __syncthreads();
    __syncwarp(0xffff);
  }
}

__global__ void shuffle_without_a_lane(float* out) {
  if (threadIdx.x != 5) out[threadIdx.x] = __shfl_xor_sync(all_lanes, out[threadIdx.x], 1);
}

__global__ void shuffle_unnamed() {
  __shfl_sync(1u, 1.0f, 0);
}

__global__ void sum_in_warps(double* values) {
  double x = values[threadIdx.x];
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(all_lanes, x, step);
  values[threadIdx.x] = x;
}

__global__ void shuffle_each_way(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  const int got[] = {__shfl_sync(all_lanes, lane, 3),      __shfl_sync(all_lanes, lane, 9, 8),
                     __shfl_up_sync(all_lanes, lane, 2),   __shfl_up_sync(all_lanes, lane, 2, 8),
                     __shfl_down_sync(all_lanes, lane, 4), __shfl_down_sync(all_lanes, lane, 4, 8),
                     __shfl_xor_sync(all_lanes, lane, 31)};
  for (int i = 0; i < 7; ++i) out[i * 32 + lane] = got[i];
}

__global__ void vote(unsigned* out) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane < 16) {
    out[lane * 4] = __ballot_sync(0xffff, lane % 3 == 0);
    out[lane * 4 + 1] = static_cast<unsigned>(__any_sync(0xffff, lane == 7));
    out[lane * 4 + 2] = static_cast<unsigned>(__all_sync(0xffff, lane < 16));
    out[lane * 4 + 3] = static_cast<unsigned>(__all_sync(0xffff, lane < 15));
  }
}

__global__ void shuffle_from_unnamed(float* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = __shfl_down_sync(0xffff, 1.0f, 8);
}

__global__ void throw_from(unsigned block) {
  __syncthreads();
  if (blockIdx.x == block && threadIdx.x == 0) throw std::runtime_error("no luck");
}

__global__ void last_writer(unsigned* out) {
  if (threadIdx.x == 0) *out = blockIdx.x;
}

/// The halves of a warp go different ways.
__global__ void call_apart(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  if (lane < 16) {
    int sum = lane;
    for (int step = 8; step > 0; step /= 2) sum += __shfl_xor_sync(0xffffu, sum, step);
    out[lane] = sum;
  } else {
    out[lane] = __ballot_sync(0xffff0000u, lane % 2) == 0xaaaa0000u ? 1 : 0;
  }
}

/// Each thread's turn, before a barrier and after it. Right only where one thread runs at a time.
__global__ void note_turns(unsigned* count, unsigned* out) {
  out[(*count)++] = threadIdx.x;
  __syncthreads();
  out[(*count)++] = threadIdx.x;
}

__global__ void leave_early() {
  if (threadIdx.x > 0) __syncthreads();
}

/// The threads' turns in one phase after the other.
std::vector<std::vector<unsigned>> turns(Order order, std::uint64_t seed) {
  set_order(order, seed);
  const Buffer<unsigned> count(std::vector<unsigned>(1)), out(80);
  REQUIRE(run(1, 40, note_turns, count.data, out.data) == cudaSuccess);
  const std::vector<unsigned> both = out.values();
  return {{both.begin(), both.begin() + 40}, {both.begin() + 40, both.end()}};
}

template <bool barrier>
std::vector<float> reversed(Order order) {
  set_order(order, 7);
  std::vector<float> numbers(128);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i + 1);
  const Buffer<float> in(numbers), out(numbers.size());
  REQUIRE(run(2, 64, reverse<barrier>, in.data, out.data) == cudaSuccess);
  return out.values();
}

}  // namespace

TEST_CASE("a launch runs every thread of the grid once, in every order") {
  const Session session;
  for (const Order order : orders) {
    set_order(order, 3);
    const Buffer<int> out(std::vector<int>(3 * 2 * 2 * 5 * 4 * 3));
    REQUIRE(run(dim3(3, 2, 2), dim3(5, 4, 3), write_index, out.data) == cudaSuccess);
    const std::vector<int> values = out.values();
    for (std::size_t i = 0; i < values.size(); ++i) REQUIRE(values[i] == static_cast<int>(i));
  }
  CHECK(launches() == orders.size());
}

TEST_CASE("threads meet at a barrier in every order") {
  const Session session;
  const std::vector<float> result = reversed<true>(Order::ascending);
  for (std::size_t i = 0; i < 64; ++i) REQUIRE(result[i] == static_cast<float>(64 - i));
  for (const Order order : orders) CHECK(reversed<true>(order) == result);
}

TEST_CASE("the orders show a missing barrier") {
  const Session session;
  const std::vector<float> expected = reversed<true>(Order::ascending);
  for (const Order order : orders) CHECK(reversed<false>(order) != expected);
}

TEST_CASE("a tree sum over shared memory is the same in every order") {
  const Session session;
  std::vector<float> numbers(512);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  for (const Order order : orders) {
    set_order(order, 11);
    const Buffer<float> in(numbers), out(2);
    REQUIRE(run(2, 256, sum_in_tree, in.data, out.data) == cudaSuccess);
    CHECK(out.values() == std::vector<float>{255 * 128, 255 * 128 + 256 * 256});
  }
}

TEST_CASE("the order of the blocks follows the order that is set") {
  const Session session;
  const Buffer<unsigned> out(1);
  REQUIRE(run(9, 32, last_writer, out.data) == cudaSuccess);
  CHECK(out.values()[0] == 8);
  set_order(Order::descending);
  REQUIRE(run(9, 32, last_writer, out.data) == cudaSuccess);
  CHECK(out.values()[0] == 0);
}

TEST_CASE("the shuffled order is drawn from the seed, anew after every barrier") {
  const Session session;
  std::vector<unsigned> sorted(40);
  std::iota(sorted.begin(), sorted.end(), 0u);
  CHECK(turns(Order::ascending, 1) == std::vector<std::vector<unsigned>>{sorted, sorted});
  std::vector<std::vector<unsigned>> shuffled = turns(Order::shuffled, 1);
  CHECK(turns(Order::shuffled, 1) == shuffled);
  CHECK(turns(Order::shuffled, 2) != shuffled);
  CHECK(shuffled[0] != shuffled[1]);
  for (std::vector<unsigned>& phase : shuffled) {
    CHECK(phase != sorted);
    std::sort(phase.begin(), phase.end());
    CHECK(phase == sorted);
  }
}

TEST_CASE("failed launches give their stacks back") {
  const Session session;
  for (int i = 0; i < 40; ++i) REQUIRE(run(1, 1024, leave_early) == cudaErrorLaunchFailure);
}

TEST_CASE("a barrier that finished threads miss is reported") {
  const Session session;
  CHECK(run(1, 64, sync_half_of_the_block) == cudaErrorLaunchFailure);
  CHECK_THAT(last_fault(), Catch::StartsWith("kernel launch 1, block (0, 0, 0): its threads cannot go on: 48 finished, "
                                             "16 wait at __syncthreads ("));
  CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("barriers on two lines are not one barrier") {
  const Session session;
  CHECK(run(1, 32, sync_in_two_places) == cudaErrorLaunchFailure);
  CHECK_THAT(last_fault(), Catch::Contains("16 wait at __syncthreads (") && Catch::Contains("emulation_test.cpp:"));
}

TEST_CASE("threads at different kinds of barriers are reported") {
  const Session session;
  CHECK(run(1, 64, sync_at_different_barriers) == cudaErrorLaunchFailure);
  CHECK_THAT(last_fault(), Catch::Contains("cannot go on: 32 wait at __syncthreads (") && !Catch::Contains("syncwarp"));
}

TEST_CASE("a shuffle that a named lane misses is reported") {
  const Session session;
  const Buffer<float> out(32);
  CHECK(run(1, 32, shuffle_without_a_lane, out.data) == cudaErrorLaunchFailure);
  CHECK_THAT(last_fault(), Catch::Contains("1 finished, 31 wait at __shfl_xor_sync ("));
}

TEST_CASE("a shuffle that names lanes the block does not have is reported") {
  const Session session;
  const Buffer<double> values(std::vector<double>(16));
  CHECK(run(1, 16, sum_in_warps, values.data) == cudaErrorLaunchFailure);
  CHECK_THAT(last_fault(), Catch::Contains("16 wait at __shfl_xor_sync ("));
}

TEST_CASE("a lane that its own mask does not name is reported") {
  const Session session;
  CHECK(run(1, 32, shuffle_unnamed) == cudaErrorLaunchFailure);
  CHECK_THAT(last_fault(), Catch::Contains("lane 1 calls a warp function whose mask does not name it ("));
}

TEST_CASE("an exception in a kernel fails the launch and the next launch runs") {
  const Session session;
  CHECK(run(4, 64, throw_from, 2u) == cudaErrorLaunchFailure);
  CHECK(last_fault() == "kernel launch 1, block (2, 0, 0): a thread threw an exception: no luck");
  CHECK(run(2, 64, throw_from, 2u) == cudaSuccess);
  CHECK_FALSE(last_fault().empty());
}

TEST_CASE("shuffles reduce each warp") {
  const Session session;
  std::vector<double> numbers(96);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<double>(i);
  for (const Order order : orders) {
    set_order(order, 5);
    const Buffer<double> values(numbers);
    REQUIRE(run(1, 96, sum_in_warps, values.data) == cudaSuccess);
    const std::vector<double> sums = values.values();
    for (std::size_t i = 0; i < sums.size(); ++i) REQUIRE(sums[i] == 496.0 + 1024.0 * static_cast<double>(i / 32));
  }
}

TEST_CASE("each shuffle reads the lane that CUDA names") {
  const Session session;
  const Buffer<int> out(7 * 32);
  REQUIRE(run(1, 32, shuffle_each_way, out.data) == cudaSuccess);
  const std::vector<int> got = out.values();
  for (int lane = 0; lane < 32; ++lane) {
    const int in_segment = lane % 8;
    const int expected[] = {3,
                            lane - in_segment + 1,
                            lane < 2 ? lane : lane - 2,
                            in_segment < 2 ? lane : lane - 2,
                            lane > 27 ? lane : lane + 4,
                            in_segment > 3 ? lane : lane + 4,
                            31 - lane};
    for (int i = 0; i < 7; ++i) REQUIRE(got[static_cast<std::size_t>(i * 32 + lane)] == expected[i]);
  }
}

TEST_CASE("halves of a warp may call different functions") {
  const Session session;
  for (const Order order : orders) {
    set_order(order, 9);
    const Buffer<int> out(32);
    REQUIRE(run(1, 32, call_apart, out.data) == cudaSuccess);
    const std::vector<int> got = out.values();
    for (std::size_t lane = 0; lane < 32; ++lane) REQUIRE(got[lane] == (lane < 16 ? 120 : 1));
  }
}

TEST_CASE("votes gather the named lanes") {
  const Session session;
  const Buffer<unsigned> out(64);
  REQUIRE(run(1, 32, vote, out.data) == cudaSuccess);
  const std::vector<unsigned> got = out.values();
  for (std::size_t lane = 0; lane < 16; ++lane)
    REQUIRE(
        std::vector<unsigned>(got.begin() + static_cast<int>(lane) * 4, got.begin() + static_cast<int>(lane) * 4 + 4) ==
        std::vector<unsigned>{0x9249, 1, 1, 0});
}

TEST_CASE("a shuffle from a lane that the mask does not name gives a NaN") {
  const Session session;
  const Buffer<float> out(16);
  REQUIRE(run(1, 32, shuffle_from_unnamed, out.data) == cudaSuccess);
  CHECK(out.values()[7] == 1.0f);
  CHECK(std::isnan(out.values()[8]));
}

TEST_CASE("launches that CUDA refuses are refused") {
  const Session session;
  const Buffer<int> out(1);
  for (const dim3 block : {dim3(1025), dim3(32, 33), dim3(0), dim3(1, 1, 65)})
    CHECK(run(1, block, write_index, out.data) == cudaErrorInvalidConfiguration);
  for (const dim3 grid : {dim3(0), dim3(1, 65536), dim3(1, 1, 65536)})
    CHECK(run(grid, 1, write_index, out.data) == cudaErrorInvalidConfiguration);
  cudaLaunchConfig_t config{};
  config.dynamicSmemBytes = 16;
  CHECK(cudaLaunchKernelEx(&config, write_index, out.data) == cudaErrorNotSupported);
  CHECK(launches() == 0);
}

TEST_CASE("a launch in a stream of another device is refused") {
  const Session session;
  set_devices(2);
  cudaLaunchConfig_t config{};
  REQUIRE(cudaStreamCreateWithFlags(&config.stream, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  CHECK(cudaLaunchKernelEx(&config, sync_half_of_the_block) == cudaErrorInvalidResourceHandle);
  CHECK(cudaStreamDestroy(config.stream) == cudaSuccess);
}

TEST_CASE("host threads may launch at the same time") {
  const Session session;
  std::vector<std::string> faults(2);
  const auto launch_often = [&](std::size_t i) {
    std::vector<double> numbers(64, 1.0);
    for (int n = 0; n < 50; ++n) {
      double* values = nullptr;
      cudaMalloc(&values, 64 * sizeof(double));
      cudaMemcpy(values, std::vector<double>(64, 1.0).data(), 64 * sizeof(double), cudaMemcpyHostToDevice);
      if (run(1, 64, sum_in_warps, values) != cudaSuccess || values[63] != 32.0) faults[i] = "wrong";
      cudaFree(values);
    }
  };
  std::thread first(launch_often, 0), second(launch_often, 1);
  first.join();
  second.join();
  CHECK(faults == std::vector<std::string>(2));
  CHECK(launches() == 100);
}

TEST_CASE("a warp that runs ahead writes what others have yet to read, unless a barrier holds it") {
  const Session session;
  const auto wrong = [](auto kernel, Order order) {
    set_order(order, 3);
    Buffer<float> out(256);
    REQUIRE(run(dim3(1), dim3(128), kernel, out.data) == cudaSuccess);
    const std::vector<float> sums = out.values();
    int count = 0;
    for (std::size_t i = 0; i < sums.size(); ++i) count += sums[i] != (i < 128 ? 1.0F : 2.0F) * 127 * 64 ? 1 : 0;
    return count;
  };
  for (const Order order : orders) CHECK(wrong(sum_twice<true>, order) == 0);
  CHECK(wrong(sum_twice<false>, Order::ascending) == 0);  // what the other orders cannot show
  CHECK(wrong(sum_twice<false>, Order::one_warp_ahead) > 0);
}
