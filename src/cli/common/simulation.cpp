// SPDX-License-Identifier: Apache-2.0
#include "cli/common/simulation.hpp"

#include <malloc.h>

#include <array>
#include <iostream>
#include <stdexcept>
#include <string_view>

#include "cli/common/interrupt.hpp"
#include "cli/common/pending_file.hpp"
#include "cli/common/progress.hpp"
#include "files/check_sum.hpp"
#include "sigprop/spec/write.hpp"
#include "simulate/precision.hpp"

namespace sigprop::cli {
namespace {

constexpr double mebibyte = 1024.0 * 1024.0;

/// The model as text, for a checkpoint to know it again.
std::string identity_of(const network::Network& network) {
  std::string text = spec::expanded_text(network, "[]") + sums_of_files(network);
  if (!network.encoder.empty()) {
    network::Network encoder = network;
    encoder.body = network.encoder;
    encoder.encoder.clear();
    text += spec::expanded_text(encoder, "[]");
  }
  return text;
}

simulate::Settings settings(const network::Network& network, const SimulationOptions& options) {
  simulate::Settings out;
  out.replicates = options.replicates;
  out.seed = options.seed;
  out.engine = options.engine.kind();
  out.device = options.engine.device;
  out.precision = options.engine.precise();
  out.norm_epsilon = options.norm_epsilon;
  out.largest_rank = options.largest_rank;
  out.tokens = options.tokens;
  out.threads = options.threads;
  if (options.memory > 0) out.memory = static_cast<double>(options.memory);
  const bool resume = !options.resume.empty();
  if (resume || !options.checkpoint.empty()) {
    const std::string& file = resume ? options.resume : options.checkpoint;
    note_input(file);  // which the result must not replace
    out.checkpoint = simulate::Checkpoint{file, resume, identity_of(network), warn_of_loss};
  }
  return out;
}

void print_plan(const simulate::Plan& plan) {
  const bool on_devices = !plan.devices.empty();
  std::cerr << "sigprop: plan: ";
  if (on_devices) {
    std::cerr << plan.device_name << (plan.devices.size() > 1 ? ", devices" : ", device");
    for (const int device : plan.devices) std::cerr << ' ' << device;
    std::cerr << ", " << plan.replicates_at_once << " replicates at once" << (plan.devices.size() > 1 ? " on each" : "")
              << ", " << (plan.redraw_weights ? "weights drawn again for every product" : "weights kept");
  } else {
    std::cerr << plan.replicates_at_once << " replicates at once, " << plan.threads_per_replicate << " threads each";
  }
  std::cerr << ", " << (plan.recompute ? "layers recomputed in the backward pass" : "layers kept");
  if (on_devices)
    std::cerr << ", attention scores in chunks of up to " << static_cast<long>(plan.score_bytes / mebibyte) << " MiB";
  std::cerr << ", about " << static_cast<long>(plan.bytes / mebibyte) << " MiB"
            << (plan.devices.size() > 1 ? " on each" : "") << '\n';
}

constexpr std::array precisions{simulate::Precision::float32, simulate::Precision::float64, simulate::Precision::tf32,
                                simulate::Precision::bf16};

std::vector<std::string> precision_names() {
  std::vector<std::string> out;
  out.reserve(precisions.size());
  for (const simulate::Precision precision : precisions) out.emplace_back(name_of(precision));
  return out;
}

}  // namespace

std::string sums_of_files(const network::Network& network) {
  std::string out;
  const auto add = [&](const auto& numbers) {
    const std::size_t bytes = numbers.size() * sizeof(numbers.front());
    const std::string_view text(reinterpret_cast<const char*>(numbers.data()), bytes);
    out += std::to_string(files::check_sum(text)) + '\n';
  };
  if (const auto* given = std::get_if<network::GivenInput>(&network.source)) {
    if (given->gram) add(given->gram->products);
  } else if (const auto& text = std::get<network::Embedding>(network.source).text) {
    for (const std::vector<std::uint32_t>& ids : text->sequences) add(ids);
  }
  return out;
}

void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int always = 1 << 30;
  mallopt(M_MMAP_THRESHOLD, always);
  mallopt(M_TRIM_THRESHOLD, always);
#endif
}

simulate::Engine EngineOptions::kind() const {
  if (engine == "cuda") return simulate::Engine::cuda;
  if (device) throw Failure(wrong_usage, "--device chooses a CUDA device: it needs --engine cuda");
  return simulate::Engine::cpu;
}

simulate::Precision EngineOptions::precise() const {
  for (const simulate::Precision value : precisions) {
    if (precision == name_of(value)) return value;
  }
  throw std::logic_error("a precision that its option does not have");
}

