// SPDX-License-Identifier: Apache-2.0
// Whole runs with --engine cuda: plans, batches, checkpoints.
#include <filesystem>

#include "cuda/device.hpp"
#include "support/quantities.hpp"
#include "support/spec.hpp"
#include "support/temporary.hpp"

namespace {

using nlohmann::json;
using namespace sigprop;
using test::quantities;
namespace fs = std::filesystem;

json spec() {
  json out = test::small_stack();
  out["sequence_length"] = 24;
  out["batch"] = 2;
  out["stack"]["layers"] = 2;
  out["stack"]["width"] = 32;
  out["stack"]["ffn"]["width"] = 64;
  out["stack"]["attention"] = {{"heads", 2}, {"dropout", 0.1}, {"mask", "causal"}};
  return out;
}

simulate::Settings some(std::size_t replicates, simulate::Engine engine = simulate::Engine::cuda) {
  simulate::Settings settings;
  settings.replicates = replicates;
  settings.threads = 1;
  settings.engine = engine;
  return settings;
}

TEST_CASE("both engines measure the same profile, standard errors too") {
  if (!test::has_device()) return;
  const test::LinkedEngine linked;
  const network::Network network = test::network_of(spec());
  const auto cpu = quantities(simulate::simulate(network, some(6, simulate::Engine::cpu)).profile);
  const simulate::Result measured = simulate::simulate(network, some(6));
  const auto gpu = quantities(measured.profile);
  REQUIRE(cpu.size() == gpu.size());
  for (std::size_t i = 0; i < cpu.size(); ++i) {
    INFO("quantity " << i);
    const double error = cpu[i].scatter->standard_error;
    CHECK(std::abs(cpu[i].value - gpu[i].value) <= 1e-2 * error + 1e-6 * std::abs(cpu[i].value));
    CHECK(gpu[i].scatter->standard_error == Approx(error).epsilon(1e-3).margin(1e-9));
  }
  CHECK(measured.device == cuda::list_devices().front().name);
}

TEST_CASE("a run in batches measures what one of single networks does") {
  if (!test::has_device()) return;
  const test::LinkedEngine linked;
  const network::Network network = test::network_of(spec());
  simulate::Settings settings = some(7);
  const auto whole = quantities(simulate::simulate(network, settings).profile);
  const double one = simulate::plan(network, some(1)).bytes, two = simulate::plan(network, some(2)).bytes;
  settings.memory = one + 2.5 * (two - one);
  const simulate::Plan plan = simulate::plan(network, settings);
  REQUIRE(plan.replicates_at_once == 2);
  REQUIRE(plan.bytes <= *settings.memory);
  const auto parts = quantities(simulate::simulate(network, settings).profile);
  for (std::size_t i = 0; i < whole.size(); ++i)
    CHECK(parts[i].value == Approx(whole[i].value).epsilon(1e-5).margin(1e-7));
}

TEST_CASE("a plan keeps what fits, then draws weights again, then recomputes layers, then refuses") {
  if (!test::has_device()) return;
  const test::LinkedEngine linked;
  json deep = spec();
  deep["sequence_length"] = 512;
  deep["stack"]["width"] = 512;
  deep["stack"]["ffn"]["width"] = 2048;
  deep["stack"]["layers"] = 40;
  const network::Network network = test::network_of(deep);
  simulate::Settings settings = some(1);
  const auto planned = [&](double memory) {
    settings.memory = memory;
    return simulate::plan(network, settings);
  };
  const simulate::Plan keep = planned(1e11);
  CHECK_FALSE(keep.redraw_weights);
  CHECK_FALSE(keep.recompute);
  const simulate::Plan redraw = planned(0.9 * keep.bytes);
  CHECK(redraw.redraw_weights);
  CHECK_FALSE(redraw.recompute);
  CHECK(redraw.bytes < 0.9 * keep.bytes);
  const simulate::Plan recompute = planned(0.9 * redraw.bytes);
  CHECK(recompute.recompute);
  CHECK(recompute.bytes < 0.5 * redraw.bytes);
  CHECK_THROWS_WITH(planned(1e8), Catch::Matchers::StartsWith("one network needs ") &&
                                      Catch::Matchers::EndsWith(", but may use 0.1 GB (--memory): shorten the "
                                                                "sequence, lower the batch, or raise --memory"));
}

TEST_CASE("a run stopped and resumed goes on with its own checkpoint, and refuses the CPU's") {
  if (!test::has_device()) return;
  const test::LinkedEngine linked;
  const network::Network network = test::network_of(spec());
  const std::string file = test::own_path("cuda_run_test");
  fs::remove(file);
  simulate::Settings settings = some(3);
  settings.checkpoint = simulate::Checkpoint{file, false, "model"};
  static_cast<void>(simulate::simulate(network, settings));
  settings.checkpoint->resume = true;
  settings.replicates = 5;
  std::size_t resumed = 0;
  const simulate::Result more =
      simulate::simulate(network, settings, [&](const simulate::Progress& p) { resumed = p.resumed; });
  CHECK(resumed == 3);
  CHECK(more.replicates == 5);
  settings.engine = simulate::Engine::cpu;
  CHECK_THROWS_AS(simulate::simulate(network, settings), simulate::UsageError);
  fs::remove(file);
}

TEST_CASE("a stopped run reports nothing where no batch was done") {
  if (!test::has_device()) return;
  const test::LinkedEngine linked;
  const std::atomic<bool> stop{true};
  CHECK_THROWS_WITH(simulate::simulate(test::network_of(spec()), some(2), {}, &stop),
                    "stopped before one replicate was done: there is nothing to report");
}

TEST_CASE("a device that is not there is named") {
  if (!test::has_device()) return;
  const test::LinkedEngine linked;
  simulate::Settings settings = some(1);
  settings.device = 99;
  CHECK_THROWS_WITH(simulate::plan(test::network_of(spec()), settings),
                    Catch::Matchers::StartsWith("--device 99: this machine has CUDA devices 0 to "));
}

}  // namespace
