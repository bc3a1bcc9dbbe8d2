// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "sigprop/network/network.hpp"
#include "sigprop/profile/profile.hpp"

/// Real random networks, forward and backward, on the CPU or on CUDA devices. Nothing here knows a
/// formula of the theory.
namespace sigprop::simulate {

enum class Engine { cpu, cuda };

/// Of the network. tf32 and bf16, on CUDA devices only, round the factors of every matrix product
/// to 10 and 7 bits of mantissa and add in float32; all else stays float32. float64 is for the CPU.
enum class Precision { float32, float64, tf32, bf16 };

/// The file in which a long run keeps its replicates, one record each; a killed run loses the one
/// under way.
struct Checkpoint {
  std::string file;
  bool resume = false;   ///< go on with what the file holds; else the file must not exist
  std::string identity;  ///< text that describes the model: a file of another one is refused
  std::function<void(const std::string&)> warn = {};  ///< of what was damaged in the file; may be empty
};

struct Settings {
  std::size_t replicates = 32;
  std::uint64_t seed = 0;
  Engine engine = Engine::cpu;
  std::optional<int> device;                 ///< of CUDA; default: replicates are spread over all
  Precision precision = Precision::float32;  ///< statistics are summed in float64 always
  int threads = 0;                           ///< of the CPU; 0: as many as the machine has
  /// Bytes that may be used, of every device. Default on the CPU: 60 % of what is available, 2.5e9
  /// to keep layers; on a device: 90 % of what is free.
  std::optional<double> memory;
  double norm_epsilon = 1e-12;      ///< added to the variance under every norm's root; the theory has none
  double largest_rank = 256;        ///< effective ranks are measured where min(L, width) is at most this
  profile::TokenLists tokens = {};  ///< on the CPU only
  std::optional<Checkpoint> checkpoint;
};

/// How a run divides the machine. On the CPU results do not depend on it, not in a bit; on a
/// device, in the last bits.
struct Plan {
  int replicates_at_once = 1;     ///< on a device: of each
  int threads_per_replicate = 1;  ///< of the CPU
  bool recompute = false;         ///< layers keep their input only and go forward again in the backward pass
  double bytes = 0;               ///< estimate of the memory used, of each device
  bool redraw_weights = false;    ///< on a device: weights are drawn again for every product
  double score_bytes = 0;    ///< on a device: memory for attention scores, a chunk of heads and sequences at a time
  std::vector<int> devices;  ///< numbers of the devices that are used
  std::string device_name = "cpu";
};

struct Progress {
  std::size_t done = 0;
  std::size_t total = 0;
  std::size_t resumed = 0;  ///< of those done, read from the checkpoint
  double seconds = 0;       ///< since the start
};

struct Result {
  profile::Profile profile;
  std::size_t replicates = 0;
  bool partial = false;  ///< ended before all replicates were done
  double seconds = 0;
  std::string device = "cpu";  ///< the name of what computed it
};

/// The machine cannot do it: too little memory, no device, a checkpoint that cannot be written.
class MachineError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The run cannot be done as asked: a checkpoint of another run, numbers beyond the precision's
/// range.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// How `simulate` would divide the machine. Throws MachineError with the bytes needed and allowed
/// where even recomputing does not fit, and where there is no device; UsageError for a precision
/// that the engine does not have.
[[nodiscard]] Plan plan(const network::Network& network, const Settings& settings);

/// Draws `replicates` networks with inputs, masks and output gradients, and measures the profile:
/// means over replicates, each with standard error and standard deviation between replicates. For
/// one seed, replicate r is the same network whatever the plan. Calls `report` after every
/// replicate. Ends early, with what is measured, where `stop` becomes true; at least one replicate
/// must be done. Throws MachineError, UsageError.
[[nodiscard]] Result simulate(const network::Network& network, const Settings& settings,
                              const std::function<void(const Progress&)>& report = {},
                              const std::atomic<bool>* stop = nullptr);

}  // namespace sigprop::simulate
