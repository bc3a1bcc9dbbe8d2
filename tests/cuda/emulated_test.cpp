// SPDX-License-Identifier: Apache-2.0
// What only an emulated device shows: every order of threads, every failing call, every byte.
#include <atomic>
#include <functional>

#include "cuda/device.hpp"
#include "cuda/emulation/emulation.hpp"
#include "cuda/engine.hpp"
#include "cuda/numbers.hpp"
#include "sigprop/experiment/experiment.hpp"
#include "sigprop/network/outline.hpp"
#include "sigprop/simulate/simulate.hpp"
#include "simulate/walk.hpp"
#include "support/spec.hpp"

namespace {

using nlohmann::json;
using namespace sigprop;
using cuda::Arithmetic;
using cuda::Context;
using simulate::MachineError;
using simulate::Policy;
using test::emulation::allocated_bytes;
using test::emulation::fail_next;
using test::emulation::live_handles;
using test::emulation::Order;
using test::emulation::Session;

/// How a network is walked.
struct Way {
  Policy policy = Policy::keep;
  cuda::Thrift thrift;
  std::size_t replicates = 2;
  const std::atomic<bool>* stop = nullptr;
};

class Model {
 public:
  explicit Model(const json& spec)
      : network_(test::network_of(spec)),
        outline_(network::outline_of(network_)),
        layout_(simulate::layout_of(network_, outline_, {256})) {}

  [[nodiscard]] std::vector<simulate::Sample> walk(Context& context, const Way& way = {}) const {
    const simulate::Subject subject{network_, outline_, layout_, 1e-5};
    const cuda::Batch batch{simulate::tokens_of(network_), way.replicates, {7, 1}, 1e-5, layout_.size()};
    cuda::Engine engine(context, batch, way.thrift);
    simulate::Walk<cuda::Engine>(subject, engine, way.policy, way.stop).run();
    return context.is_dry() ? std::vector<simulate::Sample>{} : engine.finish();
  }

 private:
  network::Network network_;
  network::Outline outline_;
  simulate::Layout layout_;
};

/// Every kernel: tables of embeddings, rotary positions, groups of heads, a mask, gates, dropout,
/// biases.
Model decoder() {
  return Model(test::parsed(R"({
    "sequence_length": 13, "batch": 2,
    "input": {"embedding": {"vocabulary": 100, "tables": ["token", "position", "segment"], "norm": "layer_norm",
                            "std": 0.5}},
    "stack": {"layers": 2, "width": 24,
              "attention": {"heads": 4, "kv_heads": 2, "mask": "causal", "rotary_base": 10000, "dropout": 0.1},
              "ffn": {"width": 30, "activation": "silu", "gated": true},
              "norm": {"kind": "rms_norm"}, "residual": {"dropout": 0.2, "skip": 0.9, "branch": 0.7}},
    "init": {"scheme": "lecun", "std": {"bias": 0.1}}})"));
}

/// One block to a row: of the norms, or of the scores.
Model long_rows(std::size_t width, std::size_t length) {
  json spec = test::small_stack();
  spec["sequence_length"] = length;
  spec["stack"].update({{"layers", 1}, {"width", width}, {"attention", {{"heads", 1}, {"head_width", 2}}}});
  spec["stack"]["ffn"]["width"] = 4;
  return Model(spec);
}

/// All numbers of samples, one after the other; none may be NaN, which would hide a difference.
std::vector<double> flat(const std::vector<simulate::Sample>& samples) {
  std::vector<double> out;
  for (const simulate::Sample& sample : samples) out.insert(out.end(), sample.begin(), sample.end());
  REQUIRE(std::all_of(out.begin(), out.end(), [](double x) { return std::isfinite(x); }));
  return out;
}

std::vector<double> walked(const Model& model, Arithmetic arithmetic, const Way& way = {}) {
  Context context(0, arithmetic);
  return flat(model.walk(context, way));
}

/// What a call throws.
std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const MachineError& error) {
    return error.what();
  }
  return "nothing thrown";
}

bool nothing_left() {
  return allocated_bytes() == 0 && live_handles() == 0;
}

