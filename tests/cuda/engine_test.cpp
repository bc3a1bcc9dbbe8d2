// SPDX-License-Identifier: Apache-2.0
// The CUDA engine against the CPU's: one seed, one network.
#include "sigprop/network/outline.hpp"
#include "sigprop/simulate/simulate.hpp"
#include "cuda/device.hpp"
#include "cuda/engine.hpp"
#include "simulate/replicate.hpp"
#include "simulate/walk.hpp"
#include "support/spec.hpp"

namespace {

using nlohmann::json;
using namespace sigprop;

/// Everything at once: bias, dropout, a masked attention of several heads, two sequences.
json busy_stack() {
  json out = test::small_stack();
  out["sequence_length"] = 20;
  out["batch"] = 2;
  out["stack"]["layers"] = 2;
  out["stack"]["width"] = 48;
  out["stack"]["attention"] = {{"heads", 3}, {"dropout", 0.1}};
  out["stack"]["ffn"] = {{"width", 80}, {"activation", "gelu"}};
  out["stack"]["residual"] = {{"dropout", 0.2}, {"skip", 0.9}, {"branch", 0.7}};
  out["init"] = {{"scheme", "lecun"}, {"std", {{"bias", 0.1}}}};
  return out;
}

struct Signals {
  std::vector<float> output, gradient, input_gradient;
  std::vector<simulate::Sample> samples;
};

Signals on_cpu(const network::Network& network, std::uint64_t seed, std::uint32_t replicate) {
  const network::Outline outline = network::outline_of(network);
  const simulate::Layout layout = simulate::layout_of(network, outline, 256);
  Signals out;
  const auto values = [](const simulate::Matrix<float>& m) { return std::vector<float>(m.data(), m.data() + m.size()); };
  simulate::Probe<float> probe;
  probe.output = [&](const auto& y, const auto& g) {
    out.output = values(y);
    out.gradient = values(g);
  };
  probe.input_gradient = [&](const auto& g) { out.input_gradient = values(g); };
  out.samples.push_back(simulate::run_replicate<float>({network, outline, layout, 1e-5}, {seed, replicate},
                                                       simulate::Team{1}, simulate::Policy::keep, nullptr, &probe));
  return out;
}

Signals on_cuda(const network::Network& network, std::uint64_t seed, std::uint32_t first, std::size_t replicates,
                const cuda::Thrift& thrift = {}, simulate::Policy policy = simulate::Policy::keep,
                cuda::Arithmetic arithmetic = cuda::Arithmetic::float32) {
  const network::Outline outline = network::outline_of(network);
  const simulate::Layout layout = simulate::layout_of(network, outline, 256);
  Signals out;
  cuda::Probe probe;
  const auto values = [](std::span<const float> x) { return std::vector<float>(x.begin(), x.end()); };
  probe.output = [&](std::span<const float> y, std::span<const float> g) {
    out.output = values(y);
    out.gradient = values(g);
  };
  probe.input_gradient = [&](std::span<const float> g) { out.input_gradient = values(g); };
  cuda::Context context(0, arithmetic);
  cuda::Engine engine(context, {simulate::tokens_of(network), replicates, {seed, first}, 1e-5, layout.size()}, thrift,
                      &probe);
  const simulate::Subject subject{network, outline, layout, 1e-5};
  simulate::Walk<cuda::Engine>(subject, engine, policy, nullptr).run();
  out.samples = engine.finish();
  return out;
}

/// The largest difference, relative to the largest number.
double difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double largest = 0, scale = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    REQUIRE(std::isfinite(b[i]));
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    scale = std::max(scale, std::abs(static_cast<double>(a[i])));
  }
  return largest / scale;
}

TEST_CASE("for one seed both engines have the same network, element by element") {
  if (!test::has_device()) return;
  const network::Network network = test::network_of(busy_stack());
  const Signals gpu = on_cuda(network, 3, 5, 2);
  for (std::size_t r = 0; r < 2; ++r) {
    const Signals cpu = on_cpu(network, 3, static_cast<std::uint32_t>(5 + r));
    const auto part = [&](const std::vector<float>& x) {
      return std::span(x).subspan(r * cpu.output.size(), cpu.output.size());
    };
    CHECK(difference(cpu.output, part(gpu.output)) < 1e-5);
    CHECK(difference(cpu.gradient, part(gpu.gradient)) < 1e-5);
    CHECK(difference(cpu.input_gradient, part(gpu.input_gradient)) < 1e-5);
    for (std::size_t i = 0; i < cpu.samples[0].size(); ++i) {
      INFO("number " << i << ": " << cpu.samples[0][i] << " " << gpu.samples[r][i]);
      CHECK(gpu.samples[r][i] == Approx(cpu.samples[0][i]).epsilon(1e-4).margin(1e-5));
    }
  }
}

}  // namespace