void warn_of_loss(const std::string& warning) {
  say("warning: " + warning);
}

void add_engine_options(CLI::App& command, EngineOptions& options) {
  command.add_option("--engine", options.engine, "What computes: the CPU, or the machine's CUDA devices")
      ->check(CLI::IsMember({"cpu", "cuda"}))
      ->capture_default_str();
  command.add_option("--device", options.device, "Number of the one CUDA device to use; default: all")
      ->type_name("N")
      ->check(CLI::Range(0, 1023));
  command
      .add_option("--precision", options.precision,
                  "Of matrix products, statistics are summed in float64 always; float64 on the CPU only, tf32 and bf16 "
                  "with cuda only")
      ->check(CLI::IsMember(precision_names()))
      ->capture_default_str();
}

void add_simulation_options(CLI::App& command, SimulationOptions& options) {
  command.add_option("--replicates", options.replicates, "Random networks to draw")
      ->check(CLI::Range(1, 1000000000))
      ->capture_default_str();
  add_tokens_option(command, options.tokens);
  add_drawing_options(command, options);
}

void add_drawing_options(CLI::App& command, SimulationOptions& options) {
  command.add_option("--seed", options.seed, "Of the random numbers: network r of a seed is always the same")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_engine_options(command, options.engine);
  command
      .add_option("--norm-epsilon", options.norm_epsilon,
                  "Added to the variance in every norm; PyTorch has 1e-5, BERT 1e-12, the theory none")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      .add_option("--largest-rank", options.largest_rank,
                  "Effective ranks are measured where min(sequence length, width) is at most this; 0: nowhere")
      ->type_name("N")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  command.add_option("--threads", options.threads, "Threads of the CPU to use; 0: all")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  command
      .add_option("--memory", options.memory,
                  "Memory that may be used, such as 8GB; default on the CPU 2.5 GB to keep layers, 60 % of what is "
                  "available to compute them again; on a device 90 % of what is free")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  auto* checkpoint = command.add_option("--checkpoint", options.checkpoint, "Keep every finished replicate in FILE")
                         ->type_name("FILE");
  command.add_option("--resume", options.resume, "Go on with the replicates of FILE, to the same result")
      ->type_name("FILE")
      ->excludes(checkpoint);
  command.add_flag("--verbose", options.verbose, "Tell how the work is divided and what memory it takes");
}

simulate::Result simulated(const network::Network& network, const SimulationOptions& options, bool quiet) {
  const simulate::Settings wanted = settings(network, options);
  keep_freed_memory();
  try {
    if (options.verbose) print_plan(simulate::plan(network, wanted));
    const Interrupt interrupt;
    ProgressLine line(quiet);
    return simulate::simulate(
        network, wanted,
        [&, told = false](const simulate::Progress& p) mutable {
          line.show("replicate", p.done, p.total, p.resumed, p.seconds);
          constexpr double long_time = 20;
          const double each = p.seconds / static_cast<double>(p.done - p.resumed);
          const double left = each * static_cast<double>(p.total - p.done);
          if (!quiet && !told && left > long_time) say("the other replicates will take about " + duration(left));
          told = true;
        },
        &Interrupt::asked());
  } catch (const simulate::UsageError& error) {
    if (Interrupt::signal() != 0) throw Failure(interrupted_status(), error.what());
    throw Failure(wrong_usage, error.what());
  } catch (const simulate::MachineError& error) {
    throw Failure(machine, error.what());
  }
}

double rounding_of(simulate::Precision precision) {
  switch (precision) {
    case simulate::Precision::float64:
      return 1e-9;
    case simulate::Precision::float32:
      return 1e-5;
    case simulate::Precision::tf32:
      return 1e-3;
    case simulate::Precision::bf16:
      break;
  }
  return 1e-2;
}

std::vector<std::pair<std::string, report::Provenance::Value>> settings_of(const SimulationOptions& options,
                                                                           const simulate::Result& result) {
  return {{"engine", options.engine.engine},
          {"device", result.device},
          {"precision", options.engine.precision},
          {"norm_epsilon", options.norm_epsilon},
          {"seed", options.seed},
          {"replicates", std::uint64_t{result.replicates}},
          {"replicates_asked", std::uint64_t{options.replicates}},
          {"partial", result.partial},
          {"seconds", result.seconds}};
}

Status interrupted_status() {
  return static_cast<Status>(ended_by_signal + Interrupt::signal());
}

void end_if_interrupted(const std::string& pieces) {
  if (Interrupt::signal() == 0) return;
  flush_output();
  throw Failure(interrupted_status(),
                "interrupted: the result is of the " + pieces + " done so far, and is marked as partial");
}

}  // namespace sigprop::cli