// ---- order ----------------------------------------------------------------------------------------------------------

void check_orders(const Model& model, Arithmetic arithmetic, std::size_t replicates = 2) {
  const Session session;
  const Way way{Policy::keep, {}, replicates};
  const std::vector<double> ascending = walked(model, arithmetic, way);
  const auto check = [&](Order order, std::uint64_t seed) {
    test::emulation::set_order(order, seed);
    INFO("arithmetic " << static_cast<int>(arithmetic) << ", order " << static_cast<int>(order) << ", seed " << seed);
    CHECK(test::differing(walked(model, arithmetic, way), ascending) == 0);
  };
  check(Order::descending, 0);
  for (const std::uint64_t seed : {1, 2, 3}) check(Order::shuffled, seed);
  for (const std::uint64_t seed : {1, 2}) check(Order::one_warp_ahead, seed);
}

TEST_CASE("every order of blocks and threads gives the same bits", "[bulk]") {
  for (const Arithmetic arithmetic : {Arithmetic::float32, Arithmetic::bf16}) check_orders(decoder(), arithmetic);
  check_orders(long_rows(1030, 5), Arithmetic::bf16);
  check_orders(long_rows(2, 1030), Arithmetic::float32, 1);
}

// ---- failures -------------------------------------------------------------------------------------------------------

TEST_CASE("a context leaves nothing on the device") {
  const Session session;
  {
    Context context(0, Arithmetic::bf16);
    const std::size_t at_first = context.held();
    static_cast<void>(decoder().walk(context));
    CHECK(context.held() == at_first);
    CHECK(allocated_bytes() == at_first);
    CHECK(live_handles() == 2);
  }
  CHECK(nothing_left());
}

TEST_CASE("a stopped walk leaves nothing on the device") {
  const Session session;
  const std::atomic<bool> stop = true;
  CHECK_THROWS_AS(walked(decoder(), Arithmetic::float32, {Policy::keep, {}, 2, &stop}), simulate::Stopped);
  CHECK(nothing_left());
}

/// A call of CUDA's that fails, and what the message says of it.
struct Failing {
  const char* call;
  std::function<void(const char* call, std::size_t after)> order;
  const char* text;
  std::size_t late = 0;  ///< successes before the failure, near the end of a walk
};

template <class Error>
Failing failing(const char* call, Error error, const char* text, std::size_t late = 0) {
  return {call, [error](const char* name, std::size_t after) { fail_next(name, error, after); }, text, late};
}

TEST_CASE("a call that fails in the middle is named, and nothing is left on the device") {
  const Model model = decoder();
  const auto walk = [&] { return walked(model, Arithmetic::bf16); };
  const std::vector<double> unharmed = walk();
  for (const Failing& each :
       {failing("cudaMallocAsync", cudaErrorUnknown, "unknown error (cudaErrorUnknown)", 200),
        failing("cudaLaunchKernelEx", cudaErrorLaunchOutOfResources,
                "too many resources requested for launch (cudaErrorLaunchOutOfResources)", 150),
        failing("cublasGemmStridedBatchedEx", CUBLAS_STATUS_EXECUTION_FAILED,
                "the function failed to launch on the GPU (CUBLAS_STATUS_EXECUTION_FAILED)", 50),
        failing("cudaMemcpyAsync", cudaErrorInvalidValue, "invalid argument (cudaErrorInvalidValue)", 4),
        failing("cudaStreamSynchronize", cudaErrorIllegalAddress,
                "an illegal memory access was encountered (cudaErrorIllegalAddress)", 5)}) {
    for (const std::size_t after : {std::size_t{0}, std::size_t{1}, each.late / 2, each.late}) {
      const Session session;
      each.order(each.call, after);
      INFO(each.call << " number " << after);
      CHECK(message_of([&] { static_cast<void>(walk()); }) ==
            std::string("CUDA device 0 (emulated device): ") + each.call + ": " + each.text);
      CHECK(nothing_left());
    }
    CHECK(test::differing(walk(), unharmed) == 0);
  }
}

TEST_CASE("a context that cannot be made says which call failed and leaves nothing") {
  const char* const unknown = "unknown error (cudaErrorUnknown)";
  const char* const failed = "an internal operation failed (CUBLAS_STATUS_INTERNAL_ERROR)";
  for (const Failing& each : {failing("cudaStreamCreateWithFlags", cudaErrorUnknown, unknown),
                              failing("cudaDeviceGetDefaultMemPool", cudaErrorUnknown, unknown),
                              failing("cudaMemPoolSetAttribute", cudaErrorUnknown, unknown),
                              failing("cublasCreate", CUBLAS_STATUS_INTERNAL_ERROR, failed),
                              failing("cublasSetStream", CUBLAS_STATUS_INTERNAL_ERROR, failed),
                              failing("cublasSetWorkspace", CUBLAS_STATUS_INTERNAL_ERROR, failed)}) {
    const Session session;
    each.order(each.call, 0);
    CHECK(message_of([] { Context(0, Arithmetic::float32); }) ==
          std::string("CUDA device 0 (emulated device): ") + each.call + ": " + each.text);
    CHECK(nothing_left());
  }
}

TEST_CASE("without a driver, a device or the one that is asked for, the message says so") {
  const Session session;
  const auto list = [] { static_cast<void>(cuda::list_devices()); };
  CHECK(message_of([] { Context(3, Arithmetic::float32); }) ==
        "CUDA device 3: cudaSetDevice: invalid device ordinal (cudaErrorInvalidDevice)");
  fail_next("cudaGetDeviceCount", cudaErrorInsufficientDriver);
  CHECK(message_of(list) ==
        "no CUDA device can be used: cudaGetDeviceCount: CUDA driver version is insufficient for CUDA runtime version "
        "(cudaErrorInsufficientDriver); --engine cpu needs none");
  test::emulation::set_devices(0);
  CHECK(message_of(list) ==
        "no CUDA device can be used: cudaGetDeviceCount: no CUDA-capable device is detected (cudaErrorNoDevice); "
        "--engine cpu needs none");
}

TEST_CASE("devices are listed with their names and memory") {
  const Session session;
  test::emulation::set_devices(2, std::size_t{64} << 20);
  const Context context(1, Arithmetic::float32);
  const std::vector<cuda::DeviceInfo> devices = cuda::list_devices();
  REQUIRE(devices.size() == 2);
  for (const int device : {0, 1}) {
    const cuda::DeviceInfo& info = devices[static_cast<std::size_t>(device)];
    CHECK((info.index == device && info.name == "emulated device" && info.bytes == 64 << 20));
    CHECK(info.free == static_cast<double>((std::size_t{64} << 20) - (device == 1 ? context.held() : 0)));
  }
}

// ---- memory ---------------------------------------------------------------------------------------------------------

TEST_CASE("where memory is short, the message says how much") {
  const Session session;
  test::emulation::set_devices(1, 40'000'000);
  {
    Context context(0, Arithmetic::float32);
    const cuda::Buffer<float> other(context, 1'000'000);
    CHECK(message_of([&] { static_cast<void>(cuda::Buffer<float>(context, 1'000'000)); }) ==
          "CUDA device 0 (emulated device): cudaMallocAsync: out of memory: 4000000 bytes asked, 2445568 free of "
          "40000000, 37554432 held by this run: free the device, or make --memory, the batch or the sequence length "
          "smaller");
    CHECK(context.held() == 37'554'432);
  }
  CHECK(nothing_left());
}

/// A walk takes the bytes that the dry run tells: a device that has them is enough, one with a byte
/// less is not.
void check_memory(const Model& model, Arithmetic arithmetic, const Way& way) {
  const Session session;
  Context dry = Context::dry(arithmetic);
  static_cast<void>(model.walk(dry, way));
  CHECK(nothing_left());
  CHECK(test::emulation::launches() == 0);
  test::emulation::set_devices(1, dry.peak());
  {
    Context context(0, arithmetic);
    static_cast<void>(flat(model.walk(context, way)));
    CHECK(context.peak() == dry.peak());
    CHECK(context.held() == dry.held());
  }
  test::emulation::set_devices(1, dry.peak() - 1);
  CHECK_THAT(message_of([&] { static_cast<void>(walked(model, arithmetic, way)); }),
             Catch::Contains("cudaMallocAsync: out of memory: "));
  CHECK(nothing_left());
}

TEST_CASE("a dry run counts to the byte what a walk takes at its peak") {
  const Model model = decoder();
  for (const Arithmetic arithmetic : {Arithmetic::float32, Arithmetic::bf16}) {
    for (const Policy policy : {Policy::keep, Policy::recompute}) {
      for (const bool redraw : {false, true}) {
        INFO("arithmetic " << static_cast<int>(arithmetic) << ", " << (policy == Policy::keep ? "keep" : "recompute")
                           << ", weights " << (redraw ? "drawn again" : "kept"));
        check_memory(model, arithmetic, {policy, {redraw}, 3});
      }
    }
    check_memory(model, arithmetic, {Policy::keep, {false, 1}, 3});  // scores of one block at once
  }
}

TEST_CASE("a thrifty walk has the same samples") {
  const Session session;
  const Model model = decoder();
  const std::vector<double> kept = walked(model, Arithmetic::float32);
  for (const Way& way : {Way{Policy::recompute, {}}, Way{Policy::keep, {true}}, Way{Policy::recompute, {true, 1}}})
    CHECK(test::differing(walked(model, Arithmetic::float32, way), kept) == 0);
}

/// Both gradients' variance at the input, of 7 networks.
std::vector<double> measured_on(int devices, std::optional<int> one = std::nullopt) {
  test::emulation::set_devices(devices);
  const test::LinkedEngine linked;
  const network::Network network = test::network_of(test::small_stack());
  simulate::Settings settings;
  settings.replicates = 7;
  settings.engine = simulate::Engine::cuda;
  settings.device = one;
  settings.memory = 1.01 * simulate::plan(network,
                                          [&] {
                                            simulate::Settings single = settings;
                                            single.replicates = 1;
                                            return single;
                                          }())
                               .bytes;
  std::vector<double> out;
  std::size_t reports = 0;
  const simulate::Result result = simulate::simulate(network, settings, [&](const auto&) { ++reports; });
  CHECK(reports == 7);
  for (const profile::Point& point : result.profile.points)
    out.insert(out.end(), {point.forward.variance.value, point.backward.variance.value,
                           point.backward.variance.scatter->standard_error});
  return out;
}

TEST_CASE("replicates are spread over several devices, or stay on the one that is asked for, with the same bits",
          "[bulk]") {
  const Session session;
  const std::vector<double> one = measured_on(1);
  const std::size_t before = test::emulation::launches();
  CHECK(measured_on(3) == one);
  CHECK(measured_on(3, 2) == one);
  CHECK(test::emulation::launches() > before);
  const network::Network network = test::network_of(test::small_stack());
  const test::LinkedEngine linked;
  simulate::Settings settings;
  settings.engine = simulate::Engine::cuda;
  CHECK(simulate::plan(network, settings).devices == std::vector<int>{0, 1, 2});
  settings.device = 2;
  CHECK(simulate::plan(network, settings).devices == std::vector<int>{2});
}

/// A setting of the attention's grid, 36 replicates.
experiment::Measured attention_on(std::size_t bytes) {
  test::emulation::set_devices(1, bytes);
  const test::LinkedEngine linked;
  experiment::Options options;
  options.replicates = 36;
  options.engine = simulate::Engine::cuda;
  return *experiment::run({{experiment::Component::attention, {0}}}, options)[0][0];
}

TEST_CASE("a grid's setting is measured in parts where the device is small", "[bulk]") {
  const Session session;
  const experiment::Measured whole = attention_on(std::size_t{1} << 30);
  const std::size_t launches = test::emulation::launches();
  const experiment::Measured parts = attention_on(std::size_t{60} << 20);
  CHECK(test::emulation::launches() > 5 * launches / 2);  // two parts: all but the weights' draws twice
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(parts[i] == Approx(whole[i]).epsilon(1e-5).margin(1e-9));
}

}  // namespace
